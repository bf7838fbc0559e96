import type { Packet } from "../model/packet.ts";
import type { Reading, Values } from "../model/reading.ts";
import { numberField, readFields, readText } from "./fields.ts";
import type { Format, FormatSettings } from "./format.ts";
import { isObject, type JsonObject, readJsonObject } from "./json-payload.ts";
import { nothing, outcomes, quote, reject } from "./outcome.ts";
import { isNullIsland, positionFields, requirePosition } from "./position.ts";
import { observedAt } from "./time.ts";
import { compileTopicPattern, type Layout, patternProblem } from "./topic-pattern.ts";

/** Most records in one message; devices send one. */
const maxRecords = 1_000;

const position = positionFields("lat", "lng");

// Names of Codec JSON; the numbers are AVL ids: 16 total odometer (m), 113 battery level (%), 182 HDOP in tenths. 66 and
// 67 are the millivolts of the tracker's own supply, so no energy.
const fields = [
  numberField("alt", "altM"),
  numberField("ang", "courseDeg"),
  numberField("sp", "speedKmh"),
  numberField("sat", "satellites"),
  numberField("16", "odometerM"),
  numberField("113", "batteryPct"),
  numberField("182", "hdop", 0.1),
];

const layout: Layout = { variables: new Map([["imei", "id"]]), example: "fleet/{imei}/data", hasTail: false };

/**
 * Teltonika trackers with Codec JSON: `<imei>/data`, often below a prefix. A record is the `reported` state of an AWS
 * device shadow; stored records arrive late and unsorted. `<imei>/commands` goes to the device.
 * Where the data topic was changed in the tracker, `topicPattern` says how: `fleet/{imei}/up`.
 * Source: wiki.teltonika-gps.com, "Codec JSON" and the AVL id lists.
 */
export const teltonika: Format = {
  name: "teltonika",
  title: "Teltonika trackers (Codec JSON)",
  topics: ["teltonika/+/data", "teltonika/+/commands", "#/+/data", "#/+/commands"],
  create({ topicPattern }: FormatSettings) {
    const readImei = topicPattern === undefined ? usualImei : patternImei(topicPattern);
    return (packet) => {
      const { topic } = packet;
      if (topicPattern === undefined && !topic.endsWith("/data")) return nothing;
      const payload = readJsonObject(packet.payload);
      if (payload === null) return nothing;
      if (typeof payload === "string") return reject(payload);
      const imei = readImei(topic);
      if (imei === null) return reject(patternProblem(topic, topicPattern));
      if (!isImei(imei)) return reject(`topic: ${quote(imei)} is no IMEI; Teltonika sends to <imei>/data`);
      return readShadow(packet, imei, payload);
    };
  },
};

function usualImei(topic: string): string {
  const end = topic.length - "/data".length;
  return topic.slice(topic.lastIndexOf("/", end - 1) + 1, end);
}

function patternImei(pattern: string): (topic: string) => string | null {
  const read = compileTopicPattern(pattern, layout);
  return (topic) => read(topic)?.device ?? null;
}

/** Fifteen digits (3GPP TS 23.003, 6.2.1); some devices leave out the check digit or add the software version. */
function isImei(text: string): boolean {
  return /^\d{14,17}$/.test(text);
}

function readShadow(packet: Packet, imei: string, payload: JsonObject) {
  const state = payload["state"];
  if (!isObject(state)) {
    // Answers to commands come on the same topic.
    if (payload["RSP"] !== undefined) return nothing;
    return reject(`state: ${quote(state)}; Codec JSON sends {"state":{"reported":{…}}}`);
  }
  const reported = state["reported"];
  if (reported === undefined || reported === null) return nothing;
  const records: readonly unknown[] = Array.isArray(reported) ? reported : [reported];
  if (records.length > maxRecords) {
    return reject(`state.reported: ${records.length} records; send at most ${maxRecords} in one message`);
  }
  const results: (Reading | string)[] = [];
  for (const [at, record] of records.entries()) {
    const path = Array.isArray(reported) ? `state.reported.${at}.` : "state.reported.";
    const result = isObject(record)
      ? readRecord(packet, imei, record, path)
      : `${path.slice(0, -1)}: ${quote(record)}; an object is expected`;
    if (result !== null) results.push(result);
  }
  return outcomes(results);
}

function readRecord(packet: Packet, imei: string, record: JsonObject, path: string): Reading | string | null {
  const claimed = readText(record["imei"]);
  if (claimed !== undefined && claimed !== imei) {
    return `${path}imei: ${quote(claimed)} is not the ${quote(imei)} of the topic`;
  }
  const latlng = record["latlng"];
  if (latlng === undefined || latlng === null || latlng === "") return null;
  const values: Values = {};
  const problem = setPosition(latlng, values, path) ?? readFields(record, fields, values, path);
  if (problem !== null) return problem;
  if (isNullIsland(values)) return null;
  const time = observedAt(record["ts"], `${path}ts`, packet.receivedAt, null);
  return typeof time === "string" ? time : { domain: "gps", device: imei, time, values };
}

/** `"55.662001,12.590450"`: latitude, longitude. */
function setPosition(latlng: unknown, values: Values, path: string): string | null {
  const comma = typeof latlng === "string" ? latlng.indexOf(",") : -1;
  if (typeof latlng !== "string" || comma === -1 || latlng.includes(",", comma + 1)) {
    return `${path}latlng: ${quote(latlng)} is not "latitude,longitude"`;
  }
  const parts = { lat: latlng.slice(0, comma), lng: latlng.slice(comma + 1) };
  return requirePosition(parts, position, values, `${path}latlng.`);
}
