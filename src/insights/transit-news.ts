import type { Value, Values } from "../model/reading.ts";
import {
  type Assessment,
  type Call,
  type CallState,
  callsAhead,
  type IsWanted,
  type JourneyState,
} from "./transit-assess.ts";
import type { Headway } from "./transit-headways.ts";
import type { Journey } from "./transit-journey.ts";
import type { Path } from "./transit-path.ts";
import type { KnownVehicle } from "./transit-told.ts";
import type { Run } from "./transit-trips.ts";

/**
 * A forecast is told again when it has moved by one part in so many of the time that is left: far away a minute is nothing, near
 * by it is the bus. What is settled does not depend on it: in the end nothing is foretold of a call any more, and all else is
 * told exactly.
 */
const partsOfTimeLeft = 15;
/** Smaller moves of a forecast, and of a vehicle's delay, are not told by themselves: boards show minutes. */
const minMoveMs = 20_000;

/** What is told of a call, in the order of their numbers in a journey's `told`. */
const callStates: readonly CallState[] = ["expected", "arrived", "departed", "ended", "skipped", "unknown"];
/** Numbers of a call in a journey's `told`: state, arrival, departure; NaN for a time that is not known. */
const numbersOfCall = 3;
const nothing: readonly Call[] = [];

/** A journey with what goes with its state, and is made again from that after a restart. */
export interface Followed {
  readonly journey: Journey;
  readonly run: Run;
  readonly path: Path;
  /** What followed last; null when all is to be reckoned anew. */
  assessment: Assessment | null;
  /** When more of what lies behind it will have settled. Epoch milliseconds. */
  settlesAt: number;
  /** Since when forecasts have had no news, and how long that lasts; null if that is not known. */
  calm: Calm | null;
  /** By stop, where headways are measured: a direction of the line there. Where the trip comes twice it has two places. */
  readonly places: readonly string[];
}

/**
 * Forecasts of which nothing is to be told. Each moves at most by as much as the delay, so nothing becomes news until that has moved by
 * `moveMs`, or so much time has gone by that a move is much of what is left (`hasMoved`).
 */
interface Calm {
  readonly zone: number;
  /** Null: nobody can say, and nothing moves. */
  readonly delayS: number | null;
  readonly now: number;
  /** The delay may move by less than this. */
  readonly moveMs: number;
  /** So may what is gone of the time left, with each move counted as often as it weighs there and once more. */
  readonly leftMs: number;
}

export function follow(journey: Journey, run: Run, path: Path): Followed {
  const { stopIds, trip } = run;
  const places = stopIds.map((stopId, stop) => {
    const visit = stopIds.slice(0, stop).filter((id) => id === stopId).length;
    return `${trip.route} ${trip.direction} ${visit} ${stopId}`;
  });
  return {
    journey,
    run,
    path,
    assessment: null,
    settlesAt: Number.NEGATIVE_INFINITY,
    calm: null,
    places,
  };
}

/**
 * The calls of which something is to be told, in the order of the trip; notes that it was.
 * @param before what followed when this was asked last
 * @param now when the vehicle was heard of last
 */
export function newsOf(followed: Followed, before: Assessment | null, now: number): readonly Call[] {
  const { run, assessment, journey, calm } = followed;
  if (assessment === null) return nothing;
  const { behind } = assessment;
  // Reckoned anew, it may have come to where it stands at another time.
  const isCalmAhead = before !== null && isCalm(calm, assessment, now);
  if (behind === before?.behind && isCalmAhead) return nothing;
  const { told } = journey;
  while (told.length < numbersOfCall * run.stopIds.length) told.push(Number.NaN);
  const isNew = ({ stop, state, arriveAt, departAt }: Call) => !isTold(told, stop, state, arriveAt, departAt);
  // If it only went on, what lay behind it was told.
  const news = behind.slice(before?.behind.length ?? 0).filter(isNew);
  if (!isCalmAhead) news.push(...forecastsOf(followed, assessment, now));
  for (const { stop, state, arriveAt, departAt } of news) {
    const at = numbersOfCall * stop;
    told[at] = callStates.indexOf(state);
    told[at + 1] = arriveAt ?? Number.NaN;
    told[at + 2] = departAt ?? Number.NaN;
  }
  return news;
}

