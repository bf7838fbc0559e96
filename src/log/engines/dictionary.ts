import type { SavedProgress, Topic } from "../contract.ts";
import type { EngineState } from "../engine.ts";
import { unpackBodies } from "./blocks.ts";
import type { PackedBatch } from "./sqlite-protocol.ts";
import type { MetaRow, ProgressRow, Statements } from "./sqlite-statements.ts";

/** What is not of the ring: all of it is in the memory of the log while that is open. */
type Dictionary = Pick<EngineState, "topics" | "shapes" | "latest" | "remembered" | "progress">;

/** Reads what the log needs when it is opened. */
export function readDictionary(sql: Statements): Dictionary {
  const topics = sql.topics
    .all()
    .map(
      ({ id, name, channel_at }): Topic =>
        channel_at === null ? { id, name } : { id, name, channelAt: channel_at },
    );
  const shapes = sql.shapes.all().map(({ id, names, decimals }) => ({
    id,
    names: JSON.parse(names) as string[],
    decimals: JSON.parse(decimals) as number[],
  }));
  const latest = sql.latest
    .all()
    .map((row) => ({ topicId: row.topic_id, lastSeq: row.last_seq, body: row.body }));
  const remembered = sql.remembered
    .all()
    .map(({ received_at: receivedAt, ...packet }) => ({ ...packet, receivedAt }));
  return { topics, shapes, latest, remembered, progress: sql.progress.all().map(savedProgress) };
}

/** Writes topics, shapes, latest and progress. Returns whether `meta` has changed. */
export function writeDictionary(sql: Statements, meta: MetaRow, batch: PackedBatch): boolean {
  for (const { id, name, channelAt } of batch.topics) {
    sql.putTopic.run(id, name, channelAt ?? null);
    meta.last_topic_id = Math.max(meta.last_topic_id, id);
  }
  for (const { id, names, decimals } of batch.shapes) {
    sql.putShape.run(id, JSON.stringify(names), JSON.stringify(decimals));
  }
  const { topicIds, lastSeqs, bytes } = batch.latest;
  for (const [index, body] of unpackBodies(bytes).entries()) {
    sql.putLatest.run(topicIds[index] as number, lastSeqs[index] as number, body);
  }
  for (const id of batch.forgottenTopics) {
    sql.dropTopic.run(id);
    sql.dropLatest.run(id);
  }
  for (const { name, seq, time, state } of batch.progress) {
    sql.putProgress.run(name, seq, time);
    if (state) sql.putState.run(name, seq, time, state);
  }
  return batch.topics.length > 0;
}

function savedProgress(row: ProgressRow): SavedProgress {
  const { name, seq, time, state_seq, state_time, state } = row;
  if (state_seq === null || state_time === null || state === null) return { name, seq, time, state: null };
  return { name, seq, time, state: { seq: state_seq, time: state_time, bytes: state } };
}
