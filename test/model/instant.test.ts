import { expect, it } from "vitest";
import { readInstant } from "../../src/model/instant.ts";

const instant = Date.UTC(2026, 10, 22, 14, 5);

it.each([
  ["2026-11-22T14:05:00Z", instant],
  ["2026-11-22T14:05Z", instant],
  ["2026-11-22T16:05:00+02:00", instant],
  ["2026-11-22T14:05:00.123456Z", instant + 123],
  ["2026-11-22T14:05:00,5Z", instant + 500],
  ["2028-02-29T00:00:00Z", Date.UTC(2028, 1, 29)],
  [instant, instant],
  [0, 0],
])("reads %s", (raw, time) => {
  expect(readInstant(raw)).toBe(time);
});

it.each([
  "2026-11-22T14:05:00",
  "2026-11-22",
  "2026-02-29T00:00:00Z",
  "2026-13-01T00:00:00Z",
  "2026-11-22T25:00:00Z",
  "yesterday",
  "1795341600000",
  "",
  1.5,
  1e18,
  Number.NaN,
  null,
  {},
])("does not guess what %j means", (raw) => {
  expect(readInstant(raw)).toBeNull();
});
