import { type Journey, type Seen, scheduledAt, wasAway } from "./transit-journey.ts";
import type { Path } from "./transit-path.ts";
import type { Run } from "./transit-trips.ts";

/**
 * Delays are told in steps of so many seconds. A fixed grid, not a threshold against what was said before: what is settled
 * must not depend on the way there.
 */
const delayStepS = 10;
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
  /** Seconds behind the timetable in steps, negative = early; null when it is not known. */
  readonly delayS: number | null;
  /** Whether it stands at a stop. */
  readonly isAtStop: boolean;
  /** From the first call of which something is known. */
  readonly calls: readonly Call[];
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

/** Reckons what follows from what was observed; nothing else goes into it. */
export function assess(journey: Journey, run: Run, path: Path, around: Circumstances): Assessment {
  const { newest } = journey;
  const state = stateOf(journey, run, around);
  if (newest === null) return { state, delayS: null, isAtStop: false, calls: [], left: null };
  const isRunning = state === "running";
  const delayS = delayOf(run, path, newest.at, newest.atM, newest.zone);
  const firstStop = Math.ceil(Math.min(...journey.zones.keys()) / 2);
  const calls: Call[] = [];
  let left: Call | null = null;
  for (let stop = firstStop; 2 * stop < newest.zone; stop++) {
    const call = behind(journey, run, path, stop);
    calls.push(call);
    if (call.state === "departed" && call.departAt !== null) left = call;
  }
  calls.push(...ahead(journey, run, isRunning ? delayS : null));
  return { state, delayS: isRunning ? delayS : null, isAtStop: newest.zone % 2 === 0, calls, left };
}

export function isSameCall(one: Call | undefined, other: Call): boolean {
  return (
    one?.stop === other.stop &&
    one.state === other.state &&
    one.arriveAt === other.arriveAt &&
    one.departAt === other.departAt
  );
}

/**
 * Whether what was known of a journey last leads to the same words as what is known now. Not asked closely where it is away
 * from its path or went round a stop.
 * @param settledBefore up to when its calls were taken for settled then, and `settledAt` now
 */
export function saysTheSame(
  before: Assessment,
  now: Assessment,
  settledBefore: number,
  settledAt: number,
): boolean {
  const { state, delayS, isAtStop, calls } = now;
  if (state === "away" || state !== before.state || delayS !== before.delayS || isAtStop !== before.isAtStop)
    return false;
  if (calls.length !== before.calls.length) return false;
  return calls.every((call, at) => {
    const isSettledNow =
      call.departAt !== null && call.departAt > settledBefore && call.departAt <= settledAt;
    return !isSettledNow && call.state !== "skipped" && isSameCall(before.calls[at], call);
  });
}

function stateOf({ newest, zones, awayAt, endedAt }: Journey, run: Run, around: Circumstances): JourneyState {
  const lastZone = 2 * run.stopIds.length - 2;
  if (zones.has(lastZone) || (newest !== null && endedAt >= newest.at)) return "ended";
  if (around.isReplaced) return "replaced";
  if (around.isSilent) return "silent";
  return newest === null || awayAt - newest.at >= around.awayMs ? "away" : "running";
}

/** Seconds behind the timetable, in steps; while it stands at a stop between arrival and departure it is on time. */
function delayOf(run: Run, path: Path, at: number, atM: number, zone: number): number {
  return inSteps(
    zone % 2 === 0 ? standingDelayS(run, zone / 2, at) : (at - scheduledAt(run, path, atM)) / 1_000,
  );
}

function standingDelayS({ pattern, startAt }: Run, stop: number, at: number): number {
  const seconds = (at - startAt) / 1_000;
  const arriveS = pattern.arriveS[stop] as number;
  if (seconds < arriveS) return stop === 0 ? 0 : seconds - arriveS;
  const isLast = stop === pattern.arriveS.length - 1;
  return Math.max(0, seconds - (isLast ? arriveS : (pattern.departS[stop] as number)));
}

function inSteps(seconds: number): number {
  // Adding 0 makes 0 of -0.
  return Math.round(seconds / delayStepS) * delayStepS + 0;
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

/**
 * The calls from where the vehicle is, by the timetable and its delay. A late one makes up for it where the timetable has it
 * stand longer than it must. An early one waits where the timetable has it stand at all: there the times are held to
 * (GTFS, arrival_time: early vehicles wait at timepoints); elsewhere it goes on early.
 * @param delayS null: nobody can say
 */
function ahead({ newest, zones }: Journey, { pattern, startAt }: Run, delayS: number | null): Call[] {
  const zone = newest?.zone ?? 0;
  const calls: Call[] = [];
  const last = pattern.arriveS.length - 1;
  let lateS = delayS ?? 0;
  for (let stop = Math.ceil(zone / 2); stop <= last; stop++) {
    const [arriveS, departS] = [pattern.arriveS[stop] as number, pattern.departS[stop] as number];
    const isHere = 2 * stop === zone;
    const arriveLateS = lateS;
    // The delay of a late vehicle that stands here counts from the departure: it has made up for what it can.
    if (!isHere || lateS < 0) lateS = leaveLateS(lateS, departS - arriveS);
    const expectedAt = (seconds: number) => (delayS === null ? null : startAt + seconds * 1_000);
    const departAt = stop === last ? null : expectedAt(departS + lateS);
    if (isHere) {
      const seen = zones.get(zone) as Seen;
      const state = stop === last ? "ended" : "arrived";
      calls.push({ stop, state, arriveAt: stop === 0 ? null : seen.firstAt, departAt });
    } else {
      const state = delayS === null ? "unknown" : "expected";
      calls.push({ stop, state, arriveAt: stop === 0 ? null : expectedAt(arriveS + arriveLateS), departAt });
    }
  }
  return calls;
}

function leaveLateS(arriveLateS: number, dwellS: number): number {
  if (arriveLateS > 0) return Math.max(0, arriveLateS - Math.max(0, dwellS - minDwellS));
  return dwellS > 0 ? 0 : arriveLateS;
}
