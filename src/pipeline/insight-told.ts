import type { Insight, Reducer, Shown } from "../insights/insight.ts";
import type { Log } from "../log/contract.ts";
import type { Reading } from "../model/reading.ts";
import { topicOf } from "../model/topic.ts";
import { shownOf } from "./insight-endings.ts";

interface ToldTopic {
  /** Up to when all was told that there is: when it ended, for ever unless it did. */
  readonly to: number;
  /** The newest word before that end, by its own time, if it is none that ends: it was true until then. */
  unsaid: Reading | null;
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
    const topic = this.#topics.get(name) ?? { to: this.#toldTo(name), unsaid: null };
    this.#topics.set(name, topic);
    const isTold = reading.time <= topic.to;
    if (!isTold) topic.unsaid = null;
    else if (topic.to < Number.POSITIVE_INFINITY && reading.time >= (topic.unsaid?.time ?? reading.time))
      topic.unsaid = reading;
    return isTold;
  }

  /**
   * Behind it all: what is so, though its topic was ended, since it was taken out of the settings and is back. Told from that end on,
   * as nobody would hear of it before it changes.
   * @param isAnew whether all of the ring was read again: else what ended it may be older than what was
   */
  takeUnsaid(reducer: Reducer | null, now: number, isAnew: boolean): Reading[] {
    const readings: Reading[] = [];
    for (const { to, unsaid } of this.#topics.values()) {
      if (!isAnew || unsaid === null) continue;
      const word = { channel: undefined, ...unsaid } as Shown;
      const isOver = (this.#insight.ending?.(word, now) ?? null) === null;
      if (!isOver && (reducer?.stands?.(word, now) ?? true)) readings.push({ ...unsaid, time: to });
    }
    this.#topics.clear();
    return readings;
  }

  #toldTo(topic: string): number {
    const [latest] = this.#log.latest(topic);
    if (latest === undefined) return Number.NEGATIVE_INFINITY;
    const isOver = this.#insight.ending?.(shownOf(latest), this.#log.time) === null;
    return isOver ? latest.time : Number.POSITIVE_INFINITY;
  }
}
