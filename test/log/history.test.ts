import * as fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Log, LogRecord, ObservedPlace, ObservedQuery } from "../../src/log/contract.ts";
import type { LogOptions, RingOptions } from "../../src/log/options.ts";
import type { Values } from "../../src/model/reading.ts";
import { append, open, readAll, reading, TestClock, t0 } from "./harness.ts";
import { memoryKind, sqliteKind, sqliteSegmentsKind } from "./place.ts";

const hour = 3_600_000;

/** Every record, page by page. */
async function allObserved(log: Log, query: Partial<ObservedQuery>): Promise<LogRecord[]> {
  const records: LogRecord[] = [];
  let after: ObservedPlace | null = null;
  do {
    const page = await log.observed({ filter: "#", maxBytes: 1e6, ...query, after });
    if (page.next !== null) expect(page.records.length).toBeGreaterThan(0);
    records.push(...page.records);
    after = page.next === null ? null : (JSON.parse(JSON.stringify(page.next)) as ObservedPlace);
  } while (after !== null);
  return records;
}

async function allLatestAt(log: Log, time: number, filter = "#", limit = 2) {
  const found: Record<string, { time: number; values: Values; times: unknown }> = {};
  for (let after: number | null = 0; after !== null; ) {
    const page: Awaited<ReturnType<Log["latestAt"]>> = await log.latestAt(filter, time, after, limit);
    for (const { topic, time: newest, values, times } of page.entries) {
      expect(found[topic.name]).toBeUndefined();
      found[topic.name] = { time: newest, values, times };
    }
    after = page.next;
  }
  return found;
}

