import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { bearingDeg, bendDeg, nearestOnLine, type Position, placeAt } from "../../src/insights/geo.ts";
import { checkJam, noJam } from "../../src/insights/road-jams.ts";
import { RoadNetwork, sensedSpeed } from "../../src/insights/road-network.ts";
import { type RoadSettings, roadProblem, roadSettings } from "../../src/insights/road-settings.ts";
import { type Estimate, unknownEstimate } from "../../src/insights/road-speeds.ts";
import { roads } from "../../src/insights/roads.ts";
import { putStep, type Step, stepAt } from "../../src/insights/steps.ts";
import type { Reading, Values } from "../../src/model/reading.ts";
import { topicOf } from "../../src/model/topic.ts";
import { encodeState } from "../../src/pipeline/insight-state.ts";
import { type Arrival, play } from "./fixtures.ts";

const began = Date.UTC(2026, 10, 23, 6);
const context = { timezone: null, files: new Map<string, Uint8Array>() };

/** Three segments in a row going north, each with a sensor, and the way back over the last of them without one. */
const row = roadSettings.parse({
  segments: [
    ...["s0", "s1", "s2"].map((name, index) => ({
      name,
      line: [
        [60 + index / 100, 25],
        [60 + (index + 1) / 100, 25],
      ],
      lengthM: 1_000,
      freeFlowKmh: 60,
      sensors: [{ device: name }],
    })),
    {
      name: "back",
      line: [
        [60.03, 25],
        [60.02, 25],
      ],
      freeFlowKmh: 60,
    },
  ],
  routes: [
    { name: "all", segments: ["s0", "s1", "s2"] },
    { name: "usual", segments: ["s0"], choice: "half" },
    { name: "other", segments: ["s1"], choice: "half" },
  ],
  intervalS: 10,
  staleS: 100,
  probeStaleS: 60,
  minVehicles: 1,
  lateS: 300,
  jamStartS: 30,
  jamEndS: 30,
});

function run(arrivals: readonly Arrival[], settings: RoadSettings = row): Reading[] {
  const until = Math.max(began, ...arrivals.map(({ at }) => at)) + 600_000;
  return play(roads, settings, context, { arrivals, until });
}

function sensorReading(device: string, time: number, values: Values): Reading {
  return { domain: "road", device, time, values };
}

/** What a topic showed at a time in the end, all corrections taken. */
function shownAt(readings: readonly Reading[], topic: string): (time: number) => Values | undefined {
  const steps = new Map<number, Values>();
  for (const reading of readings) if (topicOf(reading) === topic) steps.set(reading.time, reading.values);
  const sorted = [...steps].map(([time, value]) => ({ time, value })).sort((a, b) => a.time - b.time);
  return (time) => stepAt(sorted, time)?.value;
}

/** Sensors say something every now and then, in ten minutes. */
const observations = fc.array(
  fc.record({
    segment: fc.constantFrom("s0", "s1", "s2"),
    second: fc.integer({ min: 0, max: 600 }),
    kmh: fc.constantFrom(0, 3, 10, 14, 15, 20, 45, 54, 60),
    lateS: fc.integer({ min: 0, max: 200 }),
  }),
  { minLength: 1, maxLength: 60 },
);

/** One observation per sensor and second: devices do not contradict themselves. */
function distinct<Item extends { readonly segment: string; readonly second: number }>(list: Item[]): Item[] {
  return [...new Map(list.map((one) => [`${one.segment} ${one.second}`, one])).values()];
}

const grid = Array.from({ length: 90 }, (_, n) => began + n * 10_000);

