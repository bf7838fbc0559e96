import type { LogRecord, ObservedPage, ObservedPlace } from "./contract.ts";
import type { ObservedAsk } from "./engine.ts";
import { compareObserved, isAsked, sortObserved, takeObserved } from "./observed.ts";

/**
 * A page of what the store has, with what waits in memory to be stored where it belongs.
 * @param waiting as it was before the store was asked: what is stored meanwhile is in one of the two, or in both
 */
export function withWaiting(
  ask: ObservedAsk,
  page: ObservedPage,
  waiting: readonly LogRecord[],
): ObservedPage {
  const stored = new Set(page.records.map(({ seq }) => seq));
  const topicIds = new Set(ask.topicIds);
  const more = waiting.filter(
    (record) =>
      topicIds.has(record.topic.id) &&
      !stored.has(record.seq) &&
      isAsked(ask, ofTopic(ask.after, record), record) &&
      isWithin(ask, page.next, record),
  );
  if (more.length === 0) return page;
  const byTopic = new Map<number, LogRecord[]>();
  for (const record of [...page.records, ...more]) {
    const known = byTopic.get(record.topic.id);
    if (known) known.push(record);
    else byTopic.set(record.topic.id, [record]);
  }
  const { found, next } = takeObserved(ask, (topicId) => sortObserved(ask, byTopic.get(topicId) ?? []));
  return { records: found, next: next ?? recounted(ask, page.next, found) };
}

function ofTopic(place: ObservedPlace | null, { topic }: LogRecord): ObservedPlace | null {
  return place?.topicId === topic.id ? place : null;
}

/** Whether a record stands before the place where a page of the store ends. */
function isWithin(ask: ObservedAsk, end: ObservedPlace | null, record: LogRecord): boolean {
  if (end === null || record.topic.id < end.topicId) return true;
  if (record.topic.id > end.topicId) return false;
  const order = compareObserved(record, end);
  return ask.newestFirst ? order >= 0 : order <= 0;
}

function recounted(
  ask: ObservedAsk,
  end: ObservedPlace | null,
  found: readonly LogRecord[],
): ObservedPlace | null {
  if (end === null) return null;
  const before = ask.after?.topicId === end.topicId ? ask.after.taken : 0;
  const taken = before + found.filter(({ topic }) => topic.id === end.topicId).length;
  return { ...end, taken: Math.max(end.taken, taken) };
}
