import { rm } from "node:fs/promises";
import * as fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { decodeLatest, encodeLatest, type LatestState, mergeLatest } from "../../src/log/latest.ts";
import type { Values } from "../../src/model/reading.ts";
import { decimalsOf, freeShape, type Shape } from "../../src/wire/body.ts";
import { MsgpackWriter } from "../../src/wire/writer.ts";
import { append, open, reading, t0 } from "./harness.ts";
import { memoryEngine, sqliteIn, temporaryFolder } from "./place.ts";

const shapes = new Map<string, Shape>();
function shapeOf(values: Values, free = false): Shape {
  const names = Object.keys(values);
  const key = names.join();
  if (free) return freeShape;
  const made = { id: shapes.size + 1, names, decimals: names.map(decimalsOf) };
  const shape = shapes.get(key) ?? made;
  shapes.set(key, shape);
  return shape;
}

function fold(
  list: readonly { time: number; values: Values; attrs?: Values; free?: boolean }[],
  maxFields = 256,
) {
  return list.reduce<LatestState | null>(
    (state, { time, values, attrs = null, free }, index) =>
      mergeLatest(state, { seq: index + 1, time, values, attrs, shape: shapeOf(values, free) }, maxFields),
    null,
  );
}

describe("merging", () => {
  it("keeps each field's newest value, with its age if it is older than the newest", () => {
    const list = [
      { time: 10, values: { a: 1, b: 1 } },
      { time: 20, values: { b: 2 } },
      { time: 20, values: { c: 3 } },
    ];
    expect(fold(list)).toMatchObject({ seq: 3, time: 20, values: { a: 1, b: 2, c: 3 }, times: { a: 10 } });
  });

  it("never lets late data replace newer values, but takes what was missing", () => {
    const list = [
      { time: 20, values: { a: 1 } },
      { time: 10, values: { a: 0, b: 7 } },
      { time: 5, values: { a: 9, b: 9 } },
    ];
    expect(fold(list)).toMatchObject({ seq: 2, time: 20, values: { a: 1, b: 7 }, times: { b: 10 } });
  });

  it("lets the later seq win at equal times", () => {
    expect(
      fold([
        { time: 1, values: { a: 1 } },
        { time: 1, values: { a: 2 } },
      ])?.values,
    ).toEqual({ a: 2 });
  });

  it("keeps the attrs of the reading that set the time, through encoding too", () => {
    const first = { time: 20, values: { state: "firing" }, attrs: { text: "over 50" } };
    const late = { time: 10, values: { level: 3 }, attrs: { text: "late" } };
    const partial = { time: 30, values: { level: 4 }, attrs: { text: "over 60" } };
    expect(fold([first, late])).toMatchObject({ time: 20, times: { level: 10 }, attrs: first.attrs });
    const state = fold([first, partial]) as LatestState;
    expect(state).toMatchObject({ time: 30, times: { state: 20 }, attrs: partial.attrs });
    expect(decodeLatest(encodeLatest(new MsgpackWriter(), 1, state)).attrs).toEqual(partial.attrs);
    expect(fold([first, { time: 30, values: { state: "resolved" } }])?.attrs).toBeNull();
  });

  it("leaves out what was observed longest ago when there are too many fields", () => {
    const list = [
      { time: 1, values: { a: 1 } },
      { time: 2, values: { b: 1 } },
      { time: 3, values: { c: 1, d: 1 } },
    ];
    expect(fold(list, 3)).toMatchObject({ values: { b: 1, c: 1, d: 1 }, times: { b: 2 } });
    expect(Object.keys(fold([{ time: 1, values: { a: 1, b: 2, c: 3 } }], 2)?.values ?? {})).toHaveLength(2);
  });

  const reports = fc.array(
    fc.record({
      time: fc.integer({ min: 0, max: 6 }),
      values: fc.dictionary(fc.constantFrom("a", "b", "lat", "note"), fc.integer({ min: 0, max: 99 })),
      free: fc.boolean(),
    }),
    { maxLength: 12 },
  );

  it("agrees with the rule said plainly, for any readings", async () => {
    await fc.assert(
      fc.property(reports, (list) => {
        const best = new Map<string, { time: number; value: unknown }>();
        for (const { time, values } of list) {
          for (const [name, value] of Object.entries(values)) {
            if (time >= (best.get(name)?.time ?? Number.NEGATIVE_INFINITY)) best.set(name, { time, value });
          }
        }
        if (best.size === 0) return;
        const state = fold(list) as LatestState;
        // Readings without values say nothing; the first of all may still be the one that made the topic.
        const newest = Math.max(...[...best.values()].map(({ time }) => time));
        expect(state.values).toEqual(Object.fromEntries([...best].map(([name, { value }]) => [name, value])));
        for (const [name, { time }] of best) expect(state.times?.[name] ?? state.time).toBe(time);
        expect(state.time).toBe(newest);
        expect(Object.keys(state.times ?? { one: 1 }).length).toBeGreaterThan(0);
      }),
    );
  });

  it("is the same after any stretch of the newest records was merged again, and after encoding", async () => {
    await fc.assert(
      fc.property(reports, fc.nat(12), (list, from) => {
        const whole = fold(list);
        if (!whole) return;
        let again: LatestState = decodeLatest(encodeLatest(new MsgpackWriter(), 1, whole));
        expect({ ...again, shape: null }).toEqual({ ...whole, shape: null });
        for (const [index, { time, values, free }] of list.entries()) {
          if (index < from) continue;
          const shape = shapeOf(values, free);
          again = mergeLatest(again, { seq: index + 1, time, values, attrs: null, shape }, 256);
        }
        expect({ values: again.values, times: again.times, time: again.time }).toEqual({
          values: whole.values,
          times: whole.times,
          time: whole.time,
        });
      }),
    );
  });
});

