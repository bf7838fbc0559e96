import type { Values } from "../model/reading.ts";
import { putBounded } from "./bounded.ts";

/** Something that was observed at a time. */
interface Timed {
  readonly time: number;
}

/** Says that from `time` on (epoch milliseconds) the topic called `name` shows `values`; always all of its values. */
export type Tell = (name: string, time: number, values: Values) => void;

/** How observations of one thing, taken in the order of their times, become what is told of it. */
export interface Course<Item extends Timed, Fold> {
  /** What is known before the first observation. Plain data: it is cloned. */
  start(): Fold;
  /** Takes the next observation: changes `fold` in place, tells what follows from it. */
  step(fold: Fold, item: Item, tell: Tell): void;
  /** The same, when all that follows has been told before; for courses to which words cost something. Absent: `step` does. */
  settle?(fold: Fold, item: Item): void;
  /**
   * Tells what follows from nothing coming after the newest up to `to`, or ever if that is infinite; a later `step` must come to the
   * same by itself.
   */
  close?(fold: Fold, tell: Tell, to: number): void;
  /** Makes one observation of two of the same time; whichever came first, it must come to the same. Absent: one of them counts. */
  merge?(one: Item, other: Item): Item;
  /**
   * Names of one thing for which it is known what was told, 16 if absent; the one told longest ago is forgotten, and is not
   * corrected then.
   */
  readonly maxNames?: number;
  /** True for names under which an old word may stay that would not be told any more. */
  isKept?(name: string): boolean;
}

interface Told {
  readonly time: number;
  /** Time of the observation from which it followed. */
  readonly by: number;
  readonly values: Values;
}

/** What is kept of one thing: belongs to the state of an insight. */
export interface Track<Item extends Timed, Fold> {
  /** The newest observations, in the order of their times. */
  readonly items: Item[];
  /** What came of all observations before those, and the time of the last of them. */
  base: Fold;
  baseTime: number;
  isClosed: boolean;
  /** Up to when, as far as nothing has come by then; absent: for good. */
  closedTo?: number;
  /** What was told, by name, in the order of times: for what follows from `items`, and the last before it. */
  readonly told: Map<string, Told[]>;
}

const tellNobody: Tell = () => {};

/** See `Course.maxNames`. */
const defaultMaxNames = 16;
/** Words under one name that can be corrected, for each observation that is kept; a step seldom tells more. */
const maxWordsPerItem = 8;

/**
 * Reducing in the order of observation, though observations come late, twice and out of order. The newest come as they are,
 * at the cost of a step. A late one goes to its place among the last `maxItems`; what follows from them is worked out anew,
 * and where that differs from what was told, it is told again **for the same time**: what should not have been told for a
 * time is replaced by what is true then. So in the end every time at which something was told shows what is known to be true
 * then, whatever the order was, as long as nothing is later than `maxItems` others; what is, is ignored.
 */
export class Rework<Item extends Timed, Fold> {
  readonly #course: Course<Item, Fold>;
  readonly #maxItems: number;
  /** What came of all observations; made from the track when it is missing. */
  readonly #heads = new WeakMap<Track<Item, Fold>, Fold>();
  /** Tracks of which it was told what another course than before makes of them. */
  readonly #isTold = new WeakSet<Track<Item, Fold>>();

  constructor(course: Course<Item, Fold>, maxItems: number) {
    this.#course = course;
    this.#maxItems = maxItems;
  }

  newTrack(): Track<Item, Fold> {
    const base = this.#course.start();
    return { items: [], base, baseTime: Number.NEGATIVE_INFINITY, isClosed: false, told: new Map() };
  }

