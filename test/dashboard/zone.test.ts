import { expect, it } from "vitest";
import { shownAt, zoneWords } from "../../src/dashboard/zone.ts";

it.each([
  ["Europe/Helsinki", "2026-11-22T22:00:05Z", "2026-11-23 00:00:05", "GMT+2"],
  // The day on which summer time ends: the offset is that of the moment.
  ["Europe/Helsinki", "2026-10-24T22:00:00Z", "2026-10-25 01:00:00", "GMT+3"],
  ["Asia/Kolkata", "2026-11-22T18:30:00Z", "2026-11-23 00:00:00", "GMT+5:30"],
  ["Pacific/Kiritimati", "2026-11-22T10:00:00Z", "2026-11-23 00:00:00", "GMT+14"],
])("shows the clock of %s at %s: %s", (timezone, time, words, offset) => {
  const shown = new Date(shownAt(Date.parse(time), timezone));
  const two = (part: number) => String(part).padStart(2, "0");
  const day = [shown.getFullYear(), two(shown.getMonth() + 1), two(shown.getDate())].join("-");
  expect(`${day} ${[shown.getHours(), shown.getMinutes(), shown.getSeconds()].map(two).join(":")}`).toBe(
    words,
  );
  expect(zoneWords(timezone, Date.parse(time))).toBe(`${timezone} (${offset})`);
});

it("shows the browser's own clock without a zone, or for one that it does not know", () => {
  expect(shownAt(5_000, null)).toBe(5_000);
  expect(shownAt(5_000, "Mars/Olympus")).toBe(5_000);
  expect(zoneWords("Mars/Olympus", 5_000)).toBe("Mars/Olympus");
});
