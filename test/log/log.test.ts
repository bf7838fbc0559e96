import { rm } from "node:fs/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Log, type LogRecord, LogUnavailable, UnstorableReading } from "../../src/log/contract.ts";
import { defaultLogOptions } from "../../src/log/options.ts";
import { readBody } from "../../src/wire/body.ts";
import { append, open, plain, readAll, reading, TestClock, TestedEngine, t0, until } from "./harness.ts";
import { memoryEngine, sqliteIn, temporaryFolder } from "./place.ts";

let engine: TestedEngine;
let log: Log;
beforeEach(async () => {
  engine = new TestedEngine(memoryEngine());
  log = await open(engine, { maxPendingBytes: 20_000, maxReadingBytes: 4_096 });
});
afterEach(() => log.close());

describe("append", () => {
  it("gives each reading the next seq and resolves after it can be read", async () => {
    await append(log, reading("van-7", { lat: 60.17, note: "a" }), reading("van-8", { lat: 1.5 }, t0 - 5));
    expect(log.head).toBe(2);
    expect((await readAll(log, 0)).map(plain)).toEqual([
      { seq: 1, topic: "gps/van-7", time: t0, values: { lat: 60.17, note: "a" } },
      { seq: 2, topic: "gps/van-8", time: t0 - 5, values: { lat: 1.5 } },
    ]);
  });

  it("stores remarks with a reading, and shows those of the newest one", async () => {
    const alert = { ...reading("van-7", { state: "firing" }), attrs: { text: "over 50", by: { limit: 50 } } };
    await append(log, alert, reading("van-8"), { ...reading("van-8"), attrs: {} });
    expect((await readAll(log, 0)).map(({ attrs }) => attrs)).toEqual([alert.attrs, null, null]);
    expect(log.latest("gps/+").map(({ attrs }) => attrs)).toEqual([alert.attrs, null]);
    const deep = { ...alert, attrs: JSON.parse(`${'{"a":'.repeat(20)}1${"}".repeat(20)}`) };
    expect(() => log.append({ readings: [deep] })).toThrow("attrs: nested deeper than 16");
    await log.close();
    log = await open(engine);
    expect((await readAll(log, 0)).map(({ attrs }) => attrs)).toEqual([alert.attrs, null, null]);
    expect(log.latest("gps/van-7").map(({ attrs }) => attrs)).toEqual([alert.attrs]);
  });

  it("stores progress with the readings of the same append, or with nothing at all", async () => {
    expect(log.progress()).toEqual([]);
    const progress = { name: "presence", seq: 3, time: t0, state: Uint8Array.of(1, 2) };
    await log.append({ readings: [reading("van-7")], progress });
    engine.fail("no room", 1);
    const lost = log.append({ readings: [reading("van-8")], progress: { ...progress, seq: 9 } });
    await expect(lost).rejects.toThrow("no room");
    await log.append({ readings: [], progress: { name: "presence", seq: 4, time: t0 + 1 } });
    expect(engine.batches.map(({ records, progress }) => [records.length, progress.length])).toEqual([
      [1, 1],
      [1, 1],
      [0, 1],
    ]);
    await log.close();
    log = await open(engine);
    const state = { seq: 3, time: t0, bytes: progress.state };
    expect(log.progress()).toEqual([{ name: "presence", seq: 4, time: t0 + 1, state }]);
  });

  it("tells a time that no later record was committed before", async () => {
    const clock = new TestClock();
    await log.close();
    log = await open(engine, {}, clock);
    const committed: (number | undefined)[] = [];
    log.onCommitted((records) => committed.push(...records.map(({ committedAt }) => committedAt)));
    expect(log.time).toBe(t0);
    engine.hold();
    clock.time = t0 + 1_000;
    const first = log.append({ readings: [reading("a")] });
    await until(() => engine.batches.length === 1);
    clock.time = t0 + 9_000;
    // The commit under way began before.
    expect(log.time).toBe(t0 + 1_000);
    engine.release();
    await first;
    expect(log.time).toBe(t0 + 9_000);
    clock.time = t0;
    await append(log, reading("b"));
    expect(committed).toEqual([t0 + 1_000, t0 + 9_000]);
    const page = await log.read(0, 1e6);
    const read = page.kind === "records" ? page.records.map(({ committedAt }) => committedAt) : page;
    expect(read).toEqual(committed);
  });

  it("knows where a topic's channel begins, after a restart too", async () => {
    const phase = { ...reading("a/b", { powerW: 1 }), domain: "energy", channel: "L1/x" } as const;
    await append(log, phase, reading("a/b"));
    await log.close();
    log = await open(engine);
    await append(log, phase);
    expect(log.topic(1)).toEqual({ id: 1, name: "energy/a/b/L1/x", channelAt: 10 });
    expect(log.topic(2)).toEqual({ id: 2, name: "gps/a/b" });
  });

  it("commits together what gathers while a commit is under way, and resolves in the order of the calls", async () => {
    engine.hold();
    const done: string[] = [];
    const wait = (name: string, readings = [reading(name)]) =>
      log.append({ readings })?.then(() => done.push(name));
    const all = [wait("a")];
    await until(() => engine.batches.length === 1);
    all.push(wait("b"), wait("barrier", []), wait("c"), wait("d"));
    engine.release();
    await Promise.all(all);
    expect(done).toEqual(["a", "b", "barrier", "c", "d"]);
    expect(engine.batches.map(({ records }) => records.length)).toEqual([1, 3]);
  });

  it("commits no more at once than one turn of the main loop can follow up", async () => {
    const held = new TestedEngine(memoryEngine());
    const many = await open(held);
    held.hold();
    const first = many.append({ readings: [reading("a")] });
    await until(() => held.batches.length === 1);
    const all = Array.from({ length: 1_000 }, (_, n) => many.append({ readings: [reading("b", { n })] }));
    held.release();
    await Promise.all([first, ...all]);
    const { maxCommitReadings } = defaultLogOptions;
    for (const { records } of held.batches) expect(records.length).toBeLessThanOrEqual(maxCommitReadings);
    expect(held.batches).toHaveLength(1 + Math.ceil(1_000 / maxCommitReadings));
    expect(many.head).toBe(1_001);
    await many.close();
  });

  it("of nothing waits for what was appended before, and is null when nothing is pending", async () => {
    expect(log.append({ readings: [] })).toBeNull();
    engine.hold();
    const done: string[] = [];
    const first = log.append({ readings: [reading("a")] })?.then(() => done.push("a"));
    await until(() => engine.batches.length === 1);
    const barrier = log.append({ readings: [] })?.then(() => done.push("barrier"));
    engine.release();
    await Promise.all([first, barrier]);
    expect(done).toEqual(["a", "barrier"]);
    expect(log.append({ readings: [] })).toBeNull();
  });

  it("keeps quarantined packets with the same promise", async () => {
    const packet = {
      topic: "x/y",
      payload: Uint8Array.of(1, 2),
      receivedAt: t0,
      client: null,
      format: null,
      reason: "no format claims the topic",
    };
    await log.append({ readings: [reading("a")], quarantine: [packet] });
    expect(await log.quarantined(5)).toEqual([{ ...packet, id: 1, payloadBytes: packet.payload.length }]);
  });

  it("remembers packets with the same promise, as they were when they were appended", async () => {
    const engine = new TestedEngine(memoryEngine());
    const log = await open(engine);
    expect(log.remembered()).toEqual([]);
    const buffer = Uint8Array.of(0, 1, 2, 3);
    const birth = { topic: "n/birth", payload: buffer.subarray(1, 3), receivedAt: t0, client: "n" };
    const committed = log.append({ readings: [], remember: [birth] });
    buffer.fill(9);
    await committed;
    engine.fail("no room");
    const later = { ...birth, topic: "n/later" };
    await expect(log.append({ readings: [], remember: [later] })).rejects.toThrow("no room");
    engine.fail(null);
    await log.close();
    const again = await open(engine);
    expect(again.remembered()).toEqual([{ ...birth, payload: Uint8Array.of(1, 2) }]);
    await again.close();
  });

  it("refuses what does not fit the queue, without using a seq, and takes more when it is shorter", async () => {
    engine.hold();
    const large = () => reading("a", { text: "x".repeat(3_000) });
    const taken = Array.from({ length: 6 }, () => log.append({ readings: [large()] }));
    await expect(log.append({ readings: [large()] })).rejects.toThrow(/maxPendingBytes/);
    engine.release();
    await Promise.all(taken);
    await append(log, large());
    expect(log.head).toBe(7);
    const [last, next] = (await readAll(log, 5)) as [LogRecord, LogRecord];
    // The refused one takes no part of the memory that bodies share.
    expect(next.body.byteOffset).toBe(last.body.byteOffset + last.body.length);
  });

  it("takes readings while an insight's state waits, however large that is", async () => {
    engine.hold();
    const state = new Uint8Array(40_000);
    const saved = log.append({ readings: [], progress: { name: "trips", seq: 0, time: t0, state } });
    const taken = log.append({ readings: [reading("a")] });
    engine.release();
    await Promise.all([saved, taken]);
    expect(log.head).toBe(1);
  });

  it("refuses readings that no reader could decode, and stores nothing of their batch", async () => {
    let deep: unknown[] = [];
    for (let i = 0; i < 40; i++) deep = [deep];
    const bad = [
      reading("a", { text: "x".repeat(5_000) }),
      reading("a", {}, Number.NaN),
      reading("a", { segments: deep as never }),
      reading("a", JSON.parse('{"__proto__": 1}')),
      reading("a", { segments: [JSON.parse('{"__proto__": 1}')] }),
      reading("a", Object.fromEntries(Array.from({ length: 1_025 }, (_, i) => [`v${i}`, 1]))),
      reading("x".repeat(70_000)),
    ];
    for (const one of bad) {
      expect(() => log.append({ readings: [reading("good"), one] })).toThrow(UnstorableReading);
    }
    await append(log, reading("after"));
    expect((await readAll(log, 0)).map(plain)).toMatchObject([{ seq: 1, topic: "gps/after" }]);
  });

  it("keeps values whose names have a scale but which are no numbers", async () => {
    const values = { lat: [1, 2], lon: "12.5", altM: null, powerW: { a: [0.1] }, speedKmh: [7] };
    const sqliteLog = await open(new TestedEngine(memoryEngine()), { tailRecords: 0 });
    await append(sqliteLog, reading("a", values));
    expect((await readAll(sqliteLog, 0))[0]?.values).toEqual(values);
    await sqliteLog.close();
  });

  it("uses the free shape when there are too many lists of names", async () => {
    const few = await open(new TestedEngine(memoryEngine()), { maxShapes: 2, tailRecords: 0 });
    const lists = [{ a: 1 }, { b: 2 }, { c: 3.25 }, { a: 4 }];
    for (const values of lists) await append(few, reading("a", values));
    const records = await readAll(few, 0);
    expect(records.map(({ shapeId }) => shapeId)).toEqual([1, 2, 0, 1]);
    expect(records.map(({ values }) => values)).toEqual(lists);
    expect(few.shape(1)?.names).toEqual(["a"]);
    expect(few.shape(0)?.names).toEqual([]);
    expect(few.shape(3)).toBeUndefined();
    await few.close();
  });

  it("is refused after close, which stores what was appended before", async () => {
    const last = log.append({ readings: [reading("a")] });
    await log.close();
    await last;
    expect(log.head).toBe(1);
    await expect(log.append({ readings: [reading("b")] })).rejects.toBeInstanceOf(LogUnavailable);
    expect(log.append({ readings: [] })).toBeNull();
  });
});

