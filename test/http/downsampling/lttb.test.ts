import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { pickLttb } from "../../../src/http/downsampling/lttb.ts";
import { maxSeriesPoints, Series } from "../../../src/http/downsampling/series.ts";

const values = fc.array(fc.double({ noNaN: true, min: -1e9, max: 1e9 }), { minLength: 1, maxLength: 300 });

describe("LTTB", () => {
  it("picks so many existing points in their order, the first and the last among them", () => {
    fc.assert(
      fc.property(values, fc.integer({ min: 2, max: 60 }), (series, points) => {
        const times = series.map((_, at) => at * 1_000);
        const picked = pickLttb(times, series, points);
        expect(picked).toHaveLength(Math.min(points, series.length));
        expect(picked[0]).toBe(0);
        expect(picked.at(-1)).toBe(series.length - 1);
        for (const [at, index] of picked.entries()) {
          expect(Number.isInteger(index)).toBe(true);
          if (at > 0) expect(index).toBeGreaterThan(picked[at - 1] as number);
        }
      }),
    );
  });

  it("keeps what sticks out", () => {
    const flat = Array.from({ length: 1_000 }, () => 10);
    flat[617] = 500;
    const picked = pickLttb(
      flat.map((_, at) => at),
      flat,
      20,
    );
    expect(picked).toContain(617);
  });

  it("survives the largest values and many at one instant", () => {
    const series = Array.from({ length: 100 }, (_, at) => (at % 2 === 0 ? 1 : -1) * Number.MAX_VALUE);
    const picked = pickLttb(
      series.map(() => 5),
      series,
      10,
    );
    expect([picked.length, picked[0], picked.at(-1)]).toEqual([10, 0, 99]);
  });
});

describe("a long series", () => {
  it("stays within its bound and keeps its ends, its least and its greatest", () => {
    const series = new Series();
    const count = 10 * maxSeriesPoints;
    for (let at = 0; at < count; at++) {
      series.push(at, at * 1_000, at === 77_777 ? 1e6 : at === 55_555 ? -1e6 : Math.sin(at / 500));
      if (series.length > 2 * maxSeriesPoints) throw new Error(`${series.length} points`);
    }
    const picked = series.pick(200);
    expect(picked).toHaveLength(200);
    expect(picked.map(({ seq }) => seq)).toEqual(expect.arrayContaining([0, 55_555, 77_777, count - 1]));
    expect(picked.every(({ seq, time }) => time === seq * 1_000)).toBe(true);
  });
});
