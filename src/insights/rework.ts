import { putBounded } from "./bounded.ts";
import { copyOf } from "./plain-copy.ts";
import { correct, isSame, place, type Tell, type Told } from "./told-words.ts";

/** Something that was observed at a time. */
interface Timed {
  readonly time: number;
}

/** How observations of one thing, taken in the order of their times, become what is told of it. */
export interface Course<Item extends Timed, Fold> {
  /** What is known before the first observation: plain data. */
  start(): Fold;
  /** A copy that shares nothing that changes. Absent: `copyOf`. */
  copy?(fold: Fold): Fold;
  /** Takes the next observation: changes `fold` in place, tells what follows from it. */
  step(fold: Fold, item: Item, tell: Tell): void;
  /** The same, when all that follows has been told before; for courses to which words cost something. Absent: `step` does. */
  settle?(fold: Fold, item: Item): void;
  /** The same for what came while the course was another one: what is new in it was not there then. Absent: `settle` does. */
  settleBefore?(fold: Fold, item: Item): void;
  /**
   * Tells what follows from nothing coming after the newest up to `to`, or ever if that is infinite; a later `step` must come to the
   * same by itself.
   */
  close?(fold: Fold, tell: Tell, to: number): void;
  /** Makes one observation of two of the same time; whichever came first, it must come to the same. Absent: one of them counts. */
  merge?(one: Item, other: Item): Item;
  /**
   * Whether a step through `item` after the newest one, of the same time, comes to what one step through both, merged, would have
   * come to. Absent: never.
   */
  goesOn?(fold: Fold, newest: Item, item: Item): boolean;
  /**
   * Names of one thing for which it is known what was told, 16 if absent; the one told longest ago is forgotten, and is not
   * corrected then.
   */
  readonly maxNames?: number;
  /** True for names under which an old word may stay that would not be told any more. */
  isKept?(name: string): boolean;
}

/** What is kept of one thing: belongs to the state of an insight. */
export interface Track<Item extends Timed, Fold> {
  /** The newest observations, in the order of their times. */
  readonly items: Item[];
  /** So many of them, the oldest, are settled: nothing is put between them, or reworked, any more. Absent: none. */
  settled?: number;
  /** What came of all observations before those, and the time of the last of them. */
  base: Fold;
  baseTime: number;
  isClosed: boolean;
  /** Up to when, as far as nothing has come by then; absent: for good. */
  closedTo?: number;
  /** What was told, by name, in the order of times: for what follows from `items` that are not settled, and the last before it. */
  readonly told: Map<string, Told[]>;
}

/** What is made again from a track when it is missing. */
interface Live<Fold> {
  /** What came of all observations. */
  readonly head: Fold;
  /** What the head was when fewer observations had come, in order, the oldest first: `since` of them came after that one. */
  readonly marks: Fold[];
  since: number;
}

const tellNobody: Tell = () => {};

/** See `Course.maxNames`. */
const defaultMaxNames = 16;
/** Words under one name that can be corrected, for each observation that is kept; a step seldom tells more. */
const maxWordsPerItem = 8;

/** Copies of the head that are kept: fewer leave more that is settled in the saved state, more take longer. */
const marksOfWindow = 4;

/**
 * Reducing in the order of observation, though observations come late, twice and out of order. The newest come as they are,
 * at the cost of a step. A late one goes to its place among the last `maxItems`; what follows from them is worked out anew,
 * and where that differs from what was told, it is told again **for the same time**: what should not have been told for a
 * time is replaced by what is true then. So in the end every time at which something was told shows what is known to be true
 * then, whatever the order was, as long as nothing is later than `maxItems` others; what is, is ignored.
 *
 * What cannot be reworked any more is seldom stepped through again: copies of the head are kept, and when all that came before
 * one is settled, it is the new base. Only a late one, or a start, has the base step there.
 */
export class Rework<Item extends Timed, Fold> {
  readonly #course: Course<Item, Fold>;
  readonly #maxItems: number;
  /** Of marks, in observations; no more that are settled are kept, since they are part of what is saved. */
  readonly #spacing: number;
  readonly #lives = new WeakMap<Track<Item, Fold>, Live<Fold>>();
  /** Tracks of which it was told what another course than before makes of them. */
  readonly #isTold = new WeakSet<Track<Item, Fold>>();

  constructor(course: Course<Item, Fold>, maxItems: number) {
    this.#course = course;
    this.#maxItems = maxItems;
    this.#spacing = Math.ceil(maxItems / marksOfWindow);
  }

  newTrack(): Track<Item, Fold> {
    const base = this.#course.start();
    return { items: [], base, baseTime: Number.NEGATIVE_INFINITY, isClosed: false, told: new Map() };
  }

