import type Database from "better-sqlite3";
import type { FormerEpoch } from "../engine.ts";
import type { PacketHead } from "../quarantine.ts";

/** The one row of `meta`. */
export interface MetaRow {
  epoch: string;
  head: number;
  /** Bytes of all blocks, with a fixed cost per row. */
  ring_bytes: number;
  checkpoint: number;
  last_topic_id: number;
  quarantine_count: number;
  quarantine_bytes: number;
  remembered_count: number;
  remembered_bytes: number;
  /** The highest position that was ever given. */
  remembered_position: number;
}

export interface BlockRow {
  readonly first_seq: number;
  readonly last_seq: number;
  readonly committed_at: number;
  readonly min_time: number;
  readonly max_time: number;
  readonly bytes: Uint8Array;
  /** See checksum.ts; null in what an older schema stored. */
  readonly sum: number | null;
}

/** The state's columns are null if none was saved. */
export interface ProgressRow {
  readonly name: string;
  readonly seq: number;
  readonly time: number;
  readonly state_seq: number | null;
  readonly state_time: number | null;
  readonly state: Uint8Array | null;
}

export interface OldBlockRow {
  readonly first_seq: number;
  readonly last_seq: number;
  readonly committed_at: number;
  readonly size: number;
}

/** A segment, or what is left of it while it is being dropped (segments.ts). */
export interface SegmentRow {
  readonly first_seq: number;
  readonly domain: string;
  readonly last_seq: number;
  readonly committed_at: number;
  readonly min_time: number;
  readonly max_time: number;
  readonly first_chunk: number;
  readonly last_chunk: number;
  /** How many chunks it had when it was written. */
  readonly chunks: number;
  /** Of those chunks. */
  readonly bytes: number;
}

interface RememberedRow {
  readonly topic: string;
  readonly received_at: number;
  readonly client: string | null;
  readonly payload: Uint8Array;
}

interface PacketRow {
  readonly id: number;
  readonly received_at: number;
  readonly topic: string;
  readonly client: string | null;
  readonly format: string | null;
  readonly reason: string;
  readonly payload: Uint8Array;
}

/** A compiled statement, as far as the store uses it. */
interface Query<Arguments extends unknown[], Row> {
  run(...values: Arguments): unknown;
  get(...values: Arguments): Row | undefined;
  all(...values: Arguments): Row[];
  iterate(...values: Arguments): Iterable<Row>;
}

const packetHead =
  "id, topic, format, length(payload) AS payloadBytes, length(reason) + ifnull(length(client), 0) AS textChars";

