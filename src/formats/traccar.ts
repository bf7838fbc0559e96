import type { Packet } from "../model/packet.ts";
import type { Reading, Values } from "../model/reading.ts";
import { BoundedMap, declareLimit } from "./bounded.ts";
import { numberField, readFields, readText } from "./fields.ts";
import type { Decode, Format, FormatSettings } from "./format.ts";
import { isHostileName, isObject, type JsonObject, readJsonObject } from "./json-payload.ts";
import { nothing, outcome, quote, reject } from "./outcome.ts";
import { isNullIsland, positionFields, requirePosition } from "./position.ts";
import { observedAt } from "./time.ts";
import { type TimeZone, timeZone } from "./timezone.ts";

/** Kilometres per hour in a knot (1,852 m; ISO 80000-3). */
const kmhPerKnot = 1.852;

/** Most devices whose newest position is remembered; the one that was heard first is forgotten first. */
const deviceLimit = declareLimit("traccar-devices", 10_000);

const position = positionFields("latitude", "longitude");

const fields = [
  numberField("altitude", "altM"),
  numberField("speed", "speedKmh", kmhPerKnot),
  numberField("course", "courseDeg"),
  numberField("accuracy", "accuracyM"),
];

// `power` and `battery` are volts of the tracker's own supply and `hours` is milliseconds: none of them is ours.
const attributeFields = [
  numberField("batteryLevel", "batteryPct"),
  numberField("sat", "satellites"),
  numberField("hdop", "hdop"),
  numberField("odometer", "odometerM"),
];

/**
 * Positions that a Traccar server forwards (`forward.type = mqtt`): one topic for all devices, `{"position":…,"device":…}`;
 * `positions` and `events` unless configured. Events come on a topic of their own and carry a position that was mostly forwarded before: it is read once.
 * Source: traccar.org/forward, and the server's PositionForwarderMqtt, Position and Device for names and units.
 */
export const traccar: Format = {
  name: "traccar",
  title: "Traccar server (forwarded positions and events)",
  topics: ["traccar/#", "#/traccar/+", "positions", "events"],
  create(settings: FormatSettings) {
    return createDecoder(settings.timezone === undefined ? null : timeZone(settings.timezone));
  },
};

/** Where and for which instant a device's position was last read. */
interface Seen {
  readonly topic: string;
  readonly time: number;
}

function createDecoder(zone: TimeZone | null): Decode {
  const seen = new BoundedMap<string, Seen>(deviceLimit);
  return (packet) => {
    const payload = readJsonObject(packet.payload);
    if (payload === null) return nothing;
    if (typeof payload === "string") return reject(payload);
    const source = payload["position"];
    const isEvent = isObject(payload["event"]);
    // Some events (a device goes online) have no position.
    if (isEvent && (source === undefined || source === null)) return nothing;
    if (!isObject(source))
      return reject(`position: ${quote(source)}; Traccar sends {"position":…,"device":…}`);
    const result = readPosition(packet, source, payload["device"], zone);
    if (result === null) return nothing;
    if (typeof result === "string") return reject(result);
    if (isEvent && isRepeat(seen.get(result.device), packet.topic, result.time)) return nothing;
    seen.set(result.device, { topic: packet.topic, time: result.time });
    return outcome(result);
  };
}

/** On the same topic it is no repeat but a packet that is sent again because its first try was not acknowledged. */
function isRepeat(last: Seen | undefined, topic: string, time: number): boolean {
  return last !== undefined && last.time === time && last.topic !== topic;
}

function readPosition(
  packet: Packet,
  source: JsonObject,
  owner: unknown,
  zone: TimeZone | null,
): Reading | string | null {
  const device = isObject(owner) ? readText(owner["uniqueId"]) : undefined;
  if (device === undefined)
    return "device.uniqueId: missing; the numeric deviceId differs from server to server";
  if (isHostileName(device)) return `device.uniqueId: ${quote(device)} is a reserved name; rename the device`;
  if (isFlag(source["valid"], false) || isFlag(source["outdated"], true)) return null;
  const values: Values = {};
  const problem =
    requirePosition(source, position, values, "position.") ?? readFields(source, fields, values, "position.");
  if (problem !== null) return problem;
  const attributes = source["attributes"];
  if (isObject(attributes)) {
    const wrong = readFields(attributes, attributeFields, values, "position.attributes.");
    if (wrong !== null) return wrong;
  }
  if (isNullIsland(values)) return null;
  const name = timeName(source);
  const time = observedAt(source[name], `position.${name}`, packet.receivedAt, zone);
  return typeof time === "string" ? time : { domain: "gps", device, time, values };
}

function isFlag(raw: unknown, expected: boolean): boolean {
  return raw === expected || raw === String(expected);
}

/** When the fix was taken; without it, when the device or at last the server said so. */
function timeName(source: JsonObject): string {
  for (const name of ["fixTime", "deviceTime"]) {
    const raw = source[name];
    if (raw !== undefined && raw !== null && raw !== "") return name;
  }
  return "serverTime";
}
