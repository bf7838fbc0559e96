import { setImmediate as nextTurn } from "node:timers/promises";
import type { Clock } from "../model/clock.ts";
import type { Logger } from "../observe/log.ts";
import { Ahead } from "./ahead.ts";
import type { CheckpointPart } from "./checkpoint.ts";
import { Commit, emptyBatch, isAppendAwaited } from "./commit.ts";
import { type Append, LogUnavailable } from "./contract.ts";
import type { RecordEncoder } from "./encoder.ts";
import type { EngineBatch, LogEngine } from "./engine.ts";
import type { LogMemory } from "./memory.ts";
import type { LogOptions } from "./options.ts";
import type { StoredRecord } from "./record.ts";
import type { Shown } from "./shown.ts";
import { messageOf } from "./store-reader.ts";

/** While the store takes nothing, it is tried this often at most. */
const retryMs = 100;

/** A store that has not answered by the second tick hangs, or is far too slow. */
const silentTicksAllowed = 2;

export interface CommitterParts {
  readonly engine: LogEngine;
  readonly memory: LogMemory;
  readonly encoder: RecordEncoder;
  readonly shown: Shown;
  readonly options: LogOptions;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Gathers appends into transactions, one at a time, and shows them when they are stored. What the store does not take is shown too, and
 * stored before anything else once it takes it; but it is not acknowledged.
 */
export class Committer {
  readonly #parts: CommitterParts;
  readonly #ahead: Ahead;
  readonly #timer: NodeJS.Timeout;
  /** The log's clock, as far as it was asked. */
  #time = 0;
  #nextSeq: number;
  /** Gathered and not yet begun, in order. */
  #queue: Commit[] = [];
  #inFlight: Commit | null = null;
  #pendingBytes = 0;
  #isPumping = false;
  /** A transaction is wanted even if nothing is queued. */
  #mustCommit = false;
  /** What was shown first is to be stored now. */
  #mustStore = false;
  #isClosing = false;
  #pumped: Promise<void> = Promise.resolve();
  /** Ticks since the last commit ended. */
  #idleTicks = 0;
  #isWriting = false;
  /** Ticks since the store was handed what it has not answered yet. */
  #silentTicks = 0;
  #lastBeganAt = Number.NEGATIVE_INFINITY;
  #problem: string | null = null;
  /** Why no append is taken any more, null while they are. */
  #stopped: string | null = null;

