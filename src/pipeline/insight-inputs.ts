import type { CommittedReading } from "../insights/insight.ts";
import type { LogRecord, Topic } from "../log/contract.ts";
import { matchesFilter } from "../model/filter.ts";
import type { DerivedDomain, Domain, Values } from "../model/reading.ts";
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

/** A record as an insight sees it; its values are decoded when they are asked for. */
export class RecordReading implements CommittedReading {
  readonly #record: LogRecord;
  readonly #parts: TopicParts;
  readonly committedAt: number;

  constructor(record: LogRecord, parts: TopicParts, committedAt: number) {
    this.#record = record;
    this.#parts = parts;
    this.committedAt = committedAt;
  }

  get seq(): number {
    return this.#record.seq;
  }

  get topic(): string {
    return this.#record.topic.name;
  }

  get domain(): Domain | DerivedDomain {
    return this.#parts.domain as Domain | DerivedDomain;
  }

  get device(): string {
    return this.#parts.device;
  }

  get channel(): string | undefined {
    return this.#parts.channel;
  }

  get deviceKey(): string {
    return this.#parts.deviceKey;
  }

  get time(): number {
    return this.#record.time;
  }

  get values(): Values {
    return this.#record.values;
  }

  get attrs(): Values | null {
    return this.#record.attrs;
  }
}

function firstLevel(text: string): string {
  return text.split("/", 1)[0] as string;
}