describe("onCommitted", () => {
  it("calls back once per commit, in seq order, before the promise resolves", async () => {
    const events: string[] = [];
    log.onCommitted((records) => events.push(records.map(({ seq }) => seq).join(",")));
    const appends = ["a", "b", "c"].map((name) =>
      log.append({ readings: [reading(name), reading(name)] })?.then(() => events.push(name)),
    );
    await Promise.all(appends);
    expect(events).toEqual(["1,2,3,4,5,6", "a", "b", "c"]);
  });

  it("has head and latest up to date in the callback, and the stored bytes as body", async () => {
    const seen: unknown[] = [];
    const bodies: Uint8Array[] = [];
    log.onCommitted((records) => {
      bodies.push(...records.map(({ body }) => body));
      seen.push([log.head, log.latest("gps/a")[0]?.seq, log.topic(records[0]?.topic.id as number)?.name]);
    });
    await append(log, reading("a"));
    expect(seen).toEqual([[1, 1, "gps/a"]]);
    const page = await engine.read(0, 1_000);
    expect(page.kind === "bodies" && [...(page.bodies[0] ?? [])]).toEqual([...(bodies[0] ?? [])]);
    expect(readBody(bodies[0] as Uint8Array)).toMatchObject({ seq: 1, topicId: 1, shapeId: 1, time: t0 });
  });

  it("goes on when a listener throws, and stops for one that unsubscribed", async () => {
    const seen: number[] = [];
    log.onCommitted(() => {
      throw new Error("broken listener");
    });
    const stop = log.onCommitted((records) => seen.push(...records.map(({ seq }: LogRecord) => seq)));
    await append(log, reading("a"));
    stop();
    await append(log, reading("a"));
    expect(seen).toEqual([1]);
    expect(log.health()).toEqual({ ok: true, problem: null });
  });

  it("takes an append from inside a listener into a later commit", async () => {
    let derived: Promise<void> | null = null;
    log.onCommitted((records) => {
      if (records[0]?.topic.name === "gps/a") derived = log.append({ readings: [reading("b")] });
    });
    await append(log, reading("a"));
    await derived;
    expect((await readAll(log, 0)).map(({ topic }) => topic.name)).toEqual(["gps/a", "gps/b"]);
  });
});

