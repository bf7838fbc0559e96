import type { LatestPage, Log } from "../log/contract.ts";

/** Where a replay from a time begins. */
export interface PastPlace {
  readonly position: number;
  /** Seq of the oldest record of the ring then. */
  readonly oldest: number;
  /** The instant that is shown first: the asked one, or a later one if the ring does not reach back to it. */
  readonly time: number;
  /** The log's head meanwhile. What was observed up to `time` and is not behind it is in the snapshot. */
  readonly head: number;
  /** The ring may have dropped readings that were observed after the asked time. */
  readonly isLost: boolean;
  /** The first page of what the topics showed at `time`. */
  readonly page: LatestPage;
}

/**
 * Finds the place in the log from which on everything observed after `asked` comes.
 * @param limit topics of the first page
 * @throws LogUnavailable (as rejection) when the store cannot be read
 */
export async function findPast(log: Log, filter: string, asked: number, limit: number): Promise<PastPlace> {
  const found = await log.positionBefore(asked);
  const { head, oldest } = log;
  const position = Math.max(found, oldest - 1);
  const isLost = oldest > 1 && found < oldest && (found < head || hasChangedSince(log, filter, asked));
  const time = isLost ? Math.max(asked, await timeAfter(log, position, asked)) : asked;
  const page = await log.latestAt(filter, time, 0, limit);
  return { position, oldest, time, head, isLost, page };
}

// Of an empty ring only latest can tell.
function hasChangedSince(log: Log, filter: string, time: number): boolean {
  return log.latest(filter).some((latest) => latest.time > time);
}

/** When the first record after a place was observed. */
async function timeAfter(log: Log, position: number, otherwise: number): Promise<number> {
  const page = await log.read(position, 1);
  // Dropped in this moment: the subscription will be told when it reads on.
  return page.kind === "records" ? (page.records[0]?.time ?? otherwise) : otherwise;
}

/**
 * Seqs of the newest readings (by observation time) of each topic that matches, in order; null if there are more than
 * `maxReadings`.
 * @throws LogUnavailable (as rejection) when the store cannot be read
 */
export async function findLast(
  log: Log,
  filter: string,
  perTopic: number,
  limits: { readonly maxReadings: number; readonly maxBytes: number; readonly end: number },
): Promise<Float64Array | null> {
  const { maxReadings, maxBytes, end } = limits;
  const seqs: number[] = [];
  const query = { filter, newestFirst: true, perTopic, maxBytes };
  let page = await log.observed(query);
  for (;;) {
    // What came after `end` is sent in its turn.
    for (const { seq } of page.records) if (seq <= end) seqs.push(seq);
    if (seqs.length > maxReadings) return null;
    if (page.next === null) return Float64Array.from(seqs).sort();
    page = await log.observed({ ...query, after: page.next });
  }
}

/** Records looked at to tell what time it is at a place. */
const maxNeighbours = 256;
const neighbourBytes = 64 * 1024;

/**
 * The latest observation among the records before a place, which is the time that the log had reached there: of a single
 * record it cannot be told, for it may have come late.
 * @throws LogUnavailable (as rejection) when the store cannot be read
 */
export async function timeReached(log: Log, position: number): Promise<number> {
  const page = await log.read(Math.max(log.oldest - 1, position - maxNeighbours), neighbourBytes);
  const before = page.kind === "records" ? page.records.filter(({ seq }) => seq <= position) : [];
  return before.reduce((latest, { time }) => Math.max(latest, time), 0);
}
