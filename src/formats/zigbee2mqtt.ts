import type { Packet } from "../model/packet.ts";
import type { Reading, Value, Values } from "../model/reading.ts";
import {
  convert,
  fieldProblem,
  isInfinite,
  type NumberField,
  numberField,
  readNumber,
  readValue,
} from "./fields.ts";
import type { Format, FormatSettings } from "./format.ts";
import { type JsonObject, readJsonObject, readPlainText } from "./json-payload.ts";
import { isEmpty, makeReading, nothing, outcome, reject, singleValue } from "./outcome.ts";
import { observedAt } from "./time.ts";
import { type TimeZone, timeZone } from "./timezone.ts";
import { baseOfPattern, patternProblem } from "./topic-pattern.ts";
import type { NumberName } from "./vocabulary.ts";

const defaultBase = "zigbee2mqtt/";
const patternExample = "home/zigbee/{friendly_name}";

/** Above this a `voltage` is a battery's, in millivolts: no Zigbee device measures kilovolts. */
const maxMainsV = 1000;

/**
 * Where a value belongs: to the phase or endpoint that the name tells (its channel), to phase A if there are others
 * (`phaseA`), to the meter as a whole (`meter`), or to the sum of its phases (`sum`).
 */
type Place = string;

/** What an attribute is. */
interface Attribute {
  readonly field: NumberField;
  readonly place: Place;
}

// zigbee-herdsman-converters src/lib/exposes.ts: W, VA, VAR, V, A, kWh.
const phaseQuantities: readonly (readonly [string, NumberName, number])[] = [
  ["power", "powerW", 1],
  ["power_apparent", "apparentPowerVa", 1],
  ["power_reactive", "reactivePowerVar", 1],
  ["power_factor", "powerFactor", 1],
  ["voltage", "voltageV", 1],
  ["current", "currentA", 1],
];

// Perenio's `consumed_energy` is the one counter in Wh. `total_energy` is import plus export, and so neither.
const counters: readonly (readonly [string, NumberName, number])[] = [
  ["energy", "energyImportWh", 1000],
  ["energy_consumed", "energyImportWh", 1000],
  ["consumed_energy", "energyImportWh", 1],
  ["energy_wh", "energyImportWh", 1],
  ["produced_energy", "energyExportWh", 1000],
  ["energy_produced", "energyExportWh", 1000],
  ["reverse_energy", "energyExportWh", 1000],
];

/** Tariffs of P1 meters, and the registers of French ones (ZLinky); none of them has a phase in its name. */
const registers: readonly (readonly [string, NumberName])[] = [
  ["energy_tier_1", "energyImportT1Wh"],
  ["energy_tier_2", "energyImportT2Wh"],
  ["produced_energy_tier_1", "energyExportT1Wh"],
  ["produced_energy_tier_2", "energyExportT2Wh"],
  ["current_summ_delivered", "energyImportWh"],
  ["current_summ_received", "energyExportWh"],
  ["current_tier1_summ_delivered", "energyImportT1Wh"],
  ["current_tier2_summ_delivered", "energyImportT2Wh"],
];

/** What ZLinky and Perenio call by the names of the Zigbee cluster. */
const clusterQuantities: readonly (readonly [string, NumberName])[] = [
  ["rms_voltage", "voltageV"],
  ["rms_current", "currentA"],
  ["apparent_power", "apparentPowerVa"],
];

// ZLinky's `active_power_ph_b` is no phase but the point of the load curve before `active_power`.
const sums: readonly (readonly [string, NumberName])[] = [
  ["total_power", "powerW"],
  ["power_total", "powerW"],
  ["total_active_power", "powerW"],
  ["active_power", "powerW"],
  ["total_power_apparent", "apparentPowerVa"],
  ["total_apparent_power", "apparentPowerVa"],
  ["total_power_reactive", "reactivePowerVar"],
];

/**
 * Phase A has the names without an end; Tuya's meters also write `power_a`, and counters `energy_phase_a`. `power_l1` is
 * the first endpoint of a device with several, or the first of exactly three phases (see `hasThreePhases`).
 */
const nameEnds: readonly (readonly [Place, readonly string[]])[] = [
  ["L1", ["_phase_a", "_a"]],
  ["L2", ["_phase_b", "_b"]],
  ["L3", ["_phase_c", "_c"]],
  ...["1", "2", "3", "4", "5", "6", "7", "8"].map(
    (number) => [number, [`_l${number}`, `_${number}`]] as const,
  ),
  ...["left", "right", "center"].map((name) => [name, [`_${name}`]] as const),
];

const percentRange = { min: -100, max: 100 };

