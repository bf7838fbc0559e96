import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { putBounded } from "../../src/insights/bounded.ts";
import { DueTimes } from "../../src/insights/due-times.ts";
import { medianBefore, mwhAt, newestOf, putHour, timesOf } from "../../src/insights/usage-habits.ts";

describe("DueTimes", () => {
  const key = fc.constantFrom("a", "b", "c", "d", "e");
  const step = fc.oneof(
    fc.record({ kind: fc.constant("set" as const), key, due: fc.nat(30) }),
    fc.record({ kind: fc.constant("delete" as const), key, due: fc.constant(0) }),
    fc.record({ kind: fc.constant("take" as const), key, due: fc.nat(30) }),
  );

  it("gives out what is due by time, then by key, each once, as it was last set", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
        const due = new DueTimes();
        const model = new Map<string, number>();
        for (const { kind, key, due: at } of steps) {
          if (kind === "set") {
            due.set(key, at);
            model.set(key, at);
          } else if (kind === "delete") {
            due.delete(key);
            model.delete(key);
          } else {
            const [first] = [...model].sort((a, b) => a[1] - b[1] || a[0].localeCompare(b[0]));
            const expected = first && first[1] <= at ? { key: first[0], due: first[1] } : null;
            expect(due.take(at)).toEqual(expected);
            if (expected) model.delete(expected.key);
          }
          expect(due.size).toBe(model.size);
          expect(due.get(key)).toBe(model.get(key));
        }
      }),
    );
  });
});

describe("the hours of a week", () => {
  const week = 168 * 3_600_000;
  // On the clocks of Nepal hours begin at a quarter past those of UTC.
  const hour = fc.record({
    time: fc.nat(20).map((n) => n * week + 900_000),
    wh: fc.nat(3).map((n) => n / 8),
  });

  it("keep the newest in order of time, each once and as it was last corrected, in whatever order they come", () => {
    fc.assert(
      fc.property(fc.array(hour), fc.nat(20), (list, weeks) => {
        const hours: number[] = [];
        for (const { time, wh } of list) putHour(hours, time, wh, 5);
        const last = new Map(list.map(({ time, wh }) => [time, wh]));
        const newest = [...last].sort(([one], [other]) => one - other).slice(-5);
        expect(timesOf(hours)).toEqual(newest.map(([time]) => time));
        for (const [time, wh] of newest) expect(mwhAt(hours, time)).toBe(1_000 * wh);
        const before = newest.filter(([time]) => time < weeks * week).map(([, wh]) => 1_000 * wh);
        const sorted = before.slice(-3).sort((one, other) => one - other);
        const expected =
          sorted.length === 3 ? sorted[1] : Math.round(((sorted[0] ?? 0) + (sorted[1] ?? 0)) / 2);
        expect(medianBefore(hours, weeks * week, { min: 2, max: 3 })).toBe(
          sorted.length < 2 ? null : expected,
        );
      }),
    );
  });

  it("say whether something is new, and forget what is not known any more", () => {
    const hours: number[] = [];
    expect([1, 1, 2, null, null].map((wh) => putHour(hours, week, wh, 5))).toEqual([
      true,
      false,
      true,
      true,
      false,
    ]);
    expect(newestOf(new Map([[0, hours]]))).toBe(null);
    putHour(hours, week, 1, 5);
    expect(newestOf(new Map([[0, hours]]))).toBe(week);
  });
});

describe("putBounded", () => {
  it("forgets what was put longest ago", () => {
    const map = new Map<string, number>();
    expect(["a", "b", "a", "c"].map((key, index) => putBounded(map, key, index, 2))).toEqual([
      undefined,
      undefined,
      undefined,
      "b",
    ]);
    expect([...map]).toEqual([
      ["a", 2],
      ["c", 3],
    ]);
  });
});
