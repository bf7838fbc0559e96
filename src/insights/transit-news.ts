import type { Value, Values } from "../model/reading.ts";
import {
  type Assessment,
  type Call,
  type CallState,
  callsAhead,
  type IsWanted,
  isSameCall,
} from "./transit-assess.ts";
import type { Headway } from "./transit-headways.ts";
import type { Journey } from "./transit-journey.ts";
import type { Path } from "./transit-path.ts";
import type { KnownVehicle } from "./transit-told.ts";
import type { Run } from "./transit-trips.ts";

/**
 * A forecast is told again when it has moved by this share of the time that is left: far away a minute is nothing, near by it is
 * the bus. What is settled does not depend on it: in the end nothing is foretold of a call any more, and all else is told exactly.
 */
const movedShare = 1 / 20;
/** Smaller moves of a forecast, and of a vehicle's delay, are not told by themselves: people do not see them. */
const minMoveMs = 10_000;

/** What goes with a journey beside its state, and is made again from that after a restart. */
export interface Followed {
  readonly run: Run;
  readonly path: Path;
  /** By stop, the calls as they were told last. */
  readonly told: (Call | undefined)[];
  /** What followed last; null when all is to be reckoned anew. */
  assessment: Assessment | null;
  /** When more of what lies behind it will have settled. Epoch milliseconds. */
  settlesAt: number;
  /** By stop, where headways are measured: a direction of the line there. */
  readonly places: readonly string[];
  /** By stop, what `Headways` found; undefined where it is to be looked up. */
  readonly headways: (Headway | null | undefined)[];
}

export function follow(journey: Journey, run: Run, path: Path): Followed {
  const { stopIds, trip } = run;
  return {
    run,
    path,
    told: stopIds.map((_, stop) => readCall(stop, journey.said.get(String(stop)))),
    assessment: null,
    settlesAt: Number.NEGATIVE_INFINITY,
    places: stopIds.map((stopId) => `${trip.route} ${trip.direction} ${stopId}`),
    headways: stopIds.map(() => undefined),
  };
}

/**
 * The calls of which something is to be told, in the order of the trip; notes that it was.
 * @param before what followed when this was asked last
 * @param now when the vehicle was heard of last
 */
export function newsOf(
  { run, told, assessment }: Followed,
  before: Assessment | null,
  journey: Journey,
  now: number,
): Call[] {
  if (assessment === null) return [];
  const { behind } = assessment;
  const news = behind === before?.behind ? [] : behind.filter((call) => !isSameCall(told[call.stop], call));
  const isAheadNews: IsWanted = (stop, state, arriveAt, departAt) =>
    isNews(told[stop], state, arriveAt, departAt, now);
  news.push(...callsAhead(journey, run, assessment, isAheadNews));
  for (const call of news) {
    told[call.stop] = call;
    journey.said.set(String(call.stop), `${call.state} ${call.arriveAt} ${call.departAt}`);
  }
  return news;
}

/** Whether a call that lies ahead is told again. */
function isNews(
  told: Call | undefined,
  state: CallState,
  arriveAt: number | null,
  departAt: number | null,
  now: number,
): boolean {
  if (told?.state !== state) return true;
  const isForetold = state === "expected" || (state === "arrived" && told.arriveAt === arriveAt);
  if (!isForetold) return told.arriveAt !== arriveAt || told.departAt !== departAt;
  const movedMs = Math.max(movedBetween(told.arriveAt, arriveAt), movedBetween(told.departAt, departAt));
  const leftMs = (arriveAt ?? departAt ?? now) - now;
  return movedMs >= Math.max(minMoveMs, movedShare * leftMs);
}

function movedBetween(one: number | null, other: number | null): number {
  if (one === null || other === null) return one === other ? 0 : Number.POSITIVE_INFINITY;
  return Math.abs(one - other);
}

/** What was told of a vehicle last; `values` without the rest after a restart. */
export interface ToldVehicle {
  readonly values: Values;
  readonly known: KnownVehicle | null;
}

/** Whether there is nothing to be told of a vehicle, without a look at all values. */
export function isAsTold({ values, known }: ToldVehicle, now: KnownVehicle): boolean {
  return (
    known?.run === now.run &&
    known.headway === now.headway &&
    known.assessment.state === now.assessment.state &&
    known.assessment.zone === now.assessment.zone &&
    isHardlyMoved(values["delayS"], now.assessment.delayS)
  );
}

/** Whether values of a vehicle's topic say what was told already, but for a delay that has hardly moved. */
export function isToldVehicle(told: Values, values: Values): boolean {
  return Object.keys(values).every(
    (name) => told[name] === values[name] || (name === "delayS" && isHardlyMoved(told[name], values[name])),
  );
}

function isHardlyMoved(toldS: Value | undefined, delayS: Value | undefined): boolean {
  if (typeof toldS !== "number" || typeof delayS !== "number") return toldS === delayS;
  return 1_000 * Math.abs(toldS - delayS) < minMoveMs;
}

function readCall(stop: number, said: string | undefined): Call | undefined {
  if (said === undefined) return undefined;
  const [state, arriveAt, departAt] = said.split(" ");
  return { stop, state: state as CallState, arriveAt: readTime(arriveAt), departAt: readTime(departAt) };
}

function readTime(text: string | undefined): number | null {
  return text === undefined || text === "null" ? null : Number(text);
}
