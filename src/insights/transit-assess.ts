import { type Journey, type Seen, scheduledAt, wasAway } from "./transit-journey.ts";
import type { Path } from "./transit-path.ts";
import type { Run } from "./transit-trips.ts";

/** A late vehicle stands at least so long where the timetable gives it more. */
const minDwellS = 15;
/** Between observations farther apart than this the passing of a stop has no time. */
const maxGapMs = 300_000;

/**
 * `expected`: on its way there; `arrived`: it stands there; `departed`: gone; `ended`: it came there and went no farther;
 * `skipped`: it went round it; `unknown`: nobody can say any more.
 */
export type CallState = "expected" | "arrived" | "departed" | "ended" | "skipped" | "unknown";

/** What is known or foretold of a call, epoch milliseconds; null where it is not. */
export interface Call {
  readonly stop: number;
  readonly state: CallState;
  readonly arriveAt: number | null;
  readonly departAt: number | null;
}

/** `away`: off its path; `silent`: not heard of for long; `replaced`: the vehicle is on another trip since. */
export type JourneyState = "running" | "away" | "ended" | "silent" | "replaced";

/** What follows from a journey as it is known now. */
export interface Assessment {
  readonly state: JourneyState;
  /** Whole seconds behind the timetable, negative = early; null when it is not known. */
  readonly delayS: number | null;
  /** Where it is (transit-journey.ts), null when it was not seen yet. In an even zone it stands at a stop. */
  readonly zone: number | null;
  /** The calls that lie behind it, from the first of which something is known. */
  readonly behind: readonly Call[];
  /** The last call that it left at a known time. */
  readonly left: Call | null;
}

/** What time and the vehicle's other journeys say of a journey. */
export interface Circumstances {
  readonly isSilent: boolean;
  readonly isReplaced: boolean;
  /** Off its path for so long, milliseconds, it is on another way. */
  readonly awayMs: number;
}

/**
 * Reckons what follows from what was observed; nothing else goes into it.
 * @param before what followed last, if the vehicle only went on since (`observe` tells): then what lies behind it is still
 * true. Null: all is reckoned anew, with the same result. Returned as it is if nothing has changed.
 */
export function assess(
  journey: Journey,
  run: Run,
  path: Path,
  around: Circumstances,
  before: Assessment | null,
): Assessment {
  const { newest } = journey;
  const state = stateOf(journey, run, around);
  if (newest === null) return { state, delayS: null, zone: null, behind: [], left: null };
  const { at, atM, zone } = newest;
  const delayS = state === "running" ? delayOf(run, path, at, atM, zone) : null;
  if (before?.zone === zone && before.state === state && before.delayS === delayS) return before;
  const behind = callsBehind(journey, run, path, before?.behind ?? []);
  const left = behind.findLast((call) => call.state === "departed" && call.departAt !== null) ?? null;
  return { state, delayS, zone, behind, left };
}

/** The calls behind the vehicle, of which the first ones are known already; the same list if these are all. */
function callsBehind(journey: Journey, run: Run, path: Path, known: readonly Call[]): readonly Call[] {
  const zone = journey.newest?.zone ?? 0;
  const last = known.at(-1);
  const from = last === undefined ? Math.ceil(Math.min(...journey.zones.keys()) / 2) : last.stop + 1;
  if (2 * from >= zone) return known;
  const calls = [...known];
  for (let stop = from; 2 * stop < zone; stop++) calls.push(behind(journey, run, path, stop));
  return calls;
}

function stateOf({ newest, zones, awayAt, endedAt }: Journey, run: Run, around: Circumstances): JourneyState {
  const lastZone = 2 * run.stopIds.length - 2;
  if (zones.has(lastZone) || (newest !== null && endedAt >= newest.at)) return "ended";
  if (around.isReplaced) return "replaced";
  if (around.isSilent) return "silent";
  return newest === null || awayAt - newest.at >= around.awayMs ? "away" : "running";
}

/** Seconds behind the timetable; while it stands at a stop between arrival and departure it is on time. */
function delayOf(run: Run, path: Path, at: number, atM: number, zone: number): number {
  const seconds =
    zone % 2 === 0 ? standingDelayS(run, zone / 2, at) : (at - scheduledAt(run, path, atM)) / 1_000;
  // Adding 0 makes 0 of -0.
  return Math.round(seconds) + 0;
}

function standingDelayS({ pattern, startAt }: Run, stop: number, at: number): number {
  const seconds = (at - startAt) / 1_000;
  const arriveS = pattern.arriveS[stop] as number;
  if (seconds < arriveS) return stop === 0 ? 0 : seconds - arriveS;
  const isLast = stop === pattern.arriveS.length - 1;
  return Math.max(0, seconds - (isLast ? arriveS : (pattern.departS[stop] as number)));
}

