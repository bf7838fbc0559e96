import { describe, expect, test } from "vitest";
import { observedAt, parseTime } from "../../src/formats/time.ts";
import { timeZone } from "../../src/formats/timezone.ts";

const noon = Date.UTC(2026, 10, 20, 12);

describe("parseTime", () => {
  test.each([
    ["2026-11-20T12:00:00Z", noon],
    ["2026-11-20T12:00:00.5Z", noon + 500],
    ["2026-11-20T12:00:00.123456789Z", noon + 123],
    ["2026-11-20T12:00:00,25Z", noon + 250],
    ["2026-11-20T12:00Z", noon],
    ["2026-11-20 13:00:00+01:00", noon],
    ["2026-11-20T13:00:00+0100", noon],
    ["2026-11-20T13:00:00+01", noon],
    ["2026-11-20T08:30:00-03:30", noon],
    ["2026.11.20 12:00:00Z", noon],
    ["2026/11/20 12:00:00z", noon],
    [" 2026-11-20T12:00:00Z ", noon],
    ["2024-02-29T00:00:00Z", Date.UTC(2024, 1, 29)],
    [noon / 1000, noon],
    [noon, noon],
    [String(noon / 1000), noon],
    ["1795176000.25", noon + 250],
  ])("reads %j", (raw, time) => {
    expect(parseTime(raw, null, noon)).toBe(time);
  });

  test.each([
    "2026-11-20",
    "12:00:00",
    "2026-13-01T00:00:00Z",
    "2026-02-29T00:00:00Z",
    "2026-11-20T24:00:00Z",
    "2026-11-20T12:60:00Z",
    "2026-11-20T12:00:61Z",
    "2026-11-20T12:00:00.Z",
    "2026-11-20T12:00:00+1",
    "2026-11-20T12:00:00+01:00x",
    "2026-11-20T12:00:00+25:00",
    "2026-11.20T12:00:00Z",
    "26-11-20T12:00:00Z",
    "0x10",
    "nan",
    true,
    {},
    [],
    Number.NaN,
  ])("refuses %j", (raw) => {
    expect(parseTime(raw, null, noon)).toBeNaN();
  });

  test("does not know local time without a zone", () => {
    expect(parseTime("2026-11-20T12:00:00", null, noon)).toBeNull();
    expect(parseTime("2026-11-20T13:00:00", timeZone("Europe/Berlin"), noon)).toBe(noon);
  });
});

describe("observedAt", () => {
  test.each([undefined, null, "", " ", 0, -1, 946_684_799, "1999-12-31T23:59:59Z", "2026-11-20T12:00:00"])(
    "takes the time of receipt for %j",
    (raw) => {
      expect(observedAt(raw, "t", noon, null)).toBe(noon);
    },
  );

  test("takes what is old, and what is up to an hour ahead", () => {
    expect(observedAt(946_684_800, "t", noon, null)).toBe(Date.UTC(2000, 0, 1));
    expect(observedAt(noon + 3_600_000, "t", noon, null)).toBe(noon + 3_600_000);
  });

  test.each([noon + 3_600_001, 1e300, Number.POSITIVE_INFINITY, "2999-01-01T00:00:00Z"])(
    "refuses the future %j",
    (raw) => {
      expect(observedAt(raw, "t", noon, null)).toMatch(/^t: .* is more than an hour in the future/);
    },
  );
});

describe("timeZone", () => {
  const berlin = timeZone("Europe/Berlin");
  const wall = (text: string) => Date.parse(`${text}Z`);

  test.each([
    ["2026-07-01T14:00:00", "2026-07-01T12:00:00Z"],
    ["2026-12-01T13:00:00", "2026-12-01T12:00:00Z"],
    ["2026-03-29T01:59:59", "2026-03-29T00:59:59Z"],
    ["2026-03-29T03:00:00", "2026-03-29T01:00:00Z"],
    ["2026-10-25T01:59:59", "2026-10-24T23:59:59Z"],
    ["2026-10-25T03:00:00", "2026-10-25T02:00:00Z"],
  ])("turns %s in Berlin into UTC", (local, utc) => {
    expect(berlin.toUtc(wall(local), wall(local))).toBe(Date.parse(utc));
  });

  test.each([
    ["Asia/Kolkata", "2026-01-01T17:30:00"],
    ["America/St_Johns", "2026-01-01T08:30:00"],
    ["Pacific/Auckland", "2026-01-02T01:00:00"],
    ["UTC", "2026-01-01T12:00:00"],
  ])("knows %s", (zone, local) => {
    expect(timeZone(zone).toUtc(wall(local), 0)).toBe(Date.UTC(2026, 0, 1, 12));
  });

  test("takes a repeated hour closest to the time of receipt", () => {
    const local = wall("2026-10-25T02:30:00");
    const first = Date.parse("2026-10-25T00:30:00Z");
    const second = Date.parse("2026-10-25T01:30:00Z");
    expect(berlin.toUtc(local, first + 1000)).toBe(first);
    expect(berlin.toUtc(local, second + 1000)).toBe(second);
  });

  test("says what to write for an unknown zone", () => {
    expect(() => timeZone("Mars/Phobos")).toThrow(/"Mars\/Phobos" is not an IANA zone; write one like/);
  });
});
