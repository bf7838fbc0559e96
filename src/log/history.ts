import { setImmediate as nextTurn } from "node:timers/promises";
import { hasWildcard, matchesFilter } from "../model/filter.ts";
import type { Values } from "../model/reading.ts";
import type {
  Latest,
  LatestPage,
  LogRecord,
  ObservedPage,
  ObservedPlace,
  ObservedQuery,
} from "./contract.ts";
import type { ObservedAsk } from "./engine.ts";
import { endOfTopic } from "./observed.ts";
import { withWaiting } from "./overlay.ts";
import type { Ends, StoreReader } from "./store-reader.ts";
import type { TopicEntry, TopicTable } from "./topics.ts";

/** Topic ids looked at between two turns of the event loop. */
const maxScanned = 10_000;
/** Topics asked of the engine at a time. */
const maxTopicsPerAsk = 500;
/** Bytes of bodies asked for at a time when values are looked for. */
const askBytes = 64 * 1024;

const beginningOfTime = Number.MIN_SAFE_INTEGER;
const endOfTime = Number.MAX_SAFE_INTEGER;

/** What was shown and waits in memory for the store. */
export interface Waiting {
  /** Seq of the newest record in the store. */
  readonly stored: number;
  /** The records behind it, about `maxBytes` of bodies. */
  unstored(maxBytes: number): readonly LogRecord[];
}

/** Answers what was observed when, from the store, and from memory what that has not taken yet. */
export class History {
  readonly #topics: TopicTable;
  readonly #reader: StoreReader;
  readonly #lookBackMs: number;
  readonly #ends: Ends;
  readonly #waiting: Waiting;

  constructor(topics: TopicTable, reader: StoreReader, lookBackMs: number, ends: Ends, waiting: Waiting) {
    this.#waiting = waiting;
    this.#topics = topics;
    this.#reader = reader;
    this.#lookBackMs = lookBackMs;
    this.#ends = ends;
  }

  /** See contract.ts. */
  async positionBefore(time: number): Promise<number> {
    const { stored } = this.#waiting;
    const waiting = this.#waiting.unstored(Number.POSITIVE_INFINITY);
    let first = await this.#reader.firstAfter(time);
    const { head, oldest } = this.#ends;
    if (first > stored) {
      const later = waiting.find((record) => record.time > time);
      first = later?.seq ?? Math.max(first, (waiting.at(-1)?.seq ?? 0) + 1);
    }
    return Math.min(head, Math.max(oldest, first) - 1);
  }

  /** See contract.ts. */
  async observed(query: ObservedQuery): Promise<ObservedPage> {
    const { filter, maxBytes, newestFirst = false, perTopic = endOfTime } = query;
    const range = { from: query.from ?? beginningOfTime, to: query.to ?? endOfTime, newestFirst, perTopic };
    const records: LogRecord[] = [];
    let after = query.after ?? null;
    let bytes = 0;
    for (;;) {
      const { entries, next } = this.#matching(filter, after ? after.topicId - 1 : 0);
      const topicIds = entries.map(({ topic }) => topic.id);
      const ask: ObservedAsk = { ...range, topicIds, after, maxBytes: Math.max(1, maxBytes - bytes) };
      const page = await this.#ask(ask);
      for (const record of page.records) {
        records.push(record);
        bytes += record.body.length;
      }
      after = page.next ?? (next === null ? null : endOfTopic(ask, next));
      if (after === null || bytes >= maxBytes) return { records, next: after };
    }
  }

  /** See contract.ts. */
  async latestAt(filter: string, time: number, after: number, limit: number): Promise<LatestPage> {
    const { entries, next } = this.#matching(filter, after, limit);
    const mergers = entries.flatMap((entry) => (entry.latest ? [new PastLatest(entry, time)] : []));
    const changed = mergers.filter(({ isKnown }) => !isKnown);
    await this.#takeNewest(changed, time);
    for (const merger of changed) await this.#lookBack(merger);
    return { entries: mergers.flatMap((merger) => merger.result() ?? []), next };
  }

