import { rm } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Log, LogUnavailable } from "../../src/log/contract.ts";
import type { LogEngine } from "../../src/log/engine.ts";
import type { LogOptions } from "../../src/log/options.ts";
import { append, open, plain, readAll, reading, TestedEngine, until } from "./harness.ts";
import { memoryEngine, sqliteIn, temporaryFolder } from "./place.ts";

let folder: string;
beforeEach(async () => {
  folder = await temporaryFolder();
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const engines: readonly (readonly [string, () => LogEngine])[] = [
  ["sqlite", () => sqliteIn(folder)],
  ["memory", () => memoryEngine()],
];

describe.each(engines)("readings that nobody waits for (%s)", (name, newEngine) => {
  let engine: TestedEngine;
  let log: Log;
  let seen: unknown[];
  const start = async (options: Partial<LogOptions> = {}) => {
    engine = new TestedEngine(newEngine());
    log = await open(engine, { gatherMs: 0, storeWithinMs: 20, maxRecentReadings: 1_000, ...options });
    seen = [];
    log.onCommitted((records) => seen.push(...records.map(({ values }) => values["n"])));
  };
  afterEach(() => log.close());

  /** Resolves when they are shown. */
  const show = async (...numbers: number[]) => {
    const readings = numbers.map((n) => reading("a", { n }));
    await log.append({ readings, isAwaited: false });
    await until(() => seen.includes(numbers.at(-1)));
  };
  const storedSeqs = () => engine.batches.flatMap(({ records }) => records.map(({ seq }) => seq));

  it("are shown before they are stored, in one turn together, and stored soon by themselves", async () => {
    await start();
    engine.hold();
    await Promise.all([show(1), show(2)]);
    await show(3);
    expect([seen, log.head, engine.batches.length]).toEqual([[1, 2, 3], 3, 0]);
    expect(log.latest("gps/a")[0]?.values).toEqual({ n: 3 });
    await until(() => engine.batches.length === 1);
    // More is shown while these are under way, and not stored with them.
    await show(4);
    expect(seen).toEqual([1, 2, 3, 4]);
    engine.release();
    await until(() => storedSeqs().length === 4);
    expect(engine.batches.map(({ records }) => records.length)).toEqual([3, 1]);
    expect((await readAll(log, 0)).map(plain)).toMatchObject([1, 2, 3, 4].map((n) => ({ values: { n } })));
  });

  it("are stored ahead of what somebody waits for, which is shown and acknowledged only when it is stored", async () => {
    await start({ storeWithinMs: 60_000 });
    await show(1);
    engine.hold();
    let isStored = false;
    const stored = append(log, reading("b", { n: 2 })).then(() => {
      isStored = true;
    });
    await until(() => engine.batches.length === 1);
    const behind = show(3);
    expect([seen, isStored]).toEqual([[1], false]);
    engine.release();
    await stored;
    expect([seen.slice(0, 2), storedSeqs().slice(0, 2)]).toEqual([
      [1, 2],
      [1, 2],
    ]);
    await behind;
    expect(seen).toEqual([1, 2, 3]);
  });

  it("are in one transaction with what somebody waits for behind them, and in no other although their time has come", async () => {
    await start({ storeWithinMs: 200 });
    engine.hold();
    await show(1, 2);
    const stored = append(log, reading("b", { n: 3 }));
    await until(() => engine.batches.length === 1);
    const isDueBy = performance.now() + 250;
    await until(() => performance.now() > isDueBy);
    engine.release();
    await stored;
    await show(4);
    await until(() => storedSeqs().length === 4);
    expect(engine.batches.map(({ records }) => records.map(({ seq }) => seq))).toEqual([[1, 2, 3], [4]]);
  });

  it("wait on if that transaction fails, and are stored in the next", async () => {
    await start({ storeWithinMs: 60_000 });
    await show(1);
    engine.fail("no room", 1);
    await expect(append(log, reading("b", { n: 2 }))).rejects.toThrow("no room");
    expect(log.health().ok).toBe(false);
    await append(log, reading("c", { n: 3 }));
    expect([seen, log.health().ok]).toEqual([[1, 2, 3], true]);
    await log.close();
    log = await open(engine);
    expect((await readAll(log, 0)).map(plain)).toMatchObject([1, 2, 3].map((n) => ({ values: { n } })));
  });

  it("hold up no checkpoint of latest, although there are always some that are not stored", async () => {
    await start({ storeWithinMs: 60_000, latestCheckpointMs: 10 });
    let n = 0;
    await until(async () => {
      await show(++n);
      return engine.batches.some(({ checkpoint }) => checkpoint !== null && checkpoint > 0);
    });
    expect(engine.batches.length).toBeLessThan(10);
  });

  it("are in a backup that is made before their time has come", async () => {
    await start({ storeWithinMs: 60_000 });
    await show(1);
    if (name === "memory") await expect(log.backup(join(folder, "copy.db"))).rejects.toThrow();
    else await log.backup(join(folder, "copy.db"));
    expect(storedSeqs()).toEqual([1]);
  });

  it("share the commit of what somebody waits for, if both came in one turn", async () => {
    await start();
    engine.hold();
    const both = Promise.all([show(1), append(log, reading("b", { n: 2 }))]);
    await until(() => engine.batches.length === 1);
    expect(seen).toEqual([]);
    engine.release();
    await both;
    expect([seen, storedSeqs()]).toEqual([
      [1, 2],
      [1, 2],
    ]);
  });

  it("wait for the store if they come with somebody's progress, or are more than readings", async () => {
    await start();
    engine.hold();
    const progress = { name: "trips", seq: 1, time: 0 };
    const derived = log.append({ readings: [reading("a", { n: 1 })], progress, isAwaited: false });
    await until(() => engine.batches.length === 1);
    expect(seen).toEqual([]);
    engine.release();
    await derived;
    expect(seen).toEqual([1]);
  });

  it("are acknowledged to who sends the same and waits only when they are stored", async () => {
    await start({ storeWithinMs: 60_000 });
    await show(1);
    engine.hold();
    let isStored = false;
    const again = append(log, reading("a", { n: 1 })).then(() => {
      isStored = true;
    });
    await until(() => engine.batches.length === 1);
    expect(isStored).toBe(false);
    engine.release();
    await again;
    expect([seen, storedSeqs()]).toEqual([[1], [1]]);
  });

  it("are kept while the store fails, and stored in their places when it is well again", async () => {
    await start();
    engine.fail("no room");
    await show(1);
    await until(() => !log.health().ok);
    await expect(log.append({ readings: [reading("a", { n: 2 })], isAwaited: false })).rejects.toThrow(
      LogUnavailable,
    );
    expect(seen).toEqual([1, 2]);
    engine.fail(null);
    await append(log, reading("a", { n: 3 }));
    expect([seen, log.health().ok]).toEqual([[1, 2, 3], true]);
    const { records } = await log.observed({ filter: "#", maxBytes: 1e6 });
    expect(records.map(({ seq, values }) => [seq, values["n"]])).toEqual([
      [1, 1],
      [2, 2],
      [3, 3],
    ]);
  });

  it.each([{ tailRecords: 8 }, { tailBytes: 8 * 600 }])(
    "wait for a slow store rather than outgrow the memory that keeps them (%o)",
    async (limits) => {
      await start(limits);
      engine.hold();
      const all = Array.from({ length: 40 }, (_, n) => show(n));
      for (let turn = 0; turn < 20; turn++) {
        void show(40 + turn).catch(() => {});
        await new Promise((resolve) => setImmediate(resolve));
      }
      const shown = seen.length;
      expect(shown).toBeLessThanOrEqual(4);
      engine.release();
      await Promise.all(all);
      await until(() => seen.length === 60 && storedSeqs().length === 60);
      expect(storedSeqs()).toEqual(Array.from({ length: 60 }, (_, i) => i + 1));
      expect(seen).toEqual(Array.from({ length: 60 }, (_, n) => n));
    },
  );

  it("are stored when the log is closed", async () => {
    await start({ storeWithinMs: 60_000 });
    await show(1, 2);
    await log.close();
    expect(storedSeqs()).toEqual([1, 2]);
  });
});