  /** Takes an observation, and tells what is new or different. Returns whether it is the newest. */
  take(track: Track<Item, Fold>, item: Item, tell: Tell): boolean {
    if (!this.#isTold.has(track)) this.#tellNew(track, item.time, tell);
    const { items, settled = 0 } = track;
    let at = items.length;
    while (at > settled && (items[at - 1] as Item).time > item.time) at--;
    const before = at > settled ? items[at - 1] : undefined;
    if (before?.time === item.time) {
      const merged = this.#course.merge?.(before, item) ?? preferred(before, item);
      if (isSame(merged, before)) return false;
      const live = this.#lives.get(track);
      const isNewest = at === items.length;
      const goesOn = isNewest && !track.isClosed && live && this.#course.goesOn?.(live.head, before, item);
      items[at - 1] = merged;
      if (goesOn) this.#step(track, live, item, tell);
      else this.#rework(track, tell);
      return isNewest;
    }
    const isFull = items.length - settled >= this.#maxItems;
    if (at === settled && (isFull || item.time <= settledTime(track))) return false;
    const isNewest = at === items.length;
    const live = isNewest && !track.isClosed ? this.#liveOf(track) : null;
    items.splice(at, 0, item);
    track.settled = Math.max(settled, items.length - this.#maxItems);
    if (isNewest) {
      track.isClosed = false;
      delete track.closedTo;
    }
    if (live === null) {
      this.#rework(track, tell);
    } else {
      if (live.since % this.#spacing === 0) live.marks.push(this.#copyOf(live.head));
      this.#step(track, live, item, tell);
      live.since++;
      if (live.since >= this.#maxItems) this.#moveUp(track, live);
      else if (track.settled > this.#spacing) this.#settle(track);
    }
    return isNewest;
  }

  #step(track: Track<Item, Fold>, { head }: Live<Fold>, item: Item, tell: Tell): void {
    this.#course.step(head, item, (name, time, values) =>
      this.#note(track, name, { time, by: item.time, values }, tell),
    );
  }

  /** All that came before the oldest mark is settled: it is the new base. */
  #moveUp(track: Track<Item, Fold>, live: Live<Fold>): void {
    track.base = live.marks.shift() as Fold;
    this.#dropSettled(track);
    live.since -= this.#spacing;
  }

  #copyOf(fold: Fold): Fold {
    return this.#course.copy?.(fold) ?? copyOf(fold);
  }

  /** Nothing came after the newest observation up to `to`, or for long if that is infinite: tells what follows from that. */
  close(track: Track<Item, Fold>, tell: Tell, to = Number.POSITIVE_INFINITY): void {
    const by = track.items.at(-1)?.time;
    if (by === undefined || (track.isClosed && closedTo(track) >= to)) return;
    const { head } = this.#liveOf(track);
    track.isClosed = true;
    if (to < Number.POSITIVE_INFINITY) track.closedTo = to;
    else delete track.closedTo;
    const note: Tell = (name, time, values) => this.#note(track, name, { time, by, values }, tell);
    this.#course.close?.(head, note, to);
  }

  /** The course is another one than when the track was made: tells what is new or different, as far back as is kept. */
  review(track: Track<Item, Fold>, tell: Tell): void {
    this.#settle(track, true);
    this.#rework(track, tell);
  }

  /** What is known after the newest observation; not to be changed. */
  head(track: Track<Item, Fold>): Fold {
    return this.#liveOf(track).head;
  }

  #liveOf(track: Track<Item, Fold>): Live<Fold> {
    return this.#lives.get(track) ?? this.#follow(track, () => {});
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
    this.#settle(track);
  }

  /** Steps from the base through what is settled. */
  #settle(track: Track<Item, Fold>, isBefore = false): void {
    const course = this.#course;
    const { base, items, settled = 0 } = track;
    for (let at = 0; at < settled; at++) {
      const item = items[at] as Item;
      if (isBefore && course.settleBefore) course.settleBefore(base, item);
      else if (course.settle) course.settle(base, item);
      else course.step(base, item, tellNobody);
    }
    this.#dropSettled(track);
  }

  #dropSettled(track: Track<Item, Fold>): void {
    track.baseTime = settledTime(track);
    track.items.splice(0, track.settled ?? 0);
    track.settled = 0;
  }

  /** Goes through all items again. */
  #follow(track: Track<Item, Fold>, found: (name: string, told: Told) => void): Live<Fold> {
    const fold = this.#copyOf(track.base);
    let by = track.baseTime;
    const tell: Tell = (name, time, values) => found(name, { time, by, values });
    for (const item of track.items) {
      by = item.time;
      this.#course.step(fold, item, tell);
    }
    if (track.isClosed) this.#course.close?.(fold, tell, closedTo(track));
    const live = { head: fold, marks: [], since: 0 };
    this.#lives.set(track, live);
    return live;
  }

  #rework(track: Track<Item, Fold>, tell: Tell): void {
    this.#settle(track);
    const results = new Map<string, Told[]>();
    for (const name of track.told.keys()) results.set(name, []);
    this.#follow(track, (name, told) => {
      const list = results.get(name) ?? [];
      results.set(name, list);
      place(list, told);
    });
    for (const [name, news] of results) {
      const isKept = this.#course.isKept?.(name) ?? false;
      const settledTo = track.baseTime;
      const list = correct(name, track.told.get(name) ?? [], news, { settledTo, isKept }, tell);
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
  #forgetSettled(track: Track<Item, Fold>, list: Told[]): void {
    const settledTo = settledTime(track);
    const maxWords = maxWordsPerItem * this.#maxItems;
    while (list.length > 1 && ((list[1] as Told).by <= settledTo || list.length > maxWords)) list.shift();
  }

  #touch(told: Map<string, Told[]>, name: string, list: Told[]): void {
    putBounded(told, name, list, this.#course.maxNames ?? defaultMaxNames);
  }
}

/** Time of the last observation that is settled. */
function settledTime<Item extends Timed, Fold>({ items, settled = 0, baseTime }: Track<Item, Fold>): number {
  return items[settled - 1]?.time ?? baseTime;
}

function closedTo({ closedTo = Number.POSITIVE_INFINITY }: { readonly closedTo?: number }): number {
  return closedTo;
}

/** Of two observations of the same time the same one is kept, whichever came first. */
function preferred<Item>(one: Item, other: Item): Item {
  return JSON.stringify(other) > JSON.stringify(one) ? other : one;
}
