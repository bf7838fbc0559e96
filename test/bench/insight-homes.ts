import { cost } from "../../src/insights/cost.ts";
import { standby } from "../../src/insights/standby.ts";
import { usageNormal } from "../../src/insights/usage-normal.ts";
import type { Reading } from "../../src/model/reading.ts";
import {
  dayMs,
  dayStart,
  each,
  hourMs,
  type InsightDay,
  minuteMs,
  quarterMs,
  rounded,
  secondMs,
} from "./insight-day.ts";

/** Watts of a household: more in the evening, a fridge that comes and goes. */
export function wattsOf(device: number, time: number): number {
  const hour = ((time - dayStart) / hourMs) % 24;
  const evening = Math.max(0, Math.sin(((hour - 12) / 12) * Math.PI)) * 3_000;
  const fridge = (time / minuteMs + device * 11) % 40 < 15 ? 120 : 0;
  return Math.round(80 + evening * (1 + (device % 7) / 7) + fridge);
}

/** What `usage` tells of households: everything that has ended, a few seconds after its end. */
function* usageOf(from: number, to: number, periods: readonly [channel: string, ms: number][]) {
  for (let at = from; at < to; at += quarterMs) {
    const readings: Reading[] = [];
    for (const [channel, ms] of periods) {
      const end = at + quarterMs;
      if (end % ms !== 0) continue;
      for (const device of each) {
        const importWh = rounded((wattsOf(device, end - ms) * ms) / hourMs, 3);
        const values = { importWh, exportWh: 0, lengthS: ms / secondMs, gapS: 0, estimatedS: 0 };
        readings.push({ domain: "usage", device: `sites/home-${device}`, channel, time: end - ms, values });
      }
    }
    yield { at: at + quarterMs + 10 * secondMs, readings };
  }
}

const quarterHours: [string, number] = ["quarterHour", quarterMs];
const hours: [string, number] = ["hour", hourMs];

export const bills: InsightDay = {
  name: "bills",
  rhythm: "1,000 households, a quarter-hour each 15 minutes",
  insights: [
    {
      insight: cost,
      settings: {
        tariffs: [
          {
            accounts: ["sites/+"],
            currency: "EUR",
            timezone: "UTC",
            import: {
              minorPerMwh: 21_500,
              times: [{ days: ["mon", "sun"], from: "07:00", to: "22:00", minorPerMwh: 28_740 }],
            },
          },
        ],
      },
    },
  ],
  commits: () => usageOf(dayStart, dayStart + dayMs, [quarterHours, ["day", dayMs]]),
};

export const quiet: InsightDay = {
  name: "quiet",
  rhythm: "1,000 households, quarter-hours of the 7 days that are looked at",
  insights: [{ insight: standby, settings: {} }],
  commits: () => usageOf(dayStart - 6 * dayMs, dayStart + dayMs, [quarterHours]),
};

export const habits: InsightDay = {
  name: "habits",
  rhythm: "1,000 households, hours of the 8 weeks that are looked at and a day",
  insights: [{ insight: usageNormal, settings: {} }],
  commits: () => usageOf(dayStart - 56 * dayMs, dayStart + dayMs, [hours]),
};
