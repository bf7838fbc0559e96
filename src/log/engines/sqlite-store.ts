import type Database from "better-sqlite3";
import type { Packet, QuarantinedPacket } from "../../model/packet.ts";
import type { QuarantineQuery, SavedProgress, StoredPacket, Topic } from "../contract.ts";
import type { EngineState, ObservedAsk } from "../engine.ts";
import { isAsked, type Observation, sortObserved, takeObserved } from "../observed.ts";
import type { SqliteOptions } from "../options.ts";
import { takePage } from "../quarantine.ts";
import { readBodyHead } from "../record.ts";
import { endOfBody, packBodies, unpackBodies } from "./blocks.ts";
import type { PackedBatch, PackedObserved, PackedPage } from "./sqlite-protocol.ts";
import { codeOf, describeProblem, openDatabase } from "./sqlite-schema.ts";
import {
  type BlockRow,
  type MetaRow,
  type ProgressRow,
  prepareStatements,
  type Statements,
} from "./sqlite-statements.ts";

/** Blocks dropped with one commit; only a limit that was lowered at a restart needs more commits than one. */
const maxTrimBlocks = 4_096;
/** What a row costs besides its bytes, roughly. */
const rowBytes = 64;
/** After these the handle may be of no use any more, so the next commit opens the file anew. */
const reopenAfter = /^SQLITE_(IOERR|READONLY|CORRUPT|NOTADB|CANTOPEN)/;

/** The database of one log. Everything is synchronous: it lives in the worker thread. */
export class SqliteStore {
  readonly #options: SqliteOptions;
  readonly #newEpoch: string;
  #db: Database.Database;
  #sql: Statements;
  /** As committed. */
  #meta: MetaRow;
  #oldest: number;
  #mustReopen = false;

  /** @throws Error that names the file and says what to do */
  constructor(options: SqliteOptions, newEpoch: string) {
    this.#options = options;
    this.#newEpoch = newEpoch;
    this.#db = openDatabase(options, newEpoch);
    try {
      this.#sql = prepareStatements(this.#db);
      this.#meta = this.#readMeta();
      this.#oldest = this.#oldestOf(this.#meta);
    } catch (error) {
      this.#db.close();
      throw new Error(describeProblem(error, options.path), { cause: error });
    }
  }

