import type { ObservedPlace } from "./contract.ts";
import type { ObservedAsk } from "./engine.ts";

/** A record as far as its place among those of its topic goes. */
export interface Observation {
  readonly time: number;
  readonly seq: number;
  readonly body: Uint8Array;
}

/** Orders by observation time, then seq. */
export function compareObserved(
  one: { readonly time: number; readonly seq: number },
  other: { readonly time: number; readonly seq: number },
): number {
  return one.time - other.time || one.seq - other.seq;
}

/** The place before everything that `ask` can find of a topic. */
export function startOfTopic({ from, to, newestFirst }: ObservedAsk, topicId: number): ObservedPlace {
  return newestFirst
    ? { topicId, time: to, seq: Number.MAX_SAFE_INTEGER, taken: 0 }
    : { topicId, time: from, seq: 0, taken: 0 };
}

/** The place behind everything that `ask` can find of a topic. */
export function endOfTopic(ask: ObservedAsk, topicId: number): ObservedPlace {
  const { from, to, newestFirst, perTopic: taken } = ask;
  return newestFirst
    ? { topicId, time: from, seq: 0, taken }
    : { topicId, time: to, seq: Number.MAX_SAFE_INTEGER, taken };
}

/**
 * The page that `ask` is for.
 * @param find the topic's observations behind a place, in the order asked for; of those that do not fit into `maxBytes` all
 *   but the first may be left out
 * @param isLate whether the page shall end with the topic at hand
 */
export function takeObserved<Found extends Observation>(
  ask: ObservedAsk,
  find: (topicId: number, after: ObservedPlace | null, maxBytes: number) => readonly Found[],
  isLate: () => boolean = () => false,
): { found: Found[]; next: ObservedPlace | null } {
  const found: Found[] = [];
  let bytes = 0;
  let last: ObservedPlace | null = null;
  for (const topicId of ask.topicIds) {
    const after = ask.after?.topicId === topicId ? ask.after : null;
    let taken = after?.taken ?? 0;
    if (taken >= ask.perTopic) continue;
    for (const observation of find(topicId, after, ask.maxBytes - bytes)) {
      if (bytes >= ask.maxBytes) return { found, next: last ?? startOfTopic(ask, topicId) };
      found.push(observation);
      bytes += observation.body.length;
      last = { topicId, time: observation.time, seq: observation.seq, taken: ++taken };
      if (taken === ask.perTopic) break;
    }
    if (isLate() && topicId !== ask.topicIds.at(-1)) return { found, next: endOfTopic(ask, topicId) };
  }
  return { found, next: null };
}

/** Whether an observation is one that `ask` is for, behind `after`. */
export function isAsked(
  { from, to, newestFirst }: ObservedAsk,
  after: ObservedPlace | null,
  observation: { readonly time: number; readonly seq: number },
): boolean {
  const { time } = observation;
  if (time < from || time > to) return false;
  if (after === null) return true;
  const order = compareObserved(observation, after);
  return newestFirst ? order < 0 : order > 0;
}

/** Brings observations into the order that `ask` is for. */
export function sortObserved<Found extends Observation>(
  { newestFirst }: ObservedAsk,
  found: Found[],
): Found[] {
  return found.sort(newestFirst ? (one, other) => compareObserved(other, one) : compareObserved);
}