describe("roads", () => {
  it("show for every moment what follows from all that was observed before it, whenever it came", () => {
    const holds = fc.property(observations, (list) => {
      const known = distinct(list);
      const arrivals = known
        .map(({ segment, second, kmh, lateS }) => {
          const time = began + second * 1_000;
          return { at: time + lateS * 1_000, reading: sensorReading(segment, time, { speedKmh: kmh }) };
        })
        .sort((one, other) => one.at - other.at);
      const readings = run(arrivals);
      for (const name of ["s0", "s1", "s2"]) {
        const shown = shownAt(readings, `congestion/${name}`);
        for (const time of grid) {
          const newest = known
            .filter(({ segment, second }) => segment === name && began + second * 1_000 < time)
            .sort((one, other) => other.second - one.second)[0];
          const isFresh = newest !== undefined && time - (began + newest.second * 1_000) < 100_000;
          expect(shown(time)?.["speedKmh"] ?? null).toBe(isFresh ? newest.kmh : null);
          expect(shown(time)?.["level"] ?? "unknown").toBe(isFresh ? levelOf(newest.kmh / 60) : "unknown");
        }
      }
    });
    fc.assert(holds, { numRuns: 60 });
  });

  it("show the same for every moment and topic, in whatever order and how often readings come", () => {
    const topics = [
      ...["s0", "s1", "s2"].flatMap((name) => [`congestion/${name}`, `alerts/jam/${name}`]),
      ...["all", "usual", "other", "half/best"].map((name) => `routes/${name}`),
    ];
    const holds = fc.property(observations, (list) => {
      const known = distinct(list);
      const at = (lateS: (one: (typeof known)[number]) => number) =>
        known
          .map((one) => {
            const time = began + one.second * 1_000;
            const reading = sensorReading(one.segment, time, { speedKmh: one.kmh });
            return { at: time + lateS(one) * 1_000, reading };
          })
          .sort((one, other) => one.at - other.at);
      const prompt = run(at(() => 0));
      const late = run(at(({ lateS }) => lateS).flatMap((arrival) => [arrival, arrival]));
      for (const topic of topics) {
        const [one, other] = [shownAt(prompt, topic), shownAt(late, topic)];
        for (const time of grid)
          expect([topic, time, settledOf(other(time))]).toEqual([topic, time, settledOf(one(time))]);
      }
    });
    fc.assert(holds, { numRuns: 60 });
  });

  it("tell of jams that began and ended, with the queue that grew behind them", () => {
    const arrivals: Arrival[] = [];
    const say = (device: string, fromS: number, toS: number, speedKmh: number) => {
      for (let second = fromS; second < toS; second += 10) {
        const time = began + second * 1_000;
        arrivals.push({ at: time, reading: sensorReading(device, time, { speedKmh }) });
      }
    };
    say("s2", 0, 300, 6);
    say("s2", 300, 500, 60);
    say("s1", 0, 100, 60);
    say("s1", 100, 400, 12);
    say("s0", 0, 500, 60);
    const told = run(arrivals.sort((one, other) => one.at - other.at)).filter(
      ({ domain }) => domain === "alerts",
    );
    const words = told.map(({ device, time, values: { state, isHead, queueM } }) => [
      device,
      (time - began) / 1_000,
      state,
      isHead,
      queueM,
    ]);
    expect(words).toEqual([
      ["jam/s2", 40, "jam", true, 1_000],
      // Jammed from 110 on; the queue of the next segment has grown, and this one is not its head.
      ["jam/s1", 140, "jam", false, 1_000],
      ["jam/s2", 140, "jam", true, 2_000],
      // The head is free from 310 on.
      ["jam/s2", 340, "over", false, 0],
      ["jam/s1", 340, "jam", true, 1_000],
      // Its sensor said nothing since 390: unknown from 490 on, and no jam that anybody knows of 30 s later.
      ["jam/s1", 520, "lost", false, 0],
    ]);
  });

  it("keep little of two hours in which a vehicle was seen every second", () => {
    const arrivals = Array.from({ length: 7_200 }, (_, second): Arrival => {
      const at = began + second * 1_000;
      const values = { lat: 60.02 + (second % 100) / 10_000, lon: 25, speedKmh: 30, courseDeg: 0 };
      return { at, reading: { domain: "gps", device: "van", time: at, values } };
    });
    const state = roads.start();
    const reducer = roads.create(row, state, context);
    for (const { at, reading } of arrivals) {
      reducer.advance?.(at, () => {});
      const { domain, device, time, values } = reading;
      const committed = { seq: 1, committedAt: at, topic: "gps/van", domain, device, time, values };
      reducer.reduce({ ...committed, channel: undefined, attrs: null }, () => {});
    }
    expect(encodeState(1, state).length).toBeLessThan(20_000);
  });
});

function levelOf(ratio: number): string {
  return ratio < 0.1
    ? "stationary"
    : ratio < 0.25
      ? "queuing"
      : ratio < 0.75
        ? "slow"
        : ratio < 0.9
          ? "heavy"
          : "free";
}

