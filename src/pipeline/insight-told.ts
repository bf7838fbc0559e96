import type { Insight, Reducer, Shown } from "../insights/insight.ts";
import type { Latest, Log } from "../log/contract.ts";
import type { Reading } from "../model/reading.ts";
import { topicOf } from "../model/topic.ts";
import { shownOf } from "./insight-endings.ts";

interface ToldTopic {
  /** What it shows, null if there is no such topic. */
  readonly latest: Latest | null;
  readonly isOver: boolean;
  /** The newest word, by its own time, of what counts as told: up to the end of a topic that is over, else whatever it is. */
  newest: Reading | null;
}

/** What an insight told in earlier lives, while it works it out again. */
export class ToldBefore {
  readonly #insight: Insight;
  readonly #log: Log;
  /** Those of which something was worked out again. */
  readonly #topics = new Map<string, ToldTopic>();

  constructor(insight: Insight, log: Log) {
    this.#insight = insight;
    this.#log = log;
  }

  /**
   * Whether an earlier life told it. What is newer than the end of its topic it did not tell, nor anything of a topic that there was
   * not: then a rule or a fence is new in the settings, and nobody would hear of it.
   */
  has(reading: Reading): boolean {
    const name = topicOf(reading);
    const topic = this.#topics.get(name) ?? this.#find(name);
    this.#topics.set(name, topic);
    const { latest, isOver } = topic;
    const isTold = latest !== null && (!isOver || reading.time <= latest.time);
    // What is told from here on takes the place of what was so before the end.
    if (!isTold) topic.newest = null;
    else if (reading.time >= (topic.newest?.time ?? reading.time)) topic.newest = reading;
    return isTold;
  }

  /**
   * Behind it all: what is so, though its topic shows something else, and nobody would hear of it before it changes. Told as of what
   * the topic shows, or of its own time if that is later.
   * @param restoredSeq from where it was worked out again; null: all of the ring was read
   * @param isOther whether what was told may follow from other settings; else it is what is worked out again, as far as the ring has
   *   all of it
   */
  takeUnsaid(reducer: Reducer | null, now: number, restoredSeq: number | null, isOther: boolean): Reading[] {
    const readings: Reading[] = [];
    for (const { latest, isOver, newest } of this.#topics.values()) {
      // Without endings all is of a time that is over, and stays.
      if (latest === null || newest === null || this.#insight.ending === undefined) continue;
      // Its topic was ended, since it was taken out of the settings and is back. What ended it may be older than what was read again.
      const isUnsaid = isOver
        ? restoredSeq === null && this.#stands(newest, reducer, now)
        : isOther && isNewer(newest, latest, restoredSeq) && !isShown(newest, latest);
      if (isUnsaid) readings.push({ ...newest, time: Math.max(newest.time, latest.time) });
    }
    this.#topics.clear();
    return readings;
  }

  #stands(reading: Reading, reducer: Reducer | null, now: number): boolean {
    const word = { channel: undefined, ...reading } as Shown;
    const isOpen = (this.#insight.ending?.(word, now) ?? null) !== null;
    return isOpen && (reducer?.stands?.(word, now) ?? true);
  }

  #find(name: string): ToldTopic {
    const [latest] = this.#log.latest(name);
    if (latest === undefined) return { latest: null, isOver: true, newest: null };
    const isOver = this.#insight.ending?.(shownOf(latest), this.#log.time) === null;
    return { latest, isOver, newest: null };
  }
}

/** Whether nothing newer was told before what was worked out again. */
function isNewer(newest: Reading, latest: Latest, restoredSeq: number | null): boolean {
  return restoredSeq === null || latest.seq > restoredSeq || newest.time >= latest.time;
}

function isShown({ values }: Reading, latest: Latest): boolean {
  return Object.entries(values).every(
    ([name, value]) => JSON.stringify(latest.values[name]) === JSON.stringify(value),
  );
}
