import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { monitorEventLoopDelay, performance } from "node:perf_hooks";
import { emptyBatch } from "../../../src/log/commit.ts";
import type { EngineRecord } from "../../../src/log/engine.ts";
import { SqliteEngine } from "../../../src/log/engines/sqlite.ts";
import { benchShape, Readings } from "./readings.ts";
import { RowStore } from "./rows.ts";
import type { Store } from "./store.ts";

/** What a process of the bench is asked to measure. */
export interface StorageAsk {
  readonly store: "fieldcast" | "rows";
  readonly devices: number;
  readonly perCommit: number;
  readonly maxBytes: number;
  /** Commits measured once the ring is full. */
  readonly readings: number;
}

export interface StorageFigures {
  /** CPU of every thread but the main one, per reading: the storage thread, and V8's helpers with it. */
  readonly storageUs: number;
  readonly mainUs: number;
  readonly readingsPerSecond: number;
  readonly fileBytes: number;
  readonly walBytes: number;
  readonly slowestCommitMs: number;
  readonly mainBlockedMs: number;
  /** Bytes of one reading's body, and readings kept. */
  readonly bodyBytes: number;
  readonly kept: number;
  /** One device's readings of the last hour: how many, and what finding them costs. */
  readonly lastHour: LastHour | null;
  readonly openMs: number | null;
}

/** The middle of several devices. */
interface LastHour {
  readonly readings: number;
  readonly cpuMs: number;
  readonly wallMs: number;
  /** Of the very first, whose code V8 has not seen before, and which brings the segments' directories into memory. */
  readonly firstCpuMs: number;
}

/** The SQLite engine, without the log above it. */
export class EngineStore implements Store {
  readonly engine: SqliteEngine;
  oldest = 1;

  constructor(path: string, maxBytes: number) {
    this.engine = new SqliteEngine({ path, maxBytes });
  }

  async open(): Promise<void> {
    await this.engine.open((problem) => {
      throw new Error(problem);
    });
  }

  /** Makes the names known, and something latest of each, so that a gateway can open what is stored. */
  async introduce(readings: Readings): Promise<void> {
    const { devices } = readings;
    const latest = Array.from({ length: devices }, (_, device) => readings.latest(device + 1));
    const topics = Array.from({ length: devices }, (_, device) => ({
      id: device + 1,
      name: `gps/bench-${device}`,
    }));
    await this.engine.commit({
      ...emptyBatch,
      committedAt: Date.now(),
      topics,
      latest,
      shapes: [benchShape],
    });
  }

  async commit(records: readonly EngineRecord[]): Promise<void> {
    const seq = records.at(-1)?.seq ?? 0;
    // Latest is checkpointed by the log every 16 MiB or five seconds; its rows are few beside the readings.
    const checkpoint = seq % 50_000 < records.length ? seq : null;
    const batch = { ...emptyBatch, records, committedAt: Date.now(), checkpoint };
    this.oldest = (await this.engine.commit(batch)).oldest;
  }

  close(): Promise<void> {
    return this.engine.close();
  }
}

/** Devices whose last hour is looked for. */
const hours = 30;

/** Nanoseconds of CPU that the threads of this process have used: the main one, and all others. */
function threadCpu(): { main: number; others: number } {
  const sum = { main: 0, others: 0 };
  for (const thread of readdirSync("/proc/self/task")) {
    const used = Number(readFileSync(`/proc/self/task/${thread}/schedstat`, "utf8").split(" ", 1)[0]);
    if (Number(thread) === process.pid) sum.main += used;
    else sum.others += used;
  }
  return sum;
}

