import { rm, stat } from "node:fs/promises";
import { join } from "node:path";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Log } from "../../src/log/contract.ts";
import type { LogEngine } from "../../src/log/engine.ts";
import type { RingOptions } from "../../src/log/options.ts";
import { append, open, readAll, reading, TestClock, TestedEngine, t0 } from "./harness.ts";
import { memoryEngine, sqliteIn, temporaryFolder } from "./place.ts";

/** What a log should hold: the readings' numbers in order, and no more. */
class ModelLog {
  readonly numbers: number[] = [];

  /** Compares everything a reader can see with this model. */
  async check(log: Log): Promise<void> {
    expect(log.head).toBe(this.numbers.length);
    expect(log.oldest).toBeLessThanOrEqual(log.head + 1);
    for (let after = 0; after <= log.head; after++) await this.checkPage(log, after);
    for (let from = 0; from !== log.oldest; ) {
      from = log.oldest;
      const all = await readAll(log, from - 1, 64).catch(() => null);
      // The ring may have moved on meanwhile; then the next round counts.
      if (from === log.oldest) expect(all).toHaveLength(log.head - from + 1);
    }
    expect(log.latest("gps/a")[0]?.values["n"]).toBe(this.numbers.at(-1));
  }

  async checkPage(log: Log, after: number): Promise<void> {
    const { oldest } = log;
    const page = await log.read(after, 150);
    if (page.kind === "evicted") {
      expect(after + 1).toBeLessThan(page.oldest);
      return;
    }
    // The ring may move on while a page is read, never back: what was gone before is gone.
    if (after < log.head) expect(after + 1).toBeGreaterThanOrEqual(oldest);
    const seqs = page.records.map(({ seq }) => seq);
    expect(seqs).toEqual(seqs.map((_, i) => after + 1 + i));
    expect(page.through).toBe(after + seqs.length);
    if (after < log.head) expect(seqs.length).toBeGreaterThan(0);
    for (const { seq, values } of page.records) expect(values["n"]).toBe(this.numbers[seq - 1]);
  }
}

const step = fc.oneof(
  { weight: 5, arbitrary: fc.record({ do: fc.constant("append" as const), count: fc.nat(6) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("wait" as const), count: fc.nat(6) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("reopen" as const), count: fc.constant(0) }) },
);

async function play(
  steps: readonly { do: "append" | "wait" | "reopen"; count: number }[],
  tailRecords: number,
  engineFor: (ring: Partial<RingOptions>) => LogEngine,
): Promise<void> {
  const clock = new TestClock();
  // Every byte is one too many for the checkpoint, so that the ring may drop all but the last commits.
  const options = { tailRecords, latestCheckpointBytes: 1 };
  const start = () => open(engineFor({ maxBytes: 2_500, maxAgeMs: 5_000 }), options, clock);
  const model = new ModelLog();
  let log = await start();
  for (const { do: what, count } of steps) {
    if (what === "append") {
      const first = model.numbers.length;
      for (let i = 0; i < count; i++) model.numbers.push(first + i);
      await append(log, ...model.numbers.slice(first).map((n) => reading("a", { n })));
    } else if (what === "wait") clock.time += count * 1_000;
    else {
      await log.close();
      log = await start();
    }
    await model.check(log);
  }
  await log.close();
}

describe("reading at any position, before and after any append, trim and restart", () => {
  it("agrees with a plain array: sqlite", { timeout: 120_000 }, async () => {
    const plays = fc.asyncProperty(fc.array(step, { maxLength: 14 }), fc.nat(5), async (steps, tail) => {
      const folder = await temporaryFolder();
      await play(steps, tail, (ring) => sqliteIn(folder, ring));
      await rm(folder, { recursive: true });
    });
    await fc.assert(plays, { numRuns: 25 });
  });

  it("agrees with a plain array: memory", { timeout: 120_000 }, async () => {
    const steady = step.filter(({ do: what }) => what !== "reopen");
    const plays = fc.asyncProperty(fc.array(steady, { maxLength: 30 }), fc.nat(5), (steps, tail) =>
      play(steps, tail, memoryEngine),
    );
    await fc.assert(plays, { numRuns: 60 });
  });
});

describe("the ring", () => {
  it("keeps the file small under steady load, and every reader honest", { timeout: 120_000 }, async () => {
    const folder = await temporaryFolder();
    const maxBytes = 1_000_000;
    const engine = sqliteIn(folder, { maxBytes });
    const log = await open(engine, { tailRecords: 50, latestCheckpointBytes: 50_000 });
    let evictions = 0;
    let cursor = 0;
    const follow = async () => {
      const page = await log.read(cursor, 20_000);
      if (page.kind === "evicted") {
        evictions++;
        cursor = page.oldest - 1;
        return;
      }
      for (const { seq, values } of page.records) {
        expect(seq).toBe(++cursor);
        expect(values["n"]).toBe(seq);
      }
    };
    for (let n = 0; n < 60_000; n += 100) {
      const batch = Array.from({ length: 100 }, (_, i) =>
        reading(`d${i}`, { n: n + i + 1, pad: "x".repeat(60) }),
      );
      const reads = n % 300 === 0 ? follow() : Promise.resolve();
      await Promise.all([append(log, ...batch), reads]);
    }
    const { size } = await stat(join(folder, "log.db"));
    expect(size).toBeLessThan(2 * maxBytes);
    const wal = await stat(join(folder, "log.db-wal"));
    expect(wal.size).toBeLessThan(16 * 1024 * 1024);
    expect(evictions).toBeGreaterThan(0);
    expect(log.head - log.oldest).toBeGreaterThan(3_000);
    expect(log.head - log.oldest).toBeLessThan(12_000);
    expect(log.latest("gps/+")).toHaveLength(100);
    await log.close();
    await rm(folder, { recursive: true });
  });

  it("lets readings grow too old while nothing is appended", async () => {
    const clock = new TestClock();
    const options = { latestCheckpointMs: 5, housekeepingMs: 20 };
    const log = await open(memoryEngine({ maxAgeMs: 60_000 }), options, clock);
    await append(log, reading("a"), reading("a", {}, t0 + 1));
    clock.time += 61_000;
    await expect.poll(() => log.oldest).toBe(3);
    expect(log.read(0, 100)).toEqual({ kind: "evicted", oldest: 3 });
    expect(log.latest("gps/a")).toHaveLength(1);
    await log.close();
  });

  it("looks after the ring while nothing is appended, also when the clock was set back", async () => {
    const clock = new TestClock();
    const engine = new TestedEngine(memoryEngine({}));
    const log = await open(engine, { latestCheckpointMs: 5, housekeepingMs: 20 }, clock);
    await append(log, reading("a"));
    clock.time -= 3_600_000;
    // The first is the append, the second its checkpoint.
    await expect.poll(() => engine.batches.length).toBeGreaterThan(4);
    await log.close();
  });
});
