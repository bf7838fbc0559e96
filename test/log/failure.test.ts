import { mkdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Worker } from "node:worker_threads";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { LogUnavailable, TooManyTopics } from "../../src/log/contract.ts";
import type { Reading } from "../../src/model/reading.ts";
import { append, open, plain, readAll, reading, TestClock, TestedEngine, t0, until } from "./harness.ts";
import { memoryEngine, sqliteIn, temporaryFolder } from "./place.ts";

let folder: string;
beforeEach(async () => {
  folder = await temporaryFolder();
});
afterEach(() => rm(folder, { recursive: true, force: true }));

describe("a commit that fails", () => {
  it("rejects its appends, tells health why, and is made up for by the next that works", async () => {
    const engine = new TestedEngine(sqliteIn(folder));
    const log = await open(engine);
    await append(log, reading("a"));
    engine.fail("no room: free space");
    const failed = log.append({ readings: [reading("b"), reading("b", { fresh: 1 })] });
    await expect(failed).rejects.toBeInstanceOf(LogUnavailable);
    await expect(failed).rejects.toThrow("no room: free space");
    expect(log.health()).toEqual({ ok: false, problem: "no room: free space" });
    // Shown all the same.
    expect(log.latest("gps/b")).toMatchObject([{ seq: 3, values: { fresh: 1 } }]);
    expect((await readAll(log, 1)).map(({ topic }) => topic.name)).toEqual(["gps/b", "gps/b"]);
    engine.fail(null);
    await append(log, reading("c"), reading("b", { fresh: 2 }));
    expect(log.health()).toEqual({ ok: true, problem: null });
    await log.close();
    // Topics and shapes that a failed commit announced first must have been announced again.
    const again = await open(sqliteIn(folder));
    expect((await readAll(again, 0)).map(plain)).toMatchObject([
      { seq: 1, topic: "gps/a" },
      { seq: 2, topic: "gps/b" },
      { seq: 3, topic: "gps/b", values: { fresh: 1 } },
      { seq: 4, topic: "gps/c" },
      { seq: 5, topic: "gps/b", values: { fresh: 2 } },
    ]);
    await again.close();
  });

  it("is told by health while the store does not answer, and no longer", async () => {
    const engine = new TestedEngine(memoryEngine());
    const log = await open(engine, { latestCheckpointMs: 20 });
    engine.hold();
    const stored = append(log, reading("a"));
    await until(() => engine.batches.length === 1);
    expect(log.health()).toEqual({ ok: true, problem: null });
    await until(() => !log.health().ok);
    expect(log.health().problem).toMatch(/^the store has not answered for \d+ s/);
    engine.release();
    await stored;
    expect(log.health()).toEqual({ ok: true, problem: null });
    await log.close();
  });

  it("shows nothing that came with progress: that comes again, and what gathered behind it moves up", async () => {
    const engine = new TestedEngine(sqliteIn(folder));
    const log = await open(engine, { tailRecords: 0 });
    engine.hold();
    const progress = { name: "presence", seq: 0, time: t0 };
    const first = log.append({ readings: Array.from({ length: 200 }, () => reading("a")), progress });
    await until(() => engine.batches.length === 1);
    const second = log.append({ readings: [reading("b"), reading("c", { segments: [{ n: "é" }] })] });
    const seen: number[] = [];
    log.onCommitted((records) => seen.push(...records.map(({ seq }) => seq)));
    engine.fail("gone for a moment", 1);
    engine.release();
    await expect(first).rejects.toThrow("gone for a moment");
    await second;
    expect(seen).toEqual([1, 2]);
    expect((await readAll(log, 0)).map(plain)).toMatchObject([
      { seq: 1, topic: "gps/b" },
      { seq: 2, topic: "gps/c", values: { segments: [{ n: "é" }] } },
    ]);
    await log.close();
  });

  it("is tried again by the log itself when no append comes", async () => {
    const engine = new TestedEngine(memoryEngine());
    const log = await open(engine, { latestCheckpointMs: 5 });
    engine.fail("busy");
    await expect(append(log, reading("a"))).rejects.toThrow("busy");
    engine.fail(null);
    await until(() => log.health().ok);
    await log.close();
  });

  it("does not lose a checkpoint that was part of it", async () => {
    const log = await open(new TestedEngine(sqliteIn(folder)));
    await append(log, reading("a", { x: 1 }));
    await log.close();
    const engine = new TestedEngine(sqliteIn(folder));
    const second = await open(engine, { latestCheckpointMs: 5 });
    await append(second, reading("a", { y: 2 }));
    engine.fail("full");
    await until(() => engine.batches.some(({ latest }) => latest.length > 0) && !second.health().ok);
    engine.fail(null);
    await until(() => engine.batches.at(-1)?.checkpoint === 2 && second.health().ok);
    await second.close();
    const third = await open(sqliteIn(folder));
    expect(third.latest("gps/a")).toMatchObject([{ seq: 2, values: { x: 1, y: 2 } }]);
    await third.close();
  });
});

