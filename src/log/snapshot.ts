import { hasWildcard, matchesFilter } from "../model/filter.ts";
import type { Latest, LatestPage } from "./contract.ts";
import type { TopicEntry, TopicTable } from "./topics.ts";

/** Latest of every topic that matches the valid MQTT filter; one look-up if it has no wildcard. */
export function findLatest(topics: TopicTable, filter: string): Latest[] {
  if (!hasWildcard(filter)) {
    const entry = topics.byName(filter);
    return entry ? latestOf(entry) : [];
  }
  // Most topics are told apart by what stands before the first wildcard, which costs less than matching.
  const prefix = filter.slice(0, filter.search(/[+#]/)).replace(/\/$/, "");
  const found: Latest[] = [];
  for (const entry of topics.entries()) {
    const { name } = entry.topic;
    if (name.startsWith(prefix) && matchesFilter(filter, name)) found.push(...latestOf(entry));
  }
  return found;
}

/** Topic ids looked at for one page, so that a filter that matches little costs no more than one that matches all. */
const maxScanned = 10_000;

/** One part of `findLatest`, in the order of topic ids (contract.ts, `latestPage`). */
export function findLatestPage(topics: TopicTable, filter: string, after: number, limit: number): LatestPage {
  if (!hasWildcard(filter)) return { entries: findLatest(topics, filter), next: null };
  const entries: Latest[] = [];
  const last = Math.min(topics.lastId, after + maxScanned);
  for (let id = after + 1; id <= last; id++) {
    const entry = topics.byId(id);
    if (!entry || !matchesFilter(filter, entry.topic.name)) continue;
    entries.push(...latestOf(entry));
    if (entries.length >= limit) return { entries, next: id < topics.lastId ? id : null };
  }
  return { entries, next: last < topics.lastId ? last : null };
}

function latestOf({ topic, latest }: TopicEntry): Latest[] {
  if (!latest) return [];
  const { seq, time, values, times, attrs } = latest;
  return [{ topic, seq, time, values, times, attrs }];
}
