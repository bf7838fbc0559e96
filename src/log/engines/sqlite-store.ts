import { existsSync, renameSync, rmSync } from "node:fs";
import { performance } from "node:perf_hooks";
import type Database from "better-sqlite3";
import type { QuarantineQuery, StoredPacket } from "../contract.ts";
import type { Damage, EngineState, ObservedAsk } from "../engine.ts";
import { startOfTopic, takeObserved } from "../observed.ts";
import type { SqliteOptions } from "../options.ts";
import { type Blocks, findLater, readPage } from "./block-pages.ts";
import { packBodies } from "./blocks.ts";
import { blockChecksum } from "./checksum.ts";
import { DamageTeller, damageError } from "./damage.ts";
import { readDictionary, writeDictionary } from "./dictionary.ts";
import { FileWatch } from "./file-watch.ts";
import { Mending } from "./mending.ts";
import { quarantinePackets, readQuarantine, releasePackets, rememberPacket } from "./packets.ts";
import { Retention, rowBytes } from "./retention.ts";
import { SegmentIndex } from "./segments.ts";
import type { PackedBatch, PackedObserved, PackedPage, Resumption } from "./sqlite-protocol.ts";
import { codeOf, describeProblem, openDatabase } from "./sqlite-schema.ts";
import { type MetaRow, prepareStatements, type Statements } from "./sqlite-statements.ts";

/** After these the handle may be of no use any more, so the next commit opens the file anew. */
const reopenAfter = /^SQLITE_(IOERR|READONLY|CORRUPT|NOTADB|CANTOPEN)/;
/** What is stored before the meta row is written again, so that opening reads no more than this to know the ring's size. */
const metaLagBytes = 4 * 1024 * 1024;
/** Of a small ring only this share is gathered in memory: what is dropped is dropped a segment at a time. */
const gatheredShare = 1 / 32;
const minGatheredBytes = 64 * 1024;
/** After a restart: gathered from the blocks with each commit, and with each question about what was observed. */
const catchUpBytes = 1024 * 1024;
/** Pages of the file copied for a backup at a time: a mebibyte, so that commits hardly wait. */
const backupPages = 256;
/** A page of what was observed ends at the first topic that is done after this, so that commits wait no longer. */
const maxObservingMs = 8;

/** Earlier runs whose positions are known; a client that has slept through more of them gets a gap. */
const maxEpochs = 1_000;

/** The database of one log. Everything is synchronous: it lives in the worker thread. */
export class SqliteStore {
  readonly #options: SqliteOptions;
  readonly #newEpoch: string;
  #db: Database.Database;
  #sql: Statements;
  /** As committed. */
  #meta: MetaRow;
  #oldest: number;
  #metaLag = 0;
  #lastCommittedAt = 0;
  readonly #retention: Retention;
  readonly #index: SegmentIndex;
  readonly #mending: Mending;
  /** First levels of topics, by topic id. */
  readonly #domains: Map<number, string>;
  #mustReopen = false;
  #watch: FileWatch;
  /** A reader has met pages that SQLite cannot make sense of. */
  #isDamaged = false;

  /**
   * @param resumption where a log stands that goes on with this store; null when it is opened for the first time
   * @param damaged told of damaged readings, of the same once
   * @throws Error that names the file and says what to do
   */
  constructor(
    options: SqliteOptions,
    newEpoch: string,
    resumption: Resumption | null,
    damaged: (damage: Damage) => void,
  ) {
    this.#options = options;
    this.#newEpoch = newEpoch;
    this.#db = openDatabase(options, newEpoch);
    try {
      this.#sql = prepareStatements(this.#db);
      this.#meta = this.#readMeta();
      if (resumption) this.#resume(resumption);
      this.#watch = new FileWatch(options.path);
      this.#retention = new Retention(this.#sql, options);
      this.#oldest = this.#retention.oldestSeq() ?? this.#meta.head + 1;
      this.#domains = new Map(this.#sql.topics.all().map(({ id, name }) => [id, domainOf(name)]));
      const share = Math.max(minGatheredBytes, options.maxBytes * gatheredShare);
      const segments = {
        maxGatheredBytes: Math.min(options.maxGatheredBytes, share),
        domains: options.domains,
      };
      const domainOfId = (id: number) => this.#domains.get(id) ?? "";
      const teller = new DamageTeller(damaged);
      this.#index = new SegmentIndex(this.#sql, segments, this.#oldest, domainOfId, teller);
      this.#mending = new Mending(this.#index, teller);
    } catch (error) {
      this.#db.close();
      throw new Error(describeProblem(error, options.path), { cause: error });
    }
  }

