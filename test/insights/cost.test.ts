import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { calendarOf } from "../../src/insights/calendar.ts";
import { cost } from "../../src/insights/cost.ts";
import { notePrice, type PriceSeries, readPrices } from "../../src/insights/price-series.ts";
import { costSettings, priceAt, type Tariff } from "../../src/insights/tariff.ts";
import { isoTime, type Reading } from "../../src/model/reading.ts";
import { topicOf } from "../../src/model/topic.ts";
import { type Arrival, play, settled } from "./fixtures.ts";

const quarterMs = 900_000;
const midnight = Date.UTC(2026, 10, 22);
const context = { timezone: null, files: new Map<string, Uint8Array>() };

function tariffOf(more: object): Tariff {
  const settings = costSettings.parse({ tariffs: [{ accounts: ["m"], currency: "EUR", ...more }] });
  return settings.tariffs[0] as Tariff;
}

function quarter(time: number, importWh: number, at: number): Arrival {
  return {
    at,
    reading: { domain: "usage", device: "m", channel: "quarterHour", time, values: { importWh } },
  };
}

describe("priceAt", () => {
  const night = { days: ["fri"], from: "22:00", to: "06:00", minorPerMwh: 1 };
  const day = { days: ["sat", "sun"], from: "06:00", to: "24:00", minorPerMwh: 2 };
  const { import: price } = tariffOf({ import: { minorPerMwh: 3, times: [night, day], addMinorPerMwh: 10 } });

  it.each([
    ["2026-11-20T20:45:00Z", "Friday 21:45", 13],
    ["2026-11-20T21:00:00Z", "Friday 22:00", 11],
    ["2026-11-21T04:45:00Z", "Saturday 05:45", 11],
    ["2026-11-21T05:00:00Z", "Saturday 06:00", 12],
    ["2026-11-21T22:45:00Z", "Saturday 23:45", 12],
    ["2026-11-21T23:00:00Z", "Sunday 00:00", 13],
    // Summer time begins: an hour less of Sunday's night.
    ["2026-03-29T04:00:00Z", "Sunday 06:00, in summer", 12],
    ["2026-03-29T03:45:00Z", "Sunday 05:45, in summer", 13],
  ])("%s, %s in Berlin: %i", (time, _local, expected) => {
    expect(priceAt(price, Date.parse(time), calendarOf("Europe/Berlin"), [])).toBe(expected);
  });
});

describe("prices", () => {
  it("of the same time: the one told last counts, in whatever order they come", () => {
    const told = fc.record({ time: fc.nat(5), start: fc.nat(8), price: fc.integer({ min: -50, max: 50 }) });
    fc.assert(
      fc.property(fc.array(told), (all) => {
        const take = (list: typeof all) => {
          const series: PriceSeries = new Map();
          for (const { time, start, price } of list) {
            const startsAt = isoTime(midnight + start * quarterMs);
            notePrice(series, { time, values: { startsAt, priceMinorPerMwh: price } }, "EUR");
          }
          return [...series].sort(([a], [b]) => a - b);
        };
        expect(take(all.toReversed())).toEqual(take(all));
      }),
    );
  });

  it.each([
    [{ priceMinorPerMwh: 5 }],
    [{ startsAt: "2026-11-22T00:00:00Z", priceMinorPerMwh: 5.5 }],
    [{ startsAt: "2026-11-22T00:00:00Z", priceMinorPerMwh: 5, currency: "SEK" }],
    [{ startsAt: "2026-11-22T00:01:00Z", priceMinorPerMwh: 5 }],
    [{ startsAt: "2026-11-22T00:00:00Z", endsAt: "2226-11-22T00:00:00Z", priceMinorPerMwh: 5 }],
  ])("are not taken from %j", (values) => {
    const series: PriceSeries = new Map();
    expect(notePrice(series, { time: midnight, values }, "EUR")).toEqual([]);
    expect(series.size).toBe(0);
  });

  it("are read from a file, and a wrong line is named", () => {
    const bytes = (text: string) => new TextEncoder().encode(text);
    const good = readPrices(bytes("# EUR\r\n2026-11-22T00:00Z,2026-11-22T00:30Z,-12\r\n\r\n"), "p.csv");
    expect([...good.keys()]).toEqual([midnight, midnight + quarterMs]);
    expect(() => readPrices(bytes("\n2026-11-22T00:00Z,1.5"), "p.csv")).toThrow("p.csv:2: write startsAt");
  });
});

