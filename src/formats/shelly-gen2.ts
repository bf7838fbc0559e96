import type { Packet } from "../model/packet.ts";
import type { Reading, Values } from "../model/reading.ts";
import { type NumberField, numberField, readFields, readNumber, readText } from "./fields.ts";
import type { Format } from "./format.ts";
import { isHostileName, isObject, type JsonObject, readJsonObject } from "./json-payload.ts";
import { makeReading, nothing, outcomes, quote, reject } from "./outcome.ts";
import { observedAt } from "./time.ts";

/** Most components of one status; the largest device has a few dozen. */
const maxComponents = 256;

/** Outside this a mains frequency is noise: an unconnected phase reports 160 or 198 Hz. */
const mainsHz = { min: 40, max: 70 };

/** One channel of a component: what it is called behind the component's number, and its fields. */
interface Part {
  /** `L1` to `L3`, `total`; undefined where the component's number is the channel. */
  readonly channel: string | undefined;
  readonly fields: readonly NumberField[];
  /** Objects that hold counters: `"aenergy":{"total":…}`. */
  readonly counters: readonly (readonly [string, NumberField])[];
}

function mains(from: string): NumberField {
  return { ...numberField(from, "frequencyHz"), range: mainsHz };
}

// Gen2 API docs, EM: a, b, c are the phases. Power in W, positive is consumption.
const emParts: readonly Part[] = [
  ...(["a", "b", "c"] as const).map((phase, at) => ({
    channel: `L${at + 1}`,
    fields: [
      numberField(`${phase}_act_power`, "powerW"),
      numberField(`${phase}_aprt_power`, "apparentPowerVa"),
      numberField(`${phase}_current`, "currentA"),
      numberField(`${phase}_voltage`, "voltageV"),
      numberField(`${phase}_pf`, "powerFactor"),
      mains(`${phase}_freq`),
    ],
    counters: [],
  })),
  {
    channel: "total",
    fields: [
      numberField("total_act_power", "powerW"),
      numberField("total_aprt_power", "apparentPowerVa"),
      numberField("total_current", "currentA"),
    ],
    counters: [],
  },
];

// EMData: counters in Wh, in messages of their own, once a minute.
const emDataParts: readonly Part[] = [
  ...(["a", "b", "c"] as const).map((phase, at) => ({
    channel: `L${at + 1}`,
    fields: [
      numberField(`${phase}_total_act_energy`, "energyImportWh"),
      numberField(`${phase}_total_act_ret_energy`, "energyExportWh"),
    ],
    counters: [],
  })),
  {
    channel: "total",
    fields: [numberField("total_act", "energyImportWh"), numberField("total_act_ret", "energyExportWh")],
    counters: [],
  },
];

// EM1 and EM1Data: the same meter with independent channels.
const em1Parts: readonly Part[] = [
  {
    channel: undefined,
    fields: [
      numberField("act_power", "powerW"),
      numberField("aprt_power", "apparentPowerVa"),
      numberField("current", "currentA"),
      numberField("voltage", "voltageV"),
      numberField("pf", "powerFactor"),
      mains("freq"),
    ],
    counters: [],
  },
];

const em1DataParts: readonly Part[] = [
  {
    channel: undefined,
    fields: [
      numberField("total_act_energy", "energyImportWh"),
      numberField("total_act_ret_energy", "energyExportWh"),
    ],
    counters: [],
  },
];

// Switch, Cover, Light, PM1: `by_minute` is milliwatt-hours of the last minutes, no counter.
const switchParts: readonly Part[] = [
  {
    channel: undefined,
    fields: [
      numberField("apower", "powerW"),
      numberField("aprtpower", "apparentPowerVa"),
      numberField("current", "currentA"),
      numberField("voltage", "voltageV"),
      numberField("pf", "powerFactor"),
      mains("freq"),
    ],
    counters: [
      ["aenergy", numberField("total", "energyImportWh")],
      ["ret_aenergy", numberField("total", "energyExportWh")],
    ],
  },
];

/** What is measured by components of each kind; all others (wifi, sys, input, temperature) have nothing for us. */
const components: ReadonlyMap<string, readonly Part[]> = new Map([
  ["em", emParts],
  ["emdata", emDataParts],
  ["em1", em1Parts],
  ["em1data", em1DataParts],
  ...["switch", "cover", "light", "pm1", "rgb", "rgbw", "rgbcct", "cct"].map(
    (name): [string, readonly Part[]] => [name, switchParts],
  ),
]);

/** Components without a measurement: those there is one of, and those that are numbered. */
const single = "sys wifi eth cloud mqtt ws ble ui ht_ui knx matter modbus bthome plugs_ui".split(" ");
const quiet = [
  "input temperature humidity voltmeter devicepower illuminance smoke flood presence",
  "bthomedevice bthomesensor blutrv boolean number text enum object group button script",
].flatMap((line) => line.split(" "));

/** Each component's own topic: `#/status/+` would take topics that are not Shelly's. */
const statusTopics = [
  ...single.map((name) => `#/status/${name}`),
  ...[...new Set([...quiet, ...components.keys()])].map((name) => `#/status/${name}:*`),
  ...["switch", "cover", "light"].map((name) => `#/command/${name}:*`),
  // The prefix may begin as the first generation's topics do, which claims all that lies below `shellies/`.
  ...["shellies/+", "shellies/+/+"].flatMap((prefix) => [`${prefix}/events/rpc`, `${prefix}/status/+`]),
];

/** Methods of notifications that carry a status: what changed, or all of it. */
const statusMethods: ReadonlySet<unknown> = new Set(["NotifyStatus", "NotifyFullStatus"]);

