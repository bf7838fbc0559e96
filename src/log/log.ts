import type { Clock } from "../model/clock.ts";
import type { Packet } from "../model/packet.ts";
import type { Logger } from "../observe/log.ts";
import { LatestCheckpoint } from "./checkpoint.ts";
import { pendingBytes } from "./commit.ts";
import { Committer } from "./committer.ts";
import {
  type Append,
  type DamageCounts,
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
import type { Damage, EngineState, LogEngine } from "./engine.ts";
import { History } from "./history.ts";
import { type LogMemory, recoverLatest, recoverRecent } from "./memory.ts";
import { defaultLogOptions, type LogOptions } from "./options.ts";
import { RecentReadings } from "./recent.ts";
import { ShapeTable } from "./shapes.ts";
import { Shown } from "./shown.ts";
import { findLatest, findLatestPage } from "./snapshot.ts";
import { messageOf, StoreReader } from "./store-reader.ts";
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
  let replaced = (_state: EngineState): void => {};
  const damage = { mended: 0, lost: 0 };
  const state = await engine.open(
    (problem) => died(problem),
    (found) => noteDamage(found, damage, logger),
    (found) => replaced(found),
  );
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
  const log = new SequencedLog(engine, state, memory, all, clock, logger, damage);
  died = (problem) => log.stop(problem);
  replaced = (found) => log.goOnWith(found);
  return log;
}

/** Counts damaged stretches by what became of them, and tells the operator. */
function noteDamage(
  { from, to, copy, isLost }: Damage,
  counts: { mended: number; lost: number },
  logger: Logger,
): void {
  counts[isLost ? "lost" : "mended"]++;
  const place = copy === "log" ? "the log" : "the copy by topic";
  if (isLost) logger.error({ from, to }, `readings of ${place} are damaged on the disk and lost; check it`);
  else logger.warn({ from, to }, `readings of ${place} are damaged on the disk; the other copy serves`);
}

const nothing: readonly never[] = [];

class SequencedLog implements Log {
  readonly epoch: string;
  readonly damage: DamageCounts;
  readonly #engine: LogEngine;
  readonly #memory: LogMemory;
  readonly #encoder: RecordEncoder;
  readonly #shown: Shown;
  readonly #committer: Committer;
  readonly #reader: StoreReader;
  readonly #history: History;
  /** Where earlier epochs ended. */
  readonly #formerEnds: ReadonlyMap<string, number>;
  readonly #logger: Logger;
  readonly #remembered: readonly Packet[];
  readonly #progress: readonly SavedProgress[];
  #closed: Promise<void> | null = null;

  constructor(
    engine: LogEngine,
    state: EngineState,
    memory: LogMemory,
    options: LogOptions,
    clock: Clock,
    logger: Logger,
    damage: DamageCounts,
  ) {
    this.damage = damage;
    this.#logger = logger;
    this.#engine = engine;
    this.#memory = memory;
    this.epoch = state.epoch;
    this.#formerEnds = new Map(state.formerEpochs?.map(({ epoch, lastSeq }) => [epoch, lastSeq]));
    this.#remembered = state.remembered;
    this.#progress = state.progress;
    this.#encoder = new RecordEncoder(memory.topics, memory.shapes, options.maxReadingBytes);
    this.#shown = new Shown(memory, state, options, logger);
    const { encoder, shown } = { encoder: this.#encoder, shown: this.#shown };
    this.#committer = new Committer({ engine, memory, encoder, shown, options, clock, logger });
    this.#reader = new StoreReader(engine, memory, options, this);
    this.#history = new History(memory.topics, this.#reader, options.lookBackMs, this, shown);
  }

  get head(): number {
    return this.#shown.head;
  }

  get oldest(): number {
    return this.#shown.oldest;
  }

  get time(): number {
    return this.#committer.time;
  }

  epochEnd(epoch: string): number | null {
    return epoch === this.epoch ? this.head : (this.#formerEnds.get(epoch) ?? null);
  }

  append(batch: Append): Promise<void> | null {
    const { readings, quarantine = nothing, remember = nothing, release = nothing, progress } = batch;
    const parts = readings.length + quarantine.length + remember.length + release.length;
    const { last, stopped, nextSeq } = this.#committer;
    if (parts === 0 && progress === undefined && !last) return null;
    if (stopped !== null) return Promise.reject(new LogUnavailable(stopped));
    const { recent } = this.#memory;
    recent.settle(false);
    const records = this.#encoder.encode(readings, nextSeq, this.oldest, recent);
    const leans = records.length < readings.length;
    const isNothingNew = parts === readings.length && records.length === 0 && progress === undefined;
    // All of it is stored already, or will be with what is pending; but what the store has refused so far is neither.
    if (isNothingNew && (last || this.#shown.isStored)) return last?.settled(leans) ?? null;
    const bytes = pendingBytes(records, batch);
    const full = this.#committer.fullProblem(bytes);
    if (full !== null) {
      this.#encoder.giveBack(records);
      return Promise.reject(new LogUnavailable(full));
    }
    recent.settle(true);
    return this.#committer.add(records, batch, bytes, leans);
  }

  onCommitted(listener: (records: readonly LogRecord[], waitedMs: number) => void): () => void {
    return this.#shown.onShown(listener);
  }

  read(after: number, maxBytes: number): Page | Promise<Page> {
    return this.#shown.read(after, maxBytes) ?? this.#reader.read(after, maxBytes);
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

  limitedSince(filter: string): Promise<number | null> {
    const [level = ""] = filter.split("/", 1);
    return this.#reader.limitedSince(level === "+" || level === "#" ? null : level);
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

  async backup(path: string): Promise<void> {
    await this.#committer.storeNow();
    return this.#engine.backup(path);
  }

  health(): LogHealth {
    const { problem } = this.#committer;
    return { ok: problem === null, problem };
  }

  close(): Promise<void> {
    this.#closed ??= this.#committer.close().then(() => this.#engine.close());
    return this.#closed;
  }

  /** Another store took the place of a damaged one: it is told what it lacks of what is in memory. */
  goOnWith({ head, oldest, topics, shapes, notice }: EngineState): void {
    this.#logger.error({ head: this.head, storedHead: head }, notice);
    this.#shown.storedOnlyTo(head, oldest);
    this.#memory.topics.storedAre(topics);
    this.#memory.shapes.storedAre(shapes);
    this.#memory.checkpoint.beginAnew(this.#memory.topics.entries(), head);
    void this.#committer.storeNow();
  }

  /** The engine has stopped for good. */
  stop(problem: string): void {
    this.#committer.stop(problem);
  }
}
