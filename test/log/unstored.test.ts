import { copyFile, mkdir, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import Database from "better-sqlite3";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createRandom } from "../../firmware-sim/random.ts";
import {
  type Log,
  LogUnavailable,
  type ObservedPage,
  type ObservedPlace,
  type ObservedQuery,
} from "../../src/log/contract.ts";
import type { LogEngine } from "../../src/log/engine.ts";
import type { LogOptions } from "../../src/log/options.ts";
import { append, open, plain, readAll, reading, TestClock, TestedEngine, t0, until } from "./harness.ts";
import { memoryEngine, sqliteIn, temporaryFolder } from "./place.ts";

let folder: string;
beforeEach(async () => {
  folder = await temporaryFolder();
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** Appends, and tells whether it was acknowledged. */
function isAcknowledged(log: Log, device: string, n: number): Promise<boolean> {
  return append(log, reading(device, { n })).then(
    () => true,
    (error: unknown) => {
      expect(error).toBeInstanceOf(LogUnavailable);
      return false;
    },
  );
}

/** Everything that can be read from a position on, and the stretches that are said to be gone. */
async function readThrough(log: Log, after: number): Promise<{ seqs: number[]; gaps: [number, number][] }> {
  const seqs: number[] = [];
  const gaps: [number, number][] = [];
  for (let at = after; at < log.head; ) {
    const page = await log.read(at, 2_000);
    if (page.kind === "evicted") {
      gaps.push([at + 1, page.oldest - 1]);
      at = page.oldest - 1;
    } else {
      seqs.push(...page.records.map(({ seq }) => seq));
      at = page.through;
    }
  }
  return { seqs, gaps };
}

const engines: readonly (readonly [string, () => LogEngine])[] = [
  ["sqlite", () => sqliteIn(folder)],
  ["memory", () => memoryEngine()],
];

describe.each(engines)("what the store does not take (%s)", (_name, newEngine) => {
  let engine: TestedEngine;
  let log: Log;
  let clock: TestClock;
  const start = async (options: Partial<LogOptions> = {}) => {
    clock = new TestClock();
    engine = new TestedEngine(newEngine());
    log = await open(engine, { maxRecentReadings: 1_000, ...options }, clock);
  };
  afterEach(() => log.close());

  it("fails at one try, however many commits it makes, and heals in small ones", async () => {
    await start({ maxCommitReadings: 10 });
    engine.fail("no room");
    expect(await isAcknowledged(log, "a", 0)).toBe(false);
    const tries = engine.batches.length;
    const many = Array.from({ length: 2_000 }, (_, n) => isAcknowledged(log, "a", n + 1));
    expect(new Set(await Promise.all(many))).toEqual(new Set([false]));
    expect(engine.batches.length - tries).toBeLessThan(10);
    expect(log.head).toBe(2_001);
    engine.fail(null);
    await until(() => isAcknowledged(log, "a", -1));
    expect((await readThrough(log, 0)).seqs).toHaveLength(log.head);
  });

  it("is shown at once, never acknowledged, and stored in its place when the store is well again", async () => {
    await start();
    const seen: ReturnType<typeof plain>[] = [];
    const times: (number | undefined)[] = [];
    log.onCommitted((records) => {
      seen.push(...records.map(plain));
      times.push(...records.map(({ committedAt }) => committedAt));
    });
    expect(await isAcknowledged(log, "a", 0)).toBe(true);
    engine.fail("no room");
    for (let n = 1; n < 5; n++) {
      clock.time += 1_000;
      expect(await isAcknowledged(log, "a", n)).toBe(false);
      expect([seen.length, log.head, log.health().ok]).toEqual([n + 1, n + 1, false]);
    }
    engine.fail(null);
    clock.time += 1_000;
    expect(await isAcknowledged(log, "b", 5)).toBe(true);
    expect(log.health().ok).toBe(true);
    const page = await engine.read(0, 1e6);
    expect(page.kind === "bodies" && page.committedAt).toEqual(times);
    const { records } = await log.observed({ filter: "#", maxBytes: 1e6 });
    expect(records.map(plain)).toEqual(seen);
    expect(times).toEqual([0, 1, 2, 3, 4, 5].map((s) => t0 + s * 1_000));
  });

  it("is stored once however often it is sent again, and acknowledged only then", async () => {
    await start();
    engine.fail("no room");
    for (let times = 0; times < 3; times++) expect(await isAcknowledged(log, "a", 1)).toBe(false);
    expect(log.head).toBe(1);
    engine.fail(null);
    expect(await isAcknowledged(log, "a", 1)).toBe(true);
    expect(log.health().ok).toBe(true);
    expect(log.append({ readings: [reading("a", { n: 1 })] })).toBeNull();
    expect((await log.observed({ filter: "#", maxBytes: 1e6 })).records).toHaveLength(1);
  });

  it("is lost where it outgrows the memory: readers are told, and what comes again is stored again", async () => {
    await start({ tailRecords: 5 });
    expect(await isAcknowledged(log, "a", 1)).toBe(true);
    engine.fail("no room");
    for (let n = 2; n <= 10; n++) expect(await isAcknowledged(log, "a", n)).toBe(false);
    expect(await readThrough(log, 0)).toEqual({ seqs: [1, 6, 7, 8, 9, 10], gaps: [[2, 5]] });
    engine.fail(null);
    // Of these the first was lost, the other was not.
    expect(await isAcknowledged(log, "a", 2)).toBe(true);
    expect(await isAcknowledged(log, "a", 10)).toBe(true);
    expect(log.head).toBe(11);
    expect(await readThrough(log, 0)).toEqual({ seqs: [1, 6, 7, 8, 9, 10, 11], gaps: [[2, 5]] });
    const { records } = await log.observed({ filter: "#", maxBytes: 1e6 });
    expect(records.map(({ seq, values }) => [seq, values["n"]])).toEqual([
      [1, 1],
      ...[6, 7, 8, 9, 10].map((n) => [n, n]),
      [11, 2],
    ]);
  });

  it("rejects a repetition that waits when what it repeats is lost", async () => {
    await start({ tailRecords: 2 });
    engine.fail("no room", 2);
    expect(await isAcknowledged(log, "a", 1)).toBe(false);
    engine.hold();
    // This fails and pushes the first out, while the repetition already waits behind it for a commit that succeeds.
    const pushing = append(log, reading("a", { n: 2 }), reading("a", { n: 3 }));
    await until(() => engine.batches.length === 2);
    await Promise.resolve();
    const repeated = isAcknowledged(log, "a", 1);
    engine.release();
    await expect(pushing).rejects.toBeInstanceOf(LogUnavailable);
    expect(await repeated).toBe(false);
    expect(await isAcknowledged(log, "a", 1)).toBe(true);
    expect(log.head).toBe(4);
  });

  it("tries by itself, without an append", async () => {
    await start({ latestCheckpointMs: 5 });
    engine.fail("no room");
    expect(await isAcknowledged(log, "a", 1)).toBe(false);
    engine.fail(null);
    await until(() => log.health().ok);
    expect((await engine.read(0, 1_000)).kind).toBe("bodies");
  });
});

describe("questions about the past while the store takes nothing", () => {
  it.each([1, 2, 3])("are answered as they are when it has taken everything (seed %i)", async (seed) => {
    const random = createRandom(seed);
    const upTo = (n: number) => Math.floor(random.next() * n);
    const engine = new TestedEngine(sqliteIn(folder, { maxGatheredBytes: 400 }));
    const log = await open(engine);
    const some = () =>
      Array.from({ length: 1 + upTo(5) }, () =>
        reading(`d${upTo(4)}`, { [`v${upTo(3)}`]: upTo(1_000), pad: "x".repeat(upTo(60)) }, t0 + upTo(40)),
      );
    for (let step = 0; step < 15; step++) await append(log, ...some());
    engine.fail("no room");
    for (let step = 0; step < 15; step++) await append(log, ...some()).catch(() => {});
    expect(log.health().ok).toBe(false);
    const ask = async () => {
      const answers: unknown[] = [];
      for (const newestFirst of [false, true]) {
        for (const perTopic of [1, 4, 1_000]) {
          for (const maxBytes of [1, 200, 1e6]) {
            const query = { filter: "gps/#", from: t0 + 3, to: t0 + 36, newestFirst, perTopic, maxBytes };
            answers.push(await observedSeqs(log, query));
          }
        }
      }
      for (let time = t0 - 1; time <= t0 + 41; time += 3) {
        answers.push(await log.latestAt("#", time, 0, 100));
        // Where it may begin earlier than it must, what was observed later still comes behind it.
        const position = await log.positionBefore(time);
        const before = (await readAll(log, 0)).slice(0, position);
        expect(before.filter((record) => record.time > time)).toEqual([]);
        answers.push(position);
      }
      return answers;
    };
    const degraded = await ask();
    engine.fail(null);
    // Nothing new: of an earlier one it waits for those behind it.
    await until(
      () =>
        log
          .append({
            readings: [],
            remember: [{ topic: "t", payload: Uint8Array.of(1), receivedAt: 1, client: null }],
          })
          ?.then(
            () => true,
            () => false,
          ) ?? true,
    );
    expect(log.health().ok).toBe(true);
    const healed = await ask();
    expect(degraded).toEqual(healed);
    await log.close();
  });
});

/** Everything that pages of a query have. */
async function observedSeqs(log: Log, query: ObservedQuery): Promise<number[]> {
  const seqs: number[] = [];
  for (let after: ObservedPlace | null | undefined; after !== null; ) {
    const page: ObservedPage = await log.observed({ ...query, after: after ?? null });
    seqs.push(...page.records.map(({ seq }) => seq));
    after = page.next;
  }
  return seqs;
}

describe("after a crash", () => {
  it("what was shown and not stored is known to be gone, though its seqs are given again", async () => {
    const engine = new TestedEngine(sqliteIn(folder));
    const log = await open(engine);
    await append(log, reading("a"), reading("b"));
    engine.fail("no room");
    for (let n = 0; n < 3; n++) expect(await isAcknowledged(log, "c", n)).toBe(false);
    expect([log.head, log.epochEnd(log.epoch)]).toEqual([5, 5]);
    const crashed = await crash(folder, "crashed");
    const second = await open(sqliteIn(crashed));
    await append(second, ...Array.from({ length: 8 }, (_, n) => reading("d", { n })));
    expect(second.epochEnd(log.epoch)).toBe(2);
    expect((await readAll(second, 0)).map(({ topic }) => topic.name)).not.toContain("gps/c");
    const third = await open(sqliteIn(await crash(crashed, "again")));
    expect([third.epochEnd(log.epoch), third.epochEnd(second.epoch)]).toEqual([2, 10]);
    for (const one of [log, second, third]) await one.close();
  });

  it("positions of a run that never stored anything are not mistaken for those of the next", async () => {
    const first = await open(sqliteIn(folder));
    await append(first, reading("a"));
    await first.close();
    setTrigger(
      folder,
      "CREATE TRIGGER no_room BEFORE INSERT ON epoch BEGIN SELECT RAISE(FAIL, 'no room'); END",
    );
    const second = await open(sqliteIn(folder));
    for (let n = 0; n < 3; n++) expect(await isAcknowledged(second, "b", n)).toBe(false);
    const crashed = await crash(folder, "crashed");
    setTrigger(crashed, "DROP TRIGGER no_room");
    const third = await open(sqliteIn(crashed));
    await append(third, ...Array.from({ length: 8 }, (_, n) => reading("d", { n })));
    expect([third.epochEnd(first.epoch), third.epochEnd(second.epoch)]).toEqual([1, null]);
    for (const one of [second, third]) await one.close();
  });
});

/** Makes every commit of a new run fail, or takes that back. */
function setTrigger(place: string, sql: string): void {
  const db = new Database(join(place, "log.db"));
  db.exec(sql);
  db.close();
}

/** The files as a crash at this moment leaves them, in a folder of their own. */
async function crash(from: string, name: string): Promise<string> {
  const to = join(folder, name);
  await mkdir(to);
  for (const file of await readdir(from)) {
    if (/^log\.db/.test(file)) await copyFile(join(from, file), join(to, file));
  }
  return to;
}

describe("whatever fails and crashes when", () => {
  it.each([1, 2, 3])(
    "keeps what is acknowledged, and a good position means what it meant (seed %i)",
    async (seed) => {
      const random = createRandom(seed);
      const upTo = (n: number) => Math.floor(random.next() * n);
      const acknowledged = new Set<number>();
      /** By epoch and seq, the number that was shown there. */
      const shown = new Map<string, Map<number, unknown>>();
      let n = 0;
      let place = folder;
      for (let life = 0; life < 5; life++) {
        const engine = new TestedEngine(sqliteIn(place, { maxGatheredBytes: 300 }));
        const options = { maxRecentReadings: 1_000, tailRecords: 4 + upTo(30), gatherMs: 0 };
        const log = await open(engine, options);
        const mine = new Map<number, unknown>();
        shown.set(log.epoch, mine);
        log.onCommitted((records) => {
          for (const { seq, values } of records) {
            expect(mine.has(seq)).toBe(false);
            mine.set(seq, values["n"]);
          }
        });
        for (let step = 0; step < 20; step++) {
          if (upTo(4) === 0) engine.fail(upTo(2) === 0 ? "no room" : null, 1 + upTo(6));
          const numbers = Array.from({ length: 1 + upTo(4) }, () => (upTo(5) === 0 ? upTo(n + 1) : ++n));
          await Promise.all(
            numbers.map(async (one) => {
              if (await isAcknowledged(log, "a", one)) acknowledged.add(one);
            }),
          );
        }
        const isCrash = upTo(3) > 0;
        const next = isCrash ? await crash(place, `life-${life}`) : place;
        engine.fail(null);
        await log.close();
        place = next;
      }
      const log = await open(sqliteIn(place), { tailRecords: 0 });
      const stored = new Map<number, unknown>();
      for (let at = 0; at < log.head; ) {
        const page = await log.read(at, 1_000);
        if (page.kind === "records") for (const { seq, values } of page.records) stored.set(seq, values["n"]);
        at = page.kind === "records" ? page.through : page.oldest - 1;
      }
      const numbers = new Set(stored.values());
      expect([...acknowledged].filter((one) => !numbers.has(one))).toEqual([]);
      for (const [epoch, places] of shown) {
        const end = log.epochEnd(epoch) ?? 0;
        for (const [seq, one] of places) {
          if (seq <= end && stored.has(seq)) expect([seq, stored.get(seq)]).toEqual([seq, one]);
        }
      }
      const { records } = await log.observed({ filter: "#", maxBytes: 1e7 });
      expect(new Map(records.map(({ seq, values }) => [seq, values["n"]]))).toEqual(stored);
      await log.close();
    },
  );
});
