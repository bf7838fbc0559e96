import { putBounded } from "./bounded.ts";
import type { Followed } from "./transit-news.ts";

/** Most places (a direction of a line at a stop) where who passed is remembered; the one unused longest is forgotten. */
const maxPlaces = 50_000;
/** The newest passings kept of each: a late one finds its place among them. */
const maxPassings = 6;
/** Vehicles farther apart have nothing to do with each other. */
const maxHeadwayMs = 2 * 3_600_000;

/** When a vehicle left a stop, and when the timetable has it leave. Epoch milliseconds. */
interface Departure {
  readonly at: number;
  readonly scheduledAt: number;
}

/** A vehicle that left a stop. */
export interface Passing extends Departure {
  readonly vehicle: string;
  readonly run: string;
  /** The one before it there, which may be forgotten since; null if none is known. */
  ahead: Departure | null;
}

/** By place, the passings in the order of time. */
export type Passings = Map<string, Passing[]>;

/**
 * How far a vehicle is behind the one ahead of it on its line, seconds. A pair, because the state has one for each stop that a vehicle
 * left, and the names would take more of it than the numbers.
 */
export type Headway = readonly [headwayS: number, scheduledHeadwayS: number];

/** Null: no headway is known. */
export interface HeadwayChange {
  readonly was: Headway | null;
  readonly is: Headway | null;
}

/** A passing whose headway may be another than it was. */
export interface PassingAt {
  readonly passing: Passing;
  readonly place: string;
}

/**
 * Headways. Each is written down in its journey when the vehicle passes, and again when that or the passing ahead of it turns out to
 * have been another; it stays there when the passings are forgotten.
 */
export class Headways {
  readonly #passings: Passings;

  constructor(passings: Passings) {
    this.#passings = passings;
  }

  /**
   * Notes when a vehicle left a stop, in place of what was noted of it before. One that is forgotten there stays as it was.
   * @returns the passings behind it, now and before: `correct` takes them to their journeys
   */
  note(vehicle: string, { run, places, journey }: Followed, stop: number, at: number): PassingAt[] {
    const { headways } = journey;
    const place = places[stop] as string;
    const list = this.#passings.get(place) ?? [];
    const known = list.find((one) => isOf(one, vehicle, run.key));
    if (known === undefined && headways.has(stop)) return [];
    const scheduledAt = run.startAt + (run.pattern.departS[stop] as number) * 1_000;
    const passing: Passing = { at, scheduledAt, vehicle, run: run.key, ahead: null };
    const behind = known === undefined ? [] : takeOut(list, known);
    behind.push(...putIn(list, passing, known?.ahead ?? null));
    headways.set(stop, headwayOf(passing));
    if (list.length > maxPassings) list.shift();
    putBounded(this.#passings, place, list, maxPlaces);
    return behind.map((one) => ({ passing: one, place }));
  }
}

/** How far a vehicle was behind the one ahead of it when it left a stop; null if that is not known. */
export function headwayAt({ journey }: Followed, stop: number): Headway | null {
  return journey.headways.get(stop) ?? null;
}

/** Writes down the headway of a passing in its journey; null if it was that already. */
export function correctHeadway(followed: Followed, { passing, place }: PassingAt): HeadwayChange | null {
  const stop = followed.places.indexOf(place);
  if (stop === -1) return null;
  const was = headwayAt(followed, stop);
  const is = headwayOf(passing);
  if (is?.[0] === was?.[0] && is?.[1] === was?.[1]) return null;
  followed.journey.headways.set(stop, is);
  return { was, is };
}

/** Returns the passing that was behind it, if there is one. */
function takeOut(list: Passing[], passing: Passing): Passing[] {
  const at = list.indexOf(passing);
  list.splice(at, 1);
  const behind = list.slice(at, at + 1);
  for (const one of behind) one.ahead = passing.ahead;
  return behind;
}

/**
 * Puts a passing where it belongs.
 * @param aheadBefore what was ahead of it until now
 * @returns the passing that is behind it, if there is one
 */
function putIn(list: Passing[], passing: Passing, aheadBefore: Departure | null): Passing[] {
  let at = list.length;
  while (at > 0 && isBefore(passing, list[at - 1] as Passing)) at--;
  const behind = list[at];
  // What was ahead of the first in the list is forgotten, but for its time.
  const ahead = list[at - 1] ?? (behind === undefined ? aheadBefore : behind.ahead);
  const isAhead = ahead !== null && ahead.at <= passing.at;
  if (isAhead) passing.ahead = departureOf(ahead);
  list.splice(at, 0, passing);
  if (behind === undefined) return [];
  // Else one that is forgotten lies between them.
  if (isAhead || ahead === null) behind.ahead = departureOf(passing);
  return [behind];
}

function departureOf({ at, scheduledAt }: Departure): Departure {
  return { at, scheduledAt };
}

function headwayOf({ at, scheduledAt, ahead }: Passing): Headway | null {
  if (ahead === null || at - ahead.at > maxHeadwayMs) return null;
  return [Math.round((at - ahead.at) / 1_000), Math.round((scheduledAt - ahead.scheduledAt) / 1_000)];
}

function isOf(passing: Passing, vehicle: string, run: string): boolean {
  return passing.run === run && passing.vehicle === vehicle;
}

function isBefore(one: Passing, other: Passing): boolean {
  return (
    one.at < other.at ||
    (one.at === other.at && `${one.vehicle} ${one.run}` < `${other.vehicle} ${other.run}`)
  );
}
