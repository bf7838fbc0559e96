import type { Clock } from "../model/clock.ts";
import type { Packet } from "../model/packet.ts";
import type { Logger } from "../observe/log.ts";
import { LatestCheckpoint } from "./checkpoint.ts";
import { Commit, commitPart } from "./commit.ts";
import {
  type Append,
  type Latest,
  type LatestPage,
  type Log,
  type LogHealth,
  type LogRecord,
  LogUnavailable,
  type ObservedPage,
  type ObservedQuery,
  type Page,
  type QuarantineQuery,
  type SavedProgress,
  type StoredPacket,
} from "./contract.ts";
import { RecordEncoder } from "./encoder.ts";
import type { EngineState, LogEngine } from "./engine.ts";
import { History } from "./history.ts";
import { applyRecord, type LogMemory, recoverLatest, recoverRecent } from "./memory.ts";
import { defaultLogOptions, type LogOptions } from "./options.ts";
import { RecentReadings } from "./recent.ts";
import { ShapeTable } from "./shapes.ts";
import { findLatest, findLatestPage } from "./snapshot.ts";
import { messageOf, StoreReader } from "./store-reader.ts";
import { MemoryTail } from "./tail.ts";
import { TopicTable } from "./topics.ts";

/** Readings of the store that are known again when it is opened: those whose acknowledgement may not have arrived. */
const maxRecovered = 10_000;

/**
 * Opens the log that `engine` stores, with latest as it was.
 * @throws Error when the store cannot be used; the message says what to do
 */
export async function openLog(
  engine: LogEngine,
  options: Partial<LogOptions>,
  clock: Clock,
  logger: Logger,
): Promise<Log> {
  const all: LogOptions = { ...defaultLogOptions, ...options };
  let died = (_problem: string): void => {};
  const state = await engine.open((problem) => died(problem));
  if (state.notice !== undefined) logger.error({ epoch: state.epoch }, state.notice);
  const memory: LogMemory = {
    topics: new TopicTable(all.maxTopics, state.topics, state.lastTopicId),
    shapes: new ShapeTable(all.maxShapes, state.shapes),
    checkpoint: new LatestCheckpoint(),
    maxFieldsPerTopic: all.maxFieldsPerTopic,
    recent: new RecentReadings(all.maxRecentReadings),
  };
  try {
    await recoverLatest(engine, state, memory);
    await recoverRecent(engine, state, memory.recent, Math.min(all.maxRecentReadings, maxRecovered));
  } catch (error) {
    await engine.close();
    throw error;
  }
  const log = new SequencedLog(engine, state, memory, all, clock, logger);
  died = (problem) => log.stop(problem);
  return log;
}

class SequencedLog implements Log {
  readonly epoch: string;
  readonly #engine: LogEngine;
  readonly #memory: LogMemory;
  readonly #options: LogOptions;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #encoder: RecordEncoder;
  readonly #tail: MemoryTail;
  readonly #reader: StoreReader;
  readonly #history: History;
  readonly #listeners = new Set<(records: readonly LogRecord[]) => void>();
  readonly #timer: NodeJS.Timeout;
  readonly #remembered: readonly Packet[];
  readonly #progress: readonly SavedProgress[];
  /** The log's clock, as far as it was asked. */
  #time = 0;
  #head: number;
  #oldest: number;
  #nextSeq: number;
  /** Gathered and not yet begun, in order. */
  #queue: Commit[] = [];
  #inFlight: Commit | null = null;
  #pendingBytes = 0;
  #isPumping = false;
  #pumped: Promise<void> = Promise.resolve();
  #closed: Promise<void> | null = null;
  #lastCommitAt: number;
  #lastBeganAt = Number.NEGATIVE_INFINITY;
  #problem: string | null = null;
  /** Why no append is taken any more, null while they are. */
  #stopped: string | null = null;

  constructor(
    engine: LogEngine,
    state: EngineState,
    memory: LogMemory,
    options: LogOptions,
    clock: Clock,
    logger: Logger,
  ) {
    this.#engine = engine;
    this.#memory = memory;
    this.#options = options;
    this.#clock = clock;
    this.#logger = logger;
    this.epoch = state.epoch;
    this.#head = state.head;
    this.#oldest = state.oldest;
    this.#remembered = state.remembered;
    this.#progress = state.progress;
    this.#nextSeq = state.head + 1;
    this.#encoder = new RecordEncoder(memory.topics, memory.shapes, options.maxReadingBytes);
    this.#reader = new StoreReader(engine, memory, options, this);
    this.#history = new History(memory.topics, this.#reader, options.lookBackMs, this);
    this.#tail = new MemoryTail(options.tailRecords, options.tailBytes);
    this.#lastCommitAt = clock.now();
    this.#timer = setInterval(() => this.#tick(), options.latestCheckpointMs);
    this.#timer.unref();
  }

