import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { CommittedReading } from "../../src/insights/insight.ts";
import { type Assessment, assess, callsAhead } from "../../src/insights/transit-assess.ts";
import { type Journey, newJourney, observe } from "../../src/insights/transit-journey.ts";
import { Path } from "../../src/insights/transit-path.ts";
import type { Run } from "../../src/insights/transit-trips.ts";
import type { Values } from "../../src/model/reading.ts";

const startAt = Date.UTC(2026, 10, 20, 10);
const around = { isSilent: false, isReplaced: false, awayMs: 60_000 };
/** Four stops in a row, some 1.1 km apart. */
const path = new Path(
  [0, 1, 2, 3].map((n) => ({ lat: 60.2, lon: 24.9 + n * 0.02 })),
  [],
  100,
);

/** A trip that comes to stop n after n times 120 s and stands at each for its dwell. */
function runWith(dwellS: readonly number[]): Run {
  const arriveS = dwellS.map((_, n) => n * 120);
  const departS = arriveS.map((atS, n) => atS + (dwellS[n] as number));
  const stops = dwellS.map((_, n) => n);
  const trip = {
    id: "t",
    route: 0,
    service: 0,
    pattern: 0,
    shape: null,
    direction: null,
    headsign: "",
    startS: 0,
    frequencies: null,
  };
  const pattern = { stops, sequences: stops, arriveS, departS };
  return { key: "t", trip, pattern, stopIds: ["A", "B", "C", "D"], day: 0, startAt, startS: 0 };
}

/** Delay, and the expected arrivals and departures at B, C and D in seconds after the start. */
function foretold(run: Run, journey: Journey) {
  const assessment = assess(journey, run, path, around, null);
  const { delayS } = assessment;
  const seconds = (at: number | null) => (at === null ? null : (at - startAt) / 1_000);
  return {
    delayS,
    calls: callsAhead(journey, run, assessment, () => true)
      .filter(({ stop }) => stop > 0)
      .map(({ arriveAt, departAt }) => [seconds(arriveAt), seconds(departAt)]),
  };
}

function readingAt(seconds: number, values: Values): CommittedReading {
  const time = startAt + seconds * 1_000;
  return {
    seq: 1,
    committedAt: time,
    topic: "transit/v",
    domain: "transit",
    device: "v",
    channel: undefined,
    deviceKey: "transit/v",
    time,
    values,
    attrs: null,
  };
}

function standingAt(run: Run, stopId: string, seconds: number): Journey {
  const journey = newJourney(run.key);
  observe(journey, run, path, readingAt(seconds, { event: "arrive", stopId }), 100);
  return journey;
}

describe("a vehicle that stands at a stop early", () => {
  it("goes on early where the timetable does not have it stand", () => {
    const run = runWith([0, 0, 0, 0]);
    // It came to B 90 s before 120 s, and leaves as early: 120 - 90 = 30; C at 240 - 90 = 150, D at 360 - 90 = 270.
    expect(foretold(run, standingAt(run, "B", 30))).toEqual({
      delayS: -90,
      calls: [
        [30, 30],
        [150, 150],
        [270, null],
      ],
    });
  });

  it("waits for its time where the timetable has it stand", () => {
    const run = runWith([0, 30, 0, 0]);
    // B is left at 120 + 30 = 150; from there on it is on time.
    expect(foretold(run, standingAt(run, "B", 30)).calls).toEqual([
      [30, 150],
      [240, 240],
      [360, null],
    ]);
  });

  it("waits at its first stop in any case", () => {
    const run = runWith([0, 0, 0, 0]);
    const journey = standingAt(run, "A", -90);
    const assessment = assess(journey, run, path, around, null);
    expect(callsAhead(journey, run, assessment, () => true)[0]?.departAt).toBe(startAt);
    expect(foretold(run, journey)).toEqual({
      delayS: 0,
      calls: [
        [120, 120],
        [240, 240],
        [360, null],
      ],
    });
  });
});

it("a late vehicle's delay at a stop is not taken off twice", () => {
  const run = runWith([0, 60, 0, 0]);
  // Due to leave B at 180, it stands there at 240, 60 s late: it goes now, and is 60 s late at C and D too.
  expect(foretold(run, standingAt(run, "B", 240))).toEqual({
    delayS: 60,
    calls: [
      [240, 240],
      [300, 300],
      [420, null],
    ],
  });
});

it("reckons the same from what followed last as from everything, in whatever order the vehicle is seen", () => {
  const run = runWith([0, 30, 0, 0]);
  const place = fc.record({ awayM: fc.constantFrom(0, 0, 0, 500), share: fc.integer({ min: 0, max: 60 }) });
  const sights = fc.array(fc.tuple(fc.integer({ min: 0, max: 600 }), place), { maxLength: 40 });
  fc.assert(
    fc.property(sights, (sights) => {
      const journey = newJourney(run.key);
      let before: Assessment | null = null;
      for (const [seconds, { awayM, share }] of sights) {
        const values = { event: "position", lat: 60.2 + awayM / 111_195, lon: 24.9 + share / 1_000 };
        const isOnward = observe(journey, run, path, readingAt(seconds, values), 100);
        before = assess(journey, run, path, around, isOnward ? before : null);
        expect(before).toEqual(assess(journey, run, path, around, null));
      }
    }),
  );
});
