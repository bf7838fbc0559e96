import type { Decoded, Packet } from "../model/packet.ts";
import type { Reading } from "../model/reading.ts";
import { BoundedMap, declareLimit, setBounded } from "./bounded.ts";
import { fieldProblem, type NumberField, numberField, readNumber, readValue } from "./fields.ts";
import type { Format, FormatSettings } from "./format.ts";
import { type Described, maxProperties, readDescription } from "./homie-description.ts";
import { readPlainText } from "./json-payload.ts";
import { nothing, quote, reject, singleValue } from "./outcome.ts";
import { baseOfPattern, patternProblem } from "./topic-pattern.ts";
import { hintsOf, measureOf } from "./units.ts";

/** Most devices whose metadata is kept; the one heard of longest ago is forgotten first. */
const deviceLimit = declareLimit("homie-devices", 2_000);

/** Of one device. */
const propertyLimit = declareLimit("homie-properties", maxProperties);

/** Longest value, unit or datatype that is kept, in characters. */
const maxKeptChars = 64;

const patternExample = "home/homie/{device}/{node}/{property}";

/** The datatypes that are numbers (convention 4.0 and 5.0, "Payloads"). */
const numeric: ReadonlySet<string> = new Set(["float", "integer", "percent"]);

/** A number as Homie writes it, with an exponent where the device likes. */
const decimal = /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,3})?$/;

/**
 * The Homie convention, versions 3 to 5: `homie/<device>/<node>/<property>` (`homie/5/…` since version 5). Topics tell
 * values only; units and datatypes come in others (`…/$unit`, or all at once in `$description`), retained, in any order.
 * A value that came before its unit waits for it. The node is the channel. `topicPattern` tells another base topic.
 */
export const homie: Format = {
  name: "homie",
  title: "Homie convention 3 to 5",
  topics: ["homie/#"],
  create({ topicPattern }: FormatSettings) {
    const devices = new BoundedMap<string, Device>(deviceLimit);
    const base = topicPattern === undefined ? null : baseOfPattern(topicPattern, patternExample);
    return (packet) => {
      const { topic } = packet;
      if (base !== null && !topic.startsWith(base)) return reject(patternProblem(topic, topicPattern));
      const address = readAddress(topic, base);
      if (address === null) return nothing;
      if (typeof address === "string") return reject(address);
      if (address.property === "$description") return describe(packet, address, devices);
      if (address.attribute === null) return readProperty(packet, address, devices);
      return readAttribute(packet, address, address.attribute, devices);
    };
  },
};

/** What a topic is about. */
interface Address {
  readonly device: string;
  /** The device's topic; two devices of different versions may share an id. */
  readonly deviceTopic: string;
  readonly node: string;
  readonly property: string;
  /** `$unit` or `$datatype` of the property; null for its value. */
  readonly attribute: "$unit" | "$datatype" | null;
}

interface Device {
  readonly properties: Map<string, Property>;
  /** True if `$description` has said all there is to know. */
  isDescribed: boolean;
}

/** What is known of a property so far. */
interface Property {
  unit: string | undefined;
  datatype: string | undefined;
  /** What its numbers are; undefined while that cannot be told, null for a property of no domain. */
  field: NumberField | null | undefined;
  /** The newest value, while it cannot be read yet. */
  waiting: { readonly text: string; readonly receivedAt: number } | null;
}

/** The address in a topic; null for what is neither value nor unit (names, states, commands); a reason if it is broken. */
function readAddress(topic: string, base: string | null): Address | string | null {
  const levels = topic.split("/");
  const root = base === null ? Math.max(0, levels.indexOf("homie")) : base.split("/").length - 2;
  const at = levels[root + 1] === "5" ? root + 2 : root + 1;
  const [device = "", node = "", property = "", last, ...rest] = levels.slice(at);
  if (device.startsWith("$") || rest.length > 0) return null;
  const deviceTopic = levels.slice(0, at + 1).join("/");
  if (device !== "" && node === "$description" && levels.length === at + 2) {
    return { device, deviceTopic, node: "", property: node, attribute: null };
  }
  if (node.startsWith("$") || property.startsWith("$")) return null;
  if (last !== undefined && last !== "$unit" && last !== "$datatype") return null;
  if (device === "" || node === "" || property === "") {
    return `topic: ${quote(topic)}; a value comes on homie/<device>/<node>/<property>`;
  }
  return { device, deviceTopic, node, property, attribute: last ?? null };
}