/** A call that lies behind the vehicle: seen there, or between two observations, or gone round. */
function behind(journey: Journey, run: Run, path: Path, stop: number): Call {
  const seen = journey.zones.get(2 * stop);
  const after = nearestZone(journey, 2 * stop + 1, 1);
  if (seen) {
    const departAt = leftAt(seen, after, run, path, stop);
    // Before the first departure a vehicle stands there for other reasons.
    return { stop, state: "departed", arriveAt: stop === 0 ? null : seen.firstAt, departAt };
  }
  const before = nearestZone(journey, 2 * stop - 1, -1);
  if (!before || !after || before.lastAt > after.firstAt) return untimed(stop, "departed");
  if (wasAway(journey, before.lastAt, after.firstAt)) return untimed(stop, "skipped");
  if (after.firstAt - before.lastAt > maxGapMs) return untimed(stop, "departed");
  const wayM = after.firstM - before.lastM;
  const share = wayM > 0 ? ((path.stopM[stop] as number) - before.lastM) / wayM : 0;
  const at = Math.round(before.lastAt + share * (after.firstAt - before.lastAt));
  return { stop, state: "departed", arriveAt: at, departAt: at };
}

/**
 * When it left a stop: after it was last seen there, and as long before it was seen farther on as the timetable has it drive
 * so far.
 */
function leftAt(seen: Seen, after: Seen | null, run: Run, path: Path, stop: number): number {
  if (after === null) return seen.lastAt;
  const scheduled = run.startAt + (run.pattern.departS[stop] as number) * 1_000;
  const driveMs = scheduledAt(run, path, after.firstM) - scheduled;
  return Math.max(seen.lastAt, Math.round(after.firstAt - Math.max(0, driveMs)));
}

function untimed(stop: number, state: CallState): Call {
  return { stop, state, arriveAt: null, departAt: null };
}

function nearestZone({ zones, newest }: Journey, from: number, step: 1 | -1): Seen | null {
  for (let zone = from; zone >= 0 && zone <= (newest?.zone ?? 0); zone += step) {
    const seen = zones.get(zone);
    if (seen) return seen;
  }
  return null;
}

/** The stop where it stands or comes next; null when nobody can say. */
export function nextStop({ zone, delayS }: Assessment): number | null {
  return zone === null || (delayS === null && zone % 2 === 1) ? null : Math.ceil(zone / 2);
}

/** Whether something should be done with a call. A call is made of it only then: most forecasts are no news. */
export type IsWanted = (
  stop: number,
  state: CallState,
  arriveAt: number | null,
  departAt: number | null,
) => boolean;

/**
 * The calls from where the vehicle is, by the timetable and its delay. A late one makes up for it where the timetable has it
 * stand longer than it must. An early one waits where the timetable has it stand at all: there the times are held to
 * (GTFS, arrival_time: early vehicles wait at timepoints); elsewhere it goes on early.
 */
export function callsAhead(
  { zones }: Journey,
  { pattern, startAt }: Run,
  { zone, delayS }: Assessment,
  isWanted: IsWanted,
): Call[] {
  const calls: Call[] = [];
  const last = pattern.arriveS.length - 1;
  const onTheWay = delayS === null ? "unknown" : "expected";
  let lateS = delayS ?? 0;
  for (let stop = Math.ceil((zone ?? 0) / 2); zone !== null && stop <= last; stop++) {
    const [arriveS, departS] = [pattern.arriveS[stop] as number, pattern.departS[stop] as number];
    const isHere = 2 * stop === zone;
    const arriveLateS = lateS;
    // The delay of a late vehicle that stands here counts from the departure: it has made up for what it can.
    if (!isHere || lateS < 0) lateS = leaveLateS(lateS, departS - arriveS);
    const here = stop === last ? "ended" : "arrived";
    const expectedAt = delayS === null ? null : startAt + (arriveS + arriveLateS) * 1_000;
    const reachedAt = isHere ? (zones.get(zone) as Seen).firstAt : expectedAt;
    const arriveAt = stop === 0 ? null : reachedAt;
    const departAt = stop === last || delayS === null ? null : startAt + (departS + lateS) * 1_000;
    const state = isHere ? here : onTheWay;
    if (isWanted(stop, state, arriveAt, departAt)) calls.push({ stop, state, arriveAt, departAt });
  }
  return calls;
}

function leaveLateS(arriveLateS: number, dwellS: number): number {
  if (arriveLateS > 0) return Math.max(0, arriveLateS - Math.max(0, dwellS - minDwellS));
  return dwellS > 0 ? 0 : arriveLateS;
}