describe("cost", () => {
  it("is exact, for years of use, however it is corrected and however much of it is settled", () => {
    const row = fc.tuple(fc.nat(400), fc.integer({ min: 0, max: 5_000_000_000 }), fc.nat(1_000));
    fc.assert(
      fc.property(
        fc.array(row, { minLength: 1, maxLength: 200 }),
        fc.integer({ min: -90_000, max: 900_000 }),
        (rows, price) => {
          const settings = costSettings.parse({
            keepH: 2,
            tariffs: [{ accounts: ["m"], currency: "EUR", import: { minorPerMwh: price } }],
          });
          // In order, each with up to an hour's delay of a correction.
          const byTime = new Map(rows.map(([index, milliWh]) => [index, milliWh]));
          const arrivals = [...byTime]
            .flatMap(([index, milliWh]) => {
              const [time, end] = [midnight + index * quarterMs, midnight + (index + 1) * quarterMs];
              return [quarter(time, 7, end), quarter(time, milliWh / 1_000, end + 3_600_000)];
            })
            .sort((one, other) => one.at - other.at);
          const told = play(cost, settings, context, { arrivals, until: midnight + 30 * 86_400_000 });
          let parts = 0n;
          for (const milliWh of byTime.values()) parts += BigInt(milliWh) * BigInt(price);
          const shown = settled(told, "latest") as Record<string, Record<string, { value: unknown }>>;
          const minor = shown["usage/m/cost/month"]?.["costMinor"]?.value as number;
          // Within half a minor unit, in whole numbers.
          const error = 2n * (BigInt(minor) * 1_000_000_000n - parts);
          expect(error >= -1_000_000_000n && error <= 1_000_000_000n).toBe(true);
        },
      ),
    );
  });

  it("is the same in whatever order quarter-hours and prices come", () => {
    const settings = costSettings.parse({
      tariffs: [{ accounts: ["m"], currency: "EUR", import: { dynamic: true }, prices: "energy/spot" }],
    });
    const readings: Reading[] = Array.from({ length: 12 }, (_, n) => [
      quarter(midnight + n * quarterMs, 1_000 + n, 0).reading,
      {
        domain: "energy" as const,
        device: "spot",
        time: midnight - n,
        values: { startsAt: isoTime(midnight + n * quarterMs), priceMinorPerMwh: 10_000 * n - 20_000 },
      },
    ]).flat();
    const run = (order: readonly Reading[]) => {
      const arrivals = order.map((reading, index) => ({
        at: midnight + 86_400_000 + index * 1_000,
        reading,
      }));
      return settled(play(cost, settings, context, { arrivals, until: midnight + 3 * 86_400_000 }), "latest");
    };
    fc.assert(
      fc.property(fc.shuffledSubarray(readings, { minLength: readings.length }), (order) => {
        expect(run(order)).toEqual(run(readings));
      }),
    );
  });

  it("does not take its own word for use", () => {
    const settings = costSettings.parse({
      tariffs: [{ accounts: ["+", "+/+"], currency: "EUR", import: { minorPerMwh: 1 } }],
    });
    const told = play(cost, settings, context, {
      arrivals: [quarter(midnight, 5, midnight)],
      until: midnight + 86_400_000,
    });
    const again = told.map((reading) => ({ at: midnight, reading }));
    expect(told.map(topicOf)).toEqual(["usage/m/cost/day", "usage/m/cost/month"]);
    expect(play(cost, settings, context, { arrivals: again, until: midnight + 86_400_000 })).toEqual([]);
  });

  it.each([
    [{ accounts: ["a/#"] }, "tariffs.0.accounts.0:"],
    [{ timezone: "Nowhere" }, 'tariffs.0.timezone: "Nowhere" is not an IANA zone'],
    [{ import: { dynamic: true } }, "tariffs.0.import.dynamic: there are neither"],
  ])("says what is wrong with %j", (more, problem) => {
    const settings = costSettings.parse({ tariffs: [{ accounts: ["m"], currency: "EUR", ...more }] });
    expect(cost.problem?.(settings)).toContain(problem);
  });
});
