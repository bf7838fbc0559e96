import { type Calendar, type Level, levels } from "./calendar.ts";
import type { Measure } from "./energy-interval.ts";

/** Observations kept of a value; beyond this they are joined early, and the oldest forgotten. */
const maxPoints = 1_024;
/** Observations no farther apart than this are joined when nothing is awaited between them any more. */
const maxSealedMs = 300_000;

/**
 * Longest time between two observations across whose middle a period of this length may begin. What is farther apart tells
 * nothing of the periods between, though the longer period around them knows their energy.
 */
const maxBridgeMs: Readonly<Record<Level, number>> = {
  quarterHour: 1.5 * 900_000,
  hour: 1.5 * 3_600_000,
  day: 1.5 * 86_400_000,
  month: 1.5 * 86_400_000,
};

/** No period of this level is longer: a day at the end of summer time has 25 hours. */
const longestMs: Readonly<Record<Level, number>> = {
  quarterHour: 900_000,
  hour: 3_600_000,
  day: 26 * 3_600_000,
  month: 32 * 86_400_000,
};
const forgetEveryMs = 3_600_000;

/** What is known of a period: a tuple, since there are a hundred of each meter in a saved state. */
export type Slot = [importMicroWh: number, exportMicroWh: number, knownMs: number, estimatedMs: number];

/** Slots by the start of their period. */
export type Slots = Record<Level, Map<number, Slot>>;

interface Point {
  readonly time: number;
  value: number;
  readonly arrivedAt: number;
  /** What lies between this one and the next is complete: nothing is put between them any more. */
  isSealed: boolean;
}

/**
 * The observations of one value of a meter, and the energy of each period that follows from them. The energy is a sum
 * over neighbours, in whole numbers: when a late observation comes between two, what they gave is taken out and what the
 * three give is put in. So the sums depend on what was observed, not on when it came.
 */
export interface Track {
  points: Point[];
  /** Nothing at or before this is taken any more, and periods that ended by then are forgotten. */
  floor: number;
  sealedAt: number;
  forgetTo: number;
  readonly slots: Slots;
  /** The slot of each level that was used last, with its start: nearly always it is the next one too. */
  recent?: Partial<Record<Level, readonly [start: number, slot: Slot]>>;
  /** The slots of all levels that a quarter-hour belongs to, with its start: nearly all that is added is of the running one. */
  running?: readonly [quarter: number, slots: readonly Slot[]];
}

/** What a track is read by. Made from settings, so it is no part of the state. */
export interface TrackRules {
  readonly measure: Measure;
  readonly calendar: Calendar;
  /** Observations may come so much later than their neighbours, in any order. */
  readonly lateMs: number;
  /** How far back from the newest observation late ones are taken. */
  readonly keepMs: number;
}

/** Periods that must be told (again), by level. */
export type Pending = Record<Level, Set<number>>;

/** Where periods are noted that are over, and whose energy changed. */
export interface Teller {
  /** What ended by then is over. */
  readonly newest: number;
  readonly pending: Pending;
}

export function newTrack(): Track {
  const slots = { quarterHour: new Map(), hour: new Map(), day: new Map(), month: new Map() };
  const never = Number.NEGATIVE_INFINITY;
  return { points: [], floor: never, sealedAt: never, forgetTo: never, slots };
}

/**
 * Takes an observation. Of two at the same time the larger counts.
 * @returns false if it says nothing new, or is too late
 */
export function addPoint(
  track: Track,
  observed: { readonly time: number; readonly value: number; readonly arrivedAt: number },
  rules: TrackRules,
  teller: Teller,
): boolean {
  const { time, value, arrivedAt } = observed;
  const { points } = track;
  if (time <= track.floor) return false;
  let at = points.length;
  while (at > 0 && (points[at - 1] as Point).time > time) at--;
  const same = at > 0 ? points[at - 1] : undefined;
  if (same?.time === time) {
    if (value <= same.value || same.isSealed || points[at - 2]?.isSealed) return false;
    exchange(track, at - 1, { ...same, value }, rules, teller);
    return true;
  }
  if (same?.isSealed) return false;
  if (at === points.length) moveFloor(track, time - rules.keepMs);
  const next = at < points.length ? points[at] : undefined;
  if (same && next) contribute(track, same, next, -1, rules, teller);
  const point = { time, value, arrivedAt, isSealed: false };
  if (next) points.splice(at, 0, point);
  else points.push(point);
  if (same) contribute(track, same, point, 1, rules, teller);
  if (next) contribute(track, point, next, 1, rules, teller);
  if (points.length > maxPoints) makeRoom(track, arrivedAt);
  else if (arrivedAt - track.sealedAt >= rules.lateMs / 4) seal(track, arrivedAt, rules.lateMs);
  return true;
}

function exchange(track: Track, at: number, point: Point, rules: TrackRules, teller: Teller): void {
  const { points } = track;
  const [before, old, next] = [points[at - 1], points[at] as Point, points[at + 1]];
  if (before) contribute(track, before, old, -1, rules, teller);
  if (next) contribute(track, old, next, -1, rules, teller);
  points[at] = point;
  if (before) contribute(track, before, point, 1, rules, teller);
  if (next) contribute(track, point, next, 1, rules, teller);
}