describe.each([sqliteKind, sqliteSegmentsKind, memoryKind])("what was observed when: $name", (kind) => {
  let place: Awaited<ReturnType<typeof kind.place>>;
  const logs: Log[] = [];
  beforeEach(async () => {
    place = await kind.place();
  });
  afterEach(async () => {
    for (const log of logs.splice(0)) await log.close();
    await place.remove();
  });
  const start = async (
    ring: Partial<RingOptions> = {},
    options: Partial<LogOptions> = {},
    clock = new TestClock(),
  ) => {
    const log = await open(place.engine(ring), options, clock);
    logs.push(log);
    return log;
  };

  it("an empty log has nothing, at any time", async () => {
    const log = await start();
    expect(await log.observed({ filter: "#", maxBytes: 100 })).toEqual({ records: [], next: null });
    expect(await log.latestAt("#", t0, 0, 10)).toEqual({ entries: [], next: null });
    expect(await log.positionBefore(t0)).toBe(0);
  });

  it("a late upload is history in its place, and no position passes it", async () => {
    const log = await start();
    await append(log, reading("a", { n: 1 }, t0), reading("b", { n: 2 }, t0 + 10));
    await append(log, reading("a", { n: 3 }, t0 + 20));
    await append(log, reading("a", { n: 4 }, t0 - 5_000), reading("a", { n: 5 }, t0 - 4_000));
    const seqs = (await allObserved(log, { filter: "gps/a" })).map(({ seq }) => seq);
    expect(seqs).toEqual([4, 5, 1, 3]);
    expect(await log.positionBefore(t0)).toBe(1);
    expect(await log.positionBefore(t0 + 15)).toBe(2);
    expect(await log.positionBefore(t0 + 20)).toBe(5);
    expect(await log.positionBefore(t0 - 1)).toBe(0);
    expect((await allLatestAt(log, t0 - 4_000))["gps/a"]?.values).toEqual({ n: 5 });
    expect((await allLatestAt(log, t0 - 4_500))["gps/a"]?.values).toEqual({ n: 4 });
    expect(await allLatestAt(log, t0 - 6_000)).toEqual({});
  });

  it("a burst of old times committed at once is told apart by its times", async () => {
    const log = await start();
    const burst = Array.from({ length: 500 }, (_, i) => reading("a", { n: i }, t0 - i * 1_000));
    await append(log, ...burst);
    const page = await allObserved(log, { filter: "gps/a", from: t0 - 9_000, to: t0 - 2_000, maxBytes: 200 });
    expect(page.map(({ values }) => values["n"])).toEqual([9, 8, 7, 6, 5, 4, 3, 2]);
    expect((await allLatestAt(log, t0 - 100_500))["gps/a"]).toEqual({
      time: t0 - 101_000,
      values: { n: 101 },
      times: null,
    });
  });

  it("of readings of the same instant the later one counts, field by field", async () => {
    const log = await start();
    await append(
      log,
      reading("a", { x: 1, y: 1 }),
      reading("a", { x: 2 }),
      reading("a", { x: 9, z: 9 }, t0 + 1),
    );
    const found = await log.latestAt("gps/a", t0, 0, 10);
    expect(found.entries).toMatchObject([{ seq: 2, time: t0, values: { x: 2, y: 1 }, times: null }]);
    expect((await allObserved(log, { newestFirst: true })).map(({ seq }) => seq)).toEqual([3, 2, 1]);
  });

  it("values that came alone are merged, each with its time", async () => {
    const log = await start();
    await append(log, reading("a", { x: 1 }, t0), reading("a", { y: 1 }, t0 + 10), reading("a", {}, t0 + 20));
    await append(log, reading("a", { x: 2 }, t0 + 30), reading("a", { y: 2 }, t0 + 40));
    const at = async (time: number) => (await allLatestAt(log, time))["gps/a"];
    const older = { "gps/a": t0 };
    expect(await at(t0 + 25)).toEqual({
      time: t0 + 10,
      values: { x: 1, y: 1 },
      times: { x: older["gps/a"] },
    });
    expect(await at(t0 + 30)).toEqual({ time: t0 + 30, values: { x: 2, y: 1 }, times: { y: t0 + 10 } });
    expect(await at(t0 + 5)).toEqual({ time: t0, values: { x: 1 }, times: null });
  });

  it("remarks are those of the reading that set the time", async () => {
    const log = await start();
    const remark = (n: number, time: number, text?: string) => ({
      ...reading("a", { n }, time),
      ...(text === undefined ? {} : { attrs: { text } }),
    });
    await append(log, remark(1, t0, "first"), remark(2, t0 + 10), remark(3, t0 + 20, "third"));
    const attrsAt = async (time: number) =>
      (await log.latestAt("#", time, 0, 9)).entries.map(({ attrs }) => attrs);
    expect(await attrsAt(t0 + 5)).toEqual([{ text: "first" }]);
    expect(await attrsAt(t0 + 10)).toEqual([null]);
    expect(await attrsAt(t0 + 20)).toEqual([{ text: "third" }]);
  });

  it("a value is looked for as far as it was promised, and one that is still the latest is known for ever", async () => {
    const log = await start({}, { lookBackMs: hour });
    await append(
      log,
      reading("a", { model: "m", mode: 1 }, t0 - 3 * hour),
      reading("a", { x: 1 }, t0 - hour / 2),
    );
    await append(log, reading("a", { x: 2 }, t0), reading("a", { x: 3, mode: 2 }, t0 + 10));
    expect((await allLatestAt(log, t0))["gps/a"]?.values).toEqual({ model: "m", x: 2 });
    expect((await allLatestAt(log, t0 - 2 * hour))["gps/a"]?.values).toEqual({ model: "m", mode: 1 });
  });

  it("what the ring has dropped is gone, but not what still is the latest", async () => {
    const clock = new TestClock();
    const log = await start({ maxAgeMs: 60_000 }, { latestCheckpointMs: 5, housekeepingMs: 20 }, clock);
    await append(log, reading("still", { n: 1 }), reading("moved", { n: 1 }));
    clock.time += 70_000;
    await append(log, reading("moved", { n: 2 }, clock.time));
    await expect.poll(() => log.oldest).toBe(3);
    expect((await allObserved(log, {})).map(({ seq }) => seq)).toEqual([3]);
    expect(await log.positionBefore(t0)).toBe(2);
    expect(Object.keys(await allLatestAt(log, t0 + 10))).toEqual(["gps/still"]);
  });

  it("topics that were forgotten leave no trace and disturb nobody", async () => {
    const clock = new TestClock();
    const options = { maxTopics: 5, latestCheckpointMs: 5, housekeepingMs: 20 };
    const log = await start({ maxAgeMs: 60_000 }, options, clock);
    await append(log, ...[0, 1, 2, 3, 4].map((n) => reading(`old-${n}`)));
    clock.time += 70_000;
    await expect.poll(() => log.oldest).toBe(6);
    await append(log, reading("new", { n: 1 }, clock.time), reading("new", { n: 2 }, clock.time + 5));
    expect((await allObserved(log, { maxBytes: 1 })).map(({ seq }) => seq)).toEqual([6, 7]);
    expect((await allLatestAt(log, clock.time, "#", 1))["gps/new"]?.values).toEqual({ n: 1 });
  });

  it("agrees with a plain list, whatever arrives", { timeout: 120_000 }, async () => {
    const one = fc.record({
      device: fc.constantFrom("a", "b", "c/1", "c/2"),
      age: fc.nat(12),
      values: fc.dictionary(fc.constantFrom("x", "y", "z"), fc.nat(9), { maxKeys: 3 }),
    });
    const ask = fc.record({
      filter: fc.constantFrom("#", "gps/a", "gps/c/+", "gps/none"),
      from: fc.integer({ min: -14, max: 2 }),
      to: fc.integer({ min: -14, max: 2 }),
      newestFirst: fc.boolean(),
      perTopic: fc.constantFrom(1, 2, 1_000),
      maxBytes: fc.constantFrom(1, 60, 100_000),
    });
    const batches = fc.array(fc.array(one, { maxLength: 6 }), { maxLength: 8 });
    const property = fc.asyncProperty(batches, fc.array(ask, { maxLength: 6 }), async (given, asks) => {
      const own = await kind.place();
      const log = await open(own.engine({}), { tailRecords: 3 });
      for (const batch of given) {
        const readings = batch.map(({ device, age, values }) => reading(device, { ...values }, t0 - age));
        await append(log, ...readings);
      }
      const model = new HistoryModel(await readAll(log, 0));
      for (const query of asks) {
        const absolute = { ...query, from: t0 + query.from, to: t0 + query.to };
        const seqs = (await allObserved(log, absolute)).map(({ seq }) => seq);
        expect(seqs).toEqual(model.observed(absolute));
        expect(await log.positionBefore(absolute.to)).toBe(model.positionBefore(absolute.to));
        expect(await allLatestAt(log, absolute.to)).toEqual(model.latestAt(absolute.to));
      }
      await log.close();
      await own.remove();
    });
    await fc.assert(property, { numRuns: kind.name.startsWith("sqlite") ? 30 : 100 });
  });
});

