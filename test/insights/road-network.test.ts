import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { bearingDeg, bendDeg, nearestOnLine, type Position, placeAt } from "../../src/insights/geo.ts";
import { RoadNetwork, sensedSpeed } from "../../src/insights/road-network.ts";
import { roadProblem, roadSettings } from "../../src/insights/road-settings.ts";
import type { Values } from "../../src/model/reading.ts";
import { row } from "./road-row.ts";

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
