import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { counterChange, powerMeasure } from "../../src/insights/energy-interval.ts";
import { usage } from "../../src/insights/usage.ts";
import type { UsageSettings } from "../../src/insights/usage-settings.ts";
import type { Reading, Values } from "../../src/model/reading.ts";
import { topicOf } from "../../src/model/topic.ts";
import { encodeState } from "../../src/pipeline/insight-state.ts";
import { type Arrival, committed, play, settled } from "./fixtures.ts";

const noon = Date.UTC(2026, 10, 22, 12);
const minuteMs = 60_000;
const rules = { rolloverWh: null, maxPowerW: 10_000 };

function settingsOf(more: object = {}): UsageSettings {
  return usage.settings.parse({ refreshS: 86_400, ...more });
}

function meterReading(device: string, time: number, values: Values): Reading {
  return { domain: "energy", device, time, values };
}

function run(arrivals: readonly Arrival[], settings = settingsOf()): Reading[] {
  const until = Math.max(noon, ...arrivals.map(({ at }) => at)) + 2 * 86_400_000;
  const context = { timezone: null, files: new Map<string, Uint8Array>() };
  return play(usage, settings, context, { arrivals, until });
}

/** What is told of periods, without what runs. A direction that is not known is null where power could have told it. */
function periodsOf(readings: readonly Reading[]): Reading[] {
  return readings
    .filter(({ channel }) => channel !== "now")
    .map((reading) => ({ ...reading, values: { importWh: null, exportWh: null, ...reading.values } }));
}

function valuesOf(readings: readonly Reading[], topic: string, time: number): Values | undefined {
  return readings.findLast((reading) => topicOf(reading) === topic && reading.time === time)?.values;
}

describe("counterChange", () => {
  it.each([
    ["goes on", 100, 250, 150, false],
    ["stands still", 100, 100, 0, false],
    ["is rounded another way", 100.4, 100, -0.4, false],
    ["is reset: what it shows since then", 5_000, 80, 80, true],
    ["is another meter's, with more", 5_000, 90_000, null, false],
    ["is another meter's, with less", 90_000, 5_000, null, false],
    ["moves by whole kWh", 1_000, 2_000, 1_000, false],
  ])("%s", (_what, from, to, wh, isEstimated) => {
    const change = counterChange(from, to, minuteMs, rules);
    if (wh === null) expect(change).toBeNull();
    else {
      expect(change?.wh).toBeCloseTo(wh, 9);
      expect(change?.isEstimated).toBe(isEstimated);
    }
  });

  it("goes on from 0 where its settings say so, and nowhere else", () => {
    const rolls = { rolloverWh: 100_000, maxPowerW: 10_000 };
    expect(counterChange(99_950, 30, minuteMs, rolls)).toEqual({ wh: 80, isEstimated: false });
    expect(counterChange(50_000, 30, minuteMs, rolls)).toEqual({ wh: 30, isEstimated: true });
    expect(counterChange(99_950, 30, minuteMs, rules)).toEqual({ wh: 30, isEstimated: true });
  });
});

describe("powerMeasure", () => {
  it("gives the area of the line, import and export apart, wherever it is cut", () => {
    const power = fc.integer({ min: -5_000, max: 5_000 });
    fc.assert(
      fc.property(power, power, fc.double({ min: 0, max: 1, noNaN: true }), (from, to, cut) => {
        const interval = powerMeasure(minuteMs)(from, to, minuteMs);
        const [imported, exported] = interval?.upTo(cut) ?? [0, 0];
        // A thousand thin rectangles, W·min = 1e6 / 60 microwatt-hours.
        let [above, below] = [0, 0];
        for (let i = 0; i < 1_000; i++) {
          const here = from + (to - from) * cut * ((i + 0.5) / 1_000);
          if (here > 0) above += here / 1_000;
          else below -= here / 1_000;
        }
        const scale = (cut * 1e6) / 60;
        expect(Math.abs(imported - above * scale)).toBeLessThan(0.002 * 1e6);
        expect(Math.abs(exported - below * scale)).toBeLessThan(0.002 * 1e6);
      }),
    );
  });
});

const kinds = ["power", "counter", "tariffs", "power, then counter", "power, then all"] as const;

function valuesOfKind(kind: (typeof kinds)[number], wh: number, counter: number, index: number): Values {
  if (kind === "power") return { powerW: 20 * (wh - 150) };
  if (kind === "counter") return { energyImportWh: counter };
  if (kind === "power, then counter") {
    return index < 9 ? { powerW: 20 * (wh - 150) } : { powerW: 900, energyImportWh: counter };
  }
  if (kind === "power, then all" && index % 3 === 0) return { powerW: 900 };
  if (kind === "power, then all" && index > 30) return { energyImportWh: counter };
  return index % 2 === 0 ? { energyImportT1Wh: counter } : { energyImportT2Wh: 2 * counter };
}