describe("latest of the log", () => {
  let folder: string;
  beforeEach(async () => {
    folder = await temporaryFolder();
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  it("finds topics by name and by filter, as MQTT matches them", async () => {
    const log = await open(memoryEngine());
    const channel = { ...reading("b"), channel: "L1" };
    await append(log, reading("a"), reading("a/x"), channel, { ...reading("ab"), domain: "road" });
    const names = (filter: string) => log.latest(filter).map(({ topic }) => topic.name);
    expect(names("gps/a")).toEqual(["gps/a"]);
    expect(names("gps/nobody")).toEqual([]);
    expect(names("gps/+")).toEqual(["gps/a"]);
    expect(names("gps/a/#")).toEqual(["gps/a", "gps/a/x"]);
    expect(names("+/b/L1")).toEqual(["gps/b/L1"]);
    expect(names("#")).toEqual(["gps/a", "gps/a/x", "gps/b/L1", "road/ab"]);
    await log.close();
  });

  it("is not changed in the hands of whoever has it", async () => {
    const log = await open(memoryEngine());
    await append(log, reading("a", { x: 1 }));
    const [before] = log.latest("gps/a");
    await append(log, reading("a", { y: 2 }, t0 + 1));
    expect(before?.values).toEqual({ x: 1 });
    expect(log.latest("gps/a")[0]).toMatchObject({ values: { x: 1, y: 2 }, times: { x: t0 } });
    await log.close();
  });

  it("survives a restart without its readings, ages included", async () => {
    const first = await open(sqliteIn(folder));
    for (let i = 0; i < 1_200; i++) void first.append({ readings: [reading(`d${i}`, { x: i }, t0 - 10)] });
    await append(first, reading("d7", { y: 7.25 }, t0), reading("d8", { x: -1 }, t0 - 99));
    const before = first.latest("#");
    expect(before).toHaveLength(1_200);
    await first.close();
    const second = await open(sqliteIn(folder));
    expect(second.latest("#")).toEqual(before);
    expect(second.latest("gps/d7")).toMatchObject([{ values: { x: 7, y: 7.25 }, times: { x: t0 - 10 } }]);
    await append(second, reading("d7", { x: 8, y: 8 }, t0 + 1));
    expect(second.latest("gps/d7")).toMatchObject([{ values: { x: 8, y: 8 }, times: null }]);
    await second.close();
  });
});
