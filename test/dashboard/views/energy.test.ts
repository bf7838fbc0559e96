import { expect, it } from "vitest";
import { accountsOf, barsOf, energyWords, figuresOf, gapsOf } from "../../../src/dashboard/views/energy.ts";
import { at, row, rowsByTopic, start } from "./rows.ts";

const hourMs = 3_600_000;

function hour(n: number, importWh: number | null, gapS = 0) {
  return { time: start + n * hourMs, values: { importWh, exportWh: 0, lengthS: 3_600, gapS } };
}

it("makes bars of the periods that were over, the last word for each, with what is usual", () => {
  const told = [hour(0, 400), hour(2, 500), hour(1, 300, 900), hour(0, 450), hour(3, 700)];
  const usual = new Map([[start + 2 * hourMs, { usualWh: 480 }]]);
  const bars = barsOf(told, usual, start + 3.5 * hourMs, 10);
  expect(bars.map(({ importWh, usualWh, gapShare }) => [importWh, usualWh, gapShare])).toEqual([
    [450, null, 0],
    [300, null, 0.25],
    [500, 480, 0],
  ]);
  expect(barsOf(told, usual, start + 9 * hourMs, 2).map(({ importWh }) => importWh)).toEqual([500, 700]);
});

it("shows what nothing was told of as a gap, and not as nothing used", () => {
  const bars = barsOf([hour(0, 400), hour(1, null, 3_600), hour(4, 300)], new Map(), start + 9 * hourMs, 10);
  expect(bars[1]).toMatchObject({ importWh: null, gapShare: 1 });
  expect(gapsOf(bars)).toEqual([{ start: start + 2 * hourMs, end: start + 4 * hourMs }]);
});

it("has no gap where a day is an hour shorter", () => {
  const day = (time: number, lengthS: number) => ({ time, values: { importWh: 1, lengthS, gapS: 0 } });
  const days = [day(start, 82_800), day(start + 82_800_000, 86_400)];
  expect(gapsOf(barsOf(days, new Map(), start + 200_000_000, 10))).toEqual([]);
});

it("gathers the figures of an account, and leaves open what is not known", () => {
  const usage = rowsByTopic([
    row("usage/meter-10/now", { hourImportWh: 1 }),
    row("usage/meter-9/now", { hourImportWh: 1 }),
    row("usage/sites/house/now", { quarterHourImportWh: 51, todayImportWh: 24_850, todaySelfUseWh: null }),
    row("usage/sites/house/normal", { todayDeviationPct: -12, usualTodayWh: 28_000 }),
    row("usage/sites/house/standby", { standbyW: 168, sharePct: 16 }),
    row(
      "usage/sites/house/day",
      { timezone: "Europe/Helsinki", peakDemandW: 4_200, peakAt: at(-3_600) },
      -16 * 3_600,
    ),
    row("usage/sites/house/month", { peakDemandW: null, peakAt: null }),
    row("usage/sites/house/cost/day", { currency: "EUR", costMinor: 583 }),
    row("usage/sites/house/cost/month", { currency: "JPY", costMinor: 583 }),
  ]);
  expect(accountsOf(usage.values())).toEqual([
    { id: "sites/house", name: "house", isSite: true },
    { id: "meter-9", name: "meter-9", isSite: false },
    { id: "meter-10", name: "meter-10", isSite: false },
  ]);
  expect(figuresOf(usage, "sites/house", "en")).toMatchObject({
    quarterHourWh: 51,
    hourWh: null,
    todayWh: 24_850,
    todaySelfUseWh: null,
    todayCost: "€5.83",
    monthCost: "¥583",
    todayDeviationPct: -12,
    standbyW: 168,
    dayPeak: { powerW: 4_200, at: start - hourMs },
    monthPeak: null,
    timezone: "Europe/Helsinki",
  });
  expect(figuresOf(usage, "meter-9", "en")).toMatchObject({ hourWh: 1, todayCost: null, standbyW: null });
});

it.each([
  [null, "–"],
  [840, "840 Wh"],
  [12_345, "12.35 kWh"],
  [410_400, "410 kWh"],
  [2_340_000, "2.34 MWh"],
])("writes %s Wh as %s", (wh, words) => {
  expect(energyWords(wh)).toBe(words);
});