describe("SQLite", () => {
  it("that is full rejects, keeps what it has, and heals when there is room again", async () => {
    const clock = new TestClock();
    const log = await open(
      sqliteIn(folder, { maxFileBytes: 400_000, maxAgeMs: 1_000 }),
      { latestCheckpointMs: 20 },
      clock,
    );
    const large = () => append(log, reading("a", { text: "x".repeat(20_000), n: log.head }));
    let stored = 0;
    const failure = await (async () => {
      for (; ; stored++) await large();
    })().catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(LogUnavailable);
    expect(String(failure)).toMatch(/no room for .*log\.db: free space .*SQLITE_FULL/);
    expect(stored).toBeGreaterThan(5);
    // The one that was rejected is shown.
    expect([log.head, log.health().ok]).toEqual([stored + 1, false]);
    expect(await readAll(log, 0, 50_000)).toHaveLength(stored + 1);
    clock.time += 2_000;
    await expect
      .poll(() =>
        large().then(
          () => log.health().ok,
          () => false,
        ),
      )
      .toBe(true);
    const { head } = log;
    expect(head).toBeGreaterThan(stored);
    await log.close();
    const again = await open(sqliteIn(folder));
    expect(again.head).toBe(head);
    expect(again.latest("gps/a")).toMatchObject([{ seq: head, values: { n: head - 1 } }]);
    await again.close();
  });

  it("whose thread dies rejects what is pending, goes on with another, and loses nothing", async () => {
    const workers = watchWorkers();
    const log = await open(sqliteIn(folder));
    await append(log, reading("a"));
    const expected = ["gps/a"];
    for (const device of ["b", "c", "d", "e"]) {
      const pending = log.append({ readings: [reading(device)] });
      // Before or after the commit was handed over: the next thread stores it, acknowledged or not.
      if (device > "c") await new Promise((resolve) => setImmediate(resolve));
      const death = workers.at(-1)?.terminate();
      const failure = await pending?.then(
        () => null,
        (error: Error) => error.message,
      );
      expected.push(`gps/${device}`);
      if (failure !== null) expect(failure).toMatch(/the thread that writes .*log\.db ended .*started again/);
      await death;
      await append(log, reading(`after-${device}`));
      expected.push(`gps/after-${device}`);
      expect(log.health().ok).toBe(true);
    }
    expect((await readAll(log, 0)).map(({ topic }) => topic.name)).toEqual(expected);
    const found = await log.observed({ filter: "#", maxBytes: 10_000 });
    expect(found.records).toHaveLength(expected.length);
    await log.close();
    const again = await open(sqliteIn(folder));
    expect((await readAll(again, 0)).map(({ topic }) => topic.name)).toEqual(expected);
    await again.close();
  });

  it("whose thread cannot go on stops with a clear word", async () => {
    const workers = watchWorkers();
    const log = await open(sqliteIn(folder));
    // The file can be opened no more, so the next thread has nothing to go on with.
    await rm(join(folder, "log.db"));
    await mkdir(join(folder, "log.db"));
    const death = workers[0]?.terminate();
    await expect(append(log, reading("a"))).rejects.toBeInstanceOf(LogUnavailable);
    await death;
    await until(() => /cannot be opened for writing/.test(log.health().problem ?? ""));
    await expect(append(log, reading("c"))).rejects.toThrow(/the log has stopped/);
    await log.close();
  });

  it("whose file is taken away acknowledges nothing until it is back", async () => {
    const log = await open(sqliteIn(folder));
    await append(log, reading("a"));
    await rename(join(folder, "log.db"), join(folder, "away.db"));
    await until(() =>
      append(log, reading("early")).then(
        () => false,
        (error: Error) => /log\.db was removed or replaced while in use/.test(error.message),
      ),
    );
    await writeFile(join(folder, "log.db"), "something else");
    await expect(append(log, reading("b"))).rejects.toThrow(/removed or replaced/);
    expect(log.health().ok).toBe(false);
    await rename(join(folder, "away.db"), join(folder, "log.db"));
    await append(log, reading("b"));
    expect(log.health().ok).toBe(true);
    const names = (await readAll(log, 0)).map(({ topic }) => topic.name);
    expect([names[0], names.at(-1)]).toEqual(["gps/a", "gps/b"]);
    await log.close();
  });
});

