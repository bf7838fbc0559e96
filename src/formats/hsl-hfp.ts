import type { Packet } from "../model/packet.ts";
import type { Reading, Values } from "../model/reading.ts";
import { numberField, readFields, readNumber, readText } from "./fields.ts";
import type { Format } from "./format.ts";
import { isObject, type JsonObject, readJsonObject } from "./json-payload.ts";
import { nothing, outcome, quote, reject } from "./outcome.ts";
import { positionFields, readPosition } from "./position.ts";
import { observedAt, readTimeText } from "./time.ts";

const position = positionFields("lat", "long");

const fields = [
  numberField("spd", "speedKmh", 3.6),
  numberField("hdg", "courseDeg"),
  // HFP counts seconds ahead of the timetable, we count seconds of delay.
  numberField("dl", "delayS", -1),
];

/** HFP's event types that are ours. Traffic lights, drivers and blocks (tlr, tla, da, dout, ba, bout) are not. */
const events: ReadonlyMap<string, { readonly key: string; readonly event: string }> = new Map(
  [
    ["vp", "position"],
    ["due", "approach"],
    ["arr", "arriveRadius"],
    ["ars", "arrive"],
    ["pde", "ready"],
    ["dep", "depart"],
    ["pas", "pass"],
    ["wait", "wait"],
    ["doo", "doorsOpen"],
    ["doc", "doorsClosed"],
    ["vja", "journeyStart"],
    ["vjout", "journeyEnd"],
  ].map(([type, event]) => [type as string, { key: (type as string).toUpperCase(), event: event as string }]),
);

/**
 * Helsinki's High-Frequency Positioning, versions 1 and 2:
 * `/hfp/<version>/<journey_type>/<temporal_type>/[<event_type>/]<mode>/<operator>/<vehicle>/<route>/<direction>/…`.
 * Messages about a vehicle's upcoming journey repeat its position under a journey that has not begun: no reading.
 * Source: digitransit.fi, "High-frequency positioning".
 */
export const hslHfp: Format = {
  name: "hsl-hfp",
  title: "HSL high-frequency positioning (Helsinki transit)",
  topics: ["/hfp/#", "hfp/#"],
  create() {
    return (packet) => {
      const topic = readTopic(packet.topic);
      const known = topic === null ? undefined : events.get(topic.eventType);
      if (topic === null || topic.temporalType === "upcoming" || known === undefined) return nothing;
      const payload = readJsonObject(packet.payload);
      if (payload === null) return nothing;
      if (typeof payload === "string") return reject(payload);
      const body = payload[known.key];
      if (!isObject(body)) return reject(`${known.key}: ${quote(body)}; the topic announces this object`);
      const result = readEvent(packet, topic, known.key, known.event, body);
      return result === null ? nothing : outcome(result);
    };
  },
};

/** The levels of an HFP topic that we use; "" where the topic ends before. */
interface HfpTopic {
  readonly version: string;
  readonly temporalType: string;
  readonly eventType: string;
  readonly operator: string;
  readonly vehicle: string;
  readonly route: string;
  readonly direction: string;
  readonly startTime: string;
  readonly nextStop: string;
}

function readTopic(topic: string): HfpTopic | null {
  const levels = topic.split("/");
  const root = levels[0] === "" ? 1 : 0;
  const version = levels[root + 1] ?? "";
  // Version 1 has no level for the event type: all its messages are positions.
  const mode = version === "v1" ? root + 4 : root + 5;
  const vehicle = levels[mode + 2] ?? "";
  if (vehicle === "" || levels[mode + 1] === "") return null;
  const start = findStartTime(levels, mode + 6);
  return {
    version,
    temporalType: levels[root + 3] as string,
    eventType: version === "v1" ? "vp" : (levels[root + 4] as string),
    operator: levels[mode + 1] as string,
    vehicle,
    route: levels[mode + 3] ?? "",
    direction: levels[mode + 4] ?? "",
    startTime: start === -1 ? "" : (levels[start] as string),
    nextStop: start === -1 ? "" : (levels[start + 1] ?? ""),
  };
}

/** A headsign may hold slashes, so the start time `HH:mm` is found by its form. */
function findStartTime(levels: readonly string[], from: number): number {
  for (let at = from; at < levels.length; at++) {
    const level = levels[at] as string;
    if (level.length === 5 && level[2] === ":") return at;
  }
  return -1;
}

function readEvent(
  packet: Packet,
  topic: HfpTopic,
  key: string,
  event: string,
  body: JsonObject,
): Reading | string | null {
  const mismatch = vehicleMismatch(topic, key, body);
  if (mismatch !== null) return mismatch;
  const values: Values = { event };
  const problem = readFields(body, fields, values, `${key}.`);
  if (problem !== null) return problem;
  const hasPosition = body["loc"] !== "N/A" && readPosition(body, position, values);
  setJourney(topic, body, values);
  if (!hasPosition && values["delayS"] === undefined && values["stopId"] === undefined) return null;
  const hasTst = body["tst"] !== undefined && body["tst"] !== null && body["tst"] !== "";
  const time = observedAt(
    hasTst ? body["tst"] : body["tsi"],
    hasTst ? `${key}.tst` : `${key}.tsi`,
    packet.receivedAt,
    null,
  );
  if (typeof time === "string") return time;
  return { domain: "transit", device: `${topic.operator}/${topic.vehicle}`, time, values };
}

/** The topic pads the vehicle's number with zeros. Version 1's own documented sample disagrees with itself here. */
function vehicleMismatch(topic: HfpTopic, key: string, body: JsonObject): string | null {
  const vehicle = readNumber(body["veh"]);
  if (topic.version === "v1" || vehicle === undefined || vehicle === Number(topic.vehicle)) return null;
  return `${key}.veh: ${quote(body["veh"])} is not the vehicle ${quote(topic.vehicle)} of the topic`;
}

function setJourney(topic: HfpTopic, body: JsonObject, values: Values): void {
  setText(values, "routeId", body["route"], topic.route);
  const direction = readText(body["dir"]) ?? topic.direction;
  // HFP counts directions from 1, GTFS from 0.
  if (direction === "1") values["directionId"] = 0;
  else if (direction === "2") values["directionId"] = 1;
  setText(values, "stopId", body["stop"]);
  // EOL stands after the last stop of the line.
  if (topic.nextStop !== "EOL") setText(values, "nextStopId", topic.nextStop);
  setText(values, "startTime", body["start"], topic.startTime);
  setText(values, "operatingDay", body["oday"]);
  setTime(values, "scheduledArrival", body["ttarr"]);
  setTime(values, "scheduledDeparture", body["ttdep"]);
}

function setText(values: Values, name: string, raw: unknown, fallback?: string): void {
  const text = readText(raw) ?? readText(fallback);
  if (text !== undefined) values[name] = text;
}

function setTime(values: Values, name: string, raw: unknown): void {
  const text = readTimeText(raw, null, 0);
  if (text !== undefined) values[name] = text;
}