/** Nothing told, all unknown and a jam that there was not look alike. */
function settledOf(values: Values | undefined): Values | null {
  if (values === undefined || values["level"] === "unknown" || values["state"] === "none") return null;
  if (values["travelTimeS"] === null && values["worstLevel"] === "unknown") return null;
  return values["knownRoutes"] === 0 ? null : values;
}

describe("RoadNetwork", () => {
  const course = fc.integer({ min: 0, max: 359 });
  const segment = fc.record({
    north: fc.integer({ min: 0, max: 2_000 }),
    east: fc.integer({ min: 0, max: 2_000 }),
    bearing: course,
    metres: fc.integer({ min: 20, max: 800 }),
    oneWay: fc.boolean(),
  });
  const origin = { lat: 60.17, lon: 24.94 };
  const placed = (north: number, east: number) => placeAt(placeAt(origin, 0, north), 90, east);

  it("matches a vehicle as asking every segment would", () => {
    const probe = fc.record({
      north: fc.integer({ min: 0, max: 2_000 }),
      east: fc.integer({ min: 0, max: 2_000 }),
      course,
    });
    const cases = fc.record({ list: fc.array(segment, { minLength: 1, maxLength: 60 }), probe });
    const holds = fc.property(cases, ({ list, probe }) => {
      const lines = list.map(({ north, east, bearing, metres, oneWay }) => {
        const from = placed(north, east);
        return { from, to: placeAt(from, bearing, metres), oneWay };
      });
      const segments = lines.map(({ from, to, oneWay }, index) => ({
        name: String(index),
        line: [from, to].map(({ lat, lon }) => [lat, lon]),
        freeFlowKmh: 50,
        oneWay,
      }));
      const network = new RoadNetwork(roadSettings.parse({ segments, matchM: 60 }));
      const place = placed(probe.north, probe.east);
      const scores = lines.map(({ from, to, oneWay }) => scoreOf(place, probe.course, from, to, oneWay));
      const best = scores.indexOf(Math.min(...scores));
      const expected = scores[best] === Number.POSITIVE_INFINITY ? null : String(best);
      expect(network.match(place, probe.course)?.name ?? null).toBe(expected);
    });
    fc.assert(holds, { numRuns: 300 });
  });

  function scoreOf(
    place: Position,
    courseDeg: number,
    from: Position,
    to: Position,
    oneWay: boolean,
  ): number {
    const { distanceM } = nearestOnLine(place, from, to);
    const bend = bendDeg(courseDeg, bearingDeg(from, to));
    const turn = oneWay ? bend : Math.min(bend, 180 - bend);
    return distanceM > 60 || turn > 45 ? Number.POSITIVE_INFINITY : distanceM + (turn / 45) * 30;
  }

  it("knows which segment follows which, but not the way back", () => {
    const { segments } = new RoadNetwork(row);
    const follows = [...segments.values()].map(({ name, downstream }) => [
      name,
      downstream.map((one) => one.name),
    ]);
    expect(follows).toEqual([
      ["s0", ["s1"]],
      ["s1", ["s2"]],
      ["s2", []],
      ["back", []],
    ]);
  });

  it("takes a vehicle without a course only where there is no other direction", () => {
    const network = new RoadNetwork(row);
    expect(network.match({ lat: 60.005, lon: 25 }, null)?.name).toBe("s0");
    expect(network.match({ lat: 60.025, lon: 25 }, null)).toBeNull();
    expect(network.match({ lat: 60.025, lon: 25 }, 175)?.name).toBe("back");
  });
});

describe("sensedSpeed", () => {
  const segment = new RoadNetwork(row).segments.get("s0");
  it.each<[string, Values, number | null]>([
    ["its speed", { speedKmh: 33, speedRatio: 0.9 }, 33],
    ["a share of free flow", { speedRatio: 0.5 }, 30],
    ["flow and occupancy of a loop", { flowVph: 600, occupancyPct: 13 }, 30],
    ["a standstill on the loop", { speedKmh: 0, flowVph: 0, occupancyPct: 100 }, 0],
    ["an empty road", { speedKmh: 0, flowVph: 0 }, null],
    ["a flow alone", { flowVph: 600 }, null],
    ["numbers that are none", { speedKmh: "fast", speedRatio: -1, occupancyPct: true }, null],
  ])("reads %s", (_what, values, kmh) => {
    const sensor = { device: "x", trust: 1, loopLengthM: 6.5 };
    expect(sensedSpeed(values, { segment: segment as never, sensor })?.speedKmh ?? null).toBe(kmh);
  });
});

