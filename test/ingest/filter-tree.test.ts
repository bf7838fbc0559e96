import fc from "fast-check";
import { expect, test } from "vitest";
import { FilterTree } from "../../src/ingest/filter-tree.ts";
import { filterProblem, matchesFilter } from "../../src/model/filter.ts";

const level = fc.constantFrom("gps", "a", "b", "", "__proto__");
const topic = fc.array(level, { minLength: 1, maxLength: 4 }).map((levels) => levels.join("/"));
const filter = fc
  .array(fc.oneof(level, fc.constantFrom("+", "#")), { minLength: 1, maxLength: 4 })
  .map((levels) => levels.join("/"))
  .filter((text) => filterProblem(text) === null);

test("finds exactly those whose filter matches, also after some have left", () => {
  fc.assert(
    fc.property(fc.uniqueArray(filter, { maxLength: 20 }), fc.nat(20), topic, (filters, leaving, name) => {
      const tree = new FilterTree<string>();
      for (const one of filters) tree.add(one, one);
      for (const one of filters.slice(0, leaving)) tree.remove(one, one);
      const left = filters.slice(leaving);
      expect(tree.size).toBe(left.length);
      expect(tree.match(name).sort()).toEqual(left.filter((one) => matchesFilter(one, name)).sort());
    }),
  );
});

test("adding twice is once, and removing what is not there does nothing", () => {
  const tree = new FilterTree<number>();
  tree.add("gps/#", 1);
  tree.add("gps/#", 1);
  tree.add("gps/#", 2);
  tree.remove("gps/+", 1);
  tree.remove("gps/#", 3);
  expect(tree.match("gps/a").sort()).toEqual([1, 2]);
  tree.remove("gps/#", 1);
  expect([tree.size, tree.match("gps")]).toEqual([1, [2]]);
});