/** The calls ahead of which something is to be told; notes for how long the others are calm. */
function forecastsOf(followed: Followed, assessment: Assessment, now: number): Call[] {
  const { journey, run } = followed;
  const { told } = journey;
  let moveMs = minMoveMs;
  let leftMs = Number.POSITIVE_INFINITY;
  const isWanted: IsWanted = (stop, state, arriveAt, departAt) => {
    if (isTold(told, stop, state, arriveAt, departAt)) return false;
    if (isOther(told, stop, state, arriveAt) || hasMoved(told, stop, arriveAt, departAt, now)) return true;
    const movedMs = movedOf(told, stop, arriveAt, departAt);
    if (movedMs < minMoveMs) moveMs = Math.min(moveMs, minMoveMs - movedMs);
    else leftMs = Math.min(leftMs, (arriveAt ?? departAt ?? now) - now - partsOfTimeLeft * movedMs);
    return false;
  };
  const news = callsAhead(journey, run, assessment, isWanted);
  const { zone, delayS } = assessment;
  followed.calm = zone === null ? null : { zone, delayS, now, moveMs, leftMs };
  return news;
}

function isCalm(calm: Calm | null, { zone, delayS }: Assessment, now: number): boolean {
  if (calm === null || calm.zone !== zone) return false;
  if (delayS === null || calm.delayS === null) return delayS === calm.delayS;
  const movedMs = 1_000 * Math.abs(delayS - calm.delayS);
  return movedMs < calm.moveMs && (partsOfTimeLeft + 1) * movedMs + now - calm.now < calm.leftMs;
}

/** By how much a forecast has moved since it was told, with both of its times known as they were. */
function movedOf(
  told: readonly number[],
  stop: number,
  arriveAt: number | null,
  departAt: number | null,
): number {
  const at = numbersOfCall * stop;
  const by = (was: number | undefined, is: number | null) =>
    is === null ? 0 : Math.abs(is - (was as number));
  return Math.max(by(told[at + 1], arriveAt), by(told[at + 2], departAt));
}

/** Whether a call was told just so. */
function isTold(
  told: readonly number[],
  stop: number,
  state: CallState,
  arriveAt: number | null,
  departAt: number | null,
): boolean {
  const at = numbersOfCall * stop;
  return (
    callStates[told[at] as number] === state &&
    Object.is(told[at + 1], arriveAt ?? Number.NaN) &&
    Object.is(told[at + 2], departAt ?? Number.NaN)
  );
}

/** Whether more than a forecast has changed. */
function isOther(told: readonly number[], stop: number, state: CallState, arriveAt: number | null): boolean {
  const at = numbersOfCall * stop;
  if (callStates[told[at] as number] !== state) return true;
  return state === "arrived" ? !Object.is(told[at + 1], arriveAt ?? Number.NaN) : state !== "expected";
}

/** Whether a forecast has moved by so much that it is told. A time that is known now and was not, or the other way, has. */
function hasMoved(
  told: readonly number[],
  stop: number,
  arriveAt: number | null,
  departAt: number | null,
  now: number,
): boolean {
  const at = numbersOfCall * stop;
  const leftMs = (arriveAt ?? departAt ?? now) - now;
  const isFar = (was: number | undefined, is: number | null) => {
    const isKnown = is !== null && was !== undefined && !Number.isNaN(was);
    if (!isKnown) return is !== null || !Number.isNaN(was);
    const movedMs = Math.abs(is - was);
    return movedMs >= minMoveMs && partsOfTimeLeft * movedMs >= leftMs;
  };
  return isFar(told[at + 1], arriveAt) || isFar(told[at + 2], departAt);
}

/** What was told of a vehicle last: `values`, and what they follow from. All but these is null after a restart. */
export interface ToldVehicle {
  readonly values: Values;
  readonly run: Run | null;
  readonly state: JourneyState | null;
  readonly zone: number | null;
  readonly headway: Headway | null;
}

/** @param known null: it was on no trip */
export function toldOf(values: Values, known: KnownVehicle | null): ToldVehicle {
  const { state = null, zone = null } = known?.assessment ?? {};
  return { values, run: known?.run ?? null, state, zone, headway: known?.headway ?? null };
}

/** Whether there is nothing to be told of a vehicle, without a look at all values. */
export function isAsTold(
  told: ToldVehicle,
  run: Run,
  { state, zone, delayS }: Assessment,
  headway: Headway | null,
): boolean {
  const isSame = told.run === run && told.state === state && told.zone === zone && told.headway === headway;
  return isSame && isHardlyMoved(told.values["delayS"], delayS);
}

/** Whether values of a vehicle's topic say what was told already, but for a delay that has hardly moved. */
export function isToldVehicle(told: Values, values: Values): boolean {
  for (const name in values) {
    if (told[name] === values[name]) continue;
    if (name !== "delayS" || !isHardlyMoved(told[name], values[name])) return false;
  }
  return true;
}

function isHardlyMoved(toldS: Value | undefined, delayS: Value | undefined): boolean {
  if (typeof toldS !== "number" || typeof delayS !== "number") return toldS === delayS;
  return 1_000 * Math.abs(toldS - delayS) < minMoveMs;
}