  /** Gives each topic its newest reading by `time`. */
  async #takeNewest(mergers: readonly PastLatest[], time: number): Promise<void> {
    const byId = new Map(mergers.map((merger) => [merger.topic.id, merger]));
    const range = { from: beginningOfTime, to: time, newestFirst: true, perTopic: 1, maxBytes: askBytes };
    let after: ObservedPlace | null = null;
    let left = [...byId.keys()];
    do {
      const topicIds = left.slice(0, maxTopicsPerAsk);
      const page: ObservedPage = await this.#ask({ ...range, topicIds, after });
      for (const record of page.records) byId.get(record.topic.id)?.take(record);
      after = page.next;
      const done = after ? after.topicId - 1 : (topicIds.at(-1) ?? 0);
      left = left.filter((id) => id > done);
    } while (left.length > 0);
  }

  /** Looks further back for the values that are still missing. */
  async #lookBack(merger: PastLatest): Promise<void> {
    const { topic, newest } = merger;
    if (newest === null) return;
    const from = newest.time - this.#lookBackMs;
    let after: ObservedPlace | null = { topicId: topic.id, time: newest.time, seq: newest.seq, taken: 0 };
    while (after !== null && merger.isMissing) {
      const range = { from, to: newest.time, newestFirst: true, perTopic: endOfTime, maxBytes: askBytes };
      const page: ObservedPage = await this.#ask({ ...range, topicIds: [topic.id], after });
      for (const record of page.records) merger.take(record);
      after = page.next;
    }
  }

  async #ask(ask: ObservedAsk): Promise<ObservedPage> {
    if (ask.topicIds.length > 0) {
      const waiting = this.#waiting.unstored(Number.POSITIVE_INFINITY);
      return withWaiting(ask, await this.#reader.observed(ask), waiting);
    }
    await nextTurn();
    return { records: [], next: null };
  }

  /** Topics above `after` that match; `next` is not null where the search must go on. */
  #matching(
    filter: string,
    after: number,
    limit = maxTopicsPerAsk,
  ): { entries: TopicEntry[]; next: number | null } {
    const entries: TopicEntry[] = [];
    if (!hasWildcard(filter)) {
      const entry = this.#topics.byName(filter);
      return { entries: entry && entry.topic.id > after ? [entry] : [], next: null };
    }
    const { lastId } = this.#topics;
    const last = Math.min(lastId, after + maxScanned);
    for (let id = after + 1; id <= last; id++) {
      const entry = this.#topics.byId(id);
      if (!entry || !matchesFilter(filter, entry.topic.name)) continue;
      entries.push(entry);
      if (entries.length >= limit) return { entries, next: id < lastId ? id : null };
    }
    return { entries, next: last < lastId ? last : null };
  }
}

/**
 * What a topic showed at an earlier time. A value of the present latest that was observed by then was the latest then, so
 * only those that were replaced since are looked for, from the newest record by then backwards.
 */
class PastLatest {
  readonly topic: Latest["topic"];
  /** The first record taken. */
  newest: LogRecord | null = null;
  readonly #present: NonNullable<TopicEntry["latest"]>;
  readonly #time: number;
  readonly #values: Values = {};
  readonly #times: Record<string, number> = {};
  readonly #missing = new Set<string>();
  #seq = 0;
  /** The newest record taken that has values. */
  #newestWithValues: LogRecord | null = null;

  /** @param entry must have a latest */
  constructor({ topic, latest }: TopicEntry, time: number) {
    this.topic = topic;
    this.#time = time;
    this.#present = latest as NonNullable<TopicEntry["latest"]>;
    if (this.isKnown) return;
    for (const [name, value] of Object.entries(this.#present.values)) {
      const observed = this.#present.times?.[name] ?? this.#present.time;
      if (observed <= time) this.#set(name, value, observed);
      else this.#missing.add(name);
    }
  }

  /** Whether the present latest is the answer. */
  get isKnown(): boolean {
    return this.#present.time <= this.#time;
  }

  get isMissing(): boolean {
    return this.#missing.size > 0;
  }

  /** Takes the topic's records, newest observation first. */
  take(record: LogRecord): void {
    this.newest ??= record;
    let contributes = false;
    for (const [name, value] of Object.entries(record.values)) {
      this.#missing.delete(name);
      const known = Object.hasOwn(this.#times, name) ? (this.#times[name] as number) : null;
      if (known === record.time) contributes = true;
      if (known !== null && known >= record.time) continue;
      this.#set(name, value, record.time);
      contributes = true;
    }
    if (contributes) this.#newestWithValues ??= record;
    if (contributes && record.seq > this.#seq) this.#seq = record.seq;
  }

  /** Null if nothing was observed by then. */
  result(): Latest | null {
    if (this.isKnown) {
      const { seq, time, values, times, attrs } = this.#present;
      return { topic: this.topic, seq, time, values, times, attrs };
    }
    const observed = Object.entries(this.#times);
    if (observed.length === 0) return this.#empty();
    const time = observed.reduce((max, [, one]) => Math.max(max, one), beginningOfTime);
    const older = observed.filter(([, one]) => one < time);
    const times = older.length > 0 ? Object.fromEntries(older) : null;
    const setter = this.#newestWithValues;
    const attrs = setter?.time === time ? setter.attrs : null;
    return { topic: this.topic, seq: this.#seq, time, values: this.#values, times, attrs };
  }

  /** Readings without any value are all there was. */
  #empty(): Latest | null {
    if (this.newest === null) return null;
    const { seq, time, values, attrs } = this.newest;
    return { topic: this.topic, seq, time, values, times: null, attrs };
  }

  #set(name: string, value: Values[string], time: number): void {
    this.#values[name] = value;
    this.#times[name] = time;
  }
}
