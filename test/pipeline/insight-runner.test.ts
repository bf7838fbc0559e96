import { rm } from "node:fs/promises";
import * as fc from "fast-check";
import { describe, expect, it, onTestFinished } from "vitest";
import { z } from "zod";
import type { Insight } from "../../src/insights/insight.ts";
import { presence } from "../../src/insights/presence.ts";
import type { Log, LogRecord } from "../../src/log/contract.ts";
import type { LogEngine } from "../../src/log/engine.ts";
import type { Reading } from "../../src/model/reading.ts";
import { topicParts } from "../../src/model/topic.ts";
import { silentLogger } from "../../src/observe/log.ts";
import { type InsightOptions, startInsights } from "../../src/pipeline/insight-runner.ts";
import { encodeState } from "../../src/pipeline/insight-state.ts";
import { play } from "../insights/fixtures.ts";
import { append, open, readAll, reading, TestClock, TestedEngine, t0, until } from "../log/harness.ts";
import { memoryEngine, sqliteIn, temporaryFolder } from "../log/place.ts";

const context = { timezone: null, files: new Map() };

/** Counts the readings of each device, and says so with every second one, as `usage/<device>`. */
const counting: Insight<object, Map<string, number>> = {
  name: "counting",
  description: "Counts",
  onByDefault: false,
  settings: z.strictObject({}),
  writes: ["usage"],
  reads: () => ["#"],
  stateVersion: 1,
  start: () => new Map(),
  create: (_settings, counts) => ({
    reduce: ({ device, time, values }, emit) => {
      if (values["fail"] === true) throw new Error("a value it does not like");
      const count = (counts.get(device) ?? 0) + 1;
      counts.set(device, count);
      if (count % 2 === 0) emit({ domain: "usage", device, time, values: { count } });
    },
  }),
};

interface Life {
  readonly log: Log;
  readonly insights: ReturnType<typeof startInsights>;
}

async function live(
  engine: LogEngine,
  insight: Insight,
  options: Partial<InsightOptions> = {},
  clock = new TestClock(),
): Promise<Life> {
  const log = await open(engine, { gatherMs: 0 }, clock);
  const settings = insight.settings.parse({});
  const insights = startInsights([{ insight, settings, context }], log, silentLogger, {
    tickMs: 5,
    retryMs: 5,
    ...options,
  });
  onTestFinished(async () => {
    await insights.close();
    await log.close();
  });
  return { log, insights };
}

const caughtUp = ({ log, insights }: Life) =>
  until(() => insights.figures().every(({ seq }) => seq === log.head));

async function counts(log: Log): Promise<unknown[]> {
  const records = await readAll(log, log.oldest - 1);
  return records.filter(isDerived).map(({ topic, values }) => [topic.name, values["count"]]);
}

function isDerived({ topic }: LogRecord): boolean {
  return topic.name.startsWith("usage/") || topic.name.startsWith("presence/gps/");
}

