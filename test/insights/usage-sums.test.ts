import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { alerts } from "../../src/insights/alerts.ts";
import { usage } from "../../src/insights/usage.ts";
import { usageNormal } from "../../src/insights/usage-normal.ts";
import type { Reading, Values } from "../../src/model/reading.ts";
import { topicOf } from "../../src/model/topic.ts";
import { arrivalsOf, contextOf, fixturesOf, play, settled } from "./fixtures.ts";

const minuteMs = 60_000;
const noon = Date.UTC(2026, 10, 22, 12);
const context = { timezone: null, files: new Map<string, Uint8Array>() };

interface Seen {
  readonly minute: number;
  readonly device: string;
  readonly values: Values;
  readonly channel?: string;
  /** When it comes, if later. */
  readonly came?: number;
}

function run(seen: readonly Seen[], settings: object): Reading[] {
  const arrivals = seen
    .map(({ minute, came = minute, ...rest }) => ({
      at: noon + came * minuteMs,
      reading: { domain: "energy", time: noon + minute * minuteMs, ...rest } as const,
    }))
    .sort((one, other) => one.at - other.at);
  const until = (arrivals.at(-1)?.at ?? noon) + minuteMs;
  return play(usage, usage.settings.parse(settings), context, { arrivals, until });
}

function shown(readings: readonly Reading[], topic: string, minute: number): Values | undefined {
  const time = noon + minute * minuteMs;
  return readings.findLast((reading) => topicOf(reading) === topic && reading.time === time)?.values;
}

/** A reading each five minutes. */
function every(untilMinute: number, device: string, values: (n: number) => Values, channel?: string): Seen[] {
  return Array.from({ length: untilMinute / 5 + 1 }, (_, n) => {
    const seen = { minute: 5 * n, device, values: values(n) };
    return channel === undefined ? seen : { ...seen, channel };
  });
}

describe("a site", () => {
  it("adds energy to energy, also where one meter tells power only and another one both", () => {
    const seen = [
      ...every(60, "counts", (n) => ({ energyImportWh: 100_000 + 100 * n, powerW: 1_200 })),
      ...every(60, "tells-power", () => ({ powerW: 600 })),
      ...every(60, "feeds-in", () => ({ powerW: -120 })),
    ];
    const told = run(seen, { sites: [{ name: "home", grid: ["energy/+"] }] });
    // 1,200 W and 600 W for an hour, and 120 W the other way.
    expect(shown(told, "usage/sites/home/hour", 0)).toMatchObject({
      importWh: 1_800,
      exportWh: 120,
      meters: 3,
      incompleteMeters: 0,
      gapS: 0,
      estimatedS: 3_600,
    });
  });

  it("adds up phases where nobody tells the total, and each phase by itself", () => {
    const phases = ["L1", "L2", "L3"].flatMap((phase, index) =>
      every(60, "grid", (n) => ({ energyImportWh: 10 * (index + 1) * n }), phase),
    );
    const told = run(phases, { sites: [{ name: "home", grid: ["energy/grid/+"] }] });
    expect(shown(told, "usage/sites/home/hour", 0)).toMatchObject({ importWh: 720, meters: 3 });
    expect(shown(told, "usage/sites/home/L3/hour", 0)).toMatchObject({ importWh: 360, meters: 1 });
  });

  it("is told once for all its meters, each of which has its own second, and does not wait for one that is silent", () => {
    const meters = ["a", "b", "c"].flatMap((device, index) =>
      Array.from({ length: 17 }, (_, n) => ({
        minute: n + index / 3,
        device,
        values: { energyImportWh: 10 * n },
      })),
    );
    const settings = { sites: [{ name: "home", grid: ["energy/+"] }] };
    const quarterHours = (seen: readonly Seen[]) =>
      run(seen, settings)
        .filter(({ device, channel }) => device === "sites/home" && channel === "quarterHour")
        .map(({ values }) => [values["meters"], values["incompleteMeters"]]);
    // b and c are known from 20 s and 40 s on.
    expect(quarterHours(meters)).toEqual([[3, 2]]);
    const isHeard = ({ device, minute }: Seen) => device !== "c" || minute < 10;
    expect(quarterHours(meters.filter(isHeard))).toEqual([[3, 2]]);
  });

  it("has another peak when a buffer that comes after midnight shows that it was another quarter-hour", () => {
    const hour = 60;
    const counts = (minute: number) =>
      minute <= 15 ? 20 * minute : minute <= 30 ? 300 + 60 * (minute - 15) : 1_200;
    const seen = every(60, "m", (n) => ({ energyImportWh: counts(5 * n) })).map((one) =>
      one.minute > 15 && one.minute < 60 ? { ...one, came: 14 * hour } : one,
    );
    const nextDay = { minute: 13 * hour, device: "m", values: { energyImportWh: 1_300 } };
    const told = run([...seen, nextDay], { sites: [{ name: "home", grid: ["energy/m"] }] });
    const peaks = told.flatMap(({ device, channel, values }) =>
      device === "sites/home" && channel === "day" ? [[values["peakDemandW"], values["peakAt"]]] : [],
    );
    // 300 Wh in the first quarter-hour; then it is known that there were 900 in the next one.
    expect(peaks).toEqual([
      [1_200, "2026-11-22T12:00:00.000Z"],
      [3_600, "2026-11-22T12:15:00.000Z"],
    ]);
  });
});