  state(): EngineState {
    const { epoch, head, checkpoint, last_topic_id: lastTopicId } = this.#meta;
    const formerEpochs = this.#sql.epochs.all();
    // Could not be written yet.
    if (epoch !== this.#newEpoch) formerEpochs.push({ epoch, lastSeq: head });
    const found = { head, oldest: this.#oldest, lastTopicId, checkpoint };
    return { epoch: this.#newEpoch, formerEpochs, ...found, ...readDictionary(this.#sql) };
  }

  /** Writes down that a new epoch begins. If the disk does not take it, the first commit that succeeds does it. */
  beginEpoch(): void {
    try {
      this.#transaction(() => {
        const meta = { ...this.#meta };
        if (this.#writeEpoch(meta)) this.#sql.putMeta.run(meta);
        return { meta, oldest: this.#oldest };
      });
    } catch {
      // Whoever appends is told.
    }
  }

  /** @throws Error when nothing of the batch was stored */
  commit(batch: PackedBatch): { oldest: number } {
    this.#transaction(() => {
      const gathered = this.#catchUp(catchUpBytes);
      const { meta, added } = this.#write(batch);
      this.#mending.write(this.#sql);
      const oldest = this.#retention.oldestSeq() ?? meta.head + 1;
      // Twice as fast as readings come, so that a segment is on disk long before the next one is due.
      this.#index.work(2 * (added + gathered), oldest, batch.committedAt);
      return { meta, oldest };
    });
    this.#lastCommittedAt = batch.committedAt;
    for (const { id, name } of batch.topics) this.#domains.set(id, domainOf(name));
    for (const { firstSeq, lastSeq, committedAt, bytes } of batch.blocks) {
      if (this.#index.nextSeq === firstSeq) this.#index.add({ firstSeq, lastSeq, committedAt, bytes });
    }
    for (const id of batch.forgottenTopics) this.#domains.delete(id);
    return { oldest: this.#oldest };
  }

  /** @throws Error if the store cannot be read or is damaged */
  read(after: number, maxBytes: number): PackedPage {
    const { page, hasMetDamage } = readPage(this.#blocks, after, maxBytes);
    // The next commit has the file set aside.
    if (hasMetDamage) this.#isDamaged = true;
    return page;
  }

  /** See engine.ts. @throws Error if the store cannot be read or is damaged */
  observed(ask: ObservedAsk): PackedObserved {
    if (this.#isBehind) {
      this.#catchUpAlone();
      // Asked again, it goes on here; commits get their turn in between.
      if (this.#isBehind) {
        const next = ask.after ?? startOfTopic(ask, ask.topicIds[0] ?? 0);
        return { bytes: packBodies([]), next };
      }
    }
    const until = performance.now() + maxObservingMs;
    const [oldest, now] = [this.#oldest, this.#lastCommittedAt];
    const { found, next } = takeObserved(
      ask,
      (topicId, after, maxBytes) => this.#index.find(ask, topicId, after, oldest, now, maxBytes),
      () => performance.now() > until,
    );
    return { bytes: packBodies(found.map(({ body }) => body)), next };
  }

  /** See engine.ts. @throws Error if the store cannot be read or is damaged */
  firstAfter(time: number): number {
    const stretches = this.#index.stretchesAfter(time, this.#oldest, this.#meta.head);
    return findLater(this.#blocks, stretches, time);
  }

  /** See engine.ts. */
  limitedSince(domain: string | null): number | null {
    const known = new Set(this.#domains.values());
    const limited = Object.keys(this.#options.domains).filter((one) => domain === null || one === domain);
    const since = limited
      .filter((one) => known.has(one))
      .flatMap((one) => this.#index.limitedSince(one, this.#lastCommittedAt) ?? []);
    return since.length === 0 ? null : Math.max(...since);
  }

  quarantined(limit: number, query: QuarantineQuery): StoredPacket[] {
    return readQuarantine(this.#sql, limit, query);
  }

  /** Copies the file in steps, between which everything else gets its turn. @throws Error that says what to do */
  async backup(path: string): Promise<void> {
    if (existsSync(path)) throw new Error(`${path} exists: name a new file for the backup`);
    // Whoever finds the name finds a whole backup.
    const partial = `${path}.partial`;
    rmSync(partial, { force: true });
    try {
      await this.#db.backup(partial, { progress: () => backupPages });
      renameSync(partial, path);
    } catch (error) {
      rmSync(partial, { force: true });
      throw new Error(`the backup to ${path} failed: ${(error as Error).message}`, { cause: error });
    }
  }

  close(): void {
    try {
      // Leaves one file instead of two.
      if (this.#metaLag > 0) this.#sql.putMeta.run(this.#meta);
      this.#db.pragma("wal_checkpoint(TRUNCATE)");
    } catch {
      // What was committed is in the write-ahead log, which the next start reads.
    } finally {
      this.#db.close();
    }
  }

  /** Lets go of a file that is of no use, as it is. */
  abandon(): void {
    this.#db.close();
  }

  #write(batch: PackedBatch): { meta: MetaRow; added: number } {
    const sql = this.#sql;
    const meta = { ...this.#meta, checkpoint: batch.checkpoint ?? this.#meta.checkpoint };
    let added = 0;
    for (const { bytes } of batch.blocks) added += bytes.length + rowBytes;
    meta.ring_bytes += added;
    // Before anything is added, so that a full file has pages to use again.
    const over = this.#retention.overBytes(meta, added, this.#domains.size);
    const isTrimmed = this.#retention.trim(meta, batch.committedAt, over);
    const isNew = [this.#writeEpoch(meta), writeDictionary(sql, meta, batch)].includes(true);
    const isPacked = this.#writePackets(batch, meta);
    for (const { firstSeq, lastSeq, committedAt, minTime, maxTime, bytes } of batch.blocks) {
      const [first_seq, last_seq, committed_at] = [firstSeq, lastSeq, committedAt];
      const row = { first_seq, last_seq, committed_at, min_time: minTime, max_time: maxTime, bytes };
      sql.putBlock.run({ ...row, sum: blockChecksum(row) });
      meta.head = lastSeq;
    }
    this.#metaLag += added;
    // The newest block tells the head, and few bytes are missing in the row, so most commits need not write it.
    const isDue = isTrimmed || isNew || isPacked || batch.checkpoint !== null;
    if (isDue || this.#metaLag >= metaLagBytes) {
      sql.putMeta.run(meta);
      this.#metaLag = 0;
    }
    return { meta, added };
  }

  /** The epoch before this one ends where this one begins. Returns whether that was news to the file. */
  #writeEpoch(meta: MetaRow): boolean {
    if (meta.epoch === this.#newEpoch) return false;
    this.#sql.putEpoch.run(meta.epoch, meta.head);
    this.#sql.dropOldEpochs.run(maxEpochs);
    meta.epoch = this.#newEpoch;
    return true;
  }

  /** Returns whether there was anything. */
  #writePackets({ quarantine, released, remembered }: PackedBatch, meta: MetaRow): boolean {
    if (quarantine.length > 0) quarantinePackets(this.#sql, meta, quarantine, this.#options);
    releasePackets(this.#sql, meta, released);
    for (const packet of remembered) rememberPacket(this.#sql, meta, packet, this.#options);
    return quarantine.length + released.length + remembered.length > 0;
  }

  get #blocks(): Blocks {
    return { sql: this.#sql, mending: this.#mending, oldest: this.#oldest, head: this.#meta.head };
  }

  get #isBehind(): boolean {
    return this.#index.nextSeq <= this.#meta.head;
  }

  /** Gathers what was stored before this start, about so much of it; returns how much. */
  #catchUp(bytes: number): number {
    if (!this.#isBehind) return 0;
    let gathered = 0;
    for (const row of this.#sql.blocksToGather.iterate(Math.max(this.#index.nextSeq, this.#oldest))) {
      const { first_seq: firstSeq, last_seq: lastSeq, committed_at: committedAt } = row;
      if (this.#mending.soundBlock(row))
        this.#index.add({ firstSeq, lastSeq, committedAt, bytes: row.bytes });
      else this.#index.skip(lastSeq);
      this.#lastCommittedAt = Math.max(this.#lastCommittedAt, committedAt);
      gathered += row.bytes.length;
      if (gathered >= bytes) break;
    }
    return gathered;
  }

  #catchUpAlone(): void {
    this.#catchUp(catchUpBytes);
    if (!this.#index.isBusy(this.#oldest)) return;
    this.#transaction(() => {
      this.#index.work(2 * catchUpBytes, this.#oldest, this.#lastCommittedAt);
      return { meta: this.#meta, oldest: this.#oldest };
    });
  }

  /** @throws Error when nothing of what `write` did was stored */
  #transaction(write: () => { meta: MetaRow; oldest: number }): void {
    try {
      this.#checkFiles();
      if (this.#mustReopen) this.#reopen();
      this.#sql.begin.run();
      const { meta, oldest } = write();
      this.#sql.commit.run();
      this.#watch.noteWritten();
      this.#meta = meta;
      this.#oldest = oldest;
    } catch (error) {
      this.#undo(error);
      throw new Error(describeProblem(error, this.#options.path), { cause: error });
    }
  }

  /** @throws Error if the file is not the one this log was opened with, or has lost commits */
  #reopen(): void {
    this.#db.close();
    this.#db = openDatabase(this.#options, this.#newEpoch);
    this.#sql = prepareStatements(this.#db);
    const found = this.#readMeta();
    this.#checkSame(found, { epochs: [this.#meta.epoch, this.#newEpoch], head: this.#meta.head });
    this.#watch = new FileWatch(this.#options.path);
    this.#takeCounters(found);
    if (found.head > this.#meta.head) this.#dropAfterHead();
    this.#mustReopen = false;
    this.#retention.undo(this.#sql);
    this.#index.undo(this.#sql);
  }

  /** @throws Error if it is not the file that was open before; one with SQLite's code for damage if it has lost commits */
  #checkSame(found: MetaRow, expected: Resumption): void {
    if (!expected.epochs.includes(found.epoch)) {
      throw new Error(
        `${this.#options.path} is the file of another log: put the one back that was there, or restart the gateway`,
      );
    }
    if (found.head >= expected.head || expected.mayEndEarlier) return;
    throw damageError(`it has lost commits: it ends at seq ${found.head} instead of ${expected.head}`);
  }

  /** Goes on for a store whose thread died. */
  #resume(resumption: Resumption): void {
    this.#checkSame(this.#meta, resumption);
    if (resumption.mayEndEarlier) {
      // Not what its meta row says: behind the last record that is left, the log stores again what it still has.
      const last = this.#sql.lastBlock.get()?.last_seq ?? 0;
      if (last <= resumption.head) this.#meta = { ...this.#meta, head: last };
    }
    if (this.#meta.head <= resumption.head) return;
    const { count, size } = this.#sql.bytesAfter.get(resumption.head) ?? { count: 0, size: 0 };
    const ring_bytes = this.#meta.ring_bytes - (size ?? 0) - count * rowBytes;
    this.#meta = { ...this.#meta, head: resumption.head, ring_bytes };
    this.#dropAfterHead();
  }

  /** @throws Error if nothing can be stored in the files as they are now */
  #checkFiles(): void {
    if (this.#isDamaged) throw damageError("a reader has met bad pages");
    // After a failure it may be closed, which leaves no write-ahead log.
    if (!this.#watch.isWalGone() || this.#mustReopen) return;
    // It is still open: what is in it goes into the file, and a new one is begun.
    this.#db.pragma("wal_checkpoint(TRUNCATE)");
    this.#mustReopen = true;
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
      this.#retention.undo(this.#sql);
      this.#index.undo(this.#sql);
    } catch {
      this.#mustReopen = true;
    }
  }

  /** The meta row, brought up to the newest block. */
  #readMeta(): MetaRow {
    const meta = this.#sql.meta.get();
    if (!meta) throw new Error(`${this.#options.path} is damaged: it has no meta row; move it away`);
    const lastSeq = this.#sql.lastBlock.get()?.last_seq ?? 0;
    if (lastSeq <= meta.head) return meta;
    const { count, size } = this.#sql.bytesAfter.get(meta.head) ?? { count: 0, size: 0 };
    return { ...meta, head: lastSeq, ring_bytes: meta.ring_bytes + (size ?? 0) + count * rowBytes };
  }
}

/** A topic's first level. */
function domainOf(topic: string): string {
  return topic.split("/", 1)[0] as string;
}
