import type { ObservedPlace } from "../contract.ts";
import type { ObservedAsk } from "../engine.ts";
import { compareObserved, isAsked, type Observation, sortObserved } from "../observed.ts";

/** Below this many, sorting out what does not fit costs more than keeping it. */
const minPruned = 256;

/** The times that something holds, both inclusive, epoch milliseconds. */
export interface TimeRange {
  readonly minTime: number;
  readonly maxTime: number;
}

/**
 * Takes a topic's observations in any order and keeps those that come first in the order asked for, as many as fit a page:
 * however many there are, memory and sorting stay small.
 */
export class Collector {
  readonly #ask: ObservedAsk;
  readonly #after: ObservedPlace | null;
  readonly #maxBytes: number;
  readonly #maxCount: number;
  #found: Observation[] = [];
  #bytes = 0;
  #hasRepeats = false;
  /** What comes after it does not fit any more. */
  #last: Observation | null = null;

  constructor(ask: ObservedAsk, after: ObservedPlace | null, maxBytes: number) {
    this.#ask = ask;
    this.#after = after;
    this.#maxBytes = maxBytes;
    this.#maxCount = ask.perTopic - (after?.taken ?? 0);
  }

  /** Whether nothing of this range is asked for. */
  isOutside({ minTime, maxTime }: TimeRange): boolean {
    const { from, to, newestFirst } = this.#ask;
    const start = newestFirst ? from : Math.max(from, this.#after?.time ?? from);
    const end = newestFirst ? Math.min(to, this.#after?.time ?? to) : to;
    return maxTime < start || minTime > end;
  }

  /** Whether everything in this range comes after what fits. */
  isBeyond({ minTime, maxTime }: TimeRange): boolean {
    if (this.#bytes > this.#maxBytes || this.#found.length > this.#maxCount) this.#prune();
    if (this.#last === null) return false;
    return this.#ask.newestFirst ? maxTime < this.#last.time : minTime > this.#last.time;
  }

  /** Orders ranges so that what is asked for first comes first. */
  compareRanges(one: TimeRange, other: TimeRange): number {
    return this.#ask.newestFirst ? other.maxTime - one.maxTime : one.minTime - other.minTime;
  }

  isWanted(time: number, seq: number): boolean {
    const place = { time, seq };
    if (!isAsked(this.#ask, this.#after, place)) return false;
    if (this.#last === null) return true;
    const order = compareObserved(place, this.#last);
    return this.#ask.newestFirst ? order > 0 : order < 0;
  }

  /** Takes one that `isWanted`. */
  push(observation: Observation): void {
    this.#found.push(observation);
    this.#bytes += observation.body.length;
    const isFull = this.#bytes > 2 * this.#maxBytes || this.#found.length > 2 * this.#maxCount;
    if (isFull && this.#found.length > minPruned) this.#prune();
  }

  /** What was kept, in the order asked for. */
  result(): Observation[] {
    this.#sort();
    return this.#found;
  }

  /** From now on some may come twice: what is damaged in one copy is taken from the other, which has its neighbours too. */
  expectRepeats(): void {
    this.#hasRepeats = true;
  }

  #sort(): void {
    const sorted = sortObserved(this.#ask, this.#found);
    if (this.#hasRepeats) this.#found = sorted.filter(({ seq }, index) => seq !== sorted[index - 1]?.seq);
  }

  #prune(): void {
    this.#sort();
    let bytes = 0;
    let count = 0;
    for (const { body } of this.#found) {
      count++;
      if (bytes >= this.#maxBytes || count > this.#maxCount) {
        // One more than fits: it tells that there is more.
        this.#last = this.#found[count - 1] ?? null;
        this.#found.length = count;
      }
      bytes += body.length;
      if (this.#found.length === count) break;
    }
    this.#bytes = bytes;
  }
}