  constructor(parts: CommitterParts) {
    this.#parts = parts;
    const { shown, options } = parts;
    this.#ahead = new Ahead({
      shown,
      options,
      write: (batch) => this.#write(batch),
      now: () => this.time,
      onProblem: () => {
        this.#mustStore = true;
        void this.#pump();
      },
    });
    this.#nextSeq = shown.head + 1;
    this.#timer = setInterval(() => this.#tick(), parts.options.latestCheckpointMs);
    this.#timer.unref();
  }

  /** Seq of the next record. */
  get nextSeq(): number {
    return this.#nextSeq;
  }

  /** See contract.ts, `Log.time`. */
  get time(): number {
    if (this.#inFlight) return this.#inFlight.committedAt;
    this.#time = Math.max(this.#time, this.#parts.clock.now());
    return this.#time;
  }

  /** What is wrong, null if nothing. */
  get problem(): string | null {
    if (this.#problem !== null || this.#silentTicks < silentTicksAllowed) return this.#problem;
    const seconds = Math.round((this.#silentTicks * this.#parts.options.latestCheckpointMs) / 1_000);
    return `the store has not answered for ${seconds} s, so nothing is acknowledged; look whether its disk hangs or is overloaded`;
  }

  get stopped(): string | null {
    return this.#stopped;
  }

  /** The newest commit that somebody waits for, null if there is none. */
  get last(): Commit | null {
    return this.#queue.at(-1) ?? (this.#inFlight?.isAwaited ? this.#inFlight : null);
  }

  /** Why an append of this size is not taken now, null if it is. */
  fullProblem(bytes: number): string | null {
    const { maxPendingBytes } = this.#parts.options;
    // A batch larger than the limit is taken when nothing else waits: refused now, it would be refused for ever.
    if (this.#pendingBytes === 0 || this.#pendingBytes + bytes <= maxPendingBytes) return null;
    return `${this.#pendingBytes} bytes wait to be stored (maxPendingBytes is ${maxPendingBytes}): the store is slower than the devices`;
  }

  /**
   * Takes an append whose records begin with `nextSeq`. Returns null if nobody has to wait, for anything.
   * @param bytes what it takes of memory meanwhile
   * @param leans see `Commit.settled`
   */
  add(records: readonly StoredRecord[], append: Append, bytes: number, leans: boolean): Promise<void> | null {
    const commit = this.#gathering();
    commit.add(records, append, bytes);
    this.#pendingBytes += bytes;
    this.#nextSeq += records.length;
    if (!isAppendAwaited(append) && this.#inFlight === null && this.#mayShowFirst()) return null;
    return commit.settled(leans);
  }

  /** Stores now what is shown and not stored. Never rejects. */
  storeNow(): Promise<void> {
    return this.#commitSoon();
  }

  /** The engine has stopped for good. */
  stop(problem: string): void {
    if (this.#stopped !== null) return;
    this.#stopped = `the log has stopped: ${problem}`;
    this.#problem = this.#stopped;
    this.#parts.logger.fatal({ problem }, "the log's engine has stopped; restart the gateway");
  }

  /** Takes nothing any more, and stores what it has, as far as the store takes it. */
  async close(): Promise<void> {
    this.#stopped ??= "the log is closed";
    this.#isClosing = true;
    clearInterval(this.#timer);
    this.#ahead.close();
    await this.#pumped;
    const { shown, logger } = this.#parts;
    this.#mustStore = !shown.isStored;
    await this.#pump();
    await this.#finalCheckpoint();
    const readings = shown.head - shown.stored;
    if (readings === 0) return;
    logger.warn(
      { readings, reason: this.#problem },
      "readings were shown and never stored: they are lost, unless their devices send them again",
    );
  }

  #gathering(): Commit {
    const last = this.#queue.at(-1);
    const { maxCommitBytes, maxCommitReadings } = this.#parts.options;
    if (last && last.bytes < maxCommitBytes && last.records.length < maxCommitReadings) return last;
    const commit = new Commit(this.#parts.clock.now());
    this.#queue.push(commit);
    // Not at once: what has already arrived on the sockets shall share the commit.
    if (!this.#isPumping) setImmediate(() => void this.#pump());
    return commit;
  }

  #tick(): void {
    const { memory, shown, options } = this.#parts;
    memory.checkpoint.begin(shown.head);
    if (this.#isWriting) this.#silentTicks++;
    // Ticks and not the clock, which may be set back by hours.
    const isIdle = ++this.#idleTicks * options.latestCheckpointMs >= options.housekeepingMs;
    if (memory.checkpoint.isActive || isIdle || this.#problem !== null) void this.#commitSoon();
  }

  #commitSoon(): Promise<void> {
    this.#mustCommit = true;
    return this.#pump();
  }

  /** Commits what is queued, and a checkpoint round if one is under way. Never rejects. */
  #pump(): Promise<void> {
    if (!this.#isPumping) this.#pumped = this.#drain();
    return this.#pumped;
  }

  async #drain(): Promise<void> {
    this.#isPumping = true;
    while (this.#queue.length > 0 || this.#mustCommit || this.#mustStore) {
      if (!this.#mayShowFirst()) await this.#gatherMore();
      if (this.#showFirst() && !this.#mustCommit && !this.#mustStore) continue;
      const along = this.#alongWithNext();
      const problem = along === null ? await this.#ahead.store() : null;
      this.#mustStore = false;
      if (problem !== null) await this.#failQueued(problem);
      else if (this.#isCommitDue()) {
        this.#mustCommit = false;
        const isStored = await this.#store(this.#next(), along ?? []);
        this.#mustCommit ||= isStored && this.#parts.memory.checkpoint.isActive;
      }
      // After a failure only the timer and further appends try again, so that a full disk is not hammered.
      if (this.#problem !== null) this.#mustCommit = false;
    }
    this.#isPumping = false;
  }

  /** Whether the next commit is to be stored, and does not wait in memory to be. */
  #isCommitDue(): boolean {
    return this.#mustCommit || (this.#queue.length > 0 && !this.#mayShowFirst());
  }

  /** What was shown before the next commit, if one transaction does for both: each costs the same however much is in it. Else null. */
  #alongWithNext(): readonly StoredRecord[] | null {
    return this.#problem === null && this.#isCommitDue() ? this.#ahead.little : null;
  }

  /** Shows a commit that nobody waits for, to be stored soon; false if the next one is to be stored first. */
  #showFirst(): boolean {
    if (!this.#mayShowFirst()) return false;
    const commit = this.#next();
    this.#pendingBytes -= commit.bytes;
    this.#ahead.show(commit, this.#waitedMs(commit));
    return true;
  }

  #mayShowFirst(): boolean {
    const [commit] = this.#queue;
    return this.#problem === null && commit !== undefined && this.#ahead.hasRoomFor(commit);
  }

  #next(): Commit {
    const commit = this.#queue.shift() ?? new Commit(this.#parts.clock.now());
    commit.committedAt = this.time;
    return commit;
  }

  /** What waits now cannot be stored; what comes meanwhile is tried. */
  async #failQueued(problem: string): Promise<void> {
    for (let left = Math.max(1, this.#queue.length); left > 0; left--) {
      this.#failed(this.#next(), problem);
      await nextTurn();
    }
  }

  // Every commit costs the same however much is in it, so under load they are spaced; after a pause none waits.
  async #gatherMore(): Promise<void> {
    const { clock, options } = this.#parts;
    const gatherMs = this.#problem === null ? options.gatherMs : Math.max(options.gatherMs, retryMs);
    const isFull = this.#queue.length > 1;
    if (!isFull || this.#problem !== null) await this.#pauseUntil(gatherMs);
    this.#lastBeganAt = clock.now();
  }

  /** Waits until so long after the begin of the last commit. */
  #pauseUntil(sinceLastMs: number): Promise<void> | null {
    const goneMs = this.#parts.clock.now() - this.#lastBeganAt;
    // A clock that was set back must not hold anything up.
    if (this.#isClosing || goneMs < 0 || goneMs >= sinceLastMs) return null;
    return new Promise((resolve) => setTimeout(resolve, sinceLastMs - goneMs));
  }

  /** One transaction, with what was shown before the commit and is not stored. Never rejects; false if it failed. */
  async #store(commit: Commit, shownFirst: readonly StoredRecord[]): Promise<boolean> {
    const { shown, memory } = this.#parts;
    const { checkpoint } = memory;
    this.#inFlight = commit;
    const { quarantine, remembered, released, progress, committedAt } = commit;
    const records = shownFirst.length === 0 ? commit.records : [...shownFirst, ...commit.records];
    // Rows may hold what was lost before it could be stored: they are good once the store has a later record.
    const part = shown.isStored || records.length > 0 ? checkpoint.take() : noPart;
    const latest = { latest: part.rows, checkpoint: part.checkpoint };
    const kept = { records, quarantine, remembered, released, progress };
    try {
      const writing = this.#write({ ...emptyBatch, committedAt, ...kept, ...latest });
      const { oldest } = await this.#ahead.storeAlong(shownFirst, writing);
      this.#committed(commit, oldest);
      return true;
    } catch (error) {
      checkpoint.untake(part);
      this.#failed(commit, messageOf(error));
      return false;
    }
  }

  /** Hands a batch to the engine, together with the names that it does not know yet. */
  async #write(batch: EngineBatch): Promise<{ readonly oldest: number }> {
    const { engine, memory } = this.#parts;
    const names = memory.topics.take();
    const shapes = memory.shapes.take();
    this.#isWriting = true;
    try {
      return await engine.commit({ ...batch, ...names, shapes });
    } catch (error) {
      memory.topics.untake(names);
      memory.shapes.untake(shapes);
      throw error;
    } finally {
      this.#isWriting = false;
      this.#silentTicks = 0;
    }
  }

  #committed(commit: Commit, oldest: number): void {
    const { shown, memory, options, logger } = this.#parts;
    this.#settle(commit);
    if (this.#problem !== null) {
      this.#problem = null;
      logger.info("the log stores again");
    }
    for (const record of commit.records) record.committedAt = commit.committedAt;
    shown.showStored(commit.records, this.#waitedMs(commit), oldest);
    const { checkpoint } = memory;
    if (checkpoint.bytesSinceRound >= options.latestCheckpointBytes) checkpoint.begin(shown.head);
    commit.resolve();
  }

  #failed(commit: Commit, reason: string): void {
    this.#settle(commit);
    if (this.#problem === null) {
      this.#parts.logger.error({ reason }, "the log cannot store; nothing is acknowledged");
    }
    this.#problem = this.#stopped === null ? reason : (this.#problem ?? reason);
    if (this.#stopped === null) this.#keep(commit, reason);
    commit.reject(new LogUnavailable(reason));
  }

  /** Shows what a failed commit has of readings, but for those that came with somebody's progress: these come again. */
  #keep(commit: Commit, reason: string): void {
    const { memory, encoder, shown } = this.#parts;
    const tied = commit.takeTied();
    if (tied.length > 0) {
      for (const { body } of tied) memory.recent.forget(body);
      // Nobody has seen these seqs, and the log has no holes: those behind move up.
      this.#nextSeq = shown.head + 1;
      const move = (record: StoredRecord) => encoder.moved(record, this.#nextSeq++);
      for (const behind of [commit, ...this.#queue]) behind.moveRecords(move);
    }
    for (const record of commit.records) record.committedAt = commit.committedAt;
    const lost = shown.showUnstored(commit.records, this.#waitedMs(commit));
    if (lost.length === 0) return;
    for (const { body } of lost) memory.recent.forget(body);
    for (const waiting of this.#queue) waiting.rejectLeaning(new LogUnavailable(reason));
  }

  #waitedMs(commit: Commit): number {
    return Math.max(0, this.#parts.clock.now() - commit.startedAt);
  }

  #settle(commit: Commit): void {
    this.#inFlight = null;
    this.#pendingBytes -= commit.bytes;
    this.#idleTicks = 0;
  }

  async #finalCheckpoint(): Promise<void> {
    const { memory, shown } = this.#parts;
    while (shown.isStored) {
      memory.checkpoint.begin(shown.head);
      if (!memory.checkpoint.isActive) return;
      // What is missing is read again from the ring at the next start.
      const commit = new Commit(this.#parts.clock.now());
      commit.committedAt = this.time;
      if (!(await this.#store(commit, []))) return;
    }
  }
}

const noPart: CheckpointPart = { rows: [], checkpoint: null, entries: [] };
