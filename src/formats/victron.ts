import type { Packet } from "../model/packet.ts";
import type { Reading } from "../model/reading.ts";
import { BoundedMap, declareLimit } from "./bounded.ts";
import { type NumberField, numberField, readNumber, requireField } from "./fields.ts";
import type { Format } from "./format.ts";
import { type JsonObject, readJsonObject } from "./json-payload.ts";
import { makeReading, nothing, outcome, reject, singleValue } from "./outcome.ts";

const power = numberField("value", "powerW");
const voltage = numberField("value", "voltageV");
const current = numberField("value", "currentA");
const frequency = numberField("value", "frequencyHz");
const apparent = numberField("value", "apparentPowerVa");
const imported = numberField("value", "energyImportWh", 1000);
const exported = numberField("value", "energyExportWh", 1000);

// Two spellings: meters write words, inverters letters. Energy is kWh.
const quantities: ReadonlyMap<string, NumberField> = new Map([
  ["Power", power],
  ["P", power],
  ["Voltage", voltage],
  ["V", voltage],
  ["Current", current],
  ["I", current],
  ["Frequency", frequency],
  ["F", frequency],
  ["ApparentPower", apparent],
  ["S", apparent],
  ["ReactivePower", numberField("value", "reactivePowerVar")],
  ["PowerFactor", numberField("value", "powerFactor")],
  ["Energy/Forward", imported],
  ["Energy/Reverse", exported],
]);

/** Counters of an inverter between its sides: what comes from the grid or goes to the loads, what goes the other way. */
const flows: ReadonlyMap<string, NumberField> = new Map([
  ...["AcIn1ToAcOut", "AcIn1ToInverter", "AcIn2ToAcOut", "AcIn2ToInverter", "InverterToAcOut"].map(
    (name): [string, NumberField] => [name, imported],
  ),
  ...["AcOutToAcIn1", "AcOutToAcIn2", "InverterToAcIn1", "InverterToAcIn2", "OutToInverter"].map(
    (name): [string, NumberField] => [name, exported],
  ),
]);

/** A solar charger's output. `Yield/User` is the same counter since the user last reset it. */
const yields: ReadonlyMap<string, NumberField> = new Map([
  ["Power", power],
  ["System", imported],
]);

const phases: ReadonlySet<string> = new Set(["L1", "L2", "L3"]);

/** Services that hold wishes and not measurements, and the battery: a store is no meter. */
const ignoredServices: ReadonlySet<string> = new Set(["settings", "hub4", "battery", "platform"]);

/** Most topics whose meaning is remembered; the oldest is forgotten first. */
const topicLimit = declareLimit("victron-topics", 10_000);

/** What a D-Bus path measures, and in which channel of the device. */
interface PathMeasurement {
  readonly channel: string | undefined;
  readonly field: NumberField;
}

/** What a topic measures. */
interface Measurement extends PathMeasurement {
  readonly device: string;
}

/**
 * Victron Energy's GX devices: `N/<portal>/<service>/<instance>/<path>`, one value a message, without time; bridges put
 * levels before it. `R/` and `W/` are requests. Energy is kWh; power keeps the sign that the device gives it.
 * Channels: `L1` to `L3` and `total` below `Ac/`; where a device has several sides (`Ac/Out`, `Ac/ActiveIn`, `Ac/Grid`),
 * the side stands before it, so that they do not overwrite each other.
 * Source: READMEs of victronenergy/dbus-mqtt and dbus-flashmq; paths from Venus OS's D-Bus documentation.
 */
export const victron: Format = {
  name: "victron",
  title: "Victron Energy GX (Venus OS)",
  topics: ["N", "R", "W"].flatMap((kind) => [`${kind}/#`, `+/${kind}/#`, `+/+/${kind}/#`]),
  create() {
    const known = new BoundedMap<string, Measurement | string | null>(topicLimit);
    return (packet) => {
      const { topic } = packet;
      let measurement = known.get(topic);
      if (measurement === undefined) {
        measurement = readTopic(topic);
        known.set(topic, measurement);
      }
      if (measurement === null) return nothing;
      if (typeof measurement === "string") return reject(measurement);
      const payload = readJsonObject(packet.payload);
      if (payload === null) return nothing;
      if (typeof payload === "string") return reject(payload);
      const raw = payload["value"];
      if (typeof raw !== "number" && readNumber(raw) === undefined) return nothing;
      return outcome(readMeasurement(packet, measurement, payload));
    };
  },
};

/** What a topic measures: null if nothing, a reason if it is no good. */
function readTopic(topic: string): Measurement | string | null {
  const levels = topic.split("/");
  const root = levels.findIndex((level) => level === "N" || level === "R" || level === "W");
  if (root === -1 || levels[root] !== "N" || levels.length < root + 5) return null;
  const device = levels.slice(root + 1, root + 4);
  if (ignoredServices.has(device[1] as string)) return null;
  const path = pathMeasurement(levels, root + 4);
  if (path === null) return null;
  if (levels.includes("", root))
    return "topic: a level is empty; send to N/<portal>/<service>/<instance>/<path>";
  return { ...path, device: device.join("/") };
}

function pathMeasurement(levels: readonly string[], at: number): PathMeasurement | null {
  const first = levels[at] as string;
  const second = levels[at + 1];
  const rest = levels.length - at;
  if (first === "Ac") return acMeasurement(levels, at + 1);
  if (second === undefined) return null;
  if (first === "Energy" && rest === 2) return measurement(second, flows.get(second));
  if (first === "Yield" && rest === 2) return measurement(undefined, yields.get(second));
  // One tracker: `Pv/V`; several: `Pv/0/V`.
  if (first === "Pv" && rest === 2) return measurement("Pv", quantities.get(second));
  if (first === "Pv" && rest === 3) return measurement(second, quantities.get(levels[at + 2] as string));
  if (first === "Dc" && rest === 3) return dcMeasurement(second, levels[at + 2] as string);
  return null;
}

/** `Dc/0` is the side that every such device has; a second output or the system's own sums say which they are. */
function dcMeasurement(side: string, quantity: string): PathMeasurement | null {
  if (side === "Battery") return null;
  return measurement(side === "0" ? undefined : `Dc/${side}`, quantities.get(quantity));
}

/** `Ac[/<side>…][/<phase>]/<quantity>`. */
function acMeasurement(levels: readonly string[], from: number): PathMeasurement | null {
  let end = levels.length - 1;
  let quantity = levels[end] as string;
  if (levels[end - 1] === "Energy" && end - 1 >= from) quantity = `Energy/${levels[--end + 1]}`;
  const field = quantities.get(quantity);
  if (field === undefined || end < from) return null;
  const path = levels.slice(from, end);
  // The contract has no channel for the neutral conductor.
  if (path.includes("N")) return null;
  const last = path.at(-1);
  if (last === undefined || !phases.has(last)) path.push("total");
  return { channel: path.join("/"), field };
}

function measurement(channel: string | undefined, field: NumberField | undefined): PathMeasurement | null {
  return field === undefined ? null : { channel, field };
}

function readMeasurement(
  packet: Packet,
  { device, channel, field }: Measurement,
  payload: JsonObject,
): Reading | string {
  const value = requireField(payload, field);
  if (typeof value === "string") return value;
  return makeReading("energy", device, channel, packet.receivedAt, singleValue(field.to, value));
}
