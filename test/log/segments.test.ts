import { rm } from "node:fs/promises";
import { join } from "node:path";
import Database from "better-sqlite3";
import * as fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Log, ObservedPage, ObservedPlace, ObservedQuery } from "../../src/log/contract.ts";
import { LogUnavailable } from "../../src/log/contract.ts";
import { SqliteEngine } from "../../src/log/engines/sqlite.ts";
import { append, open, readAll, reading, TestClock, t0, until } from "./harness.ts";
import { memoryEngine, sqliteIn, temporaryFolder } from "./place.ts";

let folder: string;
beforeEach(async () => {
  folder = await temporaryFolder();
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function seqsObserved(log: Log, query: Partial<ObservedQuery> = {}): Promise<number[]> {
  const seqs: number[] = [];
  for (let after: ObservedPlace | null | undefined; after !== null; ) {
    const page: ObservedPage = await log.observed({
      filter: "#",
      maxBytes: 3_000,
      ...query,
      after: after ?? null,
    });
    seqs.push(...page.records.map(({ seq }) => seq));
    after = page.next;
  }
  return seqs;
}

/** What `seqsObserved` must find: everything that the ring still has. */
async function seqsExpected(log: Log): Promise<number[]> {
  const records = await readAll(log, log.oldest - 1, 100_000);
  records.sort((a, b) => a.topic.id - b.topic.id || a.time - b.time || a.seq - b.seq);
  return records.map(({ seq }) => seq);
}

const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constant("append" as const), count: fc.nat(30), late: fc.nat(90_000) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant("reopen" as const), count: fc.nat(1), late: fc.nat(1) }),
  },
);

