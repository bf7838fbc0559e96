import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { standby } from "../../src/insights/standby.ts";
import { usageNormal } from "../../src/insights/usage-normal.ts";
import type { Reading } from "../../src/model/reading.ts";
import { play, settled } from "./fixtures.ts";

const monday = Date.UTC(2026, 10, 2);
const hourMs = 3_600_000;
const context = { timezone: "Europe/Berlin", files: new Map<string, Uint8Array>() };

function used(channel: string, time: number, importWh: number): Reading {
  return { domain: "usage", device: "sites/home", channel, time, values: { importWh, gapS: 0 } };
}

function arrive(readings: readonly Reading[]) {
  return readings.map((reading, index) => ({ at: monday + 365 * 24 * hourMs + index, reading }));
}

const until = monday + 400 * 24 * hourMs;

describe("usageNormal", () => {
  it("settles on the median of the weeks before, in whatever order hours and corrections come", () => {
    const hours = fc.uniqueArray(
      fc.record({ week: fc.nat(5), hour: fc.nat(2), wh: fc.nat(900), order: fc.nat() }),
      {
        selector: ({ week, hour }) => `${week} ${hour}`,
        maxLength: 18,
      },
    );
    fc.assert(
      fc.property(hours, (hours) => {
        const settings = usageNormal.settings.parse({ minWeeks: 2 });
        const at = ({ week, hour }: { week: number; hour: number }) => monday + (week * 168 + hour) * hourMs;
        const order = hours.toSorted((one, other) => one.order - other.order);
        const readings = order.flatMap((one) => [
          used("hour", at(one), one.wh + 50),
          used("hour", at(one), one.wh),
        ]);
        const shown = settled(
          play(usageNormal, settings, context, { arrivals: arrive(readings), until }),
          "history",
        );
        for (const one of hours) {
          const before = hours
            .filter(({ week, hour }) => hour === one.hour && week < one.week)
            .map(({ wh }) => wh);
          before.sort((a, b) => a - b);
          const half = before.length / 2;
          const middle = [before[Math.ceil(half) - 1], before[Math.floor(half)]] as [number, number];
          const expected = before.length < 2 ? null : (middle[0] + middle[1]) / 2;
          const key = `usage/sites/home/normal ${new Date(at(one)).toISOString()}`;
          const { usualWh, importWh } =
            (shown as Record<string, Record<string, { value: unknown }>>)[key] ?? {};
          expect([importWh?.value, usualWh?.value]).toEqual([one.wh, expected]);
        }
      }),
    );
  });
});

describe("standby", () => {
  it("is the quietest share of a week, in whatever order quarter-hours come", () => {
    const amounts = fc.array(fc.record({ wh: fc.nat(500), order: fc.nat() }), {
      minLength: 300,
      maxLength: 500,
    });
    fc.assert(
      fc.property(amounts, (amounts) => {
        const settings = standby.settings.parse({ timezone: "UTC", days: 2 });
        const inOrder = amounts.map(({ wh, order }, index) => ({
          order,
          reading: used("quarterHour", monday + index * 900_000, wh),
        }));
        const mixed = inOrder.toSorted((one, other) => one.order - other.order);
        const [straight, shuffled] = [inOrder, mixed].map((list) =>
          settled(
            play(standby, settings, context, { arrivals: arrive(list.map(({ reading }) => reading)), until }),
            "latest",
          ),
        );
        expect(shuffled).toEqual(straight);
        // The last day that is over, and the one before.
        const days = Math.floor((amounts.length - 1) / 96);
        const sorted = amounts.slice(Math.max(0, days - 2) * 96, days * 96).map(({ wh }) => wh);
        sorted.sort((a, b) => a - b);
        const quiet = sorted[Math.ceil(0.05 * sorted.length) - 1] as number;
        const values = (straight as Record<string, Record<string, { value: unknown }>>)[
          "usage/sites/home/standby"
        ];
        expect(values?.["standbyW"]?.value).toBe(4 * quiet);
      }),
      { numRuns: 30 },
    );
  });
});

it("what is known no more is taken back: an hour's comparison, and the standby of a day with too few quarter-hours", () => {
  const unknown = (channel: string, time: number): Reading => ({
    domain: "usage",
    device: "sites/home",
    channel,
    time,
    values: { importWh: null, gapS: 900 },
  });
  const [normal, none] = play(usageNormal, usageNormal.settings.parse({}), context, {
    arrivals: arrive([used("hour", monday, 5), unknown("hour", monday), unknown("hour", monday)]),
    until,
  });
  expect([normal?.values["importWh"], none?.values["importWh"], none?.time]).toEqual([5, null, monday]);
  const midnight = monday - hourMs;
  const quarters = Array.from({ length: 97 }, (_, n) => used("quarterHour", midnight + (n * hourMs) / 4, 10));
  const told = play(standby, standby.settings.parse({}), context, {
    arrivals: arrive([...quarters, unknown("quarterHour", monday), unknown("quarterHour", monday + hourMs)]),
    until,
  });
  expect(told.map(({ values }) => values["standbyW"])).toEqual([40, null]);
});
