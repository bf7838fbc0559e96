import type { Decoded, Packet } from "../model/packet.ts";
import type { Reading, Values } from "../model/reading.ts";
import { BoundedMap, declareLimit } from "./bounded.ts";
import { ChannelReadings } from "./channel-readings.ts";
import { type Channel, createTable, type Role, readNames, type Table } from "./dsmr-fields.ts";
import { readTelegram } from "./dsmr-telegram.ts";
import { convert, fieldProblem, isInfinite, readNumber, readValue } from "./fields.ts";
import type { Decode, Format, FormatSettings } from "./format.ts";
import { type JsonObject, readJsonObject, readPlainText } from "./json-payload.ts";
import { makeReading, nothing, outcome, outcomes, reject } from "./outcome.ts";
import { observedAt } from "./time.ts";
import { type TimeZone, timeZone } from "./timezone.ts";

/** How long a time that came on a topic of its own holds for the fields that follow it. */
const maxSetMs = 10_000;

/** Most meters whose last time and power are remembered; the oldest is forgotten first. */
const meterLimit = declareLimit("dsmr-meters", 1_000);

const defaultDevice = "dsmr";

/**
 * Smart meters with a P1 port (DSMR, eMUCS) as dsmr-reader publishes them: `dsmr/json`, `dsmr/reading/<field>` with the
 * time as a message of its own, and whole telegrams on `dsmr/raw`. Power is delivered minus returned. Gas is no energy of
 * ours. `mapping` renames fields as dsmr-reader's own mapping does: `{"timestamp": "ts"}` (either side may come first).
 * Source: dsmrreader/dsmr-reader, dsmr_mqtt; DSMR 5.0.2 P1 companion standard.
 */
export const dsmr: Format = {
  name: "dsmr",
  title: "DSMR smart meters (dsmr-reader, P1 telegrams)",
  topics: ["dsmr/#", "#/dsmr/json", "#/dsmr/raw", "#/dsmr/reading/+"],
  create(settings: FormatSettings) {
    const zone = settings.timezone === undefined ? null : timeZone(settings.timezone);
    return createDecoder(createTable(readNames(settings.mapping)), zone);
  },
};

/** What the fields of a meter that come one by one have in common. */
interface Meter {
  /** When they were measured, and when that was said; null if it is not known. */
  time: { readonly observed: number; readonly receivedAt: number } | null;
  /** Power by the name of its field, in W. */
  readonly powers: Map<string, number>;
}

function createDecoder(table: Table, zone: TimeZone | null): Decode {
  const meters = new BoundedMap<string, Meter>(meterLimit);
  return (packet) => {
    if (packet.payload.length === 0) return nothing;
    const { topic } = packet;
    const slash = topic.lastIndexOf("/");
    const before = topic.slice(0, Math.max(slash, 0));
    const kind = topic.slice(slash + 1);
    if (before === "reading" || before.endsWith("/reading")) {
      const device = before.slice(0, -"/reading".length) || defaultDevice;
      return readSplit(packet, kind, device, table, meterOf(meters, device), zone);
    }
    const isNamed = kind === "json" || kind === "raw" || kind === "telegram";
    const device = (isNamed && before) || defaultDevice;
    const first = packet.payload[0];
    if (kind === "json" || (!isNamed && first === 0x7b)) return readReading(packet, device, table, zone);
    // Any other topic that dsmr-reader uses carries a sum over a day or so.
    if (!isNamed && first !== 0x2f) return nothing;
    const payload = readPlainText(packet.payload);
    if (typeof payload === "string") return reject(payload);
    return outcomes(readTelegram(payload.text, device, packet.receivedAt, zone));
  };
}

function meterOf(meters: BoundedMap<string, Meter>, device: string): Meter {
  let meter = meters.get(device);
  if (meter === undefined) {
    meter = { time: null, powers: new Map() };
    meters.set(device, meter);
  }
  return meter;
}

