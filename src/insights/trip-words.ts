import { isoTime, type Values } from "../model/reading.ts";
import type { Fix, FixFilter } from "./fixes.ts";
import type { Position } from "./geo.ts";

/** Why a trip ended: it came to a stop, nothing was heard of it, or it was carried off. */
export type TripEnd = "stopped" | "silent" | "jump";

/** A place and when the device was there. */
export interface Spot extends Position {
  readonly time: number;
}

/** The trip under way. */
export interface Trip {
  readonly started: number;
  readonly from: Position;
  distanceM: number;
  maxKmh: number;
}

/** A place that the device has not left by more than `stopRadiusM`. */
export interface Rest extends Spot {
  /** When it was last near. */
  lastTime: number;
  /** The trip's distance when it came here: what is added before it is known to stand is noise. */
  readonly tripM: number;
}

/** Too fast since then. */
export interface Speeding {
  since: number;
  maxKmh: number;
  isTold: boolean;
}

/** A point of the way, with the trip's distance up to there. */
export interface TrailPoint extends Spot {
  readonly tripM: number;
}

/** What is known of a device's way. Times are epoch milliseconds. */
export interface TripFold {
  readonly filter: FixFilter;
  /** Time of the newest position, also of one that was left out. */
  seen: number;
  state: "unknown" | "stopped" | "moving";
  since: number;
  rest: Rest | null;
  /** The first position away from the rest, until a second one says that it has left. */
  away: Fix | null;
  trip: Trip | null;
  /** Up to where the trip's distance is counted. */
  counted: Position | null;
  /** Of all trips that have ended. */
  endedM: number;
  endedTrips: number;
  speeding: Speeding | null;
  /** The last point of the trail that was told, and the newest that may become one. */
  trailEnd: Position | null;
  trailNext: TrailPoint | null;
}

/** Values of `trips/<device>`. */
export function statusOf({ state, since, trip, endedM, endedTrips, filter }: TripFold): Values {
  return {
    state,
    since: isoTime(since),
    tripStart: trip && isoTime(trip.started),
    tripDistanceM: trip && Math.round(trip.distanceM),
    tripMaxKmh: trip && roundedKmh(trip.maxKmh),
    totalDistanceM: Math.round(endedM + (trip?.distanceM ?? 0)),
    totalTrips: endedTrips,
    jumps: filter.jumps,
    inaccurate: filter.inaccurate,
  };
}

/** Values of `trips/<device>/trip`. */
export function tripValues(trip: Trip, end: Spot, reason: TripEnd): Values {
  return {
    start: isoTime(trip.started),
    end: isoTime(end.time),
    durationS: (end.time - trip.started) / 1_000,
    distanceM: Math.round(trip.distanceM),
    maxKmh: roundedKmh(trip.maxKmh),
    fromLat: trip.from.lat,
    fromLon: trip.from.lon,
    toLat: end.lat,
    toLon: end.lon,
    endedBy: reason,
  };
}

/** Values of `trips/<device>/stop`. */
export function stopValues({ time, lastTime, lat, lon }: Rest): Values {
  const durationS = (lastTime - time) / 1_000;
  return { arrived: isoTime(time), left: isoTime(lastTime), durationS, lat, lon };
}

/** Values of `trips/<device>/speeding`; `until` is null while it is too fast. */
export function speedingValues({ since, maxKmh }: Speeding, limitKmh: number, until: number | null): Values {
  return {
    isSpeeding: until === null,
    since: isoTime(since),
    until: until === null ? null : isoTime(until),
    maxKmh: roundedKmh(maxKmh),
    limitKmh,
  };
}

/** Values of `trips/<device>/trail`. */
export function trailValues({ lat, lon, tripM }: TrailPoint): Values {
  return { lat, lon, tripDistanceM: Math.round(tripM) };
}

function roundedKmh(kmh: number): number {
  return Math.round(kmh * 10) / 10;
}
