import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { configSchema } from "../../src/app/config.ts";
import { insightsProblem } from "../../src/app/insight-config.ts";
import type { Insight } from "../../src/insights/insight.ts";
import { allInsights } from "../../src/insights/registry.ts";
import { matchesFilter } from "../../src/model/filter.ts";
import { isoTime, type Reading } from "../../src/model/reading.ts";
import { topicOf } from "../../src/model/topic.ts";
import { checkReadings } from "../../src/pipeline/check.ts";
import {
  arrivalsOf,
  contextOf,
  fixturesOf,
  type InsightFixture,
  play,
  settled,
  shuffled,
} from "./fixtures.ts";

/** Cases per property and fixture; a variable asks for more. */
const numRuns = Number(process.env["FIELDCAST_INSIGHT_RUNS"] ?? 25);

function settingsOf(insight: Insight, fixture: InsightFixture): unknown {
  const config = configSchema.parse({ insights: { [insight.name]: fixture.settings ?? {} } });
  expect(insightsProblem(config.insights)).toBeNull();
  return insight.settings.parse(fixture.settings ?? {});
}

function rowOf({ time, ...rest }: Reading): object {
  return { ...rest, time: isoTime(time) };
}

/** Numbers from 0 to 1 that a seed decides (mulberry32). */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

describe.each(allInsights.map((insight) => ({ name: insight.name, insight })))(
  "$name",
  ({ name, insight }) => {
    it("has a fixture, a name for the config, and words for each of its settings", () => {
      expect(fixturesOf(name).length).toBeGreaterThan(0);
      expect(name).toMatch(/^[a-z][a-zA-Z]*$/);
      expect(insight.description).not.toMatch(/[.|]$/);
      const undescribed = Object.entries(insight.settings.shape).filter(([, schema]) => !schema.description);
      expect(undescribed.map(([key]) => key)).toEqual([]);
      expect(Object.keys(insight.settings.shape)).not.toContain("enabled");
    });

    describe.each(fixturesOf(name))("$file", (fixture) => {
      const settings = settingsOf(insight, fixture);
      const context = contextOf(fixture);
      const arrivals = arrivalsOf(fixture);
      const until = Date.parse(fixture.until);
      const run = (more: Partial<Parameters<typeof play>[3]> = {}) =>
        play(insight, settings, context, { arrivals, until, ...more });
      const whole = run();

      it("gives what was checked by hand", () => {
        expect(whole.map(rowOf)).toEqual(fixture.expected);
      });

      it("reads what the fixture has, and makes what the log can take, below its own first levels", () => {
        const filters = insight.reads(settings);
        const unread = arrivals.filter(
          ({ reading }) => !filters.some((filter) => matchesFilter(filter, topicOf(reading))),
        );
        expect(unread).toEqual([]);
        expect(checkReadings(whole).problem).toBeNull();
        for (const { domain } of whole) expect(insight.writes).toContain(domain);
      });

      it("does not depend on how often time is told", () => {
        const first = arrivals[0]?.at ?? until;
        const ticks = fc.array(fc.integer({ min: first, max: until }), { maxLength: 40 });
        const holds = fc.property(ticks, (ticks) => {
          expect(run({ ticks: ticks.sort((a, b) => a - b) })).toEqual(whole);
        });
        fc.assert(holds, { numRuns });
      });

      it("goes on after a restart as if there was none", () => {
        const places = fc.array(fc.nat(arrivals.length), { minLength: 1, maxLength: 5 });
        const holds = fc.property(places, (places) => {
          expect(run({ restarts: new Set(places) })).toEqual(whole);
        });
        fc.assert(holds, { numRuns });
      });

      const what = fixture.settled ?? "latest";

      it("settles on the same when readings come twice", () => {
        const twice = arrivals.flatMap((arrival) => [arrival, arrival]);
        expect(settled(run({ arrivals: twice }), what)).toEqual(settled(whole, what));
      });

      it("settles on the same in whatever order readings come", () => {
        const lateMs = 1_000 * (fixture.lateS ?? 60);
        const how = { lateMs, within: fixture.shuffle ?? "all" };
        const settles = (random: () => number) =>
          settled(run({ arrivals: shuffled(arrivals, how, random), until: until + lateMs }), what);
        const expected = settles(() => 0);
        const holds = fc.property(fc.integer(), (seed) => {
          expect(settles(randomOf(seed))).toEqual(expected);
        });
        fc.assert(holds, { numRuns });
      });
    });
  },
);
