import type { Decoded, Packet } from "../model/packet.ts";
import type { Reading, Values } from "../model/reading.ts";
import { type Channel, createTable, type Role, readNames, type Table } from "./dsmr-fields.ts";
import { readTelegram } from "./dsmr-telegram.ts";
import { convert, fieldProblem, isInfinite, readFields, readNumber, readValue } from "./fields.ts";
import type { Decode, Format, FormatSettings } from "./format.ts";
import { type JsonObject, readJsonObject, readPlainText } from "./json-payload.ts";
import { makeReading, nothing, outcome, outcomes, reject } from "./outcome.ts";
import { observedAt } from "./time.ts";
import { type TimeZone, timeZone } from "./timezone.ts";

/** How long a time that came on a topic of its own holds for the fields that follow it. */
const maxSetMs = 10_000;

/** Most meters whose last time and power are remembered; the oldest is forgotten first. */
const maxMeters = 1_000;

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
  topics: ["dsmr/#"],
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
  const meters = new Map<string, Meter>();
  return (packet) => {
    if (packet.payload.length === 0) return nothing;
    const levels = packet.topic.split("/");
    if (levels.at(-2) === "reading") {
      const device = levels.slice(0, -2).join("/") || defaultDevice;
      return readSplit(packet, levels.at(-1) as string, device, table, meterOf(meters, device), zone);
    }
    const kind = levels.at(-1) as string;
    const isNamed = kind === "json" || kind === "raw" || kind === "telegram";
    const device = (isNamed && levels.slice(0, -1).join("/")) || defaultDevice;
    const first = packet.payload[0];
    if (kind === "json" || (!isNamed && first === 0x7b)) return readReading(packet, device, table, zone);
    // Any other topic that dsmr-reader uses carries a sum over a day or so.
    if (!isNamed && first !== 0x2f) return nothing;
    const payload = readPlainText(packet.payload);
    if (typeof payload === "string") return reject(payload);
    return outcomes(readTelegram(payload.text, device, packet.receivedAt, zone));
  };
}

function meterOf(meters: Map<string, Meter>, device: string): Meter {
  let meter = meters.get(device);
  if (meter === undefined) {
    meter = { time: null, powers: new Map() };
    if (meters.size >= maxMeters) meters.delete(meters.keys().next().value as string);
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
  const readings: Reading[] = [];
  for (const channel of table.channels) {
    const values: Values = {};
    const problem = readFields(payload, channel.fields, values) ?? readPower(payload, channel, values);
    if (problem !== null) return reject(problem);
    for (const _ in values) {
      readings.push(makeReading("energy", device, channel.channel, time, values));
      break;
    }
  }
  return readings.length === 0 ? nothing : { readings, rejected: null };
}

function readPower(payload: JsonObject, { delivered, returned }: Channel, values: Values): string | null {
  const rawDelivered = payload[delivered.from];
  const rawReturned = payload[returned.from];
  if (isInfinite(rawDelivered)) return fieldProblem(rawDelivered, delivered);
  if (isInfinite(rawReturned)) return fieldProblem(rawReturned, returned);
  const isBroken = Number.isNaN(readNumber(rawDelivered)) || Number.isNaN(readNumber(rawReturned));
  if (!isBroken) setPower(readValue(rawDelivered, delivered), readValue(rawReturned, returned), values);
  return null;
}

/** Nothing given back says nothing of what was taken. */
function setPower(delivered: number | undefined, returned: number | undefined, values: Values): void {
  if (delivered !== undefined || (returned !== undefined && returned !== 0)) {
    values["powerW"] = convert((delivered ?? 0) - (returned ?? 0), 1);
  }
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
    setPower(meter.powers.get(channel.delivered.from), meter.powers.get(channel.returned.from), values);
    if (values["powerW"] === undefined) return null;
  } else values[field.to] = value;
  return makeReading("energy", device, channel.channel, timeOf(meter, packet.receivedAt), values);
}

function timeOf({ time }: Meter, receivedAt: number): number {
  if (time === null) return receivedAt;
  const ageMs = receivedAt - time.receivedAt;
  return ageMs >= 0 && ageMs <= maxSetMs ? time.observed : receivedAt;
}