describe("checkJam", () => {
  const settings = { jamLevel: "queuing", jamStartS: 60, jamEndS: 60 } as const;
  const at = (time: number, level: Estimate["level"]): Step<Estimate> => ({
    time,
    value: { ...unknownEstimate, level },
  });

  it("counts a jam from when the segment was jammed, and ends it when it was free", () => {
    const steps = [at(0, "free"), at(100_000, "queuing"), at(120_000, "stationary"), at(300_000, "slow")];
    const before = checkJam(noJam, steps, 150_000, settings);
    expect(before).toEqual({ jam: noJam, due: 160_000 });
    const { jam } = checkJam(noJam, steps, 160_000, settings);
    expect(jam).toEqual({ state: "jam", start: 100_000, end: null });
    expect(checkJam(jam, steps, 359_000, settings)).toEqual({ jam, due: 360_000 });
    expect(checkJam(jam, steps, 360_000, settings).jam).toEqual({
      state: "over",
      start: 100_000,
      end: 300_000,
    });
  });

  it("knows nothing of a jam when nothing is known of the segment", () => {
    const jam = { state: "jam", start: 0, end: null } as const;
    const steps = [at(0, "queuing"), at(100_000, "unknown")];
    expect(checkJam(jam, steps, 160_000, settings).jam).toEqual({ state: "lost", start: 0, end: 100_000 });
  });
});

describe("steps", () => {
  it("remember what was so, and forget what is too old but for the last of it", () => {
    const steps: Step<string>[] = [];
    expect(putStep(steps, { time: 5, value: "none" }, "none", 0)).toBe(false);
    expect(putStep(steps, { time: 5, value: "a" }, "none", 0)).toBe(true);
    expect(putStep(steps, { time: 7, value: "a" }, "none", 0)).toBe(false);
    expect(putStep(steps, { time: 9, value: "b" }, "none", 0)).toBe(true);
    expect(putStep(steps, { time: 3, value: "c" }, "none", 0)).toBe(true);
    expect([2, 3, 6, 20].map((time) => stepAt(steps, time)?.value)).toEqual([undefined, "c", "a", "b"]);
    expect(putStep(steps, { time: 12, value: "d" }, "none", 8)).toBe(true);
    expect(steps.map(({ time }) => time)).toEqual([5, 9, 12]);
  });
});

describe("settings", () => {
  const line = [
    [60, 25],
    [60.01, 25],
  ];
  const good = { name: "a", line, freeFlowKmh: 50 };
  const far = {
    name: "b",
    line: [
      [61, 25],
      [61.01, 25],
    ],
    freeFlowKmh: 50,
  };
  it.each([
    ["two of a name", { segments: [good, good] }, 'segments.1.name: "a" is the name of another one'],
    [
      "neither line nor length",
      { segments: [{ name: "a", freeFlowKmh: 50 }] },
      "segments.0: give it a `line`",
    ],
    [
      "a line of one place",
      { segments: [{ ...good, line: [line[0], line[0]] }] },
      "segments.0.line: its corners",
    ],
    [
      "a segment that is not there",
      { segments: [good], routes: [{ name: "r", segments: ["x"] }] },
      'routes.0.segments.0: there is no segment "x"',
    ],
    [
      "segments that do not join",
      { segments: [good, far], routes: [{ name: "r", segments: ["a", "b"] }] },
      'routes.0.segments.1: "b" begins 110083 m away',
    ],
    [
      "a route named like the best of a choice",
      {
        segments: [good],
        routes: [
          { name: "r", segments: ["a"], choice: "c" },
          { name: "c/best", segments: ["a"] },
        ],
      },
      'routes.1.name: "c/best" is the name of another one',
    ],
    [
      "jams that begin later than corrections",
      { lateS: 10, jamStartS: 20 },
      "jamStartS: 20 is more than lateS (10)",
    ],
  ])("tell of %s", (_what, settings, problem) => {
    expect(roadProblem(roadSettings.parse(settings))).toContain(problem);
  });
});
