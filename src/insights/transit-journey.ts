import { positionOf } from "./geo.ts";
import type { CommittedReading } from "./insight.ts";
import type { Headway } from "./transit-headways.ts";
import type { Path } from "./transit-path.ts";
import type { Run } from "./transit-trips.ts";

/** Minutes of a journey in which it was seen away from its path that are kept. */
const maxAwayMinutes = 240;

/**
 * What was seen of a vehicle in a zone of its path. Zone 2k is stop k, zone 2k+1 lies between stop k and the next. Times are
 * epoch milliseconds, places metres along the path.
 */
export interface Seen {
  firstAt: number;
  firstM: number;
  lastAt: number;
  lastM: number;
}

/** The newest word of a vehicle on a journey. */
export interface Newest {
  readonly at: number;
  readonly zone: number;
  readonly atM: number;
}

/**
 * What is known of a vehicle on a run. What was observed of it is kept as a least or a greatest, so that readings may come in any
 * order and twice.
 */
export interface Journey {
  readonly run: string;
  readonly zones: Map<number, Seen>;
  /** Null until it was seen on its path. */
  newest: Newest | null;
  /** Minutes since 1970 in which it was seen away from the path, with the first and last time. */
  readonly away: Map<number, { first: number; last: number }>;
  awayAt: number;
  /** When it said that the journey is over; 0 if it did not. */
  endedAt: number;
  /** By stop that it left, how far behind the one ahead of it; null if that is not known. */
  readonly headways: Map<number, Headway | null>;
  /** What was told of its calls last, numbers as transit-news.ts has them. */
  readonly told: number[];
  /** What was said of its notices last, by their keys, and for which time at the latest. */
  readonly said: Map<string, string>;
  saidAt: number;
}

export function newJourney(run: string): Journey {
  return {
    run,
    zones: new Map(),
    newest: null,
    away: new Map(),
    awayAt: 0,
    endedAt: 0,
    headways: new Map(),
    told: [],
    said: new Map(),
    saidAt: 0,
  };
}

/** When it was last heard of, on its path or not. */
export function heardAt({ newest, awayAt }: Journey): number {
  return Math.max(newest?.at ?? 0, awayAt);
}

/** The journey that a vehicle is on: the one it was heard of last; null if it is on no trip. */
export function currentOf({
  journeys,
  unmatchedAt,
}: {
  readonly journeys: ReadonlyMap<string, Journey>;
  readonly unmatchedAt: number;
}): Journey | null {
  let current: Journey | null = null;
  let best = 0;
  for (const journey of journeys.values()) {
    const at = heardAt(journey);
    if (current !== null && (at < best || (at === best && journey.run < current.run))) continue;
    current = journey;
    best = at;
  }
  return current === null || unmatchedAt > best ? null : current;
}

/** Which events say that a vehicle is at the stop that they name. */
const atStop: ReadonlySet<unknown> = new Set([
  "arrive",
  "ready",
  "doorsOpen",
  "doorsClosed",
  "depart",
  "pass",
]);

/**
 * Takes what a reading says of a journey.
 * @returns whether the vehicle went on from where it was, so that nothing is changed of what lies behind it
 */
export function observe(
  journey: Journey,
  run: Run,
  path: Path,
  { values, time }: CommittedReading,
  maxAwayM: number,
): boolean {
  const { event, stopId, courseDeg, delayS } = values;
  if (event === "journeyEnd") journey.endedAt = Math.max(journey.endedAt, time);
  const place = positionOf(values);
  const stop =
    typeof stopId === "string" && (atStop.has(event) || place === null) ? stopAt(run, stopId, time) : null;
  if (stop !== null) {
    return note(journey, { at: time, zone: 2 * stop, atM: path.stopM[stop] as number });
  }
  if (place !== null) {
    const sight = { place, courseDeg: typeof courseDeg === "number" ? courseDeg : null, time };
    const atM = path.find(sight, maxAwayM, (metres) => scheduledAt(run, path, metres));
    if (atM !== null) return note(journey, { at: time, zone: path.zoneAt(atM), atM });
    noteAway(journey, time);
    return false;
  }
  // Without a place the vehicle's own delay says where on the timetable it is.
  if (typeof delayS !== "number") return false;
  const atM = scheduledPlaceM(run, path, time - delayS * 1_000);
  return note(journey, { at: time, zone: path.zoneAt(atM), atM });
}