/** A whole reading as one JSON object. */
function readReading(packet: Packet, device: string, table: Table, zone: TimeZone | null): Decoded {
  const payload = readJsonObject(packet.payload);
  if (payload === null) return nothing;
  if (typeof payload === "string") return reject(payload);
  const time = observedAt(payload[table.timestamp], table.timestamp, packet.receivedAt, zone);
  if (typeof time === "string") return reject(time);
  const found = new ChannelReadings("energy", device, time);
  for (const name in payload) {
    const role = table.roles.get(name);
    if (role === undefined) continue;
    const { field, channel } = role;
    const raw = payload[name];
    // Both directions make one power: it is read where the first of them stands.
    const isRead = field === channel.returned && payload[channel.delivered.from] !== undefined;
    if (isRead && !isInfinite(raw)) continue;
    const value = field.to === "powerW" ? readPower(payload, channel) : readValue(raw, field);
    if (value !== undefined) found.valuesOf(channel.channel)[field.to] = value;
    else if (isInfinite(raw)) return reject(fieldProblem(raw, field));
  }
  const { readings } = found;
  return readings.length === 0 ? nothing : { readings, rejected: null };
}

/** Power of a channel, undefined while one of its two fields is no good. */
function readPower(payload: JsonObject, { delivered, returned }: Channel): number | undefined {
  const taken = readNumber(payload[delivered.from]);
  const given = readNumber(payload[returned.from]);
  if (isBroken(taken) || isBroken(given)) return undefined;
  return powerOf(readValue(taken, delivered), readValue(given, returned));
}

function isBroken(number: number | undefined): boolean {
  return number !== undefined && !Number.isFinite(number);
}

/** Nothing given back says nothing of what was taken. */
function powerOf(delivered: number | undefined, returned: number | undefined): number | undefined {
  if (delivered === undefined && (returned === undefined || returned === 0)) return undefined;
  return convert((delivered ?? 0) - (returned ?? 0), 1);
}

/** One field of a reading, as plain text. */
function readSplit(
  packet: Packet,
  name: string,
  device: string,
  table: Table,
  meter: Meter,
  zone: TimeZone | null,
): Decoded {
  const role = table.roles.get(name);
  if (role === undefined && name !== table.timestamp) return nothing;
  const payload = readPlainText(packet.payload);
  if (typeof payload === "string") return reject(payload);
  const text = payload.text.trim();
  if (text === "") return nothing;
  if (role === undefined) return setTime(text, packet, meter, table.timestamp, zone);
  const result = readField(packet, text, device, role, meter);
  return result === null ? nothing : outcome(result);
}

function setTime(text: string, packet: Packet, meter: Meter, path: string, zone: TimeZone | null): Decoded {
  const observed = observedAt(text, path, packet.receivedAt, zone);
  // A new set of fields: what was given back in the last one says nothing of this one.
  if (meter.time?.observed !== observed) meter.powers.clear();
  meter.time = typeof observed === "string" ? null : { observed, receivedAt: packet.receivedAt };
  return typeof observed === "string" ? reject(observed) : nothing;
}

function readField(
  packet: Packet,
  text: string,
  device: string,
  { channel, field }: Role,
  meter: Meter,
): Reading | string | null {
  const value = readValue(text, field);
  if (value === undefined) return fieldProblem(text, field);
  const values: Values = {};
  if (field.to === "powerW") {
    meter.powers.set(field.from, value);
    const power = powerOf(meter.powers.get(channel.delivered.from), meter.powers.get(channel.returned.from));
    if (power === undefined) return null;
    values["powerW"] = power;
  } else values[field.to] = value;
  return makeReading("energy", device, channel.channel, timeOf(meter, packet.receivedAt), values);
}

function timeOf({ time }: Meter, receivedAt: number): number {
  if (time === null) return receivedAt;
  const ageMs = receivedAt - time.receivedAt;
  return ageMs >= 0 && ageMs <= maxSetMs ? time.observed : receivedAt;
}