describe("the copy by topic", () => {
  it("finds all that the ring has, over segments, evictions and restarts", { timeout: 120_000 }, async () => {
    const plays = fc.asyncProperty(fc.array(step, { maxLength: 20 }), async (steps) => {
      const own = await temporaryFolder();
      const options = { tailRecords: 5, latestCheckpointBytes: 1 };
      const start = () => open(sqliteIn(own, { maxGatheredBytes: 700, maxBytes: 8_000 }), options);
      let log = await start();
      for (const { do: what, count, late } of steps) {
        if (what === "append") {
          const readings = Array.from({ length: count }, (_, n) =>
            reading(`d${n % 4}`, { n, pad: "x".repeat(n) }, t0 + log.head * 10 - (n % 3 === 0 ? late : 0)),
          );
          await append(log, ...readings);
        } else {
          await log.close();
          log = await start();
        }
        const { oldest } = log;
        const [found, expected] = [await seqsObserved(log), await seqsExpected(log)];
        if (log.oldest === oldest) expect(found).toEqual(expected);
      }
      await log.close();
      await rm(own, { recursive: true });
    });
    await fc.assert(plays, { numRuns: 25 });
  });

  it("costs no more room than the ring may have", { timeout: 60_000 }, async () => {
    const maxBytes = 4 * 1024 * 1024;
    const log = await open(sqliteIn(folder, { maxBytes }), {
      tailRecords: 50,
      latestCheckpointBytes: 50_000,
    });
    for (let n = 0; n < 90_000; n += 300) {
      const batch = Array.from({ length: 300 }, (_, i) => reading(`d${i % 90}`, { n, pad: "x".repeat(60) }));
      await append(log, ...batch);
    }
    expect(log.oldest).toBeGreaterThan(20_000);
    expect(await seqsObserved(log, { filter: "gps/d7", maxBytes: 50_000 })).toHaveLength(
      (await readAll(log, log.oldest - 1, 100_000)).filter(({ topic }) => topic.name === "gps/d7").length,
    );
    await log.close();
    const db = new Database(join(folder, "log.db"), { readonly: true });
    const pages = Number(db.pragma("page_count", { simple: true }));
    db.close();
    expect(pages * 4_096).toBeLessThan(1.1 * maxBytes);
    expect(pages * 4_096).toBeGreaterThan(0.8 * maxBytes);
  });

  it("is made again from the ring where it is missing", async () => {
    const options = { maxGatheredBytes: 500 };
    const first = await open(sqliteIn(folder, options));
    for (let n = 0; n < 60; n++) await append(first, reading(`d${n % 3}`, { n }));
    const expected = await seqsExpected(first);
    await first.close();
    const db = new Database(join(folder, "log.db"));
    expect(db.prepare("SELECT count(*) AS n FROM segment").get()).not.toEqual({ n: 0 });
    db.exec("DELETE FROM segment; DELETE FROM chunk");
    db.close();
    const second = await open(sqliteIn(folder, options));
    expect(await seqsObserved(second)).toEqual(expected);
    await second.close();
  });

  it("is whole again after commits that failed while it was written", async () => {
    const clock = new TestClock();
    const ring = { maxFileBytes: 400_000, maxAgeMs: 1_000, maxGatheredBytes: 30_000 };
    const log = await open(sqliteIn(folder, ring), { latestCheckpointMs: 20 }, clock);
    const some = (n: number) => append(log, reading(`d${n % 5}`, { n, text: "x".repeat(5_000) }));
    let n = 0;
    const failure = await (async () => {
      for (;;) await some(n++);
    })().catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(LogUnavailable);
    // Found by topic and time is also what waits in memory.
    expect(await seqsObserved(log)).toEqual(await seqsExpected(log));
    clock.time += 2_000;
    await until(() =>
      some(n++).then(
        () => true,
        () => false,
      ),
    );
    for (let more = 0; more < 20; more++) await some(n++);
    expect(await seqsObserved(log)).toEqual(await seqsExpected(log));
    await log.close();
  });

  it("keeps a domain no longer and no larger than its own limits say", async () => {
    const clock = new TestClock();
    const domains = { gps: { maxAgeMs: 60_000 }, fare: { maxBytes: 3_000 } };
    const log = await open(sqliteIn(folder, { domains, maxGatheredBytes: 1_000 }), {}, clock);
    const fare = (n: number) => ({ domain: "fare" as const, device: "a", time: clock.time, values: { n } });
    const meter = (n: number) => ({
      domain: "energy" as const,
      device: "m",
      time: clock.time,
      values: { n },
    });
    for (let n = 0; n < 300; n++) {
      clock.time += 1_000;
      await append(log, reading("a", { n }, clock.time), fare(n), meter(n));
    }
    expect(await seqsObserved(log, { filter: "gps/a" })).toHaveLength(61);
    const fares = await seqsObserved(log, { filter: "fare/#" });
    expect(fares.length).toBeGreaterThan(60);
    expect(fares.length).toBeLessThan(160);
    expect(fares.at(-1)).toBe(899);
    expect(await seqsObserved(log, { filter: "energy/#" })).toHaveLength(300);
    // And it is told since when nothing is missing.
    const stored = (n: number) => t0 + (Math.floor(n / 3) + 1) * 1_000;
    expect(await log.limitedSince("gps/#")).toBe(clock.time - 60_000);
    const since = (await log.limitedSince("fare/+")) ?? 0;
    expect(since).toBeGreaterThan(clock.time - 200_000);
    expect(stored(fares[0] as number) - since).toBeLessThan(1_000);
    expect(await log.limitedSince("energy/#")).toBeNull();
    expect(await log.limitedSince("#")).toBe(Math.max(since, clock.time - 60_000));
    // Whoever resumes is not concerned.
    expect(await readAll(log, 0, 100_000)).toHaveLength(900);
    await log.close();
    const db = new Database(join(folder, "log.db"), { readonly: true });
    const kept = db.prepare("SELECT sum(last_chunk - first_chunk + 1) AS n FROM segment WHERE domain = ?");
    const [gps, energy] = [kept.get("gps"), kept.get("energy")] as [{ n: number }, { n: number }];
    expect(gps.n).toBeLessThan(energy.n / 2);
    db.close();
  });

  it.each([
    ["in memory only", 32 * 1024 * 1024],
    ["in large segments", 200_000],
    ["in small segments", 20_000],
  ])("counts all of a domain for its limit, %s", { timeout: 60_000 }, async (_, maxGatheredBytes) => {
    const clock = new TestClock();
    const ring = { domains: { fare: { maxBytes: 100_000 } }, maxGatheredBytes };
    let log = await open(sqliteIn(folder, ring), {}, clock);
    const text = "x".repeat(200);
    const fare = (n: number) => ({ domain: "fare" as const, device: `a${n % 7}`, values: { n, text } });
    const commits = async (count: number) => {
      for (let n = 0; n < count; n++) {
        clock.time += 1_000;
        const fares = Array.from({ length: 10 }, (_unused, at) => ({ ...fare(at), time: clock.time }));
        await append(log, ...fares, reading("b", { n }, clock.time));
      }
    };
    const check = async () => {
      const fares = (await seqsObserved(log, { filter: "fare/#" })).sort((a, b) => a - b);
      expect(fares.length).toBeGreaterThan(300);
      expect(fares.length).toBeLessThan(500);
      expect(fares.at(-1)).toBe(log.head - 1);
      // The newest, without a hole.
      const first = fares[0] as number;
      const all = (await readAll(log, first - 1, 100_000)).filter(({ topic }) => topic.name !== "gps/b");
      expect(fares).toEqual(all.map(({ seq }) => seq));
      expect(await seqsObserved(log, { filter: "gps/b" })).toHaveLength(log.head / 11);
      return first;
    };
    await commits(300);
    const first = await check();
    const since = (await log.limitedSince("fare/#")) ?? 0;
    const [oldest] = await readAll(log, first - 1, 1);
    expect(Math.abs((oldest?.committedAt ?? 0) - since)).toBeLessThan(3_000);
    await log.close();
    log = await open(sqliteIn(folder, ring), {}, clock);
    await check();
    await commits(30);
    await check();
    await log.close();
  });
});

describe("a backup", () => {
  it("is a log that can be opened, copied while more is appended", async () => {
    const log = await open(sqliteIn(folder, { maxGatheredBytes: 5_000 }));
    const some = (n: number) => append(log, reading(`d${n % 5}`, { n, text: "x".repeat(2_000) }));
    for (let n = 0; n < 1_500; n++) await some(n);
    const path = join(folder, "copy.db");
    let isDone = false;
    const copied = log.backup(path).finally(() => {
      isDone = true;
    });
    const before = log.head;
    let during = 0;
    for (; !isDone; during++) await some(before + during);
    await copied;
    expect(during).toBeGreaterThan(0);
    await expect(log.backup(path)).rejects.toThrow(/copy\.db exists/);
    await expect(log.backup(join(folder, "none", "copy.db"))).rejects.toThrow(/backup to .*none.* failed/);
    await log.close();
    const copy = await open(new SqliteEngine({ path }));
    expect(copy.epochEnd(log.epoch)).toBe(copy.head);
    expect(copy.head).toBeGreaterThanOrEqual(before);
    const numbers = (await readAll(copy, 0, 100_000)).map(({ values }) => values["n"]);
    expect(numbers).toEqual(Array.from({ length: copy.head }, (_, n) => n));
    expect(await seqsObserved(copy, { maxBytes: 100_000 })).toEqual(await seqsExpected(copy));
    await copy.close();
  });

  it("of a log in memory is refused in so many words", async () => {
    const log = await open(memoryEngine());
    await expect(log.backup(join(folder, "copy.db"))).rejects.toThrow(/in memory only/);
    await log.close();
  });
});