/** The threads that are started from now on, in order. */
function watchWorkers(): Worker[] {
  const workers: Worker[] = [];
  const note = (worker: Worker) => workers.push(worker);
  process.on("worker", note);
  stopWatching = () => process.off("worker", note);
  return workers;
}
let stopWatching = (): unknown => null;
afterEach(() => stopWatching());

describe("the limit of topics", () => {
  const fresh = (from: number, count: number): Reading[] =>
    Array.from({ length: count }, (_, i) => reading(`new-${from + i}`));

  it("refuses new ones whole when the ring still has the old ones; known topics flow on", async () => {
    const log = await open(memoryEngine(), { maxTopics: 10 });
    await append(log, ...fresh(0, 9));
    const readings = [reading("new-3"), ...fresh(20, 2)];
    expect(() => log.append({ readings })).toThrow(TooManyTopics);
    expect(log.head).toBe(9);
    await append(log, reading("new-3"));
    expect(log.head).toBe(10);
    await log.close();
  });

  it("forgets topics that the ring has evicted, longest silent first, and never uses an id twice", async () => {
    const clock = new TestClock();
    const options = { maxTopics: 10, latestCheckpointMs: 5 };
    const log = await open(sqliteIn(folder, { maxAgeMs: 1_000 }), options, clock);
    await append(log, ...fresh(0, 10));
    const ids = new Set(log.latest("#").map(({ topic }) => topic.id));
    clock.time += 2_000;
    // The checkpoint, which runs by itself, must have passed them before the ring lets them go.
    await until(async () => {
      await append(log, reading("new-9"));
      return log.oldest > 10;
    });
    await append(log, reading("other"));
    expect(log.latest("gps/new-0")).toEqual([]);
    expect(log.latest("gps/new-1")).toHaveLength(1);
    expect(log.latest("gps/new-9")).toHaveLength(1);
    expect(ids.has(log.latest("gps/other")[0]?.topic.id as number)).toBe(false);
    await log.close();
    const again = await open(sqliteIn(folder, { maxAgeMs: 1_000 }), options, clock);
    expect(again.latest("#").map(({ topic }) => topic.name)).not.toContain("gps/new-0");
    await append(again, reading("new-0"));
    expect(again.latest("gps/new-0")[0]?.topic.id).toBeGreaterThan(11);
    await again.close();
  });

  it("stores names that differ only in what UTF-8 cannot say as one topic", async () => {
    const log = await open(sqliteIn(folder));
    await append(log, reading("a\ud800", { x: 1 }, t0), reading("a\ud801", { y: 2 }, t0));
    expect(log.latest("#")).toMatchObject([{ topic: { name: "gps/a\ufffd" }, values: { x: 1, y: 2 } }]);
    await log.close();
  });
});