/** Every statement the store uses, compiled once per connection. */
export function prepareStatements(db: Database.Database) {
  const prepare = <Arguments extends unknown[], Row = never>(sql: string): Query<Arguments, Row> =>
    db.prepare<Arguments, Row>(sql);
  return {
    meta: prepare<[], MetaRow>("SELECT * FROM meta"),
    putMeta: prepare<[MetaRow]>(
      `UPDATE meta SET epoch = @epoch, head = @head, ring_bytes = @ring_bytes, checkpoint = @checkpoint,
       last_topic_id = @last_topic_id, quarantine_count = @quarantine_count, quarantine_bytes = @quarantine_bytes,
       remembered_count = @remembered_count, remembered_bytes = @remembered_bytes,
       remembered_position = @remembered_position`,
    ),
    epochs: prepare<[], FormerEpoch>("SELECT epoch, last_seq AS lastSeq FROM epoch ORDER BY last_seq, rowid"),
    putEpoch: prepare<[string, number]>("INSERT OR REPLACE INTO epoch VALUES (?, ?)"),
    dropOldEpochs: prepare<[number]>("DELETE FROM epoch WHERE rowid <= (SELECT max(rowid) FROM epoch) - ?"),
    topics: prepare<[], { id: number; name: string; channel_at: number | null }>(
      "SELECT id, name, channel_at FROM topic ORDER BY id",
    ),
    // OR REPLACE: a commit that failed at its very end may have left the row.
    putTopic: prepare<[number, string, number | null]>("INSERT OR REPLACE INTO topic VALUES (?, ?, ?)"),
    dropTopic: prepare<[number]>("DELETE FROM topic WHERE id = ?"),
    shapes: prepare<[], { id: number; names: string; decimals: string }>("SELECT * FROM shape ORDER BY id"),
    putShape: prepare<[number, string, string]>("INSERT OR REPLACE INTO shape VALUES (?, ?, ?)"),
    latest: prepare<[], { topic_id: number; last_seq: number; body: Uint8Array }>("SELECT * FROM latest"),
    putLatest: prepare<[number, number, Uint8Array]>("INSERT OR REPLACE INTO latest VALUES (?, ?, ?)"),
    dropLatest: prepare<[number]>("DELETE FROM latest WHERE topic_id = ?"),
    putBlock: prepare<[BlockRow]>(
      `INSERT INTO block VALUES (@first_seq, @last_seq, @committed_at, @min_time, @max_time, @bytes, @sum)`,
    ),
    mendBlock: prepare<[Uint8Array, number]>("UPDATE block SET bytes = ? WHERE first_seq = ?"),
    lastBlock: prepare<[], { last_seq: number }>(
      "SELECT last_seq FROM block ORDER BY first_seq DESC LIMIT 1",
    ),
    blocksAfter: prepare<[number, number], OldBlockRow>(
      `SELECT first_seq, last_seq, committed_at, length(bytes) AS size FROM block
       WHERE first_seq > ? ORDER BY first_seq LIMIT ?`,
    ),
    bytesAfter: prepare<[number], { count: number; size: number | null }>(
      "SELECT count(*) AS count, sum(length(bytes)) AS size FROM block WHERE first_seq > ?",
    ),
    blocksToGather: prepare<[number], BlockRow>(
      "SELECT * FROM block WHERE first_seq >= ? ORDER BY first_seq",
    ),
    blocksBetween: prepare<[number, number], BlockRow>(
      `SELECT * FROM block WHERE first_seq >= ifnull((SELECT max(first_seq) FROM block WHERE first_seq <= ?), 0)
       AND first_seq <= ? ORDER BY first_seq`,
    ),
    blocksLater: prepare<[number, number, number], BlockRow>(
      "SELECT * FROM block WHERE first_seq BETWEEN ? AND ? AND max_time > ? ORDER BY first_seq",
    ),
    blocksFrom: prepare<[number], BlockRow>(
      `SELECT * FROM block
       WHERE first_seq >= (SELECT max(first_seq) FROM block WHERE first_seq <= ?) ORDER BY first_seq`,
    ),
    blockAfter: prepare<[number], { first_seq: number }>(
      "SELECT first_seq FROM block WHERE first_seq > ? ORDER BY first_seq LIMIT 1",
    ),
    dropBlocks: prepare<[number]>("DELETE FROM block WHERE first_seq <= ?"),
    dropBlocksAfter: prepare<[number]>("DELETE FROM block WHERE first_seq > ?"),
    segments: prepare<[], SegmentRow>(
      `SELECT first_seq, domain, last_seq, committed_at, min_time, max_time, first_chunk, last_chunk, chunks, bytes
       FROM segment ORDER BY first_seq`,
    ),
    // OR REPLACE: what a segment that was never finished left behind is written over.
    putSegment: prepare<[SegmentRow & { readonly directory: Uint8Array; readonly sum: number }]>(
      `INSERT OR REPLACE INTO segment VALUES (@first_seq, @domain, @last_seq, @committed_at, @min_time, @max_time,
       @first_chunk, @last_chunk, @chunks, @bytes, @directory, @sum)`,
    ),
    directory: prepare<[number, string], { directory: Uint8Array; sum: number | null }>(
      "SELECT directory, sum FROM segment WHERE first_seq = ? AND domain = ?",
    ),
    shrinkSegment: prepare<[number, number, string]>(
      "UPDATE segment SET first_chunk = ? WHERE first_seq = ? AND domain = ?",
    ),
    dropSegment: prepare<[number, string]>("DELETE FROM segment WHERE first_seq = ? AND domain = ?"),
    putChunk: prepare<[number, Uint8Array, number]>("INSERT OR REPLACE INTO chunk VALUES (?, ?, ?)"),
    chunk: prepare<[number], { bytes: Uint8Array; sum: number | null }>(
      "SELECT bytes, sum FROM chunk WHERE id = ?",
    ),
    dropChunks: prepare<[number, number]>("DELETE FROM chunk WHERE id BETWEEN ? AND ?"),
    begin: prepare<[]>("BEGIN IMMEDIATE"),
    commit: prepare<[]>("COMMIT"),
    pages: prepare<[], { page_count: number }>("PRAGMA page_count"),
    freePages: prepare<[], { freelist_count: number }>("PRAGMA freelist_count"),
    // Without the payloads, which may be large, until it is known which are wanted.
    newestPackets: prepare<[number, number], PacketHead>(
      `SELECT ${packetHead} FROM quarantine WHERE id > ? AND id < ? ORDER BY id DESC`,
    ),
    oldestPackets: prepare<[number, number], PacketHead>(
      `SELECT ${packetHead} FROM quarantine WHERE id > ? AND id < ? ORDER BY id`,
    ),
    packet: prepare<[number, number], PacketRow>(
      // Of an empty payload substr makes null.
      `SELECT id, received_at, topic, client, format, reason, ifnull(substr(payload, 1, ?), x'') AS payload
       FROM quarantine WHERE id = ?`,
    ),
    dropPacket: prepare<[number], { size: number }>(
      "DELETE FROM quarantine WHERE id = ? RETURNING length(payload) AS size",
    ),
    putPacket: prepare<[number, string, string | null, string | null, string, Uint8Array]>(
      "INSERT INTO quarantine (received_at, topic, client, format, reason, payload) VALUES (?, ?, ?, ?, ?, ?)",
    ),
    dropOldestPacket: prepare<[], { size: number }>(
      `DELETE FROM quarantine WHERE id = (SELECT min(id) FROM quarantine)
       RETURNING length(payload) AS size`,
    ),
    progress: prepare<[], ProgressRow>(
      `SELECT name, progress.seq, progress.time, of.seq AS state_seq, of.time AS state_time, state
       FROM progress LEFT JOIN progress_state AS of USING (name)`,
    ),
    putProgress: prepare<[string, number, number]>("INSERT OR REPLACE INTO progress VALUES (?, ?, ?)"),
    putState: prepare<[string, number, number, Uint8Array]>(
      "INSERT OR REPLACE INTO progress_state VALUES (?, ?, ?, ?)",
    ),
    remembered: prepare<[], RememberedRow>(
      "SELECT topic, received_at, client, payload FROM remembered ORDER BY position",
    ),
    putRemembered: prepare<[string, number, number, string | null, Uint8Array]>(
      "INSERT INTO remembered VALUES (?, ?, ?, ?, ?)",
    ),
    dropRemembered: prepare<[string], { size: number }>(
      "DELETE FROM remembered WHERE topic = ? RETURNING length(payload) AS size",
    ),
    dropOldestRemembered: prepare<[], { size: number }>(
      `DELETE FROM remembered WHERE position = (SELECT min(position) FROM remembered)
       RETURNING length(payload) AS size`,
    ),
  };
}

export type Statements = ReturnType<typeof prepareStatements>;