describe("read", () => {
  it("is synchronous in the tail and a promise before it; pages across the border have no hole", async () => {
    const folder = await temporaryFolder();
    const stored = await open(sqliteIn(folder), { tailRecords: 10 });
    for (let i = 0; i < 8; i++) await append(stored, ...Array.from({ length: 5 }, () => reading(`d${i}`)));
    expect(stored.read(30, 1_000)).not.toBeInstanceOf(Promise);
    expect(stored.read(29, 1_000)).toBeInstanceOf(Promise);
    expect(stored.read(40, 1_000)).toEqual({ kind: "records", records: [], through: 40 });
    for (const maxBytes of [1, 100, 10_000]) expect(await readAll(stored, 0, maxBytes)).toHaveLength(40);
    await stored.close();
    const again = await open(sqliteIn(folder));
    expect(again.head).toBe(40);
    expect([again.epochEnd(stored.epoch), again.epochEnd("other")]).toEqual([40, null]);
    await append(again, reading("late"));
    const records = await readAll(again, 0, 500);
    expect(records.map(({ topic }) => topic.name).slice(-2)).toEqual(["gps/d7", "gps/late"]);
    expect(again.read(40, 1_000)).not.toBeInstanceOf(Promise);
    await again.close();
    await rm(folder, { recursive: true });
  });

  it("shares the store's pages among readers that come at once, each going on from its own place", async () => {
    const counted = new TestedEngine(memoryEngine());
    const stored = await open(counted, { tailRecords: 0 });
    await append(stored, ...Array.from({ length: 300 }, (_, index) => reading("bus", { n: index })));
    counted.reads = 0;
    const starts = Array.from({ length: 200 }, (_, index) => (index * 7) % 150);
    const read = await Promise.all(starts.map((start) => readAll(stored, start, 1_000)));
    for (const [index, records] of read.entries()) {
      expect(records.length).toBe(300 - (starts[index] as number));
      expect(records.every(({ seq }, at) => seq === (starts[index] as number) + at + 1)).toBe(true);
    }
    const pages = Math.ceil((300 * 20) / 1_000);
    expect(counted.reads).toBeLessThan(pages * 10);
    await stored.close();
  });

  it("reads evicted for a page that it still has in memory, once the ring has dropped it", async () => {
    const stored = await open(memoryEngine({ maxBytes: 4_000 }), { tailRecords: 0, latestCheckpointMs: 5 });
    await append(stored, ...Array.from({ length: 20 }, () => reading("bus")));
    expect(await stored.read(0, 1_000)).toMatchObject({ kind: "records" });
    await until(async () => {
      await append(stored, ...Array.from({ length: 20 }, () => reading("bus")));
      return stored.oldest > 1;
    });
    expect(await stored.read(0, 1_000)).toEqual({ kind: "evicted", oldest: stored.oldest });
  });
});