  /** Takes an observation, and tells what is new or different. Returns whether it is the newest. */
  take(track: Track<Item, Fold>, item: Item, tell: Tell): boolean {
    const { items } = track;
    let at = items.length;
    while (at > 0 && (items[at - 1] as Item).time > item.time) at--;
    const before = items[at - 1];
    if (before?.time === item.time) {
      const merged = this.#course.merge?.(before, item) ?? preferred(before, item);
      if (isSame(merged, before)) return false;
      items[at - 1] = merged;
      this.#rework(track, tell);
      return at === items.length;
    }
    if (!this.#isTold.has(track)) this.#tellNew(track, item.time, tell);
    if (at === 0 && (items.length >= this.#maxItems || item.time <= track.baseTime)) return false;
    const isNewest = at === items.length;
    const head = isNewest && !track.isClosed ? this.head(track) : null;
    items.splice(at, 0, item);
    while (items.length > this.#maxItems) this.#settle(track);
    if (isNewest) {
      track.isClosed = false;
      delete track.closedTo;
    }
    if (head === null) this.#rework(track, tell);
    else
      this.#course.step(head, item, (name, time, values) =>
        this.#note(track, name, { time, by: item.time, values }, tell),
      );
    return isNewest;
  }

  /** Nothing came after the newest observation up to `to`, or for long if that is infinite: tells what follows from that. */
  close(track: Track<Item, Fold>, tell: Tell, to = Number.POSITIVE_INFINITY): void {
    const by = track.items.at(-1)?.time;
    if (by === undefined || (track.isClosed && closedTo(track) >= to)) return;
    const head = this.head(track);
    track.isClosed = true;
    if (to < Number.POSITIVE_INFINITY) track.closedTo = to;
    else delete track.closedTo;
    const note: Tell = (name, time, values) => this.#note(track, name, { time, by, values }, tell);
    this.#course.close?.(head, note, to);
  }

  /** The course is another one than when the track was made: tells what is new or different, as far back as is kept. */
  review(track: Track<Item, Fold>, tell: Tell): void {
    this.#rework(track, tell);
  }

  /** What is known after the newest observation; not to be changed. */
  head(track: Track<Item, Fold>): Fold {
    const known = this.#heads.get(track);
    if (known !== undefined) return known;
    return this.#follow(track, () => {});
  }

  /**
   * After a start the course may be another one: a fence was drawn around somebody, or elsewhere. What is so under names of which
   * nothing was told, or something else, is told from `time` on; the rest stays as it was told.
   */
  #tellNew(track: Track<Item, Fold>, time: number, tell: Tell): void {
    this.#isTold.add(track);
    const newest = new Map<string, Told>();
    this.#follow(track, (name, told) => newest.set(name, told));
    const mayBeForgotten = track.told.size >= (this.#course.maxNames ?? defaultMaxNames);
    for (const [name, told] of newest) {
      const known = track.told.get(name)?.at(-1);
      const isNews = known
        ? !this.#course.isKept?.(name) && !isSame(known.values, told.values)
        : !mayBeForgotten;
      if (isNews) this.#note(track, name, { ...told, time: Math.max(time, told.time) }, tell);
    }
  }

  /** The oldest observation becomes part of what is not reworked any more. */
  #settle(track: Track<Item, Fold>): void {
    const oldest = track.items.shift() as Item;
    if (this.#course.settle) this.#course.settle(track.base, oldest);
    else this.#course.step(track.base, oldest, tellNobody);
    track.baseTime = oldest.time;
  }

  /** Goes through all items again. */
  #follow(track: Track<Item, Fold>, found: (name: string, told: Told) => void): Fold {
    const fold = structuredClone(track.base);
    let by = track.baseTime;
    const tell: Tell = (name, time, values) => found(name, { time, by, values });
    for (const item of track.items) {
      by = item.time;
      this.#course.step(fold, item, tell);
    }
    if (track.isClosed) this.#course.close?.(fold, tell, closedTo(track));
    this.#heads.set(track, fold);
    return fold;
  }

  #rework(track: Track<Item, Fold>, tell: Tell): void {
    const results = new Map<string, Told[]>();
    for (const name of track.told.keys()) results.set(name, []);
    this.#follow(track, (name, told) => {
      const list = results.get(name) ?? [];
      results.set(name, list);
      place(list, told);
    });
    for (const [name, news] of results) {
      const list = correct(track, name, news, this.#course.isKept?.(name) ?? false, tell);
      if (list.length === 0) continue;
      this.#forgetSettled(track, list);
      this.#touch(track.told, name, list);
    }
  }

  /** Keeps and tells something new. */
  #note(track: Track<Item, Fold>, name: string, told: Told, tell: Tell): void {
    const list = track.told.get(name) ?? [];
    this.#touch(track.told, name, list);
    place(list, told);
    this.#forgetSettled(track, list);
    tell(name, told.time, told.values);
  }

  /** One is kept of what is settled: it is what was true before all that may still change. */
  #forgetSettled({ baseTime }: Track<Item, Fold>, list: Told[]): void {
    const maxWords = maxWordsPerItem * this.#maxItems;
    while (list.length > 1 && ((list[1] as Told).by <= baseTime || list.length > maxWords)) list.shift();
  }

  #touch(told: Map<string, Told[]>, name: string, list: Told[]): void {
    putBounded(told, name, list, this.#course.maxNames ?? defaultMaxNames);
  }
}

function closedTo({ closedTo = Number.POSITIVE_INFINITY }: { readonly closedTo?: number }): number {
  return closedTo;
}

/** Of two observations of the same time the same one is kept, whichever came first. */
function preferred<Item>(one: Item, other: Item): Item {
  return JSON.stringify(other) > JSON.stringify(one) ? other : one;
}

/** Tells again what now follows, where it is not what was told. @returns what stands now */
function correct(
  track: { baseTime: number; told: Map<string, Told[]> },
  name: string,
  news: readonly Told[],
  isKept: boolean,
  tell: Tell,
): Told[] {
  const olds = track.told.get(name) ?? [];
  const list = olds.filter(({ by }) => by <= track.baseTime);
  for (const told of news) place(list, told);
  const oldOf = new Map(olds.map((told) => [told.time, told]));
  for (const old of olds) {
    if (list.some(({ time }) => time === old.time)) continue;
    const values = isKept
      ? old.values
      : (list.findLast(({ time }) => time < old.time)?.values ?? nothingOf(old.values));
    // It follows from what was before, no longer from what was taken back.
    place(list, { time: old.time, by: Math.min(old.by, old.time), values });
  }
  for (const { time, values } of list) {
    const old = oldOf.get(time);
    if (old === undefined || !isSame(old.values, values)) tell(name, time, values);
  }
  return list;
}

/** Puts what was told in its place by time; for the same time the later word counts. */
function place(list: Told[], told: Told): void {
  let at = list.length;
  while (at > 0 && (list[at - 1] as Told).time > told.time) at--;
  if (at > 0 && (list[at - 1] as Told).time === told.time) list[at - 1] = told;
  else list.splice(at, 0, told);
}

function isSame(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

/** Nothing was true then after all. */
function nothingOf(values: Values): Values {
  return Object.fromEntries(Object.keys(values).map((name) => [name, null]));
}