describe("an insight's readings", () => {
  it("stand in the log behind what they follow from, at the time of that", async () => {
    const life = await live(memoryEngine(), counting);
    await append(life.log, reading("a"), reading("a", { lat: 1 }, t0 - 7), reading("b"));
    await until(() => life.log.head === 4);
    const [record] = (await readAll(life.log, 0)).filter(isDerived);
    expect(record).toMatchObject({ seq: 4, topic: { name: "usage/a" }, time: t0 - 7, values: { count: 2 } });
    await caughtUp(life);
    // `#` does not feed it with what it said.
    expect(life.insights.figures()).toMatchObject([{ runs: true, read: 3, made: 1, missed: 0 }]);
  });

  it("are made of what the ring already has when it is new", async () => {
    const engine = memoryEngine();
    const log = await open(engine);
    await append(log, reading("a"), reading("a"), reading("a"), reading("a"));
    await log.close();
    const life = await live(engine, counting);
    await until(() => life.log.head === 6);
    expect(await counts(life.log)).toEqual([
      ["usage/a", 2],
      ["usage/a", 4],
    ]);
  });

  it("wait for a log that takes nothing, and come once", async () => {
    const engine = new TestedEngine(memoryEngine());
    const life = await live(engine, counting);
    await append(life.log, reading("a"));
    engine.hold();
    const second = append(life.log, reading("a"));
    await until(() => engine.batches.length === 2);
    engine.release();
    await second;
    engine.fail("no room", 4);
    await until(() => life.log.head === 3);
    await caughtUp(life);
    expect(await counts(life.log)).toEqual([["usage/a", 2]]);
  });

  it("are made of days of the ring without a state saved for every minute of them", async () => {
    const engine = new TestedEngine(memoryEngine());
    const clock = new TestClock();
    const log = await open(engine, {}, clock);
    for (let minute = 0; minute < 100; minute++) {
      await append(log, reading("a"));
      clock.time += 60_000;
    }
    await log.close();
    const life = await live(engine, counting, { pageBytes: 60, saveReadings: 40 }, clock);
    const saved = () =>
      engine.batches.flatMap(({ progress }) => progress).filter(({ state }) => state).length;
    await until(() => life.log.head === 150);
    await caughtUp(life);
    const atHead = saved();
    expect([1, 2]).toContain(atHead);
    // At the head a minute is one.
    clock.time += 60_000;
    await until(() => saved() === atHead + 1);
  });

  it("come with a state that is saved the more rarely the larger it is", async () => {
    const engine = new TestedEngine(memoryEngine());
    const clock = new TestClock();
    const life = await live(engine, counting, { saveBytes: 1 }, clock);
    const states = () =>
      engine.batches.flatMap(({ progress }) => progress).flatMap(({ state }) => state ?? []);
    await append(life.log, reading("a"), reading("a"));
    await until(() => life.log.head === 3);
    clock.time += 60_000;
    await until(() => states().length === 1);
    const minutes = states()[0]?.length as number;
    clock.time += (minutes - 1) * 60_000;
    await append(life.log, reading("a"), reading("a"));
    await until(() => life.log.head === 6);
    expect(states()).toHaveLength(1);
    clock.time += 60_000;
    await until(() => states().length === 2);
  });

  const oneByOne = { pageBytes: 1, gatherReadings: 1 };

  async function withHistory(engine: LogEngine, ...readings: Reading[]): Promise<void> {
    const log = await open(engine);
    await append(log, ...readings);
    await log.close();
  }

  it("follow from what comes next while they are being stored, and come in order", async () => {
    const engine = new TestedEngine(memoryEngine());
    const readings = Array.from({ length: 10 }, (_, n) => reading("a", { n }));
    await withHistory(engine, ...readings);
    const before = engine.batches.length;
    engine.hold();
    const life = await live(engine, counting, oneByOne);
    await until(() => life.insights.figures()[0]?.read === 4);
    // One is with the store and the next waits for it, so that no more than that is ever kept.
    expect(engine.batches.length).toBe(before + 1);
    expect(life.insights.figures()).toMatchObject([{ read: 4, made: 0 }]);
    engine.release();
    await until(() => life.log.head === 15);
    expect(await counts(life.log)).toEqual([2, 4, 6, 8, 10].map((count) => ["usage/a", count]));
  });

  it("that the store does not take before the end come once in the next life", async () => {
    const engine = new TestedEngine(memoryEngine());
    await withHistory(engine, ...Array.from({ length: 6 }, (_, n) => reading("a", { n })));
    engine.fail("no room");
    const life = await live(engine, counting, oneByOne);
    await until(() => life.insights.figures()[0]?.read === 4);
    await life.insights.close();
    await life.log.close();
    engine.fail(null);
    const next = await live(engine, counting, oneByOne);
    await until(() => next.log.head === 9);
    await caughtUp(next);
    expect(await counts(next.log)).toEqual([2, 4, 6].map((count) => ["usage/a", count]));
  });

  it("that were made before it failed count as made, though they were not stored by then", async () => {
    const engine = new TestedEngine(memoryEngine());
    await withHistory(engine, reading("a"), reading("a"), reading("a", { fail: true }));
    engine.hold();
    const before = engine.batches.length;
    const life = await live(engine, counting, oneByOne);
    await until(() => engine.batches.length === before + 1);
    engine.release();
    await until(() => life.insights.warnings().length === 1);
    expect(life.insights.figures()).toMatchObject([{ runs: false, made: 1 }]);
    expect(await counts(life.log)).toEqual([["usage/a", 2]]);
  });

  it("that the log cannot take are counted and take no others with them", async () => {
    const log = await open(memoryEngine(), { gatherMs: 0, maxTopics: 3 });
    const insights = startInsights([{ insight: counting, settings: {}, context }], log, silentLogger);
    onTestFinished(async () => {
      await insights.close();
      await log.close();
    });
    await append(log, reading("a"), reading("b"), reading("a"), reading("b"), reading("a"), reading("a"));
    await until(() => insights.figures()[0]?.lag === 0 && log.head === 8);
    expect(await counts(log)).toEqual([
      ["usage/a", 2],
      ["usage/a", 4],
    ]);
    expect(insights.figures()).toMatchObject([{ made: 2, refused: 1 }]);
  });
});