describe("sums", () => {
  it("are the same however the readings are paced, and whichever meter was heard first", () => {
    const topics = [
      ["a", undefined],
      ["b", undefined],
      ["k/1", "L1"],
      ["k/1", "L2"],
      ["k/1", "total"],
      ["k/2", undefined],
    ] as const;
    const step = fc.record({
      topic: fc.constantFrom(...topics),
      minute: fc.integer({ min: 0, max: 90 }),
      order: fc.nat(),
    });
    const settings = usage.settings.parse({
      lateS: 3_600,
      refreshS: 86_400,
      sites: [
        {
          name: "home",
          grid: ["energy/a", "energy/b"],
          groups: [{ name: "kitchen", meters: ["energy/k/+", "energy/k/+/+"] }],
        },
      ],
    });
    fc.assert(
      fc.property(fc.array(step, { minLength: 2, maxLength: 60 }), (steps) => {
        const all = [
          ...steps,
          // Everybody is heard in the end, and tells that the last period is over.
          ...topics.map((topic) => ({ topic, minute: 121, order: 0 })),
        ];
        const readings = all.map(({ topic: [device, channel], minute, order }) => ({
          order,
          reading: {
            domain: "energy" as const,
            device,
            ...(channel !== undefined && { channel }),
            time: noon + minute * minuteMs,
            values: { energyImportWh: minute * (channel === "total" ? 30 : 10) },
          } satisfies Reading,
        }));
        const live = readings
          .map(({ reading }) => ({ at: reading.time, reading }))
          .sort((one, other) => one.at - other.at);
        const atOnce = readings
          .toSorted((one, other) => one.order - other.order)
          .map(({ reading }, n) => ({ at: noon + 180 * minuteMs + n, reading }));
        const [paced, quick] = [live, atOnce].map((arrivals) => {
          const told = play(usage, settings, context, { arrivals, until: noon + 240 * minuteMs });
          return settled(
            told.filter(({ channel }) => channel !== "now"),
            "history",
          );
        });
        expect(quick).toEqual(paced);
      }),
    );
  });
});

it("a day on which summer time begins has 23 hours, and all of its energy", () => {
  const begin = Date.UTC(2026, 2, 28, 22);
  const arrivals = Array.from({ length: 27 * 4 }, (_, n) => {
    const time = begin + n * 15 * minuteMs;
    return {
      at: time,
      reading: { domain: "energy", device: "m", time, values: { energyImportWh: 10 * n } } as const,
    };
  });
  const settings = usage.settings.parse({ timezone: "Europe/Berlin" });
  const until = begin + 30 * 3_600_000;
  const told = play(usage, settings, context, { arrivals, until });
  const day = told.findLast(({ channel, time }) => channel === "day" && time === Date.UTC(2026, 2, 28, 23));
  expect(day?.values).toMatchObject({ importWh: 920, lengthS: 82_800, gapS: 0, estimatedS: 0 });
  const hours = told.filter(
    ({ channel, time }) =>
      channel === "hour" && time >= Date.UTC(2026, 2, 28, 23) && time < Date.UTC(2026, 2, 29, 22),
  );
  expect(hours).toHaveLength(23);
  expect(hours.every(({ values }) => values["importWh"] === 40 && values["gapS"] === 0)).toBe(true);
});

it("a rule on how far an hour is from the usual tells anomalies, of what the insight found", () => {
  const [fixture] = fixturesOf("usageNormal");
  if (fixture === undefined) throw new Error("usageNormal has no fixture");
  const settings = usageNormal.settings.parse(fixture.settings ?? {});
  const until = Date.parse(fixture.until);
  const found = play(usageNormal, settings, contextOf(fixture), { arrivals: arrivalsOf(fixture), until });
  const rule = { name: "unusual", filter: "usage/#", field: "deviationPct", above: 50, severity: "warning" };
  const arrivals = found.map((reading) => ({ at: until, reading }));
  const told = play(alerts, alerts.settings.parse({ rules: [rule] }), context, {
    arrivals,
    until: until + minuteMs,
  });
  // 80 % above the usual 500 Wh, and 0 % in the next hour. Then it is corrected to 50 % above 600 Wh: it never was above.
  expect(told.map(({ values: { state, value, firedAt } }) => [state, value, firedAt === null])).toEqual([
    ["firing", 80, false],
    ["resolved", 0, false],
    ["resolved", null, true],
    ["resolved", null, true],
  ]);
});