/** Fills a ring, then measures it while it is full. */
export async function measureStorage(ask: StorageAsk): Promise<StorageFigures> {
  const folder = mkdtempSync(join(tmpdir(), "fieldcast-bench-"));
  try {
    return await measureIn(folder, ask);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function measureIn(folder: string, ask: StorageAsk): Promise<StorageFigures> {
  const path = join(folder, "log.db");
  const readings = new Readings(ask.devices, ask.perCommit);
  const bodyBytes = readings.bodyBytes();
  const engine = new EngineStore(path, ask.maxBytes);
  const maxReadings = Math.floor(ask.maxBytes / (bodyBytes + 40));
  const store = ask.store === "fieldcast" ? engine : new RowStore({ path, maxReadings });
  await store.open();
  const isFull = () => (ask.store === "rows" ? readings.lastSeq > maxReadings : engine.oldest > 1);
  while (!isFull()) await store.commit(readings.next());
  const steady = await measureSteady(store, readings, ask.readings);
  const sizes = { fileBytes: statSync(path).size, walBytes: statSync(`${path}-wal`).size, bodyBytes };
  const kept = ask.store === "rows" ? maxReadings : readings.lastSeq - engine.oldest + 1;
  const lastHour = ask.store === "rows" ? null : await measureLastHour(engine.engine, readings);
  await store.close();
  const openMs = ask.store === "rows" ? null : await measureOpening(path, ask.maxBytes);
  return { ...steady, ...sizes, kept, lastHour, openMs };
}

async function measureSteady(store: Store, readings: Readings, count: number) {
  const until = readings.lastSeq + count;
  const delay = monitorEventLoopDelay({ resolution: 1 });
  let slowestCommitMs = 0;
  let makingCpu = 0;
  const before = threadCpu();
  const startedAt = performance.now();
  delay.enable();
  while (readings.lastSeq < until) {
    const madeAt = performance.now();
    const batch = readings.next();
    const beganAt = performance.now();
    makingCpu += beganAt - madeAt;
    await store.commit(batch);
    slowestCommitMs = Math.max(slowestCommitMs, performance.now() - beganAt);
  }
  delay.disable();
  const seconds = (performance.now() - startedAt) / 1_000;
  const after = threadCpu();
  return {
    storageUs: (after.others - before.others) / 1_000 / count,
    mainUs: (after.main - before.main) / 1_000 / count - (makingCpu * 1_000) / count,
    readingsPerSecond: count / seconds,
    slowestCommitMs,
    mainBlockedMs: delay.max / 1e6,
  };
}

/** One device's readings of the last hour, all pages. */
async function measureLastHour(engine: SqliteEngine, readings: Readings): Promise<LastHour | null> {
  const costs: { readings: number; cpuMs: number; wallMs: number }[] = [];
  for (let nth = 1; nth <= hours; nth++) {
    const topicIds = [1 + ((nth * 7_919) % readings.devices)];
    const from = readings.time - 3_600_000;
    const ask = { topicIds, from, to: readings.time, newestFirst: false, perTopic: 1e9, maxBytes: 1 << 20 };
    const before = threadCpu();
    const startedAt = performance.now();
    let found = 0;
    for (let after: Awaited<ReturnType<SqliteEngine["observed"]>>["next"] | undefined; after !== null; ) {
      const { bodies, next } = await engine.observed({ ...ask, after: after ?? null });
      found += bodies.length;
      after = next;
    }
    const after = threadCpu();
    const cpuMs = (after.main + after.others - before.main - before.others) / 1e6;
    costs.push({ readings: found, cpuMs, wallMs: performance.now() - startedAt });
  }
  const firstCpuMs = costs[0]?.cpuMs ?? Number.NaN;
  const middle = costs.sort((a, b) => a.cpuMs - b.cpuMs)[costs.length >> 1];
  return middle ? { ...middle, firstCpuMs } : null;
}

async function measureOpening(path: string, maxBytes: number): Promise<number> {
  const engine = new EngineStore(path, maxBytes);
  const startedAt = performance.now();
  await engine.open();
  const openMs = performance.now() - startedAt;
  await engine.close();
  return openMs;
}

/** The process that measures: answers a question with the figures. */
export function runStorageWorker(): void {
  process.on("message", async (ask: StorageAsk) => {
    process.send?.({ answer: await measureStorage(ask) });
    process.disconnect();
  });
}
