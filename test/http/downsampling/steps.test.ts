import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { meanOf } from "../../../src/http/downsampling/means.ts";
import {
  type Aggregate,
  aggregates,
  isCounter,
  maxStepFields,
  Step,
  stepStart,
} from "../../../src/http/downsampling/steps.ts";
import type { Values } from "../../../src/model/reading.ts";

interface Observed {
  readonly time: number;
  readonly seq: number;
  readonly values: Values;
}

const readings: fc.Arbitrary<Observed[]> = fc
  .array(
    fc.record({
      time: fc.integer({ min: 0, max: 50 }),
      powerW: fc.option(fc.integer({ min: -1_000, max: 1_000 }), { nil: undefined }),
      event: fc.option(fc.constantFrom("depart", "arrive"), { nil: undefined }),
    }),
    { maxLength: 30 },
  )
  .map((list) =>
    list.map(({ time, powerW, event }, at) => ({
      time,
      seq: at + 1,
      values: { ...(powerW !== undefined && { powerW }), ...(event !== undefined && { event }) },
    })),
  );

function resultOf(aggregate: Aggregate, list: readonly Observed[]): Values | null {
  const step = new Step(aggregate);
  for (const one of list) step.add(one);
  return step.result();
}

/** Written as a definition, without a thought of speed. */
function expected(aggregate: Aggregate, name: string, list: readonly Observed[]): unknown {
  const found = list
    .filter(({ values }) => values[name] !== undefined)
    .sort((one, other) => one.time - other.time || one.seq - other.seq)
    .map(({ values }) => values[name]);
  if (aggregate === "count") return found.length || undefined;
  if (aggregate === "first") return found[0];
  if (aggregate === "last") return found.at(-1);
  const numbers = found.filter((value) => typeof value === "number");
  if (numbers.length === 0) return undefined;
  if (aggregate === "min") return Math.min(...numbers);
  if (aggregate === "max") return Math.max(...numbers);
  return numbers.reduce((sum, value) => sum + value, 0) / numbers.length;
}

describe("steps of time", () => {
  it.each(aggregates)("%s is what its name says, in whatever order readings come", (aggregate) => {
    fc.assert(
      fc.property(readings, fc.boolean(), (list, isReversed) => {
        const result = resultOf(aggregate, isReversed ? [...list].reverse() : list) ?? {};
        for (const name of ["powerW", "event"]) {
          const want = expected(aggregate, name, list);
          if (typeof want === "number") expect(result[name]).toBeCloseTo(want, 6);
          else expect(result[name]).toBe(want);
        }
      }),
    );
  });

  it("are aligned to the epoch, before it too", () => {
    fc.assert(
      fc.property(fc.integer({ min: -1e14, max: 1e14 }), fc.integer({ min: 1, max: 1e9 }), (time, stepMs) => {
        const start = stepStart(time, stepMs);
        expect(Math.abs(start % stepMs)).toBe(0);
        expect(start <= time && time < start + stepMs).toBe(true);
      }),
    );
  });

  it("average no counters", () => {
    const values = { energyImportWh: 5, energyExportT2Wh: 6, odometerM: 7, powerW: 8 };
    expect(Object.keys(values).filter(isCounter)).toEqual([
      "energyImportWh",
      "energyExportT2Wh",
      "odometerM",
    ]);
    expect(resultOf("mean", [{ time: 0, seq: 1, values }])).toEqual({ powerW: 8 });
    expect(resultOf("max", [{ time: 0, seq: 1, values }])).toEqual(values);
  });

  it("take a bounded number of names", () => {
    const step = new Step("last");
    for (let at = 0; at < 2 * maxStepFields; at++)
      step.add({ time: at, seq: at, values: { [`v${at}`]: at } });
    expect(Object.keys(step.result() ?? {})).toHaveLength(maxStepFields);
  });
});

describe("means", () => {
  function mean(name: string, ...values: readonly number[]): number {
    const made = meanOf(name);
    for (const value of values) made.add(value);
    return made.result();
  }

  it("of directions are directions", () => {
    expect(mean("courseDeg", 350, 10)).toBeCloseTo(0, 6);
    expect(mean("courseDeg", 80, 100)).toBeCloseTo(90, 6);
    expect(mean("courseDeg", 350, 352)).toBeCloseTo(351, 6);
  });

  it("of longitudes go the shorter way", () => {
    expect(mean("lon", 179, -179)).toBeCloseTo(180, 6);
    expect(mean("lon", -179, 179, 179)).toBeCloseTo(179.666_667, 5);
    expect(mean("lon", 24.9384)).toBe(24.9384);
  });

  it("of money are whole minor units", () => {
    expect(mean("amountMinor", 100, 101, 101)).toBe(101);
    expect(mean("amountUnits", 1, 2)).toBe(1.5);
  });

  it("of huge values stay finite", () => {
    expect(Number.isFinite(mean("x", Number.MAX_VALUE, -Number.MAX_VALUE, Number.MAX_VALUE))).toBe(true);
  });
});
