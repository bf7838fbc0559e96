import type { Reading, Values } from "../model/reading.ts";
import { numberField, readText, setField } from "./fields.ts";
import { isObject, type JsonObject } from "./json-payload.ts";
import { positionFields, requirePosition } from "./position.ts";
import { observedAt } from "./time.ts";
import type { Uplink } from "./uplink-object.ts";

/** Most groups of measurements in one uplink, which has at most 242 bytes. */
const maxGroups = 128;
const maxMeasurements = 64;

const position = positionFields("latitude", "longitude");
const battery = numberField("measurementValue", "batteryPct");

/**
 * Reads `messages` of the SenseCAP decoders (Seeed's T1000 and others): a list of measurements, or a list of such lists,
 * each `{"measurementId","type","measurementValue","timestamp"?}`. Ids: 4197 longitude, 4198 latitude, 3000 battery (%).
 * Each inner list is one record with its own time. Source: Seeed's SenseCAP decoders and measurement id list.
 */
export function readSenseCap(
  messages: readonly unknown[],
  uplink: Uplink,
  path: string,
): (Reading | string)[] {
  const isNested = messages.some(Array.isArray);
  const groups: readonly unknown[] = isNested ? messages : [messages];
  const results: (Reading | string)[] = [];
  for (const [at, group] of groups.slice(0, maxGroups).entries()) {
    if (!Array.isArray(group)) continue;
    const result = readGroup(group, uplink, isNested ? `${path}.${at}` : path);
    if (result !== null) results.push(result);
  }
  return results;
}

function readGroup(group: readonly unknown[], uplink: Uplink, path: string): Reading | string | null {
  if (group.length > maxMeasurements) {
    return `${path}: ${group.length} measurements; send at most ${maxMeasurements}`;
  }
  const place: { latitude?: unknown; longitude?: unknown } = {};
  const extra: Values = {};
  let timeRaw: unknown;
  let timePath = "";
  for (const [at, item] of group.entries()) {
    if (!isObject(item)) continue;
    const value = item["measurementValue"];
    const kind = kindOf(item);
    if (kind === "latitude" || kind === "longitude") place[kind] = value;
    else if (kind === "battery") {
      const problem = setField(value, battery, extra, `${path}.${at}.`);
      if (problem !== null) return problem;
    }
    const ownTime = kind === "timestamp" ? value : item["timestamp"];
    if (timeRaw === undefined && ownTime !== undefined && ownTime !== null && ownTime !== "") {
      timeRaw = ownTime;
      timePath = `${path}.${at}.${kind === "timestamp" ? "measurementValue" : "timestamp"}`;
    }
  }
  if (place.latitude === undefined && place.longitude === undefined) return null;
  const values: Values = {};
  const problem = requirePosition({ ...place }, position, values, `${path}.`);
  if (problem !== null) return problem;
  if (values["lat"] === 0 && values["lon"] === 0) return null;
  const time =
    timeRaw === undefined ? uplink.time : observedAt(timeRaw, timePath, uplink.receivedAt, uplink.zone);
  if (typeof time === "string") return time;
  return { domain: "gps", device: uplink.device, time, values: { ...values, ...extra } };
}

const kinds: ReadonlyMap<string, string> = new Map([
  ["4197", "longitude"],
  ["4198", "latitude"],
  ["3000", "battery"],
]);

/** By the measurement's id; some decoders give the type only. */
function kindOf(item: JsonObject): string {
  const id = readText(item["measurementId"]);
  return (id === undefined ? undefined : kinds.get(id)) ?? readText(item["type"])?.toLowerCase() ?? "";
}
