import fc from "fast-check";
import bindings from "gtfs-realtime-bindings";
import { describe, expect, test } from "vitest";
import { readDurationS } from "../../src/formats/duration.ts";
import { feedMessage } from "../../src/formats/gtfs-rt-messages.ts";
import { pemsCsv } from "../../src/formats/pems-csv.ts";
import { readProto } from "../../src/formats/protobuf.ts";
import { readOperatingDay, setStopTimes } from "../../src/formats/stop-times.ts";
import { trafficFlowObserved } from "../../src/formats/traffic-flow-observed.ts";
import type { Values } from "../../src/model/reading.ts";
import { fixtureFiles } from "./fixtures.ts";

/** An independent decoder. */
const { FeedMessage } = bindings.transit_realtime;

const feeds = fixtureFiles("gtfs-rt")
  .flatMap((file) => file.messages)
  .filter((message) => message.encoding === "base64")
  .map((message) => ({ name: message.name, bytes: Buffer.from(message.payload as string, "base64") }));

/** The fields of `ours` in the other decoder's spelling, as it sees them. */
function expectSame(ours: unknown, theirs: unknown): void {
  if (Array.isArray(ours)) {
    expect(theirs).toHaveLength(ours.length);
    for (const [at, item] of ours.entries()) expectSame(item, (theirs as unknown[])[at]);
  } else if (typeof ours === "object" && ours !== null) {
    for (const [name, value] of Object.entries(ours)) {
      const camel = name.replace(/_(.)/g, (_, letter: string) => letter.toUpperCase());
      // Newer than the bindings.
      if (name !== "scheduled_time") expectSame(value, (theirs as Record<string, unknown>)[camel]);
    }
  } else expect(ours).toBe(theirs);
}

describe("protobuf", () => {
  test("reads what gtfs-realtime-bindings reads", () => {
    let compared = 0;
    for (const { bytes } of feeds) {
      const ours = readProto(bytes, feedMessage);
      if (typeof ours === "string" || ours["header"] === undefined) continue;
      expectSame(ours, FeedMessage.toObject(FeedMessage.decode(bytes), { longs: Number }));
      compared++;
    }
    expect(compared).toBeGreaterThan(40);
  });
});

describe("readDurationS", () => {
  test.each([
    ["PT85S", 85],
    ["-PT1M30S", -90],
    ["+PT1H", 3600],
    ["P1DT1H1M1.5S", 90_061.5],
    ["P2W", 1_209_600],
    ["P0Y0M0DT0H2M26,500S", 146.5],
    ["-PT0S", 0],
    [" PT5M ", 300],
    [90, 90],
    ["-90", -90],
  ])("reads %j", (raw, seconds) => {
    expect(readDurationS(raw)).toBe(seconds);
  });

  test.each([
    "P",
    "PT",
    "P1Y",
    "P1M",
    "PT1",
    "1M",
    "PT-1M",
    `PT${"9".repeat(80)}S`,
    "",
    null,
    undefined,
    {},
    Number.NaN,
  ])("finds nothing in %j", (raw) => {
    expect(readDurationS(raw)).toBeUndefined();
  });
});

describe("freeFlowKmh", () => {
  test.each([0, -1, Number.NaN, Number.POSITIVE_INFINITY])("refuses %d", (freeFlowKmh) => {
    const host = { claim: () => false, release: () => {} };
    for (const format of [pemsCsv, trafficFlowObserved]) {
      expect(() => format.create({ freeFlowKmh }, host)).toThrow(/^freeFlowKmh: /);
    }
  });
});

test("operating days are written in one way", () => {
  expect(readOperatingDay("20261120")).toBe("2026-11-20");
  expect(readOperatingDay("2026-11-20")).toBe("2026-11-20");
  for (const raw of ["any", "20.11.2026", "", null, undefined]) expect(readOperatingDay(raw)).toBeUndefined();
});

test("stop times are written as ISO 8601 UTC", () => {
  const times = fc.integer({ min: Date.UTC(2000, 0, 1), max: Date.UTC(9999, 11, 31) });
  const property = fc.property(times, (expected) => {
    const values: Values = {};
    setStopTimes(values, "arrival", { scheduled: undefined, expected, delayS: undefined });
    expect(values).toStrictEqual({ expectedArrival: new Date(expected).toISOString() });
  });
  fc.assert(property, { examples: [[Date.UTC(2026, 10, 20)], [Date.UTC(2026, 10, 20, 9, 5, 7, 8)]] });
});
