import type { Packet } from "../model/packet.ts";
import type { Reading, Values } from "../model/reading.ts";
import { readId, readText } from "./fields.ts";
import type { Format, FormatSettings } from "./format.ts";
import { isHostileName, isObject, type JsonObject, readJson } from "./json-payload.ts";
import { makeReading, nothing, outcomes, quote, reject } from "./outcome.ts";
import {
  type Call,
  delayOf,
  deviceOf,
  isTrue,
  listIn,
  plain,
  readCall,
  setJourney,
  setLocation,
  type Wall,
} from "./siri-calls.ts";
import { observedAt } from "./time.ts";
import { type TimeZone, timeZone } from "./timezone.ts";

/** Most journeys in one message. */
const maxJourneys = 5_000;

/** Most calls of one journey. */
const maxCalls = 500;

/** Vehicle monitoring, stop monitoring, estimated timetable. */
type Service = "vm" | "sm" | "et";

/** A VehicleActivity, MonitoredStopVisit or EstimatedVehicleJourney. */
interface Entry {
  readonly service: Service;
  readonly source: unknown;
  readonly path: string;
  /** Time of the frame or response around it, for entries without one of their own. */
  readonly outerTime: unknown;
}

/** What holds entries, from the outside in; each may be an object or a list of them. */
const containers = [
  "Siri",
  "ServiceDelivery",
  "VehicleMonitoringDelivery",
  "StopMonitoringDelivery",
  "EstimatedTimetableDelivery",
  "EstimatedJourneyVersionFrame",
] as const;

const entryNames: ReadonlyMap<string, Service> = new Map([
  ["VehicleActivity", "vm"],
  ["MonitoredStopVisit", "sm"],
  ["EstimatedVehicleJourney", "et"],
]);

/**
 * SIRI-Lite, the JSON of SIRI's vehicle monitoring, stop monitoring and estimated timetable: the whole delivery, a part of
 * it, a bare list of visits or one visit. A vehicle gives a position, a call at a stop a prediction in the stop's channel.
 * Cancelled calls predict nothing. Sources: CEN SIRI 2.1 XSDs; feeds of Ruter, 511.org, IDFM and ITS Factory.
 */
export const siriLite: Format = {
  name: "siri-lite",
  title: "SIRI-Lite (transit, JSON)",
  topics: ["siri/#", "/siri/#", "siri-lite/#"],
  create(settings: FormatSettings) {
    const zone = settings.timezone === undefined ? null : timeZone(settings.timezone);
    return (packet) => {
      const json = readJson(packet.payload);
      if (json === null) return nothing;
      if (typeof json === "string") return reject(json);
      const entries = findEntries(json.value, packet.topic);
      if (typeof entries === "string") return reject(entries);
      const results: (Reading | string)[] = [];
      for (const entry of entries) readEntry(packet, entry, zone, results);
      return outcomes(results);
    };
  },
};

function findEntries(value: unknown, topic: string): readonly Entry[] | string {
  const entries: Entry[] = [];
  if (Array.isArray(value)) {
    for (const [at, source] of value.slice(0, maxJourneys + 1).entries()) {
      if (isObject(source) && !isEntry(source)) collect(source, `${at}.`, undefined, entries);
      else entries.push({ service: serviceOf(source, topic), source, path: `${at}.`, outerTime: undefined });
    }
  } else if (!isObject(value)) {
    return `payload: a SIRI delivery or a list of visits is expected, not ${quote(value)}`;
  } else if (isEntry(value)) {
    entries.push({ service: serviceOf(value, topic), source: value, path: "", outerTime: undefined });
  } else if (!collect(value, "", undefined, entries)) {
    return "payload: no SIRI delivery in it; send Siri.ServiceDelivery or a list of visits";
  }
  if (entries.length <= maxJourneys) return entries;
  return `payload: more than ${maxJourneys} journeys; split the message`;
}

/** True for a visit or activity by itself, without the delivery around it. */
function isEntry(source: JsonObject): boolean {
  return source["MonitoredVehicleJourney"] !== undefined || source["EstimatedCalls"] !== undefined;
}

/** What an entry without its delivery is; the topic tells best (`siri/vm/…`). */
function serviceOf(source: unknown, topic: string): Service {
  if (!isObject(source)) return "sm";
  if (source["MonitoredVehicleJourney"] === undefined) return "et";
  if (hasLevel(topic, "vm")) return "vm";
  if (hasLevel(topic, "sm") || source["MonitoringRef"] !== undefined) return "sm";
  const journey = source["MonitoredVehicleJourney"];
  return isObject(journey) && journey["VehicleLocation"] !== undefined ? "vm" : "sm";
}

function hasLevel(topic: string, level: string): boolean {
  return `/${topic}/`.includes(`/${level}/`);
}

/** Walks down the containers; false if there is none here and no entry. */
function collect(node: JsonObject, path: string, outerTime: unknown, entries: Entry[]): boolean {
  let isSiri = false;
  const time = plain(node["RecordedAtTime"]) ?? plain(node["ResponseTimestamp"]) ?? outerTime;
  for (const name of containers) {
    const inner = node[name];
    if (inner === undefined) continue;
    isSiri = true;
    for (const [at, one] of asList(inner).entries()) {
      if (isObject(one))
        collect(one, `${path}${name}.${Array.isArray(inner) ? `${at}.` : ""}`, time, entries);
    }
  }
  for (const [name, service] of entryNames) {
    const inner = node[name];
    if (inner === undefined) continue;
    isSiri = true;
    for (const [at, source] of asList(inner).entries()) {
      if (entries.length > maxJourneys) return true;
      const entryPath = `${path}${name}.${Array.isArray(inner) ? `${at}.` : ""}`;
      entries.push({ service, source, path: entryPath, outerTime: time });
    }
  }
  return isSiri;
}