describe("an insight that fails", () => {
  it.each([
    ["throws", counting, reading("a", { fail: true }), "a value it does not like"],
    [
      "writes where it said it would not",
      { ...counting, writes: ["trips"] as const },
      reading("a"),
      "it wrote to usage/a, and `writes` does not name usage",
    ],
  ])("because it %s is stopped and named, and everything else flows on", async (_what, insight, bad, why) => {
    const life = await live(memoryEngine(), insight);
    await append(life.log, reading("a"));
    await append(life.log, bad);
    await until(() => life.insights.warnings().length === 1);
    expect(life.insights.warnings()[0]).toContain(`insight counting: stopped after an error: ${why}`);
    await append(life.log, reading("b"), reading("b"));
    expect(life.insights.figures()).toMatchObject([{ runs: false, made: 0 }]);
    expect(life.log.head).toBe(4);
  });
});

describe("after a restart", () => {
  it("a state of another version is made anew from the log, and nothing is said twice", async () => {
    const engine = memoryEngine();
    const first = await live(engine, counting, { saveReadings: 1 });
    await append(first.log, reading("a"), reading("a"), reading("a"));
    await until(() => first.log.head === 4);
    await caughtUp(first);
    await first.insights.close();
    await first.log.close();
    const second = await live(engine, { ...counting, stateVersion: 2 });
    await append(second.log, reading("a"));
    await until(() => second.log.head === 6);
    expect(await counts(second.log)).toEqual([
      ["usage/a", 2],
      ["usage/a", 4],
    ]);
  });

  const refuse: typeof counting.create = () => {
    throw new Error("not a Map");
  };
  it.each([
    ["as it is handed over", refuse],
    ["with the next reading", counting.create],
  ])(
    "a state that it cannot use, which shows %s, is made anew, and nothing is said twice",
    async (_when, useOther) => {
      const engine = memoryEngine();
      const first = await live(engine, counting);
      await append(first.log, reading("a"), reading("a"), reading("a"));
      await until(() => first.log.head === 4);
      await caughtUp(first);
      await first.insights.close();
      const state = encodeState(1, ["of another form"]);
      await first.log.append({ readings: [], progress: { name: "counting", seq: 4, time: t0, state } });
      await first.log.close();
      const other: typeof counting = {
        ...counting,
        create: (settings, counts, given) =>
          (counts instanceof Map ? counting.create : useOther)(settings, counts, given),
      };
      const second = await live(engine, other);
      await append(second.log, reading("a"));
      await until(() => second.log.head === 6);
      expect(await counts(second.log)).toEqual([
        ["usage/a", 2],
        ["usage/a", 4],
      ]);
      expect(second.insights.warnings()).toEqual([]);
      expect(second.insights.figures()).toMatchObject([{ runs: true }]);
    },
  );

  it("of a log that lost its newest records, it goes on behind what is left", async () => {
    const engine = memoryEngine();
    const log = await open(engine);
    await append(log, reading("a"));
    const state = encodeState(1, new Map([["a", 3]]));
    await log.append({ readings: [], progress: { name: "counting", seq: 90, time: t0, state } });
    await log.close();
    const life = await live(engine, counting);
    await append(life.log, reading("a"));
    await until(() => life.log.head === 3);
    expect(await counts(life.log)).toEqual([["usage/a", 4]]);
  });

  it("what the ring dropped meanwhile is counted as missed", async () => {
    const engine = memoryEngine({ maxBytes: 2_000 });
    const first = await live(engine, counting);
    await append(first.log, reading("a"));
    await caughtUp(first);
    await first.insights.close();
    await first.log.close();
    const between = await open(engine, { latestCheckpointBytes: 1 });
    for (let i = 0; i < 200; i++) await append(between, reading("b"));
    const { oldest } = between;
    await between.close();
    expect(oldest).toBeGreaterThan(2);
    const second = await live(engine, counting);
    await caughtUp(second);
    expect(second.insights.figures()[0]?.missed).toBe(oldest - 2);
    expect(second.insights.figures()[0]?.runs).toBe(true);
  });

  it("SQLite knows the state too", async () => {
    const folder = await temporaryFolder();
    onTestFinished(() => rm(folder, { recursive: true, force: true }));
    for (let life = 1; life <= 3; life++) {
      const { log, insights } = await live(sqliteIn(folder), counting);
      await append(log, reading("a"));
      await caughtUp({ log, insights });
      expect(insights.figures()[0]?.read).toBe(1);
      await insights.close();
      await log.close();
    }
    const last = await open(sqliteIn(folder));
    expect(await counts(last)).toEqual([["usage/a", 2]]);
    await last.close();
  });

  const quick = {
    staleAfterIntervals: 1,
    minStaleS: 0.02,
    assumedIntervalS: 0.03,
    minOfflineS: 0.1,
    refreshS: 0.05,
  };

  /** What happens to a gateway: readings come, time goes by, it ends in an orderly way or at once. */
  const story = fc.array(
    fc.oneof(
      {
        weight: 5,
        arbitrary: fc.record({
          kind: fc.constant("readings"),
          devices: fc.array(fc.nat(3), { minLength: 1, maxLength: 6 }),
        }),
      },
      {
        weight: 3,
        arbitrary: fc.record({ kind: fc.constant("time"), ms: fc.integer({ min: 1, max: 150 }) }),
      },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant("restart") }) },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant("kill") }) },
    ) as fc.Arbitrary<{ kind: string; devices?: number[]; ms?: number }>,
    { maxLength: 25 },
  );

  it("everything is said once, as if there had been none, for any story", async () => {
    await fc.assert(
      fc.asyncProperty(story, fc.integer({ min: 1, max: 20 }), async (steps, saveReadings) => {
        const engine = new TestedEngine(memoryEngine());
        const clock = new TestClock();
        const settings = presence.settings.parse(quick);
        const start = async () => {
          const log = await open(engine, { gatherMs: 0 }, clock);
          const options = { tickMs: 2, retryMs: 2, saveReadings, pageBytes: 60, gatherReadings: 3 };
          const insights = startInsights(
            [{ insight: presence, settings, context }],
            log,
            silentLogger,
            options,
          );
          return { log, insights };
        };
        const stop = async ({ log, insights }: Life) => {
          await insights.close();
          await log.close();
          engine.fail(null);
        };
        let life = await start();
        for (const { kind, devices = [], ms = 0 } of steps) {
          if (kind === "readings")
            await append(life.log, ...devices.map((n) => reading(`d${n}`, { n }, clock.time - n)));
          else if (kind === "time") {
            clock.time += ms;
            // Sometimes the insight sees it at once, sometimes not before the next step.
            if (ms % 2 === 0) await caughtUp(life);
          } else {
            // Nothing more is stored, as when the process is gone.
            if (kind === "kill") engine.fail("killed");
            await stop(life);
            life = await start();
          }
        }
        clock.time += 10_000;
        const records = await readAll(life.log, 0);
        const arrivals = records.filter((record) => !isDerived(record)).map(arrivalOf);
        const expected = play(presence, settings, context, { arrivals, until: clock.time });
        const said = async () => (await readAll(life.log, 0)).filter(isDerived);
        await until(async () => (await said()).length >= expected.length);
        await caughtUp(life);
        expect(
          (await said()).map(({ time, topic, values }) => ({ time, topic: topic.name, values })),
        ).toEqual(
          expected.map(({ time, device, values }) => ({ time, topic: `presence/${device}`, values })),
        );
        await stop(life);
      }),
      { numRuns: Number(process.env["FIELDCAST_INSIGHT_RUNS"] ?? 40) },
    );
  });
});

function arrivalOf({ committedAt = Number.NaN, topic, time, values }: LogRecord) {
  const parts = topicParts(topic.name, topic.channelAt);
  return { at: committedAt, reading: { ...parts, time, values } as unknown as Reading };
}
