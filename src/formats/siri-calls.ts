import type { Values } from "../model/reading.ts";
import { readDurationS } from "./duration.ts";
import { isInfinite, numberField, readId, readText, setField } from "./fields.ts";
import { isObject, type JsonObject } from "./json-payload.ts";
import { positionFields, requirePosition } from "./position.ts";
import { readOperatingDay, readStopTime, setStopTimes } from "./stop-times.ts";
import { anyZone, type TimeZone } from "./timezone.ts";

/** How to read times without an offset, and what they are close to. */
export interface Wall {
  readonly zone: TimeZone | null;
  readonly near: number;
}

/** A value without its wrapping: `["B63"]` and `[{"value":"B63"}]` are B63. */
export function plain(raw: unknown): unknown {
  if (typeof raw !== "object") return raw;
  const first = Array.isArray(raw) ? raw[0] : raw;
  return isObject(first) && "value" in first ? first["value"] : first;
}

/** The object in a place where some send a list of one. */
function objectIn(raw: unknown): JsonObject | null {
  const first = Array.isArray(raw) ? raw[0] : raw;
  return isObject(first) ? first : null;
}

/** A list where some send its only item: `{"OnwardCall":[…]}`, `{"OnwardCall":{…}}` and `[…]`. */
export function listIn(raw: unknown, name: string): readonly unknown[] {
  const inner = isObject(raw) && name in raw ? raw[name] : raw;
  if (Array.isArray(inner)) return inner;
  return isObject(inner) && Object.keys(inner).length > 0 ? [inner] : [];
}

/** The vehicle; where none is told (Paris never does), the journey that it runs. */
export function deviceOf(journey: JsonObject): string | undefined {
  return readText(plain(journey["VehicleRef"])) ?? tripOf(journey);
}

function tripOf(journey: JsonObject): string | undefined {
  const framed = objectIn(journey["FramedVehicleJourneyRef"]);
  return (
    readText(plain(framed?.["DatedVehicleJourneyRef"])) ??
    readText(plain(journey["DatedVehicleJourneyRef"])) ??
    readText(plain(journey["VehicleJourneyRef"]))
  );
}

/** Sets what a journey says of itself. SIRI's DirectionRef is the operator's own word, so no GTFS direction. */
export function setJourney(journey: JsonObject, values: Values): void {
  const routeId = readText(plain(journey["LineRef"]));
  const tripId = tripOf(journey);
  const day = readOperatingDay(plain(objectIn(journey["FramedVehicleJourneyRef"])?.["DataFrameRef"]));
  if (routeId !== undefined) values["routeId"] = routeId;
  if (tripId !== undefined) values["tripId"] = tripId;
  if (day !== undefined) values["operatingDay"] = day;
}

const position = positionFields("Latitude", "Longitude");
// Metres per second (siri_location.xsd, VelocityType).
const motion = [numberField("Bearing", "courseDeg"), numberField("Velocity", "speedKmh", 3.6)];

/** Sets position, course and speed. Says why a position that is there is no good, and whether that spoils the whole journey. */
export function setLocation(
  journey: JsonObject,
  values: Values,
  path: string,
): { readonly problem: string | null; readonly isFatal: boolean } {
  for (const field of motion) {
    const problem = setField(plain(journey[field.from]), field, values, path);
    if (problem !== null) return { problem, isFatal: true };
  }
  const location = objectIn(journey["VehicleLocation"]);
  if (location === null) return { problem: null, isFatal: false };
  const place = { Latitude: plain(location["Latitude"]), Longitude: plain(location["Longitude"]) };
  if (isAbsent(place.Latitude) && isAbsent(place.Longitude)) return { problem: null, isFatal: false };
  const problem = requirePosition(place, position, values, `${path}VehicleLocation.`);
  return { problem, isFatal: isInfinite(place.Latitude) || isInfinite(place.Longitude) };
}

function isAbsent(raw: unknown): boolean {
  return raw === undefined || raw === null || raw === "";
}

