import { expect, it } from "vitest";
import { choicesOf, jamsOf, levelCounts, routesOf, segmentsOf } from "../../../src/dashboard/views/roads.ts";
import { at, row, start } from "./rows.ts";

it("lists segments from the worst to the best, and what is not known last", () => {
  const segments = segmentsOf([
    row("congestion/ring/10", { level: "free", speedKmh: 81, speedRatio: 1.01, delayS: 0, sensors: 1 }),
    row("congestion/ring/9", { level: "free", speedKmh: 79, speedRatio: 0.98, delayS: 0, sensors: 1 }),
    row("congestion/quay", { level: "unknown", speedKmh: null, speedRatio: null, delayS: null, sensors: 0 }),
    row("congestion/bridge", {
      level: "stationary",
      speedKmh: 3,
      speedRatio: 0.06,
      delayS: 610,
      vehicles: 4,
    }),
  ]);
  expect(segments.map(({ name, level }) => `${name} ${level}`)).toEqual([
    "bridge stationary",
    "ring/9 free",
    "ring/10 free",
    "quay unknown",
  ]);
  expect(segments[0]).toMatchObject({ speedKmh: 3, delayS: 610, sensors: 0, vehicles: 4 });
  expect(levelCounts(segments)).toEqual([
    { level: "stationary", count: 1 },
    { level: "free", count: 2 },
    { level: "unknown", count: 1 },
  ]);
});

it("tells routes from the choices between them", () => {
  const rows = [
    row("routes/by-town", { travelTimeS: 377, delayS: 0, lengthM: 5_555, worstLevel: "free", isBest: false }),
    row("routes/by-ring", {
      travelTimeS: null,
      delayS: null,
      lengthM: 7_616,
      worstLevel: "slow",
      isBest: null,
    }),
    row("routes/home/best", {
      best: "by-town",
      travelTimeS: 377,
      savesS: 40,
      knownRoutes: 2,
      totalRoutes: 2,
    }),
    row("routes/away/best", { best: null, travelTimeS: null, savesS: null, knownRoutes: 1, totalRoutes: 2 }),
  ];
  expect(routesOf(rows)).toMatchObject([
    { name: "by-ring", travelTimeS: null, isBest: null, worstLevel: "slow" },
    { name: "by-town", travelTimeS: 377, isBest: false },
  ]);
  expect(choicesOf(rows)).toEqual([
    { name: "away", best: null, travelTimeS: null, savesS: 0 },
    { name: "home", best: "by-town", travelTimeS: 377, savesS: 40 },
  ]);
});

it("lists jams at their heads, the newest first, then those that are over", () => {
  const jams = jamsOf([
    row("alerts/jam/a", {
      state: "resolved",
      outcome: "over",
      isHead: false,
      start: at(0),
      end: at(60),
      queueM: 0,
    }),
    row("alerts/jam/b", {
      state: "firing",
      outcome: null,
      isHead: true,
      start: at(10),
      end: null,
      queueM: 300,
    }),
    row("alerts/jam/c", {
      state: "acknowledged",
      acknowledgedBy: "Anna",
      outcome: null,
      isHead: true,
      start: at(20),
      end: null,
      queueM: 900,
    }),
    row("alerts/jam/c2", {
      state: "firing",
      outcome: null,
      isHead: false,
      start: at(20),
      end: null,
      queueM: 500,
    }),
    row("alerts/jam/d", { state: "resolved", outcome: "none", isHead: false, start: at(0), end: at(5) }),
    row("alerts/rules/x/y", { state: "firing" }),
  ]);
  expect(jams.map(({ segment }) => segment)).toEqual(["c", "b", "a"]);
  expect(jams[0]).toEqual({
    segment: "c",
    state: "jam",
    start: start + 20_000,
    end: null,
    queueM: 900,
    acknowledgedBy: "Anna",
  });
});
