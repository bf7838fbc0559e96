import { isoTime, type Reading, type Values } from "../model/reading.ts";
import { writeServiceDay, writeServiceTime } from "./service-day.ts";
import type { Assessment, Call } from "./transit-assess.ts";
import type { Headway } from "./transit-headways.ts";
import type { Journey } from "./transit-journey.ts";
import { heardAt } from "./transit-journey.ts";
import type { Run } from "./transit-trips.ts";

/** What the operator calls noteworthy. */
export interface NoticeLimits {
  readonly delayNoticeS: number;
  readonly earlyNoticeS: number;
  /** Bunched below this share of the scheduled headway. */
  readonly bunchedRatio: number;
  /** A call is judged when the vehicle was seen so long after it: until then late readings may change it. Seconds. */
  readonly settleS: number;
}

/** Something that the passengers of a line or a stop should know. */
export interface Notice {
  /** Names it within its journey. */
  readonly key: string;
  /** `line/<route>` or `stop/<stop>`. */
  readonly about: string;
  readonly isFiring: boolean;
  readonly values: Values;
  readonly text: string;
}

/** What notices are made from. */
export interface Known {
  readonly journey: Journey;
  readonly run: Run;
  readonly vehicle: string;
  readonly routeId: string;
  readonly routeName: string;
  readonly assessment: Assessment;
  headwayAt(stop: number): Headway | null;
}

/** A notice as it was told. */
type ToldNotice = Omit<Notice, "key">;

/** The notices of which something is to be told; notes that it was. */
export function noticeNews(known: Known, limits: NoticeLimits): Notice[] {
  const { said } = known.journey;
  const notices = noticesOf(known, limits);
  if (notices.length === 0 && said.size === 0) return notices;
  const found = new Map(notices.map((notice) => [notice.key, notice]));
  // What is no longer found was a detour that is over, or was corrected.
  for (const [key, text] of said) {
    if (!found.has(key)) found.set(key, { ...(JSON.parse(text) as ToldNotice), key, isFiring: false });
  }
  return [...found.values()].filter(({ key, isFiring, about, values, text }) => {
    const told = JSON.stringify({ isFiring, about, values, text } satisfies ToldNotice);
    const isNews = said.get(key) !== told;
    if (isNews) said.set(key, told);
    return isNews;
  });
}

/** What is to be told about a journey: everything that was noteworthy in it, and whether it still is. */
function noticesOf(known: Known, limits: NoticeLimits): Notice[] {
  const settledAt = heardAt(known.journey) - limits.settleS * 1_000;
  const left = known.assessment.behind.filter(
    ({ departAt, state }) => state === "departed" && departAt !== null && departAt <= settledAt,
  );
  return [
    ...delayNotice(known, left, limits),
    ...bunchingNotice(known, left, limits),
    ...detourNotice(known),
    ...earlyNotices(known, left, limits),
    ...skippedNotices(known, settledAt),
  ];
}

function delayNotice(known: Known, left: readonly Call[], { delayNoticeS }: NoticeLimits): Notice[] {
  const streak = lastStreak(left, (call) => lateS(known.run, call) >= delayNoticeS);
  if (streak === null) return [];
  const delayS = lateS(known.run, streak.last);
  const minutes = Math.floor(delayS / 60);
  const text = `${known.routeName}: ${minutes} min late`;
  return [lineNotice(known, "delay", streak.isOpen, { since: streak.since, delayS }, text)];
}

/** Whether a vehicle is too close behind the one ahead of it. */
export function isBunched(headway: Headway | null, { bunchedRatio }: NoticeLimits): boolean {
  if (headway === null) return false;
  const [headwayS, scheduledHeadwayS] = headway;
  return headwayS < bunchedRatio * scheduledHeadwayS;
}

function bunchingNotice(known: Known, left: readonly Call[], limits: NoticeLimits): Notice[] {
  const streak = lastStreak(left, ({ stop }) => isBunched(known.headwayAt(stop), limits));
  if (streak === null) return [];
  const [headwayS, scheduledHeadwayS] = known.headwayAt(streak.last.stop) as Headway;
  const text = `${known.routeName}: two vehicles close together`;
  return [
    lineNotice(known, "bunching", streak.isOpen, { since: streak.since, headwayS, scheduledHeadwayS }, text),
  ];
}