  get head(): number {
    return this.#head;
  }

  get oldest(): number {
    return this.#oldest;
  }

  get time(): number {
    if (this.#inFlight) return this.#inFlight.committedAt;
    this.#time = Math.max(this.#time, this.#clock.now());
    return this.#time;
  }

  append(batch: Append): Promise<void> | null {
    const { readings, quarantine = [], remember = [], release = [], progress } = batch;
    const parts = readings.length + quarantine.length + remember.length + release.length;
    const last = this.#queue.at(-1) ?? (this.#inFlight?.isAwaited ? this.#inFlight : null);
    if (parts === 0 && progress === undefined && !last) return null;
    if (this.#stopped !== null) return Promise.reject(new LogUnavailable(this.#stopped));
    this.#memory.recent.settle(false);
    const records = this.#encoder.encode(readings, this.#nextSeq, this.#oldest, this.#memory.recent);
    const isNothingNew = parts === readings.length && records.length === 0 && progress === undefined;
    // All of it is stored already, or will be with what is pending.
    if (isNothingNew) return last?.settled() ?? null;
    const part = commitPart(records, batch);
    const full = this.#fullProblem(part.bytes);
    if (full !== null) return Promise.reject(new LogUnavailable(full));
    this.#memory.recent.settle(true);
    const commit = this.#gathering();
    commit.add(part);
    this.#pendingBytes += part.bytes;
    this.#nextSeq += records.length;
    return commit.settled();
  }

  onCommitted(listener: (records: readonly LogRecord[]) => void): () => void {
    // Wrapped, so that each subscription is its own even if the function is the same.
    const own = (records: readonly LogRecord[]) => listener(records);
    this.#listeners.add(own);
    return () => this.#listeners.delete(own);
  }

  read(after: number, maxBytes: number): Page | Promise<Page> {
    if (after >= this.#head) return { kind: "records", records: [], through: after };
    if (after + 1 < this.#oldest) return { kind: "evicted", oldest: this.#oldest };
    const records = this.#tail.read(after, maxBytes);
    if (!records) return this.#reader.read(after, maxBytes);
    return { kind: "records", records, through: records.at(-1)?.seq ?? after };
  }

  latest(filter: string): Latest[] {
    return findLatest(this.#memory.topics, filter);
  }

  latestPage(filter: string, after: number, limit: number): LatestPage {
    return findLatestPage(this.#memory.topics, filter, after, limit);
  }

  positionBefore(time: number): Promise<number> {
    return this.#history.positionBefore(time);
  }

  latestAt(filter: string, time: number, after: number, limit: number): Promise<LatestPage> {
    return this.#history.latestAt(filter, time, after, limit);
  }

  observed(query: ObservedQuery): Promise<ObservedPage> {
    return this.#history.observed(query);
  }

  topic(id: number) {
    return this.#memory.topics.byId(id)?.topic;
  }

  shape(id: number) {
    return this.#memory.shapes.byId(id);
  }

  remembered(): readonly Packet[] {
    return this.#remembered;
  }

  progress(): readonly SavedProgress[] {
    return this.#progress;
  }

  async quarantined(limit: number, query: QuarantineQuery = {}): Promise<StoredPacket[]> {
    try {
      return await this.#engine.quarantined(limit, query);
    } catch (error) {
      throw new LogUnavailable(`the quarantine cannot be read: ${messageOf(error)}`, { cause: error });
    }
  }

  backup(path: string): Promise<void> {
    return this.#engine.backup(path);
  }

  health(): LogHealth {
    return { ok: this.#problem === null, problem: this.#problem };
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  /** The engine has stopped for good. */
  stop(problem: string): void {
    if (this.#stopped !== null) return;
    this.#stopped = `the log has stopped: ${problem}`;
    this.#problem = this.#stopped;
    this.#logger.fatal({ problem }, "the log's engine has stopped; restart the gateway");
  }

  #fullProblem(bytes: number): string | null {
    const { maxPendingBytes } = this.#options;
    // A batch larger than the limit is taken when nothing else waits: refused now, it would be refused for ever.
    if (this.#pendingBytes === 0 || this.#pendingBytes + bytes <= maxPendingBytes) return null;
    return `${this.#pendingBytes} bytes wait to be stored (maxPendingBytes is ${maxPendingBytes}): the store is slower than the devices`;
  }

  #gathering(): Commit {
    const last = this.#queue.at(-1);
    if (last && last.bytes < this.#options.maxCommitBytes) return last;
    const commit = new Commit();
    this.#queue.push(commit);
    // Not at once: what has already arrived on the sockets shall share the commit.
    if (!this.#isPumping) setImmediate(() => void this.#pump(false));
    return commit;
  }

  #tick(): void {
    this.#memory.checkpoint.begin(this.#head);
    const isIdle = this.#clock.now() - this.#lastCommitAt >= this.#options.housekeepingMs;
    if (this.#memory.checkpoint.isActive || isIdle || this.#problem !== null) void this.#pump(true);
  }

  /** Commits what is queued, and a checkpoint round if one is under way. Never rejects. */
  #pump(evenIfEmpty: boolean): Promise<void> {
    if (!this.#isPumping) this.#pumped = this.#drain(evenIfEmpty);
    return this.#pumped;
  }

  async #drain(evenIfEmpty: boolean): Promise<void> {
    this.#isPumping = true;
    let isNeeded = evenIfEmpty;
    while (isNeeded || this.#queue.length > 0) {
      await this.#gatherMore();
      const isStored = await this.#store(this.#queue.shift() ?? new Commit());
      // After a failure only the timer and further appends try again, so that a full disk is not hammered.
      isNeeded = isStored && this.#memory.checkpoint.isActive;
    }
    this.#isPumping = false;
  }

  // Every commit costs the same however much is in it, so under load they are spaced; after a pause none waits.
  async #gatherMore(): Promise<void> {
    const sinceLastMs = this.#clock.now() - this.#lastBeganAt;
    const { gatherMs } = this.#options;
    if (this.#closed === null && sinceLastMs >= 0 && sinceLastMs < gatherMs) {
      await new Promise((resolve) => setTimeout(resolve, gatherMs - sinceLastMs));
    }
    this.#lastBeganAt = this.#clock.now();
  }

  /** One transaction. Never rejects; false if it failed. */
  async #store(commit: Commit): Promise<boolean> {
    const { topics, shapes, checkpoint } = this.#memory;
    commit.committedAt = this.time;
    this.#inFlight = commit;
    commit.joinBodies();
    const names = topics.take();
    const newShapes = shapes.take();
    const part = checkpoint.take();
    const { records, quarantine, remembered, released, progress, committedAt } = commit;
    const latest = { latest: part.rows, checkpoint: part.checkpoint };
    let oldest: number;
    try {
      const kept = { records, quarantine, remembered, released, progress };
      const batch = { committedAt, ...names, shapes: newShapes, ...kept, ...latest };
      ({ oldest } = await this.#engine.commit(batch));
    } catch (error) {
      topics.untake(names);
      shapes.untake(newShapes);
      checkpoint.untake(part);
      this.#failed(commit, messageOf(error));
      return false;
    }
    this.#committed(commit, oldest);
    return true;
  }

  #committed(commit: Commit, oldest: number): void {
    const { records } = commit;
    this.#settle(commit);
    if (this.#problem !== null) {
      this.#problem = null;
      this.#logger.info("the log stores again");
    }
    this.#head += records.length;
    this.#oldest = oldest;
    this.#tail.push(records);
    this.#tail.dropBefore(oldest);
    for (const record of records) {
      record.committedAt = commit.committedAt;
      applyRecord(this.#memory, record);
    }
    const { checkpoint } = this.#memory;
    if (checkpoint.bytesSinceRound >= this.#options.latestCheckpointBytes) checkpoint.begin(this.#head);
    if (records.length > 0) this.#tell(records);
    commit.resolve();
  }

  #tell(records: readonly LogRecord[]): void {
    for (const listener of [...this.#listeners]) {
      try {
        listener(records);
      } catch (error) {
        this.#logger.error({ err: error }, "a listener of the log failed");
      }
    }
  }

  #failed(commit: Commit, reason: string): void {
    this.#settle(commit);
    if (this.#problem === null)
      this.#logger.error({ reason }, "the log cannot store; nothing is acknowledged");
    this.#problem = this.#stopped === null ? reason : (this.#problem ?? reason);
    commit.reject(new LogUnavailable(reason));
    this.#memory.recent.forget();
    this.#nextSeq = this.#head + 1;
    for (const waiting of this.#queue) {
      // Nobody has seen these seqs, and the log has no holes: those behind move up.
      waiting.records = waiting.records.map((record) => this.#encoder.moved(record, this.#nextSeq++));
    }
  }

  #settle(commit: Commit): void {
    this.#inFlight = null;
    this.#pendingBytes -= commit.bytes;
    this.#lastCommitAt = this.#clock.now();
  }

  async #close(): Promise<void> {
    this.#stopped ??= closedReason;
    clearInterval(this.#timer);
    await this.#pump(false);
    await this.#finalCheckpoint();
    await this.#engine.close();
  }

  async #finalCheckpoint(): Promise<void> {
    for (;;) {
      this.#memory.checkpoint.begin(this.#head);
      if (!this.#memory.checkpoint.isActive) return;
      // What is missing is read again from the ring at the next start.
      if (!(await this.#store(new Commit()))) return;
    }
  }
}

const closedReason = "the log is closed";
