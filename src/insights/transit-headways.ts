import { putBounded } from "./bounded.ts";

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

/**
 * Notes when a vehicle left a stop, in place of what was noted of it before.
 * @returns the passings whose headways have changed: those behind it, now and before, and one that is forgotten
 */
export function notePassing(passings: Passings, place: string, passing: Passing): Passing[] {
  const list = passings.get(place) ?? [];
  const known = list.findIndex(({ vehicle, run }) => vehicle === passing.vehicle && run === passing.run);
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

/** How far a vehicle was behind the one ahead of it when it left a stop; null if that is not known. */
export function headwayAt(passings: Passings, place: string, vehicle: string, run: string): Headway | null {
  const list = passings.get(place) ?? [];
  const at = list.findIndex((one) => one.vehicle === vehicle && one.run === run);
  const own = list[at];
  const ahead = list[at - 1];
  if (!own || !ahead || own.at - ahead.at > maxHeadwayMs) return null;
  return {
    headwayS: Math.round((own.at - ahead.at) / 1_000),
    scheduledHeadwayS: Math.round((own.scheduledAt - ahead.scheduledAt) / 1_000),
  };
}

function isBefore(one: Passing, other: Passing): boolean {
  return (
    one.at < other.at ||
    (one.at === other.at && `${one.vehicle} ${one.run}` < `${other.vehicle} ${other.run}`)
  );
}