/** A stop that a journey calls at. */
export interface Call {
  /** `undefined` where none is told, null for a name that cannot be one. */
  readonly stopId: string | undefined | null;
  readonly isAtStop: boolean;
  readonly isCancelled: boolean;
  /** True if a time is told. */
  readonly hasTimes: boolean;
  /** Times and delays, none of a cancelled arrival or departure; a fresh object, for the reader to add to. */
  readonly values: Values;
}

/** Reads a MonitoredCall, OnwardCall or EstimatedCall. */
export function readCall(call: JsonObject, wall: Wall): Call {
  const values: Values = {};
  const arrivalStatus = readText(plain(call["ArrivalStatus"]));
  const departureStatus = readText(plain(call["DepartureStatus"]));
  // "If not specified, same as DepartureStatus" (siri_journey.xsd, ArrivalStatus); the last stop has only an arrival.
  const isDead = isTrue(call["Cancellation"]);
  const hasArrival = !isDead && !isCancelled(arrivalStatus ?? departureStatus);
  const hasDeparture = !isDead && !isCancelled(departureStatus ?? arrivalStatus);
  let hasTimes = hasArrival && setTimes(call, "arrival", wall, values);
  if (hasDeparture && setTimes(call, "departure", wall, values)) hasTimes = true;
  const rawStop = readText(plain(call["StopPointRef"]));
  return {
    stopId: rawStop === undefined ? undefined : (readId(rawStop) ?? null),
    isAtStop: isTrue(call["VehicleAtStop"]),
    isCancelled: !hasArrival && !hasDeparture,
    hasTimes,
    values,
  };
}

function isCancelled(status: string | undefined): boolean {
  return status?.toLowerCase() === "cancelled";
}

/** True for true and for "true"; SIRI-Lite bridges from XML write text. */
export function isTrue(raw: unknown): boolean {
  const value = plain(raw);
  return value === true || value === "true";
}

/** SIRI's names for the times of each end of a call. */
const timeNames = {
  arrival: { aimed: "AimedArrivalTime", expected: "ExpectedArrivalTime", actual: "ActualArrivalTime" },
  departure: {
    aimed: "AimedDepartureTime",
    expected: "ExpectedDepartureTime",
    actual: "ActualDepartureTime",
  },
} as const;

function setTimes(
  call: JsonObject,
  end: "arrival" | "departure",
  { zone, near }: Wall,
  values: Values,
): boolean {
  const names = timeNames[end];
  const scheduled = readStopTime(plain(call[names.aimed]), zone, near);
  const expected = readStopTime(plain(call[names.expected]), zone, near);
  const actual = expected ?? readStopTime(plain(call[names.actual]), zone, near);
  const isKnown = scheduled !== undefined || actual !== undefined;
  const delayS = isKnown || zone !== null ? delayBetween(scheduled, actual) : wallDelay(call, names, near);
  setStopTimes(values, end, { scheduled, expected, delayS });
  return scheduled !== undefined || expected !== undefined || (!isKnown && delayS !== undefined);
}

function delayBetween(scheduled: number | undefined, actual: number | undefined): number | undefined {
  return scheduled !== undefined && actual !== undefined ? (actual - scheduled) / 1000 : undefined;
}

/** Two wall-clock times of one unknown zone still are so far apart. */
function wallDelay(
  call: JsonObject,
  names: (typeof timeNames)["arrival" | "departure"],
  near: number,
): number | undefined {
  const scheduled = readStopTime(plain(call[names.aimed]), anyZone, near);
  if (scheduled === undefined) return undefined;
  const actual =
    readStopTime(plain(call[names.expected]), anyZone, near) ??
    readStopTime(plain(call[names.actual]), anyZone, near);
  return delayBetween(scheduled, actual);
}

/** The journey's Delay (an ISO 8601 duration, or seconds), else what the call's times say. */
export function delayOf(journey: JsonObject, call: Values): number | undefined {
  const derived = call["arrivalDelayS"] ?? call["departureDelayS"];
  return readDurationS(plain(journey["Delay"])) ?? (typeof derived === "number" ? derived : undefined);
}
