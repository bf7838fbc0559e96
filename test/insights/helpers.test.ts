import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { putBounded } from "../../src/insights/bounded.ts";
import { DueTimes } from "../../src/insights/due-times.ts";
import { insertInOrder } from "../../src/insights/timeline.ts";

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

describe("insertInOrder", () => {
  it("keeps the newest in order of time, each time once, in whatever order they come", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(20)), (times) => {
        const list: { time: number }[] = [];
        for (const time of times) {
          const at = insertInOrder(list, { time }, 5);
          if (at !== null) expect(list[at]).toEqual({ time });
        }
        const newest = [...new Set(times)].sort((a, b) => a - b).slice(-5);
        expect(list.map(({ time }) => time)).toEqual(newest);
      }),
    );
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
