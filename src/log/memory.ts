import type { LatestCheckpoint } from "./checkpoint.ts";
import type { EngineState, LogEngine } from "./engine.ts";
import { decodeLatest, mergeLatest } from "./latest.ts";
import type { RecentReadings } from "./recent.ts";
import { recordFromBody, type StoredRecord } from "./record.ts";
import type { ShapeTable } from "./shapes.ts";
import type { TopicTable } from "./topics.ts";

const replayPageBytes = 1024 * 1024;

/** What a log keeps in memory about its topics. */
export interface LogMemory {
  readonly topics: TopicTable;
  readonly shapes: ShapeTable;
  readonly checkpoint: LatestCheckpoint;
  readonly maxFieldsPerTopic: number;
  readonly recent: RecentReadings;
}

/** Takes a committed record into latest. Records must come in seq order. */
export function applyRecord(memory: LogMemory, record: StoredRecord): void {
  const entry = memory.topics.byId(record.topic.id);
  if (!entry) return;
  if (entry.lastSeq < record.seq) entry.lastSeq = record.seq;
  entry.latest = mergeLatest(entry.latest, record, memory.maxFieldsPerTopic);
  memory.checkpoint.changed(entry, record.body.length);
}

/**
 * Fills latest from the engine's rows and the records after their checkpoint.
 * @throws Error if the store is damaged
 */
export async function recoverLatest(engine: LogEngine, state: EngineState, memory: LogMemory): Promise<void> {
  for (const row of state.latest) {
    const entry = memory.topics.byId(row.topicId);
    if (!entry) continue;
    entry.latest = decodeLatest(row.body);
    entry.lastSeq = row.lastSeq;
  }
  let after = Math.max(state.checkpoint, state.oldest - 1);
  while (after < state.head) {
    const page = await engine.read(after, replayPageBytes);
    // A hole in a damaged store: latest keeps what its rows say of it.
    if (page.kind === "evicted" && page.oldest > after + 1) {
      after = page.oldest - 1;
      continue;
    }
    if (page.kind === "evicted" || page.bodies.length === 0) {
      throw new Error(`the store has no record ${after + 1}, though its newest is ${state.head}`);
    }
    for (const body of page.bodies) {
      after++;
      const record = recoverRecord(after, body, memory);
      if (record) applyRecord(memory, record);
    }
  }
}

/** Null if it is damaged: whoever reads there is told, and the rest goes on. */
function recoverRecord(seq: number, body: Uint8Array, memory: LogMemory): StoredRecord | null {
  const topicOf = (id: number) => memory.topics.byId(id)?.topic;
  try {
    return recordFromBody(seq, body, topicOf, (id) => memory.shapes.byId(id));
  } catch {
    return null;
  }
}

/** Makes the newest stored readings known. */
export async function recoverRecent(
  engine: LogEngine,
  state: EngineState,
  recent: RecentReadings,
  maxCount: number,
): Promise<void> {
  let after = Math.max(state.oldest - 1, state.head - maxCount);
  while (after < state.head) {
    const page = await engine.read(after, replayPageBytes);
    if (page.kind === "evicted") after = Math.max(after + 1, page.oldest - 1);
    else if (page.bodies.length === 0) return;
    else {
      for (const body of page.bodies) recent.isRepeated(body);
      recent.settle(true);
      after += page.bodies.length;
    }
  }
}
