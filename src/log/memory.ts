import type { LatestCheckpoint } from "./checkpoint.ts";
import type { EngineState, LogEngine } from "./engine.ts";
import { decodeLatest, mergeLatest } from "./latest.ts";
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
      applyRecord(
        memory,
        recordFromBody(
          after,
          body,
          (id) => memory.topics.byId(id)?.topic,
          (id) => memory.shapes.byId(id),
        ),
      );
    }
  }
}
