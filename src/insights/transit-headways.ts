import { putBounded } from "./bounded.ts";
import type { Followed } from "./transit-news.ts";

/** Most places (a direction of a line at a stop) where who passed is remembered; the one unused longest is forgotten. */
const maxPlaces = 50_000;
/** The newest passings kept of each. */
const maxPassings = 6;
/** Vehicles farther apart have nothing to do with each other. */
const maxHeadwayMs = 2 * 3_600_000;

/** A vehicle that left a stop. Times are epoch milliseconds. */
export interface Passing {
  readonly at: number;
  readonly scheduledAt: number;
  readonly vehicle: string;
  readonly run: string;
}

/** By place, the passings in the order of time. */
export type Passings = Map<string, Passing[]>;

/** How far a vehicle is behind the one ahead of it on its line, seconds. */
export interface Headway {
  readonly headwayS: number;
  readonly scheduledHeadwayS: number;
}

/** Null: no headway is known; `was` undefined: nobody has asked for it yet. */
export interface HeadwayChange {
  readonly was: Headway | null | undefined;
  readonly is: Headway | null;
}

/** Headways, each looked up once: it is asked for with every reading, and changes when vehicles pass. */
export class Headways {
  readonly #passings: Passings;

  constructor(passings: Passings) {
    this.#passings = passings;
  }

  /** How far a vehicle was behind the one ahead of it when it left a stop; null if that is not known. */
  at(vehicle: string, { run, places, headways }: Followed, stop: number): Headway | null {
    const known = headways[stop];
    if (known !== undefined) return known;
    const found = headwayAt(this.#passings, places[stop] as string, vehicle, run.key);
    headways[stop] = found;
    return found;
  }

  /**
   * Notes when a vehicle left a stop, in place of what was noted of it before.
   * @returns the passings there whose headways have changed: those behind it, now and before, and one that is forgotten
   */
  note(vehicle: string, followed: Followed, stop: number, at: number): Passing[] {
    const { run, places } = followed;
    const scheduledAt = run.startAt + (run.pattern.departS[stop] as number) * 1_000;
    const passing = { at, scheduledAt, vehicle, run: run.key };
    const place = places[stop] as string;
    const changed = notePassing(this.#passings, place, passing);
    forget(followed, place);
    return changed;
  }

  /** Which other headway than before is found for a vehicle that passed a place; null if it is the same. */
  changeOf(vehicle: string, followed: Followed, place: string): HeadwayChange | null {
    const [stop = 0] = followed.stopsAt.get(place) ?? [];
    const was = followed.headways[stop];
    forget(followed, place);
    const is = this.at(vehicle, followed, stop);
    const isSame = is?.headwayS === was?.headwayS && is?.scheduledHeadwayS === was?.scheduledHeadwayS;
    return was !== undefined && isSame ? null : { was, is };
  }
}

function forget({ stopsAt, headways }: Followed, place: string): void {
  for (const stop of stopsAt.get(place) ?? []) headways[stop] = undefined;
}

function notePassing(passings: Passings, place: string, passing: Passing): Passing[] {
  const list = passings.get(place) ?? [];
  const known = placeIn(list, passing.vehicle, passing.run);
  if (list[known]?.at === passing.at) return [];
  const changed = known === -1 ? [] : list.slice(known + 1, known + 2);
  if (known !== -1) list.splice(known, 1);
  let at = list.length;
  while (at > 0 && isBefore(passing, list[at - 1] as Passing)) at--;
  list.splice(at, 0, passing);
  changed.push(...list.slice(at + 1, at + 2));
  if (list.length > maxPassings) changed.push(...list.splice(0, 1));
  putBounded(passings, place, list, maxPlaces);
  return changed;
}

function headwayAt(passings: Passings, place: string, vehicle: string, run: string): Headway | null {
  const list = passings.get(place) ?? [];
  const at = placeIn(list, vehicle, run);
  const own = list[at];
  const ahead = list[at - 1];
  if (!own || !ahead || own.at - ahead.at > maxHeadwayMs) return null;
  return {
    headwayS: Math.round((own.at - ahead.at) / 1_000),
    scheduledHeadwayS: Math.round((own.scheduledAt - ahead.scheduledAt) / 1_000),
  };
}

/** Where a vehicle's passing on a run is in the list; -1 if it is not. */
function placeIn(list: readonly Passing[], vehicle: string, run: string): number {
  let at = list.length - 1;
  while (at >= 0 && (list[at]?.run !== run || list[at]?.vehicle !== vehicle)) at--;
  return at;
}

function isBefore(one: Passing, other: Passing): boolean {
  return (
    one.at < other.at ||
    (one.at === other.at && `${one.vehicle} ${one.run}` < `${other.vehicle} ${other.run}`)
  );
}