describe("usage", () => {
  it("tells the same of every period in whatever order readings come, resets and gaps and all", () => {
    const step = fc.record({
      minutes: fc.oneof(
        { weight: 8, arbitrary: fc.integer({ min: 1, max: 9 }) },
        fc.integer({ min: 10, max: 300 }),
      ),
      wh: fc.integer({ min: 0, max: 300 }),
      isReset: fc.integer({ min: 0, max: 15 }).map((n) => n === 0),
      order: fc.nat(),
    });
    fc.assert(
      fc.property(
        fc.array(step, { minLength: 2, maxLength: 80 }),
        fc.constantFrom(...kinds),
        (steps, kind) => {
          let [time, counter] = [noon, 5_000];
          const inOrder = steps.map(({ minutes, wh, isReset, order }, index) => {
            time += minutes * minuteMs;
            counter = isReset ? wh : counter + wh;
            const values = valuesOfKind(kind, wh, counter, index);
            return { order, reading: meterReading("m", time, values) };
          });
          // Whoever is silent has told nothing of when the last period was over.
          time += minuteMs;
          const end = valuesOfKind(kind, 0, counter, inOrder.length - (inOrder.length % 3) + 1);
          inOrder.push({ order: 0, reading: meterReading("m", time, end) });
          const last = time + minuteMs;
          const settings = settingsOf({ lateS: 3_600, keepH: 744 });
          // What is observed in a period of hours comes within the last half-hour of it, in any order.
          const arrive = (list: typeof inOrder) =>
            list.map(({ reading }, index) => ({ at: last + index * 1_000, reading }));
          const shuffled = inOrder.toSorted((one, other) => one.order - other.order);
          const live = inOrder.map(({ reading }) => ({ at: reading.time, reading }));
          const [straight, mixed, atOnce] = [arrive(inOrder), arrive(shuffled), live].map((arrivals) =>
            settled(periodsOf(run(arrivals, settings)), "history"),
          );
          expect(mixed).toEqual(straight);
          expect(atOnce).toEqual(straight);
        },
      ),
    );
  });

  it("adds up: hours are their quarter-hours and a month its days, for a meter that never pauses", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(400), { minLength: 300, maxLength: 600 }), (amounts) => {
        let counter = 0;
        const arrivals = amounts.map((wh, index) => {
          counter += wh;
          const time = noon + 20 * 1_000 + index * 10 * minuteMs;
          return { at: time, reading: meterReading("m", time, { energyImportWh: counter }) };
        });
        const told = periodsOf(run(arrivals));
        const complete = told.filter(({ values }) => values["gapS"] === 0);
        const sumBetween = (channel: string, from: number, lengthS: number) =>
          complete
            .filter((one) => one.channel === channel && one.time >= from && one.time < from + 1_000 * lengthS)
            .reduce((sum, { values }) => sum + (values["importWh"] as number), 0);
        for (const { channel, time, values } of complete) {
          const inner = channel === "hour" ? "quarterHour" : channel === "day" ? "hour" : null;
          if (inner === null) continue;
          const sum = sumBetween(inner, time, values["lengthS"] as number);
          expect(sum).toBeCloseTo(values["importWh"] as number, 1);
        }
      }),
      { numRuns: 10 },
    );
  });

  it("adds up tariffs that come in messages of their own, as dsmr-reader sends them, or one of them alone", () => {
    const every = (values: (n: number) => Values[]) =>
      Array.from({ length: 8 }, (_, n) => n).flatMap((n) =>
        values(n).map((one, index) => {
          const time = noon + 5 * n * minuteMs + index * 20;
          return { at: time, reading: meterReading("m", time, one) };
        }),
      );
    const apart = every((n) => [
      { powerW: 900 },
      { energyImportT1Wh: 9_000 + 25 * n },
      { energyImportT2Wh: 4_000 + 50 * n },
      { energyExportT1Wh: 70 },
    ]);
    const known = { importWh: 225, exportWh: 0, gapS: 0, estimatedS: 0 };
    expect(valuesOf(run(apart), "usage/m/quarterHour", noon + 15 * minuteMs)).toMatchObject(known);
    const alone = every((n) => [{ powerW: 900, energyImportT1Wh: 25 * n }]);
    const single = { importWh: 75, gapS: 0, estimatedS: 0 };
    expect(valuesOf(run(alone), "usage/m/quarterHour", noon)).toMatchObject(single);
  });

  it("takes a counter of all tariffs, and not their sum as well, whichever came first", () => {
    const total = (n: number) => ({ energyImportWh: 10_000 + 75 * n });
    const tariffs = (n: number) => ({ energyImportT1Wh: 9_000 + 25 * n, energyImportT2Wh: 1_000 + 45 * n });
    const arrivals = [tariffs, total].flatMap((values, late) =>
      Array.from({ length: 8 }, (_, n) => {
        const time = noon + (5 * n + late) * minuteMs;
        return { at: noon + (late * 60 + n) * minuteMs, reading: meterReading("m", time, values(n)) };
      }),
    );
    const settings = settingsOf({ lateS: 3_600 });
    for (const list of [arrivals, arrivals.slice(8), [...arrivals.slice(8), ...arrivals.slice(0, 8)]]) {
      const inOrder = list.map(({ reading }, index) => ({ at: noon + (60 + index) * minuteMs, reading }));
      const told = run(inOrder, settings);
      expect(valuesOf(told, "usage/m/quarterHour", noon + 15 * minuteMs)).toMatchObject({ importWh: 225 });
    }
  });

  it("counts what power gave until the first count, and from then on the counter, however they are read", () => {
    const all = Array.from({ length: 27 }, (_, n) => {
      const values = { powerW: 1_200, ...(n > 12 && { energyImportWh: 100_000 + 50 * n }) };
      return meterReading("m", noon + 5 * n * minuteMs, values);
    });
    const live = all.map((reading) => ({ at: reading.time, reading }));
    const buffer = all.toReversed().map((reading, n) => ({ at: noon + 10_000_000 + n, reading }));
    for (const arrivals of [live, buffer]) {
      const told = run(arrivals);
      const hour = (n: number) => valuesOf(told, "usage/m/hour", noon + n * 60 * minuteMs);
      expect(hour(0)).toMatchObject({
        importWh: 1_200,
        exportWh: 0,
        lengthS: 3_600,
        gapS: 0,
        estimatedS: 3_600,
      });
      // Five minutes of 1,200 W and eleven times 50 Wh.
      expect(hour(1)).toMatchObject({ importWh: 650, exportWh: 0, lengthS: 3_600, gapS: 0, estimatedS: 300 });
      expect(valuesOf(told, "usage/m/quarterHour", noon + 75 * minuteMs)).not.toHaveProperty("exportWh");
      expect(valuesOf(told, "usage/m/now", noon + 130 * minuteMs)).toMatchObject({ todayImportWh: 1_950 });
    }
  });

  it("makes no decades of gaps of a counter whose first word has a clock that was never set", () => {
    const arrivals = [
      meterReading("m", noon, { powerW: 100 }),
      meterReading("m", 0, { energyImportWh: 5 }),
      meterReading("m", noon + 20 * minuteMs, { energyImportWh: 9 }),
    ].map((reading, n) => ({ at: noon + n * 20 * minuteMs, reading }));
    expect(periodsOf(run(arrivals)).length).toBeLessThan(5);
  });

  it("keeps what a day knows when its buffer comes hours later, and corrects the quarter-hours", () => {
    const at = (minutes: number) => noon + minutes * minuteMs;
    const reading = (minutes: number, wh: number, came = minutes) => ({
      at: at(came),
      reading: meterReading("m", at(minutes), { energyImportWh: wh }),
    });
    const arrivals = [reading(0, 0), reading(5, 10), reading(125, 500), reading(130, 510)];
    const before = run(arrivals);
    expect(valuesOf(before, "usage/m/quarterHour", at(60))).toMatchObject({ importWh: null, gapS: 900 });
    const buffer = Array.from({ length: 23 }, (_, n) => reading(10 + 5 * n, 10 + 20 * (n + 1), 140));
    const after = run([...arrivals, ...buffer.toReversed()]);
    expect(valuesOf(after, "usage/m/quarterHour", at(60))).toMatchObject({ importWh: 60, gapS: 0 });
    expect(valuesOf(after, "usage/m/hour", at(60))).toMatchObject({ importWh: 240, gapS: 0 });
  });

  it("keeps a bounded amount of a meter, however often it reports and however late", () => {
    const settings = settingsOf({ keepH: 6 });
    const state = usage.start();
    const reducer = usage.create(settings, state, { timezone: "Europe/Berlin", files: new Map() });
    let largest = 0;
    for (let second = 0; second < 3 * 86_400; second += 1) {
      const at = noon + second * 1_000;
      // Every tenth is from up to seven hours before.
      const time = second % 10 === 9 ? at - ((second * 7_919) % 25_200) * 1_000 : at;
      const reading = meterReading("m", time, { powerW: 100 + (second % 7) });
      reducer.advance?.(at, () => {});
      reducer.reduce(committed(reading, second, at), () => {});
      if (second % 3_600 === 0) largest = Math.max(largest, encodeState(1, state).length);
    }
    expect(largest).toBeLessThan(40_000);
  });

  it.each([
    [{ timezone: "Berlin" }, 'timezone: "Berlin" is not an IANA zone'],
    [{ sites: [{ name: "a" }, { name: "a" }] }, 'sites.1.name: there is another site "a"'],
    [{ sites: [{ name: "a", grid: ["energy/#/x"] }] }, "sites.0.grid.0:"],
    [
      { sites: [{ name: "a", groups: [{ name: "L1", meters: [] }] }] },
      'sites.0.groups.0.name: "L1" is taken',
    ],
    [{ rollovers: [{ meters: "a/#/b", atWh: 5 }] }, "rollovers.0.meters: `#` must stand alone"],
  ])("says what is wrong with %j", (settings, problem) => {
    expect(usage.problem?.(settingsOf(settings))).toContain(problem);
  });
});
