import type { Latest, LogRecord } from "../log/contract.ts";
import type { Share } from "./budget.ts";

/** About what a topic's state takes in memory. */
const bytesPerTopic = 512;

/** What topics show at the place of a replay: values merged by observation time, as the log's latest is at the head. */
export class Shown {
  private readonly topics = new Map<number, Latest>();
  private readonly share: Share;

  constructor(share: Share) {
    this.share = share;
  }

  /** Takes what topics showed where the replay begins; false if there is no room for them. */
  add(entries: readonly Latest[]): boolean {
    return entries.every((entry) => {
      if (!this.hasRoomFor(entry.topic.id)) return false;
      this.topics.set(entry.topic.id, entry);
      return true;
    });
  }

  /** Goes on by a reading; false if there is no room for its topic. */
  merge(record: LogRecord): boolean {
    const { id } = record.topic;
    if (!this.hasRoomFor(id)) return false;
    this.topics.set(id, merged(this.topics.get(id), record));
    return true;
  }

  all(): Latest[] {
    return [...this.topics.values()];
  }

  of(topicIds: Iterable<number>): Latest[] {
    return [...topicIds].flatMap((id) => this.topics.get(id) ?? []);
  }

  private hasRoomFor(id: number): boolean {
    return this.topics.has(id) || this.share.take(bytesPerTopic);
  }
}

/** A value replaces one that was observed earlier or at the same time, as in the log's latest. */
function merged(known: Latest | undefined, record: LogRecord): Latest {
  const { seq, topic, time, values, attrs } = record;
  const names = Object.keys(values);
  if (!known || Object.keys(known.values).length === 0) {
    return { topic, seq, time, values, times: null, attrs };
  }
  const timeOf = (name: string) => known.times?.[name] ?? known.time;
  const taken = new Set(names.filter((name) => !Object.hasOwn(known.values, name) || timeOf(name) <= time));
  if (taken.size === 0) return known;
  const newest = Math.max(time, known.time);
  const all = { ...known.values };
  for (const name of taken) all[name] = values[name] as (typeof values)[string];
  const observed = Object.keys(all).map((name) => [name, taken.has(name) ? time : timeOf(name)] as const);
  const older = observed.filter(([, at]) => at < newest);
  return {
    topic,
    seq,
    time: newest,
    values: all,
    times: older.length === 0 ? null : Object.fromEntries(older),
    attrs: time >= known.time ? attrs : known.attrs,
  };
}