function asList(raw: unknown): readonly unknown[] {
  if (Array.isArray(raw)) return raw;
  return raw === null || raw === "" ? [] : [raw];
}

/** A journey whose entry has been opened. */
interface Journey {
  readonly source: JsonObject;
  readonly path: string;
  readonly device: string | undefined;
  readonly time: number | string;
  readonly wall: Wall;
}

function readEntry(packet: Packet, entry: Entry, zone: TimeZone | null, results: (Reading | string)[]): void {
  const { source, service } = entry;
  const inner = isObject(source) ? (service === "et" ? source : source["MonitoredVehicleJourney"]) : source;
  const path = service === "et" || !isObject(source) ? entry.path : `${entry.path}MonitoredVehicleJourney.`;
  if (!isObject(source) || !isObject(inner)) {
    results.push(`${path.slice(0, -1)}: ${quote(inner)}; a journey is expected`);
    return;
  }
  const recorded = plain(source["RecordedAtTime"]);
  const hasTime = recorded !== undefined && recorded !== null && recorded !== "";
  const time = observedAt(
    hasTime ? recorded : entry.outerTime,
    `${entry.path}RecordedAtTime`,
    packet.receivedAt,
    zone,
  );
  const journey = {
    source: inner,
    path,
    device: deviceOf(inner),
    time,
    wall: { zone, near: packet.receivedAt },
  };
  if (service === "vm") readActivity(journey, results);
  else if (service === "sm") readVisit(journey, source["MonitoringRef"], results);
  readCalls(journey, service === "et" ? "EstimatedCall" : "OnwardCall", results);
}

/** The position of a vehicle, with its current or next call. */
function readActivity(journey: Journey, results: (Reading | string)[]): void {
  const call = monitoredCall(journey);
  const values: Values = call?.values ?? {};
  values["event"] = "position";
  if (call?.stopId) values[call.isAtStop ? "stopId" : "nextStopId"] = call.stopId;
  const { problem, isFatal } = setLocation(journey.source, values, journey.path);
  setJourney(journey.source, values);
  setDelay(journey, values);
  const hasPlace = values["lat"] !== undefined;
  if (isFatal || (problem !== null && !hasPlace && !isPlaced(values))) results.push(problem as string);
  else if (hasPlace || isPlaced(values)) results.push(makeJourneyReading(journey, undefined, values));
}

function isPlaced(values: Values): boolean {
  return (
    values["delayS"] !== undefined || values["stopId"] !== undefined || values["nextStopId"] !== undefined
  );
}

/** What a display at a stop shows: one vehicle's call there. */
function readVisit(journey: Journey, monitoringRef: unknown, results: (Reading | string)[]): void {
  const call = monitoredCall(journey);
  if (call === null || call.isCancelled) return;
  const { values } = call;
  values["event"] = "prediction";
  const { problem, isFatal } = setLocation(journey.source, values, journey.path);
  if (isFatal) {
    results.push(problem as string);
    return;
  }
  setJourney(journey.source, values);
  setDelay(journey, values);
  if (!call.hasTimes && values["delayS"] === undefined) return;
  const rawStop = readText(plain(monitoringRef));
  const stopId = call.stopId === undefined ? rawStop : call.stopId;
  results.push(makePrediction(journey, stopId, `${journey.path}MonitoredCall.`, values));
}

/** The call that a monitored journey is at or comes to next; null where none is told or the journey is cancelled. */
function monitoredCall(journey: Journey): Call | null {
  if (isTrue(journey.source["Cancellation"])) return null;
  const call = plain(journey.source["MonitoredCall"]);
  return isObject(call) ? readCall(call, journey.wall) : null;
}

function setDelay(journey: Journey, values: Values): void {
  const delayS = delayOf(journey.source, values);
  if (delayS !== undefined) values["delayS"] = delayS;
}

/** The later calls of a monitored journey, or all calls to come of an estimated one. */
function readCalls(journey: Journey, name: string, results: (Reading | string)[]): void {
  if (isTrue(journey.source["Cancellation"])) return;
  const calls = listIn(journey.source[`${name}s`], name);
  if (calls.length > maxCalls) {
    results.push(`${journey.path}${name}s: ${calls.length} calls; send at most ${maxCalls} of a journey`);
    return;
  }
  const common: Values = { event: "prediction" };
  setJourney(journey.source, common);
  for (const [at, source] of calls.entries()) {
    if (!isObject(source)) continue;
    const call = readCall(source, journey.wall);
    if (!call.hasTimes) continue;
    const path = `${journey.path}${name}s.${name}.${at}.`;
    results.push(makePrediction(journey, call.stopId, path, { ...common, ...call.values }));
  }
}

function makePrediction(
  journey: Journey,
  rawStop: string | undefined | null,
  path: string,
  values: Values,
): Reading | string {
  const stopId = readId(rawStop);
  if (stopId === undefined) return `${path}StopPointRef: missing or reserved; a prediction needs its stop`;
  values["stopId"] = stopId;
  return makeJourneyReading(journey, stopId, values);
}

function makeJourneyReading(
  { device, time, path }: Journey,
  channel: string | undefined,
  values: Values,
): Reading | string {
  if (device === undefined || isHostileName(device)) {
    return `${path}VehicleRef: ${quote(device)}; a vehicle or a DatedVehicleJourneyRef is needed`;
  }
  return typeof time === "string" ? time : makeReading("transit", device, channel, time, values);
}
