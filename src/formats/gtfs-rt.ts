import type { Packet } from "../model/packet.ts";
import type { Reading, Values } from "../model/reading.ts";
import { fieldProblem, numberField, readFields, readId, readText, readValue } from "./fields.ts";
import type { Format } from "./format.ts";
import { readAlert } from "./gtfs-rt-alert.ts";
import { deadTrips, feedMessage, stoppedAt, unpredictedStops } from "./gtfs-rt-messages.ts";
import { isObject, type JsonObject } from "./json-payload.ts";
import { makeReading, nothing, outcomes, quote, reject } from "./outcome.ts";
import { positionFields, requirePosition } from "./position.ts";
import { readProto } from "./protobuf.ts";
import { readOperatingDay, readStopTime, setStopTimes } from "./stop-times.ts";
import { observedAt } from "./time.ts";

/** Most entities in one message. */
const maxEntities = 10_000;

const position = positionFields("latitude", "longitude");
const motion = [numberField("bearing", "courseDeg"), numberField("speed", "speedKmh", 3.6)];
const direction = [numberField("direction_id", "directionId")];
const tripDelay = numberField("delay", "delayS");

/** What all entities of a packet share. */
interface Feed {
  readonly packet: Packet;
  /** When the feed was made, POSIX seconds; for entities without a time of their own. */
  readonly timestamp: unknown;
}

/**
 * GTFS-Realtime feeds in protobuf, whole or one entity a message as Digitransit publishes them
 * (`/gtfsrt/vp/<feed>/…/<start_time>/<vehicle>/…`). A vehicle is a position, a trip update one prediction per stop, an alert
 * a reading of `alert/<id>` whose text stands in `attrs`. Source: google/transit, gtfs-realtime/spec and proto.
 */
export const gtfsRt: Format = {
  name: "gtfs-rt",
  title: "GTFS-Realtime (protobuf)",
  topics: ["/gtfsrt/#", "gtfsrt/#", "/gtfs-rt/#", "gtfs-rt/#"],
  create() {
    return (packet) => {
      if (packet.payload.length === 0) return nothing;
      const message = readProto(packet.payload, feedMessage);
      if (typeof message === "string") return reject(message);
      const header = objectOf(message["header"]);
      if (header === null) return reject("header: missing; a GTFS-Realtime FeedMessage is expected");
      const entities = listOf(message["entity"]);
      if (entities.length > maxEntities) {
        return reject(`entity: ${entities.length} entities; send at most ${maxEntities} in one message`);
      }
      const feed = { packet, timestamp: timestampOf(header) };
      const results: (Reading | string)[] = [];
      for (const [at, entity] of entities.entries()) {
        if (entity["is_deleted"] !== true) readEntity(feed, entity, `entity.${at}.`, results);
      }
      return outcomes(results);
    };
  },
};

function objectOf(raw: unknown): JsonObject | null {
  return isObject(raw) ? raw : null;
}

function listOf(raw: unknown): readonly JsonObject[] {
  return Array.isArray(raw) ? (raw as readonly JsonObject[]) : [];
}

/** Producers that always write the field write 0 for "unknown". */
function timestampOf(source: JsonObject): unknown {
  return source["timestamp"] === 0 ? undefined : source["timestamp"];
}

function readEntity(feed: Feed, entity: JsonObject, path: string, results: (Reading | string)[]): void {
  const vehicle = objectOf(entity["vehicle"]);
  const update = objectOf(entity["trip_update"]);
  const alert = objectOf(entity["alert"]);
  if (vehicle !== null) {
    const result = readVehicle(feed, entity, vehicle, `${path}vehicle.`);
    if (result !== null) results.push(result);
  }
  if (update !== null) readTripUpdate(feed, entity, update, `${path}trip_update.`, results);
  if (alert !== null) {
    const time = timeOf(feed, {}, path);
    results.push(typeof time === "string" ? time : readAlert(entity["id"], alert, time, path));
  }
}

function readVehicle(
  feed: Feed,
  entity: JsonObject,
  vehicle: JsonObject,
  path: string,
): Reading | string | null {
  const device = deviceOf(entity, vehicle);
  if (device === null) return `${path}vehicle.id: ${quote(vehicleId(vehicle))} cannot be a device id`;
  const mismatch = vehicleMismatch(feed.packet.topic, vehicleId(vehicle));
  if (mismatch !== null) return `${path}${mismatch}`;
  const values: Values = { event: "position" };
  const place = objectOf(vehicle["position"]);
  if (place !== null) {
    const inner = `${path}position.`;
    const problem =
      requirePosition(place, position, values, inner) ??
      nanProblem(place, inner) ??
      readFields(place, motion, values, inner);
    if (problem !== null) return problem;
  }
  setTrip(vehicle, values);
  const stopId = readText(vehicle["stop_id"]);
  if (stopId !== undefined)
    values[vehicle["current_status"] === stoppedAt ? "stopId" : "nextStopId"] = stopId;
  if (place === null && stopId === undefined) return null;
  const time = timeOf(feed, vehicle, path);
  return typeof time === "string" ? time : makeReading("transit", device, undefined, time, values);
}