const attributes: ReadonlyMap<string, Attribute> = new Map(
  [
    ...phaseQuantities.map(([name, to, scale]) => attribute(name, to, scale, "phaseA")),
    ...counters.map(([name, to, scale]) => attribute(name, to, scale, "meter")),
    ...sums.map(([name, to]) => attribute(name, to, 1, "sum")),
    ...registers.map(([name, to]) => attribute(name, to, 1000, "meter")),
    ...clusterQuantities.flatMap(([name, to]) => [
      attribute(name, to, 1, "phaseA"),
      attribute(`${name}_ph_b`, to, 1, "L2"),
      attribute(`${name}_ph_c`, to, 1, "L3"),
    ]),
    attribute("ac_frequency", "frequencyHz", 1, "meter"),
    ...nameEnds.flatMap(([place, ends]) =>
      [...phaseQuantities, ...counters].flatMap(([name, to, scale]) =>
        ends.map((end) => attribute(`${name}${end}`, to, scale, place)),
      ),
    ),
  ].map((one): [string, Attribute] => [one.field.from, one]),
);

function attribute(name: string, to: NumberName, scale: number, place: Place): Attribute {
  const field = numberField(name, to, scale);
  // Half of the devices with a power factor tell it in percent.
  return { field: to === "powerFactor" ? { ...field, range: percentRange } : field, place };
}

/** Places that are the device itself, where it has no phases. */
const wholes: ReadonlySet<Place> = new Set(["phaseA", "meter", "sum"]);

/** Levels behind a device's name that make a message a command or a state of the connection. */
const otherLevels: ReadonlySet<string> = new Set(["set", "get", "availability"]);

/**
 * Zigbee2MQTT: `zigbee2mqtt/<friendly name>`, where a name may have slashes; JSON, or with `output: attribute` plain text on
 * `<friendly name>/<attribute>`. Phase A has the attributes without an end, so on a meter with more phases they are `L1`, and
 * what stands for all of them (counters, frequency) is `total`. `voltage` is millivolts on battery devices: dropped there.
 * The base topic is that of `topicPattern` (`home/zigbee/{friendly_name}`), else `zigbee2mqtt/`.
 * Source: Koenkk/zigbee2mqtt lib/controller.ts and lib/util/settings.schema.json; zigbee-herdsman-converters.
 */
export const zigbee2mqtt: Format = {
  name: "zigbee2mqtt",
  title: "Zigbee2MQTT plugs and meters",
  topics: ["zigbee2mqtt/#"],
  create(settings: FormatSettings) {
    const zone = settings.timezone === undefined ? null : timeZone(settings.timezone);
    const { topicPattern } = settings;
    const base = topicPattern === undefined ? defaultBase : baseOfPattern(topicPattern, patternExample);
    return (packet) => {
      const { topic } = packet;
      if (topicPattern !== undefined && !topic.startsWith(base)) {
        return reject(patternProblem(topic, topicPattern));
      }
      const name = nameOf(topic, base);
      if (name === null || packet.payload.length === 0) return nothing;
      if (name === "" || name.startsWith("/") || name.endsWith("/")) {
        return reject("topic: the friendly name is missing or has an empty level");
      }
      const first = firstByte(packet.payload);
      // What is no object or list on a topic of several levels is an attribute; a name of one level has none.
      if (first === 0x7b || first === 0x5b || !name.includes("/")) return readState(packet, name, zone);
      return readAttribute(packet, name);
    };
  },
};

/** What stands behind the base; null for messages that are not a device's own. */
function nameOf(topic: string, base: string): string | null {
  const name = topic.startsWith(base) ? topic.slice(base.length) : topic.slice(topic.indexOf("/") + 1);
  if (name === "bridge" || name.startsWith("bridge/")) return null;
  const last = name.lastIndexOf("/");
  if (last === -1) return name;
  if (otherLevels.has(name.slice(last + 1))) return null;
  // A command for one attribute: `<name>/set/<attribute>`.
  const before = name.slice(name.lastIndexOf("/", last - 1) + 1, last);
  return before !== name.slice(0, last) && (before === "set" || before === "get") ? null : name;
}

/** The first byte that is no white space of JSON. */
function firstByte(payload: Uint8Array): number {
  for (const byte of payload) if (byte > 0x20) return byte;
  return 0x20;
}

function readState(packet: Packet, device: string, zone: TimeZone | null) {
  const payload = readJsonObject(packet.payload);
  if (payload === null) return nothing;
  if (typeof payload === "string") return reject(payload);
  const found: Found = { phaseA: {}, meter: {}, others: null };
  const problem = readAttributes(payload, found);
  if (problem !== null) return reject(problem);
  if (found.others === null && isEmpty(found.phaseA) && isEmpty(found.meter)) return nothing;
  const time = observedAt(payload["last_seen"], "last_seen", packet.receivedAt, zone);
  if (typeof time === "string") return reject(time);
  if (found.others !== null && hasThreePhases(payload, found.others)) found.others = namePhases(found.others);
  return { readings: makeReadings(device, found, time), rejected: null };
}