function deviceOf(address: Address, devices: BoundedMap<string, Device>): Device {
  let device = devices.get(address.deviceTopic);
  if (device === undefined) {
    device = { properties: new Map(), isDescribed: false };
    devices.set(address.deviceTopic, device);
  }
  return device;
}

function propertyOf(address: Address, { properties, isDescribed }: Device): Property {
  const key = `${address.node}/${address.property}`;
  let property = properties.get(key);
  if (property === undefined) {
    const field = isDescribed ? null : undefined;
    property = { unit: undefined, datatype: undefined, field, waiting: null };
    setBounded(properties, key, property, propertyLimit);
  }
  return property;
}

function readAttribute(
  packet: Packet,
  address: Address,
  attribute: "$unit" | "$datatype",
  devices: BoundedMap<string, Device>,
): Decoded {
  const payload = readPlainText(packet.payload);
  if (typeof payload === "string") return reject(payload);
  const text = payload.text.trim().slice(0, maxKeptChars);
  const property = propertyOf(address, deviceOf(address, devices));
  if (attribute === "$unit") property.unit = text === "" ? undefined : text;
  else property.datatype = text === "" ? undefined : text;
  property.field = fieldOf(property, `${address.node}/${address.property}`);
  const reading = releaseWaiting(property, address.device, address.node);
  return { readings: reading === null ? [] : [reading], rejected: null, remember: true };
}

/** What a property's numbers are, as far as unit and datatype are known; its node may tell the direction: `export/energy`. */
function fieldOf({ unit, datatype }: Described, name: string): NumberField | null | undefined {
  if (datatype !== undefined && !numeric.has(datatype)) return null;
  if (unit === undefined) return undefined;
  const measure = measureOf(unit, hintsOf(name));
  return measure === undefined ? null : numberField("payload", measure.to, measure.scale);
}

function describe(packet: Packet, address: Address, devices: BoundedMap<string, Device>): Decoded {
  if (packet.payload.length === 0) {
    devices.delete(address.deviceTopic);
    return { readings: [], rejected: null, remember: true };
  }
  const described = readDescription(packet.payload);
  if (typeof described === "string") return reject(described);
  const device = deviceOf(address, devices);
  const before = new Map(device.properties);
  device.properties.clear();
  device.isDescribed = true;
  const readings: Reading[] = [];
  for (const { node, property: name, unit, datatype } of described) {
    const key = `${node}/${name}`;
    const field = fieldOf({ unit, datatype }, key) ?? null;
    const property: Property = { unit, datatype, field, waiting: before.get(key)?.waiting ?? null };
    device.properties.set(key, property);
    const reading = releaseWaiting(property, address.device, node);
    if (reading !== null) readings.push(reading);
  }
  return { readings, rejected: null, remember: true };
}

function readProperty(packet: Packet, address: Address, devices: BoundedMap<string, Device>): Decoded {
  if (packet.payload.length === 0) return nothing;
  const property = propertyOf(address, deviceOf(address, devices));
  const { field } = property;
  if (field === null) return nothing;
  const payload = readPlainText(packet.payload);
  if (typeof payload === "string") return reject(payload);
  const text = payload.text.trim();
  if (text === "") return nothing;
  if (field === undefined) {
    if (text.length <= maxKeptChars) property.waiting = { text, receivedAt: packet.receivedAt };
    return nothing;
  }
  const reading = readingOf(text, packet.receivedAt, field, address.device, address.node);
  if (reading !== null) return { readings: [reading], rejected: null };
  return reject(fieldProblem(numberOf(text) ?? text, field));
}

/** The reading of a value that came before its unit, once both are there. */
function releaseWaiting(property: Property, device: string, node: string): Reading | null {
  const { field, waiting } = property;
  if (field === undefined || waiting === null) return null;
  property.waiting = null;
  return field === null ? null : readingOf(waiting.text, waiting.receivedAt, field, device, node);
}

function readingOf(
  text: string,
  receivedAt: number,
  field: NumberField,
  device: string,
  node: string,
): Reading | null {
  const value = readValue(numberOf(text), field);
  if (value === undefined) return null;
  return { domain: "energy", device, channel: node, time: receivedAt, values: singleValue(field.to, value) };
}

/** The number that a text is, undefined if it is none. */
function numberOf(text: string): number | undefined {
  const number = text.length <= maxKeptChars && decimal.test(text) ? Number(text) : readNumber(text);
  return number === undefined || Number.isNaN(number) ? undefined : number;
}