/** The same questions, answered from a plain list. */
class HistoryModel {
  readonly #records: readonly LogRecord[];

  constructor(records: readonly LogRecord[]) {
    this.#records = records;
  }

  observed(query: {
    filter: string;
    from: number;
    to: number;
    newestFirst: boolean;
    perTopic: number;
  }): number[] {
    const { filter, from, to, newestFirst, perTopic } = query;
    const matches = (name: string) =>
      filter === "#" || filter === name || (filter === "gps/c/+" && name.startsWith("gps/c/"));
    const ids = new Set(
      this.#records.filter(({ topic }) => matches(topic.name)).map(({ topic }) => topic.id),
    );
    return [...ids]
      .sort((a, b) => a - b)
      .flatMap((id) => {
        const own = this.#ordered().filter(
          ({ topic, time }) => topic.id === id && time >= from && time <= to,
        );
        return (newestFirst ? own.reverse() : own).slice(0, perTopic).map(({ seq }) => seq);
      });
  }

  positionBefore(time: number): number {
    const first = this.#records.find((record) => record.time > time);
    return (first?.seq ?? this.#records.length + 1) - 1;
  }

  latestAt(at: number) {
    const found: Record<string, { time: number; values: Values; times: Record<string, number> | null }> = {};
    for (const [name, records] of this.#byTopic(at)) {
      const values: Values = {};
      const observed: Record<string, number> = {};
      for (const record of records) {
        for (const [field, value] of Object.entries(record.values)) {
          values[field] = value;
          observed[field] = record.time;
        }
      }
      const known = Object.values(observed);
      const time = known.length > 0 ? Math.max(...known) : null;
      const older = Object.entries(observed).filter(([, one]) => one < (time ?? 0));
      const times = older.length > 0 ? Object.fromEntries(older) : null;
      found[name] = { time: time ?? expect.any(Number), values, times };
    }
    return found;
  }

  #byTopic(at: number): Map<string, LogRecord[]> {
    const topics = new Map<string, LogRecord[]>();
    for (const record of this.#ordered()) {
      if (record.time > at) continue;
      const own = topics.get(record.topic.name) ?? [];
      own.push(record);
      topics.set(record.topic.name, own);
    }
    return topics;
  }

  #ordered(): LogRecord[] {
    return [...this.#records].sort((one, other) => one.time - other.time || one.seq - other.seq);
  }
}