/** Returns whether it is newer than all before, and not farther back. */
function note(journey: Journey, seen: Newest): boolean {
  const { at, zone, atM } = seen;
  const known = journey.zones.get(zone);
  if (!known) journey.zones.set(zone, { firstAt: at, firstM: atM, lastAt: at, lastM: atM });
  else {
    if (at < known.firstAt || (at === known.firstAt && atM < known.firstM)) {
      known.firstAt = at;
      known.firstM = atM;
    }
    if (at > known.lastAt || (at === known.lastAt && atM > known.lastM)) {
      known.lastAt = at;
      known.lastM = atM;
    }
  }
  const { newest } = journey;
  if (newest === null || at > newest.at || (at === newest.at && atM > newest.atM)) journey.newest = seen;
  return newest !== null && at > newest.at && zone >= newest.zone;
}

function noteAway(journey: Journey, time: number): void {
  journey.awayAt = Math.max(journey.awayAt, time);
  const minute = Math.floor(time / 60_000);
  const known = journey.away.get(minute);
  if (known) {
    known.first = Math.min(known.first, time);
    known.last = Math.max(known.last, time);
  } else if (journey.away.size < maxAwayMinutes) journey.away.set(minute, { first: time, last: time });
}

/** Whether it was seen away from its path between two times, exclusive. */
export function wasAway({ away }: Journey, from: number, to: number): boolean {
  for (let minute = Math.floor(from / 60_000); minute <= Math.floor(to / 60_000); minute++) {
    const seen = away.get(minute);
    if (seen && ((seen.first > from && seen.first < to) || (seen.last > from && seen.last < to))) return true;
  }
  return false;
}

/** The call at a stop; of two calls at the same stop the one that is due nearer to the time. */
function stopAt({ pattern, startAt, stopIds }: Run, stopId: string, time: number): number | null {
  let best: number | null = null;
  for (let at = stopIds.indexOf(stopId); at !== -1; at = stopIds.indexOf(stopId, at + 1)) {
    const off = (stop: number) => Math.abs(startAt + (pattern.departS[stop] as number) * 1_000 - time);
    if (best === null || off(at) < off(best)) best = at;
  }
  return best;
}

/** When the timetable has the vehicle at a place of its path, epoch milliseconds; at a stop, its departure. */
export function scheduledAt({ pattern, startAt }: Run, path: Path, atM: number): number {
  const behind = path.stopsBehind(atM);
  if (behind === 0) return startAt;
  const fromS = pattern.departS[behind - 1] as number;
  const toS = pattern.arriveS[behind];
  if (toS === undefined) return startAt + fromS * 1_000;
  const fromM = path.stopM[behind - 1] as number;
  const share = (atM - fromM) / ((path.stopM[behind] as number) - fromM);
  return startAt + (fromS + share * (toS - fromS)) * 1_000;
}

/** Where the timetable has the vehicle at a time, metres. */
function scheduledPlaceM({ pattern, startAt }: Run, path: Path, time: number): number {
  const seconds = (time - startAt) / 1_000;
  const next = pattern.arriveS.findIndex((arriveS) => arriveS > seconds);
  if (next === 0) return path.stopM[0] as number;
  if (next === -1) return path.stopM.at(-1) as number;
  const fromS = pattern.departS[next - 1] as number;
  const share = Math.max(0, (seconds - fromS) / ((pattern.arriveS[next] as number) - fromS));
  const fromM = path.stopM[next - 1] as number;
  return fromM + share * ((path.stopM[next] as number) - fromM);
}
