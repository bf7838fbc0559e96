import type { Clock } from "../model/clock.ts";
import { hasWildcard, matchesFilter } from "../model/filter.ts";
import type { Logger } from "../observe/log.ts";
import { LatestCheckpoint } from "./checkpoint.ts";
import { Commit, commitPart } from "./commit.ts";
import {
  type Append,
  type Latest,
  type Log,
  type LogHealth,
  type LogRecord,
  LogUnavailable,
  type Page,
} from "./contract.ts";
import { RecordEncoder } from "./encoder.ts";
import type { EngineState, LogEngine, StoredPacket } from "./engine.ts";
import { defaultLogOptions, type LogOptions } from "./options.ts";
import { recordFromBody } from "./record.ts";
import { applyRecord, type LogMemory, recoverLatest } from "./recovery.ts";
import { ShapeTable } from "./shapes.ts";
import { MemoryTail } from "./tail.ts";
import { TopicTable } from "./topics.ts";

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
  const memory: LogMemory = {
    topics: new TopicTable(all.maxTopics, state.topics, state.lastTopicId),
    shapes: new ShapeTable(all.maxShapes, state.shapes),
    checkpoint: new LatestCheckpoint(),
    maxFieldsPerTopic: all.maxFieldsPerTopic,
  };
  try {
    await recoverLatest(engine, state, memory);
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
  readonly #listeners = new Set<(records: readonly LogRecord[]) => void>();
  readonly #timer: NodeJS.Timeout;
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
  #storeReads = 0;
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
    this.#nextSeq = state.head + 1;
    this.#encoder = new RecordEncoder(memory.topics, memory.shapes, options.maxReadingBytes);
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

  append(batch: Append): Promise<void> | null {
    const quarantine = batch.quarantine ?? [];
    const isBarrier = batch.readings.length === 0 && quarantine.length === 0;
    const last = this.#queue.at(-1) ?? (this.#inFlight?.isAwaited ? this.#inFlight : null);
    if (isBarrier && !last) return null;
    if (this.#stopped !== null) return Promise.reject(new LogUnavailable(this.#stopped));
    try {
      const records = this.#encoder.encode(batch.readings, this.#nextSeq, this.#oldest);
      const part = commitPart(records, quarantine);
      this.#reserve(part.bytes);
      const commit = isBarrier && last ? last : this.#gathering();
      commit.add(part);
      this.#nextSeq += records.length;
      return commit.settled();
    } catch (error) {
      return Promise.reject(error);
    }
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
    return records ? recordsPage(records, after) : this.#readStore(after, maxBytes);
  }

  latest(filter: string): Latest[] {
    const { topics } = this.#memory;
    if (!hasWildcard(filter)) {
      const entry = topics.byName(filter);
      return entry?.latest ? [latestOf(entry.topic, entry.latest)] : [];
    }
    // Most topics are told apart by what stands before the first wildcard, which costs less than matching.
    const prefix = filter.slice(0, filter.search(/[+#]/)).replace(/\/$/, "");
    const found: Latest[] = [];
    for (const { topic, latest } of topics.entries()) {
      if (!latest || !topic.name.startsWith(prefix) || !matchesFilter(filter, topic.name)) continue;
      found.push(latestOf(topic, latest));
    }
    return found;
  }

  topic(id: number) {
    return this.#memory.topics.byId(id)?.topic;
  }

  shape(id: number) {
    return this.#memory.shapes.byId(id);
  }

  async quarantined(limit: number): Promise<StoredPacket[]> {
    try {
      return await this.#engine.quarantined(limit);
    } catch (error) {
      throw new LogUnavailable(`the quarantine cannot be read: ${messageOf(error)}`, { cause: error });
    }
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

  #reserve(bytes: number): void {
    const { maxPendingBytes } = this.#options;
    // A batch larger than the limit is taken when nothing else waits: refused now, it would be refused for ever.
    if (this.#pendingBytes > 0 && this.#pendingBytes + bytes > maxPendingBytes) {
      throw new LogUnavailable(
        `${this.#pendingBytes} bytes wait to be stored (maxPendingBytes is ${maxPendingBytes}): the store is slower than the devices`,
      );
    }
    this.#pendingBytes += bytes;
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
      const isStored = await this.#store(this.#queue.shift() ?? new Commit());
      // After a failure only the timer and further appends try again, so that a full disk is not hammered.
      isNeeded = isStored && this.#memory.checkpoint.isActive;
    }
    this.#isPumping = false;
  }

  /** One transaction. Never rejects; false if it failed. */
  async #store(commit: Commit): Promise<boolean> {
    const { topics, shapes, checkpoint } = this.#memory;
    this.#inFlight = commit;
    commit.joinBodies();
    const names = topics.take();
    const newShapes = shapes.take();
    const part = checkpoint.take();
    const { records, quarantine } = commit;
    const committedAt = this.#clock.now();
    const latest = { latest: part.rows, checkpoint: part.checkpoint };
    let oldest: number;
    try {
      const batch = { committedAt, ...names, shapes: newShapes, records, quarantine, ...latest };
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
    for (const record of records) applyRecord(this.#memory, record);
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

  async #readStore(after: number, maxBytes: number): Promise<Page> {
    if (this.#storeReads >= this.#options.maxStoreReads) {
      throw new LogUnavailable(`${this.#storeReads} reads of the store are waiting (maxStoreReads)`);
    }
    this.#storeReads++;
    try {
      const page = await this.#engine.read(after, maxBytes);
      // The ring may have moved on meanwhile, and the dictionary with it.
      const oldest = page.kind === "evicted" ? Math.max(page.oldest, this.#oldest) : this.#oldest;
      if (page.kind === "evicted" || after + 1 < oldest) return { kind: "evicted", oldest };
      return this.#storedPage(after, page.bodies);
    } catch (error) {
      throw new LogUnavailable(`the store cannot be read: ${messageOf(error)}`, { cause: error });
    } finally {
      this.#storeReads--;
    }
  }

  #storedPage(after: number, bodies: readonly Uint8Array[]): Page {
    if (bodies.length === 0)
      throw new Error(`it has no record ${after + 1}, though the newest is ${this.#head}`);
    const records = bodies.slice(0, this.#head - after).map((body, index) =>
      recordFromBody(
        after + 1 + index,
        body,
        (id) => this.topic(id),
        (id) => this.shape(id),
      ),
    );
    return recordsPage(records, after);
  }
}

const closedReason = "the log is closed";

function recordsPage(records: readonly LogRecord[], after: number): Page {
  return { kind: "records", records, through: records.at(-1)?.seq ?? after };
}

function latestOf(topic: Latest["topic"], { seq, time, values, times }: Omit<Latest, "topic">): Latest {
  return { topic, seq, time, values, times };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
