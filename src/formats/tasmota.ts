import type { Packet } from "../model/packet.ts";
import type { Reading, Values } from "../model/reading.ts";
import { ChannelReadings } from "./channel-readings.ts";
import { numberField, readFields, readText } from "./fields.ts";
import type { Decode, Format, FormatSettings } from "./format.ts";
import { isObject, type JsonObject, readJsonObject } from "./json-payload.ts";
import { nothing, outcomes, quote, reject } from "./outcome.ts";
import { createP1Reader } from "./p1-reader.ts";
import { readEnergy } from "./tasmota-energy.ts";
import { createDeviceOf, type DeviceOf } from "./tasmota-topic.ts";
import { readTeleinfo } from "./teleinfo.ts";
import { observedAt } from "./time.ts";
import { type TimeZone, timeZone } from "./timezone.ts";

/** Most Zigbee devices in one message of a bridge. */
const maxZigbeeDevices = 64;

// The Zigbee bridge's names for the electrical measurement cluster (0x0B04). Its `Power` is the relay, its `Voltage`
// the battery.
const zigbeeFields = [
  numberField("ActivePower", "powerW"),
  numberField("ReactivePower", "reactivePowerVar"),
  numberField("ApparentPower", "apparentPowerVa"),
  numberField("RMSVoltage", "voltageV"),
  numberField("RMSCurrent", "currentA"),
  numberField("ACFrequency", "frequencyHz"),
];

/** The messages that carry measurements; all others are states, wills, replies and commands. */
const measuring: ReadonlySet<string> = new Set(["SENSOR", "RESULT", "STATUS8", "STATUS10", "ZbReceived"]);

/**
 * Tasmota firmware: plugs and meters (`ENERGY`), French meters (`TIC`), P1 meters on a serial line, Zigbee bridges.
 * Which level of the topic is the device is the owner's choice (FullTopic), and `topicPattern` tells it; without one the
 * device is every level but the prefix and the message's name. Source: tasmota.github.io/docs, and the energy driver for
 * the names.
 */
export const tasmota: Format = {
  name: "tasmota",
  title: "Tasmota plugs, meters and bridges",
  topics: [
    "tele/#",
    "stat/#",
    "cmnd/#",
    "tasmota/discovery/#",
    "#/tele/+",
    "#/stat/+",
    "#/cmnd/+",
    "#/tele/+/+",
    "#/stat/+/+",
    "#/cmnd/+/+",
    // Where the prefix stands before more levels, or has another name.
    "#/SENSOR",
    "#/STATUS8",
    "#/STATUS10",
    "#/LWT",
  ],
  create(settings: FormatSettings) {
    const zone = settings.timezone === undefined ? null : timeZone(settings.timezone);
    return createDecoder(zone, createDeviceOf(settings.topicPattern));
  },
};

function createDecoder(zone: TimeZone | null, deviceOf: DeviceOf): Decode {
  const readP1 = createP1Reader(zone);
  return (packet) => {
    const name = packet.topic.slice(packet.topic.lastIndexOf("/") + 1);
    if (!measuring.has(name) || packet.topic.startsWith("cmnd/")) return nothing;
    const device = deviceOf(packet.topic);
    if (device === null) return reject("topic: no device in it; set the FullTopic to `%prefix%/%topic%/`");
    const root = readJsonObject(packet.payload);
    if (root === null) return nothing;
    if (typeof root === "string") return reject(root);
    // A reply to the command `Status 8` or `Status 10` wraps what SENSOR sends.
    const wrapped = root["StatusSNS"];
    const payload = isObject(wrapped) ? wrapped : root;
    const time = timeOf(payload, packet, zone);
    if (typeof time === "string") return reject(time);
    const results: (Reading | string)[] = [];
    readMeter(payload, device, time, results);
    readZigbee(zigbeeOf(payload, name), time, results);
    if (typeof payload["SerialReceived"] === "string") {
      results.push(...readP1(payload["SerialReceived"], device, time, packet.receivedAt));
    }
    return outcomes(results);
  };
}

/** `Time` has no offset unless SetOption52 is set; with `Time 2` an `Epoch` in UTC stands beside it. */
function timeOf(payload: JsonObject, packet: Packet, zone: TimeZone | null): number | string {
  const epoch = payload["Epoch"];
  if (epoch !== undefined) return observedAt(epoch, "Epoch", packet.receivedAt, zone);
  return observedAt(payload["Time"], "Time", packet.receivedAt, zone);
}

function readMeter(payload: JsonObject, device: string, time: number, results: (Reading | string)[]): void {
  const found = new ChannelReadings("energy", device, time);
  const energy = payload["ENERGY"];
  const tic = payload["TIC"];
  const problem =
    (isObject(energy) ? readEnergy(energy, found) : null) ??
    (isObject(tic) ? readTeleinfo(tic, found) : null);
  if (problem !== null) {
    results.push(problem);
    return;
  }
  if (energy !== undefined && energy !== null && !isObject(energy)) {
    results.push(`ENERGY: ${quote(energy)}; an object is expected`);
  }
  results.push(...found.readings);
}

/** What the bridge received; SetOption118 puts the name `ZbReceived` into the topic, and SetOption100 leaves it out. */
function zigbeeOf(payload: JsonObject, name: string): unknown {
  const received = payload["ZbReceived"];
  if (received !== undefined) return received;
  if (name === "ZbReceived") return payload;
  const [only, ...others] = Object.keys(payload);
  if (only === undefined || others.length > 0) return undefined;
  const device = payload[only];
  return isObject(device) && (shortAddress.test(only) || typeof device["Device"] === "string")
    ? payload
    : undefined;
}

/** A Zigbee device's address in its network. */
const shortAddress = /^0x[0-9A-F]{4}$/;

/** `{"0x5ADF":{"ActivePower":41,…}}`: the key is the Zigbee device's short address, or its name (SetOption83). */
function readZigbee(received: unknown, time: number, results: (Reading | string)[]): void {
  if (!isObject(received)) return;
  const names = Object.keys(received);
  if (names.length > maxZigbeeDevices) {
    results.push(`ZbReceived: ${names.length} devices; send at most ${maxZigbeeDevices} in one message`);
    return;
  }
  for (const name of names) {
    const source = received[name];
    const device = readText(name);
    if (!isObject(source) || device === undefined) continue;
    const values: Values = {};
    const problem = readFields(source, zigbeeFields, values, `ZbReceived.${name}.`);
    if (problem !== null) results.push(problem);
    else if (Object.keys(values).length > 0) results.push({ domain: "energy", device, time, values });
  }
}
