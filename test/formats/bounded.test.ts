import fc from "fast-check";
import { expect, test } from "vitest";
import { BoundedMap, declareLimit, forgottenByLimit } from "../../src/formats/bounded.ts";

test("the oldest is forgotten for a new one, returned and counted", () => {
  const map = new BoundedMap<string, number>(declareLimit("test-two", 2));
  expect([map.set("a", 1), map.set("b", 2), map.set("a", 3)]).toStrictEqual([
    undefined,
    undefined,
    undefined,
  ]);
  expect(forgottenByLimit()["test-two"]).toBe(0);
  expect(map.set("c", 4)).toBe(3);
  expect([map.get("a"), map.get("b"), map.get("c")]).toStrictEqual([undefined, 2, 4]);
  expect(forgottenByLimit()["test-two"]).toBe(1);
});

test("what is deleted makes room, and comes back as the newest", () => {
  const map = new BoundedMap<string, number>(declareLimit("test-room", 2));
  map.set("a", 1);
  map.set("b", 2);
  map.delete("a");
  map.set("a", 3);
  expect(map.set("c", 4)).toBe(2);
  expect(map.get("a")).toBe(3);
});

test("keeps to the same as a plain map of which the first is deleted", () => {
  const step = fc.record({ key: fc.nat(12), isDelete: fc.boolean() });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const map = new BoundedMap<number, number>({ name: "", max: 5, forgotten: 0 });
      const plain = new Map<number, number>();
      for (const [at, { key, isDelete }] of steps.entries()) {
        if (isDelete) {
          map.delete(key);
          plain.delete(key);
          continue;
        }
        map.set(key, at);
        if (plain.size >= 5 && !plain.has(key)) plain.delete(plain.keys().next().value as number);
        plain.set(key, at);
      }
      for (let key = 0; key <= 12; key++) expect(map.get(key)).toBe(plain.get(key));
    }),
  );
});
