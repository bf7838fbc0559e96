import { hasWildcard, matchesFilter } from "../model/filter.ts";
import type { Latest } from "./contract.ts";
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

function latestOf({ topic, latest }: TopicEntry): Latest[] {
  if (!latest) return [];
  const { seq, time, values, times } = latest;
  return [{ topic, seq, time, values, times }];
}