  state(): EngineState {
    const { epoch, head, checkpoint, last_topic_id: lastTopicId } = this.#meta;
    const shapes = this.#sql.shapes.all().map(({ id, names, decimals }) => ({
      id,
      names: JSON.parse(names) as string[],
      decimals: JSON.parse(decimals) as number[],
    }));
    const latest = this.#sql.latest
      .all()
      .map((row) => ({ topicId: row.topic_id, lastSeq: row.last_seq, body: row.body }));
    const topics = this.#sql.topics
      .all()
      .map(
        ({ id, name, channel_at }): Topic =>
          channel_at === null ? { id, name } : { id, name, channelAt: channel_at },
      );
    const progress = this.#sql.progress.all().map(savedProgress);
    const remembered = this.#sql.remembered
      .all()
      .map(({ received_at: receivedAt, ...packet }) => ({ ...packet, receivedAt }));
    const numbers = { epoch, head, oldest: this.#oldest, lastTopicId, checkpoint };
    return { ...numbers, topics, shapes, latest, remembered, progress };
  }

  /** @throws Error when nothing of the batch was stored */
  commit(batch: PackedBatch): { oldest: number } {
    try {
      if (this.#mustReopen) this.#reopen();
      this.#db.exec("BEGIN IMMEDIATE");
      const meta = this.#write(batch);
      const oldest = this.#oldestOf(meta);
      this.#db.exec("COMMIT");
      this.#meta = meta;
      this.#oldest = oldest;
      return { oldest };
    } catch (error) {
      this.#undo(error);
      throw new Error(describeProblem(error, this.#options.path), { cause: error });
    }
  }

  /** @throws Error if the store cannot be read or is damaged */
  read(after: number, maxBytes: number): PackedPage {
    const wanted = after + 1;
    if (wanted < this.#oldest) return { kind: "evicted", oldest: this.#oldest };
    const parts: Uint8Array[] = [];
    const commits: { count: number; committedAt: number }[] = [];
    let next = wanted;
    let left = Math.max(1, maxBytes);
    for (const row of this.#sql.blocksFrom.iterate(wanted)) {
      if (row.last_seq < next || row.first_seq > next) break;
      const part = cutBlock(row, next, left);
      parts.push(part.bytes);
      commits.push({ count: part.nextSeq - next, committedAt: row.committed_at });
      left -= part.bytes.length;
      next = part.nextSeq;
      if (left <= 0 || next <= row.last_seq) break;
    }
    if (next === wanted && wanted <= this.#meta.head) {
      return { kind: "evicted", oldest: this.#sql.blockAfter.get(wanted)?.first_seq ?? this.#meta.head + 1 };
    }
    return { kind: "packed", bytes: joined(parts), commits };
  }

  /** @throws Error if the store cannot be read or is damaged */
  observed(ask: ObservedAsk): PackedObserved {
    const byTopic = new Map<number, Observation[]>(ask.topicIds.map((id) => [id, []]));
    for (const { bytes } of this.#sql.blocksObserved.iterate(ask.from, ask.to)) {
      for (const body of unpackBodies(bytes)) {
        const { topicId, time, seq } = readBodyHead(body);
        const after = ask.after?.topicId === topicId ? ask.after : null;
        if (isAsked(ask, after, { time, seq })) byTopic.get(topicId)?.push({ time, seq, body });
      }
    }
    const { found, next } = takeObserved(ask, (id) => sortObserved(ask, byTopic.get(id) ?? []));
    return { bytes: packBodies(found.map(({ body }) => body)), next };
  }

  /** Seq of the first record observed after `time`, `head + 1` if there is none. */
  firstAfter(time: number): number {
    for (const { bytes } of this.#sql.blocksObserved.iterate(time + 1, Number.MAX_SAFE_INTEGER)) {
      const found = unpackBodies(bytes)
        .map(readBodyHead)
        .find((head) => head.time > time);
      if (found) return found.seq;
    }
    return this.#meta.head + 1;
  }

  quarantined(limit: number, query: QuarantineQuery): StoredPacket[] {
    const heads = query.oldestFirst ? this.#sql.oldestPackets : this.#sql.newestPackets;
    const found = heads.iterate(query.after ?? 0, query.before ?? Number.MAX_SAFE_INTEGER);
    const { previewBytes = Number.MAX_SAFE_INTEGER } = query;
    return takePage(found, limit, query).flatMap(({ id, payloadBytes }) => {
      const row = this.#sql.packet.get(previewBytes, id);
      if (!row) return [];
      const { received_at: receivedAt, ...packet } = row;
      return { ...packet, receivedAt, payloadBytes };
    });
  }

  close(): void {
    // Leaves one file instead of two; if it cannot, the next start reads the write-ahead log.
    try {
      this.#db.pragma("wal_checkpoint(TRUNCATE)");
    } finally {
      this.#db.close();
    }
  }

  #write(batch: PackedBatch): MetaRow {
    const sql = this.#sql;
    const meta = { ...this.#meta, checkpoint: batch.checkpoint ?? this.#meta.checkpoint };
    for (const { bytes } of batch.blocks) meta.ring_bytes += bytes.length + rowBytes;
    // Before anything is added, so that a full file has pages to use again.
    this.#trim(meta, batch.committedAt);
    for (const { id, name, channelAt } of batch.topics) {
      sql.putTopic.run(id, name, channelAt ?? null);
      meta.last_topic_id = Math.max(meta.last_topic_id, id);
    }
    for (const { id, names, decimals } of batch.shapes) {
      sql.putShape.run(id, JSON.stringify(names), JSON.stringify(decimals));
    }
    for (const row of batch.latest) sql.putLatest.run(row.topicId, row.lastSeq, row.body);
    for (const id of batch.forgottenTopics) {
      sql.dropTopic.run(id);
      sql.dropLatest.run(id);
    }
    for (const { firstSeq, lastSeq, minTime, maxTime, bytes } of batch.blocks) {
      sql.putBlock.run(firstSeq, lastSeq, batch.committedAt, minTime, maxTime, bytes);
      meta.head = lastSeq;
    }
    if (batch.quarantine.length > 0) this.#keepPackets(meta, batch.quarantine);
    for (const id of batch.released) {
      const released = this.#sql.dropPacket.get(id);
      if (!released) continue;
      meta.quarantine_count--;
      meta.quarantine_bytes -= released.size;
    }
    for (const packet of batch.remembered) this.#remember(meta, packet);
    for (const { name, seq, time, state } of batch.progress) {
      if (state) sql.putProgress.run(name, seq, time, seq, time, state);
      else sql.putProgress.run(name, seq, time, null, null, null);
    }
    sql.putMeta.run(meta);
    return meta;
  }

  #trim(meta: MetaRow, now: number): void {
    const { maxBytes, maxAgeMs } = this.#options;
    let through = 0;
    for (const row of this.#sql.oldestBlocks.iterate(maxTrimBlocks)) {
      const isOver = meta.ring_bytes > maxBytes || now - row.committed_at > maxAgeMs;
      // Latest is rebuilt from what follows the checkpoint.
      if (!isOver || row.last_seq > meta.checkpoint) break;
      meta.ring_bytes -= row.size + rowBytes;
      through = row.first_seq;
    }
    if (through > 0) this.#sql.dropBlocks.run(through);
  }

  #keepPackets(meta: MetaRow, packets: readonly QuarantinedPacket[]): void {
    const { quarantineMaxPackets, quarantineMaxBytes } = this.#options;
    for (const { receivedAt, topic, client, format, reason, payload } of packets) {
      this.#sql.putPacket.run(receivedAt, topic, client, format, reason, payload);
      meta.quarantine_count++;
      meta.quarantine_bytes += payload.length;
    }
    while (meta.quarantine_count > quarantineMaxPackets || meta.quarantine_bytes > quarantineMaxBytes) {
      const dropped = this.#sql.dropOldestPacket.get();
      if (!dropped) break;
      meta.quarantine_count--;
      meta.quarantine_bytes -= dropped.size;
    }
  }

  #remember(meta: MetaRow, { topic, receivedAt, client, payload }: Packet): void {
    const { maxRememberedPackets, maxRememberedBytes } = this.#options;
    let dropped = this.#sql.dropRemembered.get(topic);
    if (payload.length > 0) {
      this.#sql.putRemembered.run(topic, ++meta.remembered_position, receivedAt, client, payload);
      meta.remembered_count++;
      meta.remembered_bytes += payload.length;
    }
    for (;;) {
      if (dropped) {
        meta.remembered_count--;
        meta.remembered_bytes -= dropped.size;
      }
      const isOver =
        meta.remembered_count > maxRememberedPackets || meta.remembered_bytes > maxRememberedBytes;
      dropped = isOver ? this.#sql.dropOldestRemembered.get() : undefined;
      if (!dropped) return;
    }
  }

  /** @throws Error if the file is not the one this log was opened with, or has lost commits */
  #reopen(): void {
    this.#db.close();
    this.#db = openDatabase(this.#options, this.#newEpoch);
    this.#sql = prepareStatements(this.#db);
    const found = this.#readMeta();
    if (found.epoch !== this.#meta.epoch || found.head < this.#meta.head) {
      throw new Error(
        `${this.#options.path} is not the file it was (seq ${found.head} instead of ${this.#meta.head}): restart the gateway`,
      );
    }
    this.#takeCounters(found);
    if (found.head > this.#meta.head) this.#dropAfterHead();
    this.#mustReopen = false;
  }

  // Packets of a commit that is there after all stay: they are true, and their counters must be those of their tables.
  #takeCounters(found: MetaRow): void {
    const { quarantine_count, quarantine_bytes } = found;
    const { remembered_count, remembered_bytes, remembered_position } = found;
    const remembered = { remembered_count, remembered_bytes, remembered_position };
    this.#meta = { ...this.#meta, quarantine_count, quarantine_bytes, ...remembered };
  }

  // A commit whose error came from the last fsync can be there after all. It was reported as failed, so it must go.
  #dropAfterHead(): void {
    this.#db.transaction(() => {
      this.#sql.dropBlocksAfter.run(this.#meta.head);
      this.#sql.putMeta.run(this.#meta);
    })();
  }

  #undo(error: unknown): void {
    if (reopenAfter.test(codeOf(error)) || !this.#db.open) this.#mustReopen = true;
    try {
      // SQLite has rolled back some errors by itself (https://www.sqlite.org/lang_transaction.html, 3).
      if (this.#db.open && this.#db.inTransaction) this.#db.exec("ROLLBACK");
    } catch {
      this.#mustReopen = true;
    }
  }

  #readMeta(): MetaRow {
    const meta = this.#sql.meta.get();
    if (!meta) throw new Error(`${this.#options.path} is damaged: it has no meta row; move it away`);
    const lastBlock = this.#sql.lastBlock.get();
    return { ...meta, head: Math.max(meta.head, lastBlock?.last_seq ?? 0) };
  }

  #oldestOf(meta: MetaRow): number {
    return this.#sql.oldestBlock.get()?.first_seq ?? meta.head + 1;
  }
}

function savedProgress(row: ProgressRow): SavedProgress {
  const { name, seq, time, state_seq, state_time, state } = row;
  if (state_seq === null || state_time === null || state === null) return { name, seq, time, state: null };
  return { name, seq, time, state: { seq: state_seq, time: state_time, bytes: state } };
}

/** The bodies of a block from `fromSeq` on, until about `maxBytes`, at least one. */
function cutBlock(row: BlockRow, fromSeq: number, maxBytes: number): { bytes: Uint8Array; nextSeq: number } {
  let at = 0;
  for (let seq = row.first_seq; seq < fromSeq; seq++) at = endOfBody(row.bytes, at);
  const start = at;
  let seq = fromSeq;
  while (seq <= row.last_seq && at - start < maxBytes) {
    at = endOfBody(row.bytes, at);
    seq++;
  }
  return { bytes: row.bytes.subarray(start, at), nextSeq: seq };
}

/** One piece of memory of its own, so that it can be handed to another thread. */
function joined(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
