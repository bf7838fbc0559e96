import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { calendarOf, levels, timezoneProblem } from "../../src/insights/calendar.ts";
import { isoTime } from "../../src/model/reading.ts";

const zones = [
  "UTC",
  "Europe/Berlin",
  "America/New_York",
  "Asia/Kathmandu",
  "Australia/Lord_Howe",
  // Their clocks change at midnight.
  "America/Havana",
  "Africa/Cairo",
  "Pacific/Apia",
];

function shown(zone: string, level: (typeof levels)[number], time: string): string {
  const { start, end } = calendarOf(zone).periodOf(level, Date.parse(time));
  return `${isoTime(start).slice(0, 16)} ${(end - start) / 3_600_000} h`;
}

describe("Calendar", () => {
  it.each([
    ["Europe/Berlin", "day", "2026-03-29T12:00:00Z", "2026-03-28T23:00 23 h"],
    ["Europe/Berlin", "day", "2026-10-25T12:00:00Z", "2026-10-24T22:00 25 h"],
    ["Europe/Berlin", "month", "2026-10-31T22:59:59Z", "2026-09-30T22:00 745 h"],
    ["Europe/Berlin", "hour", "2026-10-25T00:30:00Z", "2026-10-25T00:00 1 h"],
    ["Europe/Berlin", "hour", "2026-10-25T01:30:00Z", "2026-10-25T01:00 1 h"],
    ["Asia/Kathmandu", "hour", "2026-10-25T01:30:00Z", "2026-10-25T01:15 1 h"],
    ["Australia/Lord_Howe", "hour", "2026-10-03T15:45:00Z", "2026-10-03T15:30 0.5 h"],
    // Midnight of 8 March 2026 is skipped: the day begins at 01:00.
    ["America/Havana", "day", "2026-03-08T12:00:00Z", "2026-03-08T05:00 23 h"],
    // Midnight of 1 November 2026 comes twice.
    ["America/Havana", "day", "2026-11-01T12:00:00Z", "2026-11-01T04:00 25 h"],
    ["UTC", "quarterHour", "2026-11-22T10:14:59Z", "2026-11-22T10:00 0.25 h"],
  ] as const)("%s: the %s of %s", (zone, level, time, expected) => {
    expect(shown(zone, level, time)).toBe(expected);
  });

  it("cuts all time into periods without holes, shorter ones never across longer ones", () => {
    const time = fc.integer({ min: Date.UTC(2012, 0, 1), max: Date.UTC(2030, 0, 1) });
    fc.assert(
      fc.property(fc.constantFrom(...zones), time, (zone, time) => {
        const calendar = calendarOf(zone);
        let inner = { start: time, end: time + 1 };
        for (const level of levels) {
          const period = calendar.periodOf(level, time);
          expect(period.start).toBeLessThanOrEqual(inner.start);
          expect(period.end).toBeGreaterThanOrEqual(inner.end);
          expect(calendar.periodOf(level, period.start)).toEqual(period);
          expect(calendar.periodOf(level, period.end - 1)).toEqual(period);
          expect(calendar.periodOf(level, period.end).start).toBe(period.end);
          inner = period;
        }
      }),
      { numRuns: 500 },
    );
  });

  it("tells the weekday and the time of the clock", () => {
    const at = (time: string) => calendarOf("Europe/Berlin").wallTime(Date.parse(time));
    expect(at("2026-11-22T22:59:00Z")).toEqual({ weekday: 6, minuteOfDay: 1439 });
    expect(at("2026-11-22T23:00:00Z")).toEqual({ weekday: 0, minuteOfDay: 0 });
    expect(at("1969-12-31T22:59:00Z")).toEqual({ weekday: 2, minuteOfDay: 1439 });
  });

  it("knows which zones there are", () => {
    expect(timezoneProblem("Europe/Berlin")).toBeNull();
    expect(timezoneProblem("Berlin")).toContain('"Berlin" is not an IANA zone');
  });
});
