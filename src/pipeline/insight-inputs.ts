import type { Topic } from "../log/contract.ts";
import { matchesFilter } from "../model/filter.ts";
import type { DerivedDomain } from "../model/reading.ts";
import { type TopicParts, topicParts } from "../model/topic.ts";

/** Topics whose fate is remembered, so that a reading costs one look-up; forgotten all at once beyond this. */
const maxKnownTopics = 200_000;

/** Which topics an insight reads (insights/insight.ts, `reads`). */
export class InsightInputs {
  readonly #filters: readonly string[];
  readonly #writes: readonly DerivedDomain[];
  /** By topic id; null for topics that it does not read. */
  readonly #known = new Map<number, TopicParts | null>();

  constructor(filters: readonly string[], writes: readonly DerivedDomain[]) {
    this.#filters = filters;
    this.#writes = writes;
  }

  /** What the topic is made of, null if the insight does not read it. */
  find(topic: Topic): TopicParts | null {
    const known = this.#known.get(topic.id);
    if (known !== undefined) return known;
    if (this.#known.size >= maxKnownTopics) this.#known.clear();
    const parts = this.#reads(topic.name) ? topicParts(topic.name, topic.channelAt) : null;
    this.#known.set(topic.id, parts);
    return parts;
  }

  #reads(topic: string): boolean {
    const level = firstLevel(topic);
    const isOwn = this.#writes.some((domain) => domain === level);
    return this.#filters.some(
      (filter) => (!isOwn || firstLevel(filter) === level) && matchesFilter(filter, topic),
    );
  }
}

function firstLevel(text: string): string {
  return text.split("/", 1)[0] as string;
}
