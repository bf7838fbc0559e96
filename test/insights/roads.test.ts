import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { checkJam, noJam } from "../../src/insights/road-jams.ts";
import type { RoadSettings } from "../../src/insights/road-settings.ts";
import { type Estimate, unknownEstimate } from "../../src/insights/road-speeds.ts";
import { roads } from "../../src/insights/roads.ts";
import { putStep, type Step, stepAt } from "../../src/insights/steps.ts";
import type { Reading, Values } from "../../src/model/reading.ts";
import { topicOf } from "../../src/model/topic.ts";
import { encodeState } from "../../src/pipeline/insight-state.ts";
import { type Arrival, committed, play } from "./fixtures.ts";
import { row } from "./road-row.ts";

const began = Date.UTC(2026, 10, 23, 6);
const context = { timezone: null, files: new Map<string, Uint8Array>() };

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

  it("take no empty road for a jam where flow and speed come in messages of their own", () => {
    const at = (seconds: number, values: Values) => {
      const time = began + seconds * 1_000;
      return { at: time + 500, reading: sensorReading("s0", time, values) };
    };
    // As Digitraffic tells of a quiet night: the flow and the mean speed of the same minutes, either of them first.
    const night = [0, 60, 120, 180].flatMap((second) => [
      at(second, { flowVph: 0, intervalS: 300 }),
      at(second + 2, { speedKmh: 0, intervalS: 300 }),
    ]);
    const quiet = run(night);
    expect(quiet.filter(({ domain }) => domain === "alerts")).toEqual([]);
    expect(quiet.filter(({ values }) => values["level"] === "stationary")).toEqual([]);
    // What drove last counts as long as it is fresh; a standstill of vehicles is one.
    const cars = [at(-20, { flowVph: 12 }), at(-19, { speedKmh: 54 }), ...night];
    const shown = shownAt(run(cars), "congestion/s0");
    expect(shown(began + 60_000)).toMatchObject({ level: "free", speedKmh: 54, sensors: 1 });
    expect(shown(began + 100_000)).toMatchObject({ level: "unknown", sensors: 0 });
    const jam = [at(0, { flowVph: 60 }), at(1, { speedKmh: 0 })];
    expect(shownAt(run(jam), "congestion/s0")(began + 10_000)).toMatchObject({ level: "stationary" });
  });

  it("tell a level at once, and within it once a minute what differs by more than a twentieth", () => {
    const said: [second: number, speedKmh: number][] = [
      [0, 40],
      // 100 s instead of 90, within the level: the next full minute is its time.
      [25, 36],
      // 98 s instead of 100: too little.
      [65, 36.6],
      // Queuing.
      [125, 14],
      // 300 s instead of 257, but overtaken ahead of its time.
      [145, 12],
      [165, 14],
      // Nothing new, and then the sensor is silent.
      [225, 14],
    ];
    const arrivals = said.map(([second, speedKmh]) => {
      const at = began + second * 1_000;
      return { at, reading: sensorReading("s0", at, { speedKmh }) };
    });
    const told = run(arrivals, { ...row, detailS: 60 })
      .filter(({ domain }) => domain === "congestion")
      .map(({ time, values }) => [(time - began) / 1_000, values["level"], values["travelTimeS"]]);
    expect(told).toEqual([
      [10, "slow", 90],
      [60, "slow", 100],
      [130, "queuing", 257.1],
      [330, "unknown", null],
    ]);
  });

  it.each([10, 60])(
    "show the same for every moment and topic, in whatever order and how often readings come (%i s)",
    (detailS) => {
      const settings = { ...row, detailS };
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
        const prompt = run(
          at(() => 0),
          settings,
        );
        const late = run(
          at(({ lateS }) => lateS).flatMap((arrival) => [arrival, arrival]),
          settings,
        );
        for (const topic of topics) {
          const [one, other] = [shownAt(prompt, topic), shownAt(late, topic)];
          for (const time of grid)
            expect([topic, time, settledOf(other(time))]).toEqual([topic, time, settledOf(one(time))]);
        }
      });
      fc.assert(holds, { numRuns: 60 });
    },
  );

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
    const words = told.map(({ device, time, values: { outcome, isHead, queueM } }) => [
      device,
      (time - began) / 1_000,
      outcome ?? "jam",
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
      reducer.reduce(committed(reading, 1, at), () => {});
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
  if (values === undefined || values["level"] === "unknown" || values["outcome"] === "none") return null;
  if (values["travelTimeS"] === null && values["worstLevel"] === "unknown") return null;
  return values["knownRoutes"] === 0 ? null : values;
}

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