function detourNotice(known: Known): Notice[] {
  const { journey, assessment } = known;
  const { newest } = journey;
  // Who has not left the first stop is on the way to it.
  if (assessment.state !== "away" || newest === null || newest.zone === 0) return [];
  const text = `${known.routeName}: a vehicle has left its route`;
  return [lineNotice(known, "detour", true, { since: newest.at }, text)];
}

function earlyNotices(known: Known, left: readonly Call[], { earlyNoticeS }: NoticeLimits): Notice[] {
  const notices: Notice[] = [];
  for (const call of left) {
    const earlyS = -lateS(known.run, call);
    if (earlyS < earlyNoticeS) continue;
    const text = `${known.routeName}: left ${Math.round(earlyS)} s before its time`;
    const values = { since: call.departAt as number, delayS: -earlyS };
    notices.push(stopNotice(known, "early", call.stop, values, text));
  }
  return notices;
}

function skippedNotices(known: Known, settledAt: number): Notice[] {
  const { assessment, journey } = known;
  const notices: Notice[] = [];
  for (const { state, stop } of assessment.behind) {
    if (state !== "skipped") continue;
    const since = seenBeyondAt(journey, stop);
    if (since > settledAt) continue;
    notices.push(stopNotice(known, "skipped", stop, { since }, `${known.routeName}: did not stop here`));
  }
  return notices;
}

/**
 * When more will have settled, to be compared with how far it has: the time of the next call behind the vehicle after that.
 * Infinite if there is none.
 */
export function nextSettling(behind: readonly Call[], journey: Journey, settledAt: number): number {
  let next = Number.POSITIVE_INFINITY;
  for (const { state, stop, departAt } of behind) {
    const at = state === "skipped" ? seenBeyondAt(journey, stop) : departAt;
    if (at !== null && at > settledAt && at < next) next = at;
  }
  return next;
}

/** When it was seen first beyond a stop. */
function seenBeyondAt({ zones }: Journey, stop: number): number {
  const beyond = [...zones].filter(([zone]) => zone > 2 * stop).map(([, { firstAt }]) => firstAt);
  return Math.min(...beyond);
}

function lateS({ pattern, startAt }: Run, { stop, departAt }: Call): number {
  return Math.round(((departAt as number) - startAt) / 1_000 - (pattern.departS[stop] as number));
}

interface Streak {
  readonly since: number;
  readonly last: Call;
  /** Whether it goes on to the newest call. */
  readonly isOpen: boolean;
}

/** The last calls, one after the other, of which something holds. */
function lastStreak(left: readonly Call[], holds: (call: Call) => boolean): Streak | null {
  let end = left.length - 1;
  while (end >= 0 && !holds(left[end] as Call)) end--;
  if (end < 0) return null;
  let start = end;
  while (start > 0 && holds(left[start - 1] as Call)) start--;
  const since = (left[start] as Call).departAt as number;
  return { since, last: left[end] as Call, isOpen: end === left.length - 1 };
}

function lineNotice(
  known: Known,
  kind: string,
  isOpen: boolean,
  values: Values & { readonly since: number },
  text: string,
): Notice {
  const isFiring = isOpen && isUnderWay(known);
  return { key: kind, about: `line/${known.routeId}`, isFiring, values: toldOf(known, kind, values), text };
}

function stopNotice(
  known: Known,
  kind: string,
  stop: number,
  values: Values & { readonly since: number },
  text: string,
): Notice {
  const stopId = known.run.stopIds[stop] as string;
  const told = { ...toldOf(known, kind, { ...values, stopId }) };
  const isFiring = isUnderWay(known);
  return { key: `${kind} ${stop}`, about: `stop/${stopId}`, isFiring, values: told, text };
}

function isUnderWay({ assessment: { state } }: Known): boolean {
  return state === "running" || state === "away";
}

function toldOf(
  { run, routeId, vehicle }: Known,
  kind: string,
  { since, ...more }: Values & { since: number },
): Values {
  const { trip, day, startS } = run;
  return {
    kind,
    since: isoTime(since),
    routeId,
    tripId: trip.id,
    operatingDay: writeServiceDay(day),
    startTime: writeServiceTime(startS),
    ...more,
    vehicle,
  };
}

/** The reading that tells a notice. */
export function noticeReading(
  { key, isFiring, about, values, text }: Notice,
  trip: string,
  time: number,
): Reading {
  const state = isFiring ? "firing" : "resolved";
  return {
    domain: "alerts",
    device: `transit/${about}`,
    channel: `${key.split(" ", 1)[0]}/${trip}`,
    time,
    values: { state, severity: "warning", ...values },
    attrs: { text },
  };
}
