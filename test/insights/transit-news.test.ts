import { expect, it } from "vitest";
import { assess, type Call } from "../../src/insights/transit-assess.ts";
import { newJourney, observe } from "../../src/insights/transit-journey.ts";
import { type Followed, follow, newsOf } from "../../src/insights/transit-news.ts";
import { Path } from "../../src/insights/transit-path.ts";
import type { Run } from "../../src/insights/transit-trips.ts";
import { committed } from "./fixtures.ts";

const startAt = Date.UTC(2026, 10, 20, 10);
const around = { isSilent: false, isReplaced: false, awayMs: 60_000 };
/** 21 stops, two minutes and some 1.1 km apart. */
const numbers = Array.from({ length: 21 }, (_, n) => n);
const path = new Path(
  numbers.map((n) => ({ lat: 60.2, lon: 24.9 + n * 0.02 })),
  [],
  100,
);
const times = numbers.map((n) => n * 120);
const trip = {
  id: "t",
  route: 0,
  service: 0,
  pattern: 0,
  shape: null,
  direction: null,
  headsign: "",
  startS: 0,
};
const run: Run = {
  key: "t",
  trip: { ...trip, frequencies: null },
  pattern: { stops: numbers, sequences: numbers, arriveS: times, departS: times },
  stopIds: numbers.map(String),
  day: 0,
  startAt,
  startS: 0,
};

/** A vehicle that tells its delay, and nothing else. */
class Vehicle {
  readonly journey = newJourney(run.key);
  followed: Followed = follow(this.journey, run, path);

  /** What is news when it says at a time (seconds after the start) that it is so late. */
  tells(seconds: number, delayS: number): readonly Call[] {
    const time = startAt + seconds * 1_000;
    const reading = { domain: "transit", device: "v", time, values: { delayS } } as const;
    observe(this.journey, run, path, committed(reading, 1, time), 100);
    const before = this.followed.assessment;
    this.followed.assessment = assess(this.journey, run, path, around, null);
    return newsOf(this.followed, before, time);
  }
}

const stopsIn = (calls: readonly Call[]) => calls.map(({ stop }) => stop);

it("tells all at first, then near stops finely and far ones coarsely", () => {
  const vehicle = new Vehicle();
  expect(stopsIn(vehicle.tells(90, 0))).toEqual(numbers.slice(1));
  // 19 s are never news.
  expect(vehicle.tells(91, 19)).toEqual([]);
  // 20 s are with at most 300 s to go: stop 3 comes at 380, in 288 s, stop 4 in 408.
  expect(stopsIn(vehicle.tells(92, 20))).toEqual([1, 2, 3]);
  // 80 s are with at most 1,200 s to go: stop 10 comes at 1,280, in 1,187 s, stop 11 in 1,307.
  expect(stopsIn(vehicle.tells(93, 80))).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
});

it("tells what moved little as soon as that is much of the time left", () => {
  const vehicle = new Vehicle();
  vehicle.tells(60, 0);
  // 27 s late, stop 4 comes at 507: 27 s are a fifteenth of 405 s, so from 102 s on they are news.
  expect(stopsIn(vehicle.tells(101, 27))).toEqual([1, 2, 3]);
  expect(stopsIn(vehicle.tells(102, 27))).toEqual([4]);
});

it("measures from what was told, so that small moves add up and a restart changes nothing", () => {
  // It stands still: whatever the delay is, stop n is 120 n - 60 s away, and a fifteenth of that 8 n - 4.
  const told = (isRestarted: boolean) => {
    const vehicle = new Vehicle();
    vehicle.tells(60, 0);
    return [12, 24, 36, 48].map((delayS) => {
      if (isRestarted) vehicle.followed = follow(vehicle.journey, run, path);
      return stopsIn(vehicle.tells(60 + delayS, delayS));
    });
  };
  expect(told(false)).toEqual([[], [1, 2, 3], [4, 5], [1, 2, 3, 6]]);
  expect(told(true)).toEqual(told(false));
});