/** The values of a device, by place; the meter's sums are among its own. */
interface Found {
  readonly phaseA: Values;
  readonly meter: Values;
  /** Null where there are none, as on most plugs. */
  others: Map<Place, Values> | null;
}

function readAttributes(payload: JsonObject, found: Found): string | null {
  const isBattery = isBatteryVoltage(payload);
  for (const name in payload) {
    const known = attributes.get(name);
    if (known === undefined) continue;
    const { field, place } = known;
    const raw = payload[name];
    const value = readAmount(raw, field);
    if (value === undefined) {
      if (isInfinite(raw)) return fieldProblem(raw, field);
      continue;
    }
    if (field.to === "voltageV" && (value > maxMainsV || (isBattery && name === "voltage"))) continue;
    valuesAt(place, found)[field.to] = value;
  }
  return null;
}

function valuesAt(place: Place, found: Found): Values {
  if (place === "phaseA") return found.phaseA;
  if (place === "meter" || place === "sum") return found.meter;
  found.others ??= new Map();
  let values = found.others.get(place);
  if (values === undefined) {
    values = {};
    found.others.set(place, values);
  }
  return values;
}

/** `readValue`, and a power factor in percent as one of 1. A little more than 1 is neither. */
function readAmount(raw: unknown, field: NumberField): number | undefined {
  const value = readValue(raw, field);
  if (value === undefined || field.to !== "powerFactor" || Math.abs(value) <= 1) return value;
  return Math.abs(value) >= 2 ? convert(value, 0.01) : undefined;
}

/** A device with a battery that measures no current or power has only the battery's voltage to tell. */
function isBatteryVoltage(payload: JsonObject): boolean {
  if (payload["battery"] === undefined || payload["battery"] === null) return false;
  return readNumber(payload["current"]) === undefined && readNumber(payload["power"]) === undefined;
}

/**
 * Whether `power_l1` to `power_l3` are phases (Owon's and Tuya's meters): a socket strip has switches of these names, and
 * seldom three.
 */
function hasThreePhases(payload: JsonObject, places: ReadonlyMap<Place, Values>): boolean {
  return (
    places.has("1") &&
    places.has("2") &&
    places.has("3") &&
    !places.has("4") &&
    payload["state_l1"] === undefined
  );
}

/** Gives the numbered places the names of phases. */
function namePhases(places: ReadonlyMap<Place, Values>): Map<Place, Values> {
  return new Map([...places].map(([place, values]) => [/^[123]$/.test(place) ? `L${place}` : place, values]));
}

function makeReadings(device: string, { phaseA, meter, others }: Found, time: number): Reading[] {
  if (others === null) {
    for (const name in meter) phaseA[name] = meter[name] as Value;
    return [makeReading("energy", device, undefined, time, phaseA)];
  }
  const isPolyphase = others.has("L1") || others.has("L2") || others.has("L3");
  // Where phase A is named as the others are (its counter always is), names without an end are the meter's own.
  const isNamed = isMeasured(others.get("L1"));
  addValues(others, isPolyphase ? (isNamed ? "total" : "L1") : "", phaseA);
  addValues(others, isPolyphase ? "total" : "", meter);
  const readings: Reading[] = [];
  for (const [channel, values] of others) {
    readings.push(makeReading("energy", device, channel === "" ? undefined : channel, time, values));
  }
  return readings;
}

function addValues(channels: Map<string, Values>, channel: string, values: Values): void {
  const known = channels.get(channel);
  if (known !== undefined) Object.assign(known, values);
  else if (!isEmpty(values)) channels.set(channel, values);
}

function isMeasured(values: Values | undefined): boolean {
  if (values === undefined) return false;
  return (
    values["powerW"] !== undefined || values["voltageV"] !== undefined || values["currentA"] !== undefined
  );
}

/** `<friendly name>/<attribute>`, plain text: `null` where the device has not reported yet. */
function readAttribute(packet: Packet, topicName: string) {
  const slash = topicName.lastIndexOf("/");
  const known = attributes.get(topicName.slice(slash + 1));
  if (known === undefined) return nothing;
  const payload = readPlainText(packet.payload);
  if (typeof payload === "string") return reject(payload);
  const text = payload.text.trim();
  if (text === "" || text === "null") return nothing;
  const { field, place } = known;
  const value = readAmount(text, field);
  if (value === undefined) return reject(fieldProblem(text, field));
  if (field.to === "voltageV" && value > maxMainsV) return nothing;
  const channel = wholes.has(place) ? undefined : place;
  const values = singleValue(field.to, value);
  return outcome(makeReading("energy", topicName.slice(0, slash), channel, packet.receivedAt, values));
}
