import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  readServiceDay,
  readServiceTime,
  runsOn,
  ServiceDays,
  writeServiceDay,
  writeServiceTime,
} from "../../src/insights/service-day.ts";

const day = (text: string) => readServiceDay(text) as number;
const at = (zone: string, date: string, time: string) => {
  const zero = new ServiceDays(zone).zeroOf(day(date));
  return new Date(zero + (readServiceTime(time) as number) * 1_000).toISOString();
};

describe("service days", () => {
  it.each([
    ["an ordinary day", "Europe/Berlin", "2026-11-20", "08:00:00", "2026-11-20T07:00:00.000Z"],
    ["past midnight", "Europe/Berlin", "2026-11-20", "25:10:00", "2026-11-21T00:10:00.000Z"],
    // Noon is 12:00 CEST (10:00 UTC), so the day's times count from 22:00 UTC, which the clocks show as 23:00 CET.
    [
      "the day on which summer time begins",
      "Europe/Berlin",
      "2026-03-29",
      "08:00:00",
      "2026-03-29T06:00:00.000Z",
    ],
    ["before the change on that day", "Europe/Berlin", "2026-03-29", "01:30:00", "2026-03-28T23:30:00.000Z"],
    ["the day on which it ends", "Europe/Berlin", "2026-10-25", "08:00:00", "2026-10-25T07:00:00.000Z"],
    // 25:30 of the day before: its noon is at 10:00 UTC, and 13.5 hours later it is 23:30 UTC.
    ["the night on which it ends", "Europe/Berlin", "2026-10-24", "25:30:00", "2026-10-24T23:30:00.000Z"],
    ["far in the east", "Pacific/Kiritimati", "2026-11-20", "08:00:00", "2026-11-19T18:00:00.000Z"],
    ["far in the west", "Pacific/Pago_Pago", "2026-11-20", "08:00:00", "2026-11-20T19:00:00.000Z"],
    ["a change at UTC's noon", "America/Adak", "2026-03-08", "08:00:00", "2026-03-08T17:00:00.000Z"],
    [
      "half an hour of summer time",
      "Australia/Lord_Howe",
      "2026-10-04",
      "08:00:00",
      "2026-10-03T21:00:00.000Z",
    ],
  ])("count from noon minus 12 hours: %s", (_what, zone, date, time, expected) => {
    expect(at(zone, date, time)).toBe(expected);
  });

  it("show noon as noon on every day of many zones", () => {
    const zones = [
      "Europe/Berlin",
      "America/New_York",
      "Asia/Kathmandu",
      "Pacific/Apia",
      "Australia/Lord_Howe",
    ];
    fc.assert(
      fc.property(fc.constantFrom(...zones), fc.integer({ min: 19_000, max: 22_000 }), (zone, date) => {
        const days = new ServiceDays(zone);
        const noon = days.zeroOf(date) + 43_200_000;
        const clock = new Intl.DateTimeFormat("sv", {
          timeZone: zone,
          dateStyle: "short",
          timeStyle: "short",
        });
        expect(clock.format(noon)).toBe(`${writeServiceDay(date)} 12:00`);
        expect(days.dayAt(noon)).toBe(date);
      }),
    );
  });

  it("are those of the week, and of the exceptions", () => {
    const friday = day("2026-11-20");
    const service = {
      weekdays: 0b0011111,
      from: friday - 30,
      to: friday + 30,
      added: new Set([friday + 1]),
      removed: new Set([friday + 3]),
    };
    expect([0, 1, 2, 3, 4].map((later) => runsOn(service, friday + later))).toEqual([
      true,
      true,
      false,
      false,
      true,
    ]);
    expect(runsOn(service, friday + 35)).toBe(false);
  });

  it("are written as GTFS writes them", () => {
    expect(writeServiceTime(readServiceTime("25:10:05") as number)).toBe("25:10:05");
    expect(readServiceTime("8:05")).toBe(29_100);
    expect(readServiceTime("8:65")).toBeNull();
    expect(readServiceDay("2026-1-1")).toBeNull();
  });
});