/** From when on observations can still be taken out: what is before is joined, or settled. */
export function firstCut({ points, floor }: Track): number {
  const joined = points.findLast((_, index) => points[index - 1]?.isSealed);
  return Math.max(floor, joined?.time ?? floor);
}

/** Takes out the observations after `end`, which is not before `firstCut`. */
export function cutTrack(track: Track, end: number, rules: TrackRules, teller: Teller): void {
  const { points } = track;
  while ((points.at(-1)?.time ?? end) > end) {
    const last = points.pop() as Point;
    const before = points.at(-1);
    if (before) contribute(track, before, last, -1, rules, teller);
  }
}

/** Adds (`sign` 1) or takes out (-1) the energy between two neighbours, period by period. */
function contribute(
  track: Track,
  from: Point,
  to: Point,
  sign: 1 | -1,
  { measure, calendar }: TrackRules,
  teller: Teller,
): void {
  const ms = to.time - from.time;
  const interval = measure(from.value, to.value, ms);
  if (interval === null) return;
  const whole = interval.upTo(1);
  const quarter = calendar.periodOf("quarterHour", from.time);
  if (to.time <= quarter.end && quarter.end > Math.max(track.floor, teller.newest)) {
    // Longer periods begin and end with quarter-hours, so none of them is over either.
    for (const slot of runningSlots(track, quarter.start, calendar)) {
      slot[0] += sign * whole[0];
      slot[1] += sign * whole[1];
      slot[2] += sign * ms;
      if (interval.isEstimated) slot[3] += sign * ms;
    }
    return;
  }
  for (const level of levels) {
    let period = calendar.periodOf(level, from.time);
    if (to.time > period.end && ms > maxBridgeMs[level]) continue;
    let before = nothing;
    for (let begin = from.time; begin < to.time; period = calendar.periodOf(level, begin)) {
      const end = Math.min(period.end, to.time);
      const then = end === to.time ? whole : interval.upTo((end - from.time) / ms);
      if (period.end > track.floor) {
        const slot = slotOf(track, level, period.start);
        slot[0] += sign * (then[0] - before[0]);
        slot[1] += sign * (then[1] - before[1]);
        slot[2] += sign * (end - begin);
        if (interval.isEstimated) slot[3] += sign * (end - begin);
        if (period.end <= teller.newest) teller.pending[level].add(period.start);
      }
      before = then;
      begin = end;
      if (begin === to.time) break;
    }
  }
}

const nothing: readonly [number, number] = [0, 0];

/** What is known of the period of a level that begins at `start`. */
export function findSlot({ slots, recent }: Track, level: Level, start: number): Slot | undefined {
  const last = recent?.[level];
  return last?.[0] === start ? last[1] : slots[level].get(start);
}

function slotOf(track: Track, level: Level, start: number): Slot {
  let slot = findSlot(track, level, start);
  if (!slot) {
    slot = [0, 0, 0, 0];
    track.slots[level].set(start, slot);
  }
  track.recent ??= {};
  if (track.recent[level]?.[0] !== start) track.recent[level] = [start, slot];
  return slot;
}

function runningSlots(track: Track, quarter: number, calendar: Calendar): readonly Slot[] {
  const { running } = track;
  if (running?.[0] === quarter) return running[1];
  const slots = levels.map((level) => slotOf(track, level, calendar.periodOf(level, quarter).start));
  track.running = [quarter, slots];
  return slots;
}

/** Moves the floor up, and forgets all observations at or before it but the last. */
export function moveFloor(track: Track, floor: number): void {
  const { points } = track;
  while ((points[1]?.time ?? Number.POSITIVE_INFINITY) <= floor) points.shift();
  track.floor = Math.max(track.floor, floor);
}

/** Joins observations, and forgets the oldest ones that are still too many. */
function makeRoom(track: Track, now: number): void {
  seal(track, now, -1);
  while (track.points.length > maxPoints) track.points.shift();
  track.floor = Math.max(track.floor, (track.points[0] as Point).time);
}

/**
 * Forgets the periods that had ended by the floor when this was last done: after a long silence the floor jumps, and the
 * periods in which the silence began are still to be told.
 */
export function forgetPeriods(track: Track): void {
  if (track.floor < track.forgetTo + forgetEveryMs) return;
  for (const level of levels) {
    const slots = track.slots[level];
    for (const start of slots.keys()) if (start + longestMs[level] <= track.forgetTo) slots.delete(start);
  }
  track.recent = {};
  delete track.running;
  track.forgetTo = track.floor;
}

/** Joins observations that came long enough ago: what lies between the first and the last of them is in the slots. */
function seal(track: Track, now: number, lateMs: number): void {
  track.sealedAt = now;
  const { points } = track;
  const isClosed = (point: Point) => point.arrivedAt < now - lateMs;
  for (let at = 0; at + 1 < points.length; at++) {
    const [point, next] = [points[at] as Point, points[at + 1] as Point];
    if (point.isSealed || next.time - point.time > maxSealedMs) continue;
    point.isSealed = isClosed(point) && isClosed(next);
  }
  let kept = 0;
  let wasSealed = false;
  for (const point of points) {
    if (!point.isSealed || !wasSealed) points[kept++] = point;
    wasSealed = point.isSealed;
  }
  if (kept < points.length) points.length = kept;
}