/** Unlike JSON, protobuf can carry NaN; it makes a message as untrustworthy as an infinite number does (rule 5). */
function nanProblem(place: JsonObject, path: string): string | null {
  const field = motion.find(({ from }) => Number.isNaN(place[from]));
  return field === undefined ? null : fieldProblem(place[field.from], field, path);
}

function vehicleId(source: JsonObject): string | undefined {
  return readText(objectOf(source["vehicle"])?.["id"]);
}

/** Vehicle id, else trip id, else entity id; null for a name that cannot be one. */
function deviceOf(entity: JsonObject, source: JsonObject): string | null {
  const id = vehicleId(source) ?? readText(objectOf(source["trip"])?.["trip_id"]) ?? readText(entity["id"]);
  return readId(id) ?? null;
}

const startTimeLevel = /\/\d\d:\d\d(?::\d\d)?\//;

/**
 * Digitransit's topics have the vehicle after the start time: `…/13:45/TKL_46/61;23/…`. A headsign before them may hold
 * slashes, and so may the vehicle's id.
 */
function vehicleMismatch(topic: string, id: string | undefined): string | null {
  const start = id === undefined ? null : startTimeLevel.exec(topic);
  if (start === null) return null;
  const rest = `${topic.slice(start.index + start[0].length)}/`;
  if (rest.startsWith("/") || rest.startsWith(`${id}/`)) return null;
  return `vehicle.id: ${quote(id)} is not the vehicle of the topic, ${quote(rest.slice(0, rest.indexOf("/")))}`;
}

function setTrip(source: JsonObject, values: Values): void {
  const trip = objectOf(source["trip"]);
  if (trip === null) return;
  setText(values, "routeId", trip["route_id"]);
  setText(values, "tripId", trip["trip_id"]);
  // Times past midnight are written on as 25:30:00.
  setText(values, "startTime", trip["start_time"]);
  setText(values, "operatingDay", readOperatingDay(trip["start_date"]));
  readFields(trip, direction, values);
}

function setText(values: Values, name: string, raw: unknown): void {
  const text = readText(raw);
  if (text !== undefined) values[name] = text;
}

function timeOf(feed: Feed, source: JsonObject, path: string): number | string {
  const own = timestampOf(source);
  const name = own === undefined ? "header.timestamp" : `${path}timestamp`;
  return observedAt(own ?? feed.timestamp, name, feed.packet.receivedAt, null);
}

function readTripUpdate(
  feed: Feed,
  entity: JsonObject,
  update: JsonObject,
  path: string,
  results: (Reading | string)[],
): void {
  if (deadTrips.has(objectOf(update["trip"])?.["schedule_relationship"])) return;
  const device = deviceOf(entity, update);
  const time = timeOf(feed, update, path);
  if (device === null) results.push(`${path}vehicle.id: missing or reserved, and so are trip and entity id`);
  else if (typeof time === "string") results.push(time);
  else {
    const common: Values = { event: "prediction" };
    setTrip(update, common);
    const delayS = readValue(update["delay"], tripDelay);
    if (delayS !== undefined) {
      results.push(makeReading("transit", device, undefined, time, { ...common, delayS }));
    }
    for (const [at, stop] of listOf(update["stop_time_update"]).entries()) {
      const result = readStop(device, time, common, stop, `${path}stop_time_update.${at}.`);
      if (result !== null) results.push(result);
    }
  }
}

/** One prediction; null where nothing is predicted. */
function readStop(
  device: string,
  time: number,
  common: Values,
  stop: JsonObject,
  path: string,
): Reading | string | null {
  if (unpredictedStops.has(stop["schedule_relationship"])) return null;
  const values: Values = { ...common };
  const isArrival = setEvent(stop["arrival"], "arrival", values);
  const isDeparture = setEvent(stop["departure"], "departure", values);
  if (!isArrival && !isDeparture) return null;
  const rawStop = readText(stop["stop_id"]);
  const stopId = readId(rawStop);
  if (stopId !== undefined) {
    values["stopId"] = stopId;
    return makeReading("transit", device, stopId, time, values);
  }
  const hasDelay = values["arrivalDelayS"] !== undefined || values["departureDelayS"] !== undefined;
  const sequence = readText(stop["stop_sequence"]);
  // Without the timetable a stop's number in its trip is no stop, but it tells the predictions apart.
  if (rawStop === undefined && hasDelay && sequence !== undefined) {
    return makeReading("transit", device, sequence, time, values);
  }
  return `${path}stop_id: ${quote(rawStop)}; a prediction needs its stop`;
}

/** Sets an arrival or departure; false if it says neither a time nor a delay. A time counts more than a delay. */
function setEvent(raw: unknown, end: "arrival" | "departure", values: Values): boolean {
  const event = objectOf(raw);
  if (event === null) return false;
  const scheduled = readStopTime(event["scheduled_time"], null, 0);
  const delayS = readValue(event["delay"], tripDelay);
  const late = scheduled !== undefined && delayS !== undefined ? scheduled + delayS * 1000 : undefined;
  const expected = readStopTime(event["time"], null, 0) ?? late;
  if (expected === undefined && delayS === undefined) return false;
  setStopTimes(values, end, { scheduled, expected, delayS });
  return true;
}