/** The id that is the default prefix: model and MAC address. */
const shellyId = /^shelly[a-z0-9]+-[0-9a-f]{12}$/i;

const statusTopic = /^(?:(.*)\/)?status\/([^/]*)$/;

/**
 * Shelly devices of the second generation and later (Plus, Pro, Gen3, Gen4): notifications on `<prefix>/events/rpc`, the
 * generic status on `<prefix>/status/<component>:<i>`. The prefix is the owner's choice and may have several levels, so a
 * notification's device is its `src`. Only what changed is sent. A status has no time (`minute_ts` is that of `by_minute`).
 * Source: shelly-api-docs.shelly.cloud/gen2, General/Notifications and the components' pages.
 */
export const shellyGen2: Format = {
  name: "shelly-gen2",
  title: "Shelly devices, second generation and later",
  topics: ["#/events/rpc", "#/rpc", "#/online", ...statusTopics],
  create() {
    return (packet) => {
      const { topic } = packet;
      const isEvent = topic === "events/rpc" || topic.endsWith("/events/rpc");
      const status = isEvent ? null : statusTopic.exec(topic);
      if (!isEvent && (status === null || !isMeasuring(status[2] as string))) return nothing;
      const payload = readJsonObject(packet.payload);
      if (payload === null) return nothing;
      if (typeof payload === "string") return reject(payload);
      if (status === null) return readNotification(packet, payload);
      const results: (Reading | string)[] = [];
      const device = status[1] ?? "";
      if (device === "") return reject("topic: no prefix before status/; set the device's MQTT prefix");
      readComponent(status[2] as string, payload, { device, time: packet.receivedAt, path: "" }, results);
      return outcomes(results);
    };
  },
};

/** What all components of a message have in common. */
interface Origin {
  readonly device: string;
  readonly time: number;
  /** Where the components stand, for reasons. */
  readonly path: string;
}

function isMeasuring(name: string): boolean {
  const colon = name.indexOf(":");
  return colon !== -1 && components.has(name.slice(0, colon));
}

function readNotification(packet: Packet, payload: JsonObject) {
  const method = payload["method"];
  if (typeof method !== "string") return reject(`method: ${quote(method)}; a notification names its method`);
  if (!statusMethods.has(method)) return nothing;
  const params = payload["params"];
  if (!isObject(params)) return reject(`params: ${quote(params)}; an object of components is expected`);
  const device = sourceOf(packet.topic, payload["src"]);
  if (device.problem !== undefined) return reject(device.problem);
  const time = observedAt(params["ts"], "params.ts", packet.receivedAt, null);
  if (typeof time === "string") return reject(time);
  const results: (Reading | string)[] = [];
  const origin = { device: device.id, time, path: "params." };
  let count = 0;
  for (const name in params) {
    if (++count > maxComponents) return reject(`params: more than ${maxComponents} components`);
    if (isMeasuring(name)) readComponent(name, params[name], origin, results);
  }
  return outcomes(results);
}

/** The device: `src`, else the topic's prefix. */
function sourceOf(topic: string, raw: unknown): { readonly id: string; readonly problem?: string } {
  const prefix = topic.slice(0, -"/events/rpc".length);
  const src = readText(raw);
  if (src === undefined) {
    return prefix === "" ? { id: "", problem: "src: missing, and no prefix in the topic" } : { id: prefix };
  }
  if (isHostileName(src)) return { id: "", problem: `src: ${quote(src)} is a reserved name` };
  // Any other prefix is the owner's words; this one is some device's own name.
  if (src !== prefix && shellyId.test(prefix) && shellyId.test(src)) {
    return { id: "", problem: `src: ${quote(src)} is not the device of the topic, ${quote(prefix)}` };
  }
  return { id: src };
}

/** Reads `switch:0` and what is in it. */
function readComponent(name: string, source: unknown, origin: Origin, results: (Reading | string)[]): void {
  const colon = name.indexOf(":");
  const parts = components.get(name.slice(0, colon));
  if (parts === undefined || source === null) return;
  const path = origin.path === "" ? "" : `${origin.path}${name}.`;
  const index = name.slice(colon + 1);
  if (!isObject(source)) {
    results.push(`${origin.path}${name}: ${quote(source)}; an object is expected`);
    return;
  }
  const id = readNumber(source["id"]);
  if (!isIndex(index) || (id !== undefined && id !== Number(index))) {
    results.push(`${path}id: ${quote(source["id"])} is not the number of ${quote(name)}`);
    return;
  }
  for (const part of parts) {
    const values: Values = {};
    const problem = readFields(source, part.fields, values, path) ?? readCounters(source, part, values, path);
    if (problem !== null) results.push(problem);
    else if (hasValues(values)) {
      results.push(makeReading("energy", origin.device, channelOf(part, index), origin.time, values));
    }
  }
}

function isIndex(text: string): boolean {
  return /^\d{1,5}$/.test(text);
}

function hasValues(values: Values): boolean {
  for (const _ in values) return true;
  return false;
}

function readCounters(source: JsonObject, part: Part, values: Values, path: string): string | null {
  for (const [name, field] of part.counters) {
    const counter = source[name];
    if (!isObject(counter)) continue;
    const problem = readFields(counter, [field], values, `${path}${name}.`);
    if (problem !== null) return problem;
  }
  return null;
}

/** The phase, or the component's number. Of several three-phase meters in one device all but the first say which. */
function channelOf(part: Part, index: string): string {
  if (part.channel === undefined) return index;
  return index === "0" ? part.channel : `${index}/${part.channel}`;
}
