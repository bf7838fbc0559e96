import type { Packet } from "../model/packet.ts";
import type { Reading, Values } from "../model/reading.ts";
import { BoundedMap, declareLimit } from "./bounded.ts";
import { numberField, readFields, readNumber, readText } from "./fields.ts";
import type { Decode, Format } from "./format.ts";
import { isObject, type JsonObject, readJsonObject } from "./json-payload.ts";
import { nothing, outcome, quote, reject } from "./outcome.ts";
import { requirePosition } from "./position.ts";
import { observedAtSeconds } from "./time.ts";

/** Most packets of the mesh that are remembered, so that a second gateway's copy is known; the oldest is forgotten. */
const packetLimit = declareLimit("meshtastic-packets", 10_000);

/** Coordinates are whole numbers of this part of a degree. */
const unitsPerDegree = 1e7;

const position = {
  lat: numberField("latitude_i", "lat", 1 / unitsPerDegree),
  lon: numberField("longitude_i", "lon", 1 / unitsPerDegree),
};

// ground_speed and ground_track are left out: their scale differs from firmware to firmware. PDOP is not HDOP.
const fields = [
  numberField("altitude", "altM"),
  numberField("sats_in_view", "satellites"),
  numberField("HDOP", "hdop", 0.01),
];

/** Node numbers are 32 bits; firmware before 2.2.0 wrote them signed. */
const minNode = -(2 ** 31);
const maxNode = 2 ** 32 - 2;

/**
 * Meshtastic's JSON: `msh/[<region>/]2/json/<channel>/!<gateway>`. Topic and `sender` name the gateway, the tracked node
 * is `from`. Protobuf topics (`/e/`, `/c/`, `/map/`), states and the commands that gateways listen to say nothing here.
 * Source: meshtastic.org/docs/software/integrations/mqtt, and the firmware's MeshPacketSerializer for the names.
 */
export const meshtastic: Format = {
  name: "meshtastic",
  title: "Meshtastic nodes (JSON)",
  topics: ["msh/#", "#/2/json/+/+"],
  create: createDecoder,
};

function createDecoder(): Decode {
  /** Packet (`from:id`) to the topic on which it came first. */
  const seen = new BoundedMap<string, string>(packetLimit);
  return (packet) => {
    const levels = packet.topic.split("/");
    // Below `<channel>/` without a gateway stand the commands to nodes, and below other levels protobuf.
    if (levels.at(-3) !== "json" || levels.at(-1) === "") return nothing;
    const payload = readJsonObject(packet.payload);
    if (payload === null) return nothing;
    if (typeof payload === "string") return reject(payload);
    const type = payload["type"];
    if (typeof type !== "string") return reject(`type: ${quote(type)}; a mesh packet names its type`);
    if (type !== "position") return nothing;
    const result = readPosition(packet, payload, levels.at(-1) as string);
    if (result === null) return nothing;
    if (typeof result === "string" || !isCopy(seen, result.device, payload["id"], packet.topic)) {
      return outcome(result);
    }
    return nothing;
  };
}

/**
 * True for a packet that another gateway has already brought. On the same topic it is no copy but the same message sent
 * again because its first try was not acknowledged.
 */
function isCopy(seen: BoundedMap<string, string>, device: string, id: unknown, topic: string): boolean {
  const number = readNumber(id);
  if (number === undefined || !Number.isFinite(number)) return false;
  const key = `${device}:${number}`;
  const first = seen.get(key);
  if (first !== undefined) return first !== topic;
  seen.set(key, topic);
  return false;
}

function readPosition(packet: Packet, payload: JsonObject, gateway: string): Reading | string | null {
  const sender = readText(payload["sender"]);
  if (sender !== undefined && gateway[0] === "!" && sender.toLowerCase() !== gateway.toLowerCase()) {
    return `sender: ${quote(sender)} is not the gateway ${quote(gateway)} of the topic`;
  }
  const device = nodeId(payload["from"]);
  if (device === null) return `from: ${quote(payload["from"])} is not a node's number`;
  const body = payload["payload"];
  if (!isObject(body)) return `payload: ${quote(body)}; a position is an object`;
  if (hasNoFix(body)) return null;
  const values: Values = {};
  const problem =
    requirePosition(body, position, values, "payload.") ?? readFields(body, fields, values, "payload.");
  if (problem !== null) return problem;
  // Conversion rounds to a millionth, which is 11 cm here.
  values["lat"] = Number(body["latitude_i"]) / unitsPerDegree;
  values["lon"] = Number(body["longitude_i"]) / unitsPerDegree;
  const time = timeOf(packet, payload, body);
  return typeof time === "string" ? time : { domain: "gps", device, time, values };
}

/** `!` and eight hex digits, null if the number is none of a node (0 is nobody, all ones is everybody). */
function nodeId(raw: unknown): string | null {
  const number = readNumber(raw);
  if (number === undefined || !Number.isInteger(number)) return null;
  if (number < minNode || number > maxNode || number === 0 || number === -1) return null;
  return `!${(number >>> 0).toString(16).padStart(8, "0")}`;
}

/** The firmware writes 0 for coordinates that it does not have, and leaves out a count of satellites that is 0. */
function hasNoFix(body: JsonObject): boolean {
  const lat = readNumber(body["latitude_i"]);
  const lon = readNumber(body["longitude_i"]);
  if (lat === undefined && lon === undefined) return true;
  return lat === 0 && lon === 0 && (readNumber(body["sats_in_view"]) ?? 0) === 0;
}

/** The fix's own time, else when it was sent (both in the position), else when the gateway heard it. */
function timeOf(packet: Packet, payload: JsonObject, body: JsonObject): number | string {
  for (const name of ["time", "timestamp"]) {
    if (readNumber(body[name]) !== undefined) {
      return observedAtSeconds(body[name], `payload.${name}`, packet.receivedAt, null);
    }
  }
  return observedAtSeconds(payload["timestamp"], "timestamp", packet.receivedAt, null);
}
