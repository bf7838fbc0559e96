import { describe, expect, it, onTestFinished } from "vitest";
import { alerts } from "../../src/insights/alerts.ts";
import { eta } from "../../src/insights/eta.ts";
import { fares } from "../../src/insights/fares.ts";
import { geofence } from "../../src/insights/geofence.ts";
import type { Insight, Shown } from "../../src/insights/insight.ts";
import { allInsights } from "../../src/insights/registry.ts";
import { roads } from "../../src/insights/roads.ts";
import { usage } from "../../src/insights/usage.ts";
import type { Log } from "../../src/log/contract.ts";
import type { LogEngine } from "../../src/log/engine.ts";
import { isoTime, type Reading, type Values } from "../../src/model/reading.ts";
import type { Timetable } from "../../src/model/timetable.ts";
import { topicOf } from "../../src/model/topic.ts";
import { silentLogger } from "../../src/observe/log.ts";
import { type ConfiguredInsight, startInsights } from "../../src/pipeline/insight-runner.ts";
import { decodeState, encodeState } from "../../src/pipeline/insight-state.ts";
import { append, open, readAll, TestClock, t0, until } from "../log/harness.ts";
import { memoryEngine } from "../log/place.ts";
import { arrivalsOf, committed, contextOf, fixturesOf, type InsightFixture } from "./fixtures.ts";

const minuteMs = 60_000;

/** Everything of one run of the gateway that a test looks at. */
interface Life {
  /** By topic, what was told in it. */
  readonly told: Record<string, Values>;
  /** By topic, what stands at its end. */
  readonly shown: Record<string, Values>;
}

interface Start {
  readonly insight: Insight;
  /** Undefined: it is switched off. */
  readonly settings: object | undefined;
  readonly context?: ConfiguredInsight["context"];
  readonly readings?: readonly Reading[];
  /** Whether it ends without saving what it knows. */
  readonly isKilled?: boolean;
}

/** A run of the gateway on the log of `engine`, from start to stop. */
async function live(engine: LogEngine, clock: TestClock, start: Start): Promise<Life> {
  const { insight, settings, readings = [], context = { timezone: null, files: new Map() } } = start;
  const log = await open(engine, { gatherMs: 0, maxRecentReadings: 1_000 }, clock);
  onTestFinished(() => log.close());
  const from = log.head;
  const configured = settings ? [{ insight, settings: insight.settings.parse(settings), context }] : [];
  const off = settings ? [] : [insight];
  const insights = startInsights(configured, log, silentLogger, { tickMs: 5 }, off);
  for (const reading of readings) {
    clock.time = Math.max(clock.time, reading.time);
    await append(log, reading);
    await caughtUp(log, insights);
  }
  clock.time += minuteMs;
  // What only time makes is told with the next readings, so that none need be waited for.
  for (let n = 0; n < 2; n++) {
    await append(log, { domain: "presence", device: "none", time: clock.time, values: { n } });
    await caughtUp(log, insights);
  }
  if (!start.isKilled) await insights.close();
  onTestFinished(() => insights.close());
  const records = (await readAll(log, from)).filter(({ topic }) => isTold(insight, topic.name));
  const told = Object.fromEntries(records.map(({ topic, values }) => [topic.name, values]));
  const latest = log.latest("#").filter(({ topic }) => isTold(insight, topic.name));
  const shown = Object.fromEntries(latest.map(({ topic, values }) => [topic.name, values]));
  await log.close();
  return { told, shown };
}

function isTold({ writes }: Insight, topic: string): boolean {
  return writes.some((domain) => topic.startsWith(`${domain}/`));
}

async function caughtUp(log: Log, insights: ReturnType<typeof startInsights>): Promise<void> {
  await until(() => insights.figures().every(({ seq, runs }) => runs && seq === log.head));
}

/** An insight with the same name whose states of before are of no use. */
function withNewState(insight: Insight): Insight {
  return { ...insight, stateVersion: insight.stateVersion + 1 };
}

function registered({ name }: { readonly name: string }): Insight {
  return allInsights.find((insight) => insight.name === name) as Insight;
}

interface Case {
  readonly what: string;
  readonly insight: Insight;
  readonly before: object;
  readonly after: object;
  readonly readings: readonly Reading[];
  /** What is told when it is taken out. Nothing else is told then. */
  readonly ends: Readonly<Record<string, Values>>;
  /** What stays, and may say something else of it. */
  readonly mayChange?: readonly string[];
  /** What stands again when it is back, and the same is observed again. */
  readonly returns: Readonly<Record<string, Values>>;
  /** Nobody knows of its neighbours either if neither the ring nor a state has anything of them. */
  readonly endsUnknown?: true;
  /** What must stand before, so that there is something to end. */
  readonly stands: Readonly<Record<string, Values>>;
}

const line = [
  [24.9, 60.1],
  [24.95, 60.1],
];
const segment = (name: string) => ({ name, line, freeFlowKmh: 80, sensors: [{ device: name }] });
const route = (name: string) => ({ name, segments: [name] });
const way = (name: string, choice: string) => ({ name: `${choice}-${name}`, segments: [name], choice });
const jammed = Array.from({ length: 5 }, (_, n) =>
  ["a", "b"].map(
    (device): Reading => ({
      domain: "road",
      device,
      time: t0 + n * minuteMs,
      values: { speedKmh: 4, flowVehPerH: 900, intervalS: 60 },
    }),
  ),
).flat();

const watch = { from: "HEL", to: "ARN", currency: "EUR", below: 120 };
const quote: Reading = {
  domain: "fare",
  device: "sim",
  channel: "q",
  time: t0,
  values: {
    quoteId: "q",
    origin: "HEL",
    destination: "ARN",
    currency: "EUR",
    amountMinor: 9_000,
    expiresAt: isoTime(t0 + 600 * minuteMs),
  },
};

const rule = { filter: "energy/#", field: "powerW", above: 100 };
const fence = { circle: { lat: 60, lon: 24, radiusM: 100 } };
const drive = Array.from(
  { length: 8 },
  (_, n): Reading => ({
    domain: "gps",
    device: "van",
    time: t0 + n * minuteMs,
    values: { lat: 60, lon: 24 + 0.005 * n, speedKmh: 17 },
  }),
);
const place = { lat: 60, lon: 24.2 };

const cases: readonly Case[] = [
  {
    what: "a rule",
    insight: registered(alerts),
    before: {
      rules: [
        { name: "one", ...rule },
        { name: "other", ...rule },
      ],
    },
    after: { rules: [{ name: "other", ...rule }] },
    readings: [{ domain: "energy", device: "pump/1", channel: "L1", time: t0, values: { powerW: 200 } }],
    stands: {
      "alerts/rules/one/energy/pump/1/L1": { state: "firing" },
      "alerts/rules/other/energy/pump/1/L1": { state: "firing" },
    },
    returns: { "alerts/rules/one/energy/pump/1/L1": { state: "firing", acknowledgedBy: null } },
    ends: { "alerts/rules/one/energy/pump/1/L1": { state: "resolved", value: 200, acknowledgedBy: null } },
  },
  {
    what: "a topic of a rule",
    insight: registered(alerts),
    before: { rules: [{ name: "one", ...rule }] },
    after: { rules: [{ name: "one", ...rule, filter: "energy/house" }] },
    readings: ["house", "pump"].map((device) => ({
      domain: "energy",
      device,
      time: t0,
      values: { powerW: 200 },
    })),
    stands: { "alerts/rules/one/energy/pump": { state: "firing" } },
    returns: { "alerts/rules/one/energy/pump": { state: "firing", acknowledgedBy: null } },
    ends: { "alerts/rules/one/energy/pump": { state: "resolved" } },
  },
  {
    what: "a watch",
    insight: registered(fares),
    before: {
      watches: [
        { ...watch, name: "one" },
        { ...watch, name: "other" },
      ],
    },
    after: { watches: [{ ...watch, name: "other" }] },
    readings: [quote],
    stands: { "watches/one": { state: "fired" }, "watches/other": { state: "fired" } },
    returns: { "watches/one": { state: "fired", fires: 1 } },
    ends: { "watches/one": { state: "removed" } },
  },
  {
    what: "a segment",
    endsUnknown: true,
    mayChange: ["routes/y/best"],
    insight: registered(roads),
    before: {
      segments: [segment("a"), segment("b")],
      routes: [route("a"), route("b"), way("a", "x"), way("b", "x"), way("a", "y")],
    },
    after: { segments: [segment("b")], routes: [route("b"), way("b", "y")] },
    readings: jammed,
    stands: {
      "congestion/a": { level: "stationary" },
      "alerts/jam/a": { state: "firing" },
      "alerts/jam/b": { state: "firing" },
      "routes/x/best": { best: "x-a" },
      "routes/y-a": { isBest: true },
    },
    returns: {
      "congestion/a": { level: "stationary" },
      "alerts/jam/a": { state: "firing", outcome: null },
      "routes/x/best": { best: "x-a" },
    },
    ends: {
      "congestion/a": { level: "unknown", speedKmh: null, sensors: 0 },
      "alerts/jam/a": { state: "resolved", outcome: "lost", queueM: 0 },
      "routes/a": { travelTimeS: null, delayS: null, worstLevel: "unknown", isBest: null },
      "routes/x-a": { travelTimeS: null, isBest: null },
      "routes/x-b": { travelTimeS: null, isBest: null },
      "routes/y-a": { travelTimeS: null, isBest: null },
      "routes/x/best": { best: null, travelTimeS: null, savesS: null, knownRoutes: 0 },
    },
  },
  {
    what: "a fence",
    insight: registered(geofence),
    before: {
      fences: [
        { ...fence, name: "one" },
        { ...fence, name: "other" },
      ],
    },
    after: { fences: [{ ...fence, name: "other" }] },
    readings: drive.slice(0, 1),
    stands: { "geofence/one/van": { inside: true }, "geofence/other/van": { inside: true } },
    returns: { "geofence/one/van": { event: "enter", inside: true } },
    ends: { "geofence/one/van": { event: "removed", inside: false, leftAt: null, enteredAt: isoTime(t0) } },
  },
  {
    what: "a place",
    insight: registered(eta),
    before: {
      places: [
        { ...place, name: "one" },
        { ...place, name: "other" },
      ],
    },
    after: { places: [{ ...place, name: "other" }] },
    readings: drive,
    stands: { "trips/van/eta/one": { state: "coming" }, "trips/van/eta/other": { state: "coming" } },
    returns: { "trips/van/eta/one": { state: "coming" } },
    ends: { "trips/van/eta/one": { state: "unknown", etaS: null, arrivesAt: null, distanceM: null } },
  },
  {
    what: "a site",
    insight: registered(usage),
    before: {
      refreshS: 60,
      sites: [
        { name: "one", grid: ["energy/m"] },
        { name: "other", grid: ["energy/m"] },
      ],
    },
    after: { refreshS: 60, sites: [{ name: "other", grid: ["energy/m"] }] },
    readings: [0, 5, 10].map((minute) => ({
      domain: "energy",
      device: "m",
      time: t0 + minute * minuteMs,
      values: { energyImportWh: 1_000 + minute },
    })),
    stands: { "usage/sites/one/now": { todayImportWh: 10, todayExportWh: null } },
    returns: { "usage/sites/one/now": { todayImportWh: 1_020 } },
    ends: { "usage/sites/one/now": { todayImportWh: null, monthImportWh: null, todayExportWh: null } },
  },
];

describe.each(cases)("$what that was taken out of the settings", (one) => {
  const { insight, before, after, readings, stands, ends } = one;

  it.each([
    ["as it was saved", insight],
    ["of an older form", withNewState(insight)],
  ])("ends, with a state %s", async (_what, later) => {
    const engine = memoryEngine();
    const clock = new TestClock();
    const first = await live(engine, clock, { insight, settings: before, readings });
    expect(first.shown).toMatchObject(stands);
    const second = await live(engine, clock, { insight: later, settings: after });
    // What was never told may have its first word now: the other site has the meter.
    const again = Object.keys(second.told).filter((topic) => topic in first.shown);
    for (const topic of again) expect([...Object.keys(ends), ...(one.mayChange ?? [])]).toContain(topic);
    expect(second.told).toMatchObject(ends);
    // Once.
    const third = await live(engine, clock, { insight: later, settings: after });
    expect(third.told).toEqual({});
  });

  it("tells anew what is so if it comes back", async () => {
    const engine = memoryEngine();
    const clock = new TestClock();
    await live(engine, clock, { insight, settings: before, readings });
    await live(engine, clock, { insight, settings: after });
    const laterMs = clock.time - t0;
    const again = readings.map((reading) => ({ ...reading, time: reading.time + laterMs }));
    const back = await live(engine, clock, { insight, settings: before, readings: again });
    const known = Object.keys(one.returns).map((topic) => [topic, back.shown[topic]]);
    expect(Object.fromEntries(known)).toMatchObject(one.returns);
  });

  it("ends although the ring has nothing of it any more, and its neighbours stay", async () => {
    const engine = memoryEngine({ maxBytes: 1 });
    const clock = new TestClock();
    const first = await live(engine, clock, { insight, settings: before, readings });
    const second = await live(engine, clock, { insight: withNewState(insight), settings: after });
    const stayed = one.endsUnknown ? [] : Object.keys(first.shown).filter((topic) => !(topic in ends));
    for (const topic of stayed) expect(second.shown[topic]).toEqual(first.shown[topic]);
    expect(second.shown).toMatchObject(ends);
  });
});

describe.each(cases)("$what that is new in the settings", (one) => {
  const { insight, before, after, readings, stands, ends } = one;

  it("is told of what the ring has, although the state is made anew", async () => {
    const engine = memoryEngine();
    const clock = new TestClock();
    await live(engine, clock, { insight, settings: after, readings });
    const later = withNewState(insight);
    const { shown } = await live(engine, clock, { insight: later, settings: before });
    const news = Object.entries(stands).filter(([topic]) => topic in ends);
    expect(shown).toMatchObject(Object.fromEntries(news));
    expect((await live(engine, clock, { insight: later, settings: before })).told).toEqual({});
  });

  it("is told of what is still so when it is back, although the state is made anew", async () => {
    const engine = memoryEngine();
    const clock = new TestClock();
    await live(engine, clock, { insight, settings: before, readings });
    expect((await live(engine, clock, { insight, settings: after })).shown).toMatchObject(ends);
    const later = withNewState(insight);
    const { shown } = await live(engine, clock, { insight: later, settings: before });
    const news = Object.entries(stands).filter(([topic]) => topic in ends);
    expect(shown).toMatchObject(Object.fromEntries(news));
    expect((await live(engine, clock, { insight: later, settings: before })).told).toEqual({});
  });
});

describe("a rule that is another one", () => {
  const insight = registered(alerts);
  const powers = (powerW: number): Reading[] => [
    { domain: "energy", device: "pump", time: t0, values: { powerW, voltageV: 230 } },
  ];
  const topic = "alerts/rules/one/energy/pump";
  const settings = (change: object) => ({ rules: [{ name: "one", ...rule, ...change }] });

  it.each([
    ["a higher limit, with a state as it was saved", { above: 500 }, insight],
    ["a higher limit, with a state of an older form", { above: 500 }, withNewState(insight)],
    ["another field, with a state as it was saved", { field: "voltageV", above: 250 }, insight],
    [
      "another field, with a state of an older form",
      { field: "voltageV", above: 250 },
      withNewState(insight),
    ],
    ["a field that nobody tells", { field: "none" }, insight],
    ["a field that nobody tells, with a state of an older form", { field: "none" }, withNewState(insight)],
  ])("begins anew: %s", async (_what, change, later) => {
    const engine = memoryEngine();
    const clock = new TestClock();
    const first = await live(engine, clock, { insight, settings: settings({}), readings: powers(200) });
    expect(first.shown).toMatchObject({ [topic]: { state: "firing" } });
    const second = await live(engine, clock, { insight: later, settings: settings(change) });
    expect(second.told).toMatchObject({ [topic]: { state: "resolved" } });
    expect((await live(engine, clock, { insight: later, settings: settings(change) })).told).toEqual({});
    const again = powers(400).map((reading) => ({ ...reading, time: clock.time }));
    const back = await live(engine, clock, { insight: later, settings: settings({}), readings: again });
    expect(back.shown).toMatchObject({ [topic]: { state: "firing", value: 400 } });
  });

  it("goes on where only its words for people are others", async () => {
    const engine = memoryEngine();
    const clock = new TestClock();
    await live(engine, clock, { insight, settings: settings({}), readings: powers(200) });
    const changed = settings({ severity: "info", text: "Look" });
    expect((await live(engine, clock, { insight, settings: changed })).told).toEqual({});
  });
});

it("what comes to light late of what is over is not told as of its end after a crash", async () => {
  const insight = registered(geofence);
  const settings = { fences: [{ ...fence, name: "one" }] };
  const at = (minute: number, lon: number): Reading => ({
    domain: "gps",
    device: "van",
    time: t0 + minute * minuteMs,
    values: { lat: 60, lon },
  });
  const engine = memoryEngine();
  const clock = new TestClock();
  await live(engine, clock, { insight, settings, readings: [at(0, 24), at(10, 24.1)] });
  const late = await live(engine, clock, { insight, settings, readings: [at(8, 24)], isKilled: true });
  expect(late.told).toMatchObject({ "geofence/one/van": { event: "dwell", inside: true } });
  expect(late.shown).toMatchObject({ "geofence/one/van": { event: "exit", inside: false } });
  expect((await live(engine, clock, { insight, settings })).told).toEqual({});
});

describe("a road that is another one", () => {
  const insight = registered(roads);
  const of = (device: string, at: number, speedKmh = 4) =>
    jammed
      .filter((one) => one.device === device)
      .map((one) => ({ ...one, time: one.time + at - t0, values: { ...one.values, speedKmh } }));
  const states: readonly (readonly [string, Insight, boolean])[] = [
    ["a state as it was saved", insight, false],
    ["a state of an older form", withNewState(insight), false],
    ["no state, after a crash", insight, true],
  ];

  it.each(states)(
    "a route over other segments shows what these do, with %s",
    async (_what, later, isKilled) => {
      const network = { segments: [segment("a"), { ...segment("b"), lengthM: 5_000 }, segment("none")] };
      const over = (name: string) => ({ ...network, routes: [{ name: "r", segments: [name] }] });
      const engine = memoryEngine();
      const clock = new TestClock();
      const shown = async (name: string, readings: Reading[] = [], by = later) => {
        const life = await live(engine, clock, { insight: by, isKilled, settings: over(name), readings });
        return life.shown["routes/r"];
      };
      const known = await shown("a", [...of("a", t0), ...of("b", t0, 70)], insight);
      expect(known).toMatchObject({ worstLevel: "stationary" });
      expect(await shown("b")).toMatchObject({ lengthM: 5_000, worstLevel: "heavy" });
      expect(await shown("none")).toMatchObject({ travelTimeS: null, worstLevel: "unknown" });
      expect(await shown("a")).toEqual(known);
      const same = await live(engine, clock, { insight: later, isKilled, settings: over("a") });
      expect(same.told).toEqual({});
    },
  );

  it.each(states)(
    "a segment with another sensor is unknown until this tells something, with %s",
    async (_what, later, isKilled) => {
      const by = (...devices: string[]) => ({
        segments: [{ ...segment("a"), sensors: devices.map((device) => ({ device })) }],
        routes: [route("a")],
      });
      const engine = memoryEngine();
      const clock = new TestClock();
      const start = { insight, isKilled };
      const first = await live(engine, clock, { ...start, settings: by("a"), readings: of("a", t0) });
      expect(first.shown).toMatchObject({
        "congestion/a": { level: "stationary" },
        "alerts/jam/a": { state: "firing" },
      });
      const more = await live(engine, clock, { ...start, insight: later, settings: by("a", "none") });
      expect(more.shown).toMatchObject({
        "congestion/a": { level: "stationary" },
        "alerts/jam/a": { state: "firing" },
      });
      const changed = { ...start, insight: later, settings: by("b") };
      await live(engine, clock, changed);
      const unknown = await live(engine, clock, changed);
      expect(unknown.shown).toMatchObject({
        "congestion/a": { level: "unknown", speedKmh: null },
        "routes/a": { travelTimeS: null },
      });
      clock.time += 5 * minuteMs;
      expect((await live(engine, clock, changed)).shown).toMatchObject({
        "congestion/a": { level: "unknown" },
        "alerts/jam/a": { state: "resolved", outcome: "lost" },
      });
      const told = await live(engine, clock, { ...changed, readings: of("b", clock.time, 78) });
      expect(told.shown).toMatchObject({
        "congestion/a": { level: "free" },
        "alerts/jam/a": { state: "resolved" },
        "routes/a": { worstLevel: "free" },
      });
    },
  );
});

describe("a watch that is another one", () => {
  const insight = registered(fares);
  const settings = (below: number) => ({ watches: [{ ...watch, below, name: "one" }] });
  const topic = "watches/one";

  it.each([
    ["a state as it was saved", insight, false],
    ["a state of an older form", withNewState(insight), false],
    ["no state, after a crash", insight, true],
  ])("says at once what it makes of the price, with %s", async (_what, later, isKilled) => {
    const engine = memoryEngine();
    const clock = new TestClock();
    const start = { insight, isKilled };
    const first = await live(engine, clock, { ...start, settings: settings(120), readings: [quote] });
    expect(first.shown[topic]).toMatchObject({ state: "fired", fires: 1 });
    const changed = await live(engine, clock, { ...start, insight: later, settings: settings(50) });
    expect(changed.shown[topic]).toMatchObject({ state: "armed", fires: 0, belowMinor: 5_000 });
    const same = await live(engine, clock, { ...start, insight: later, settings: settings(50) });
    expect(same.told).toEqual({});
    const back = await live(engine, clock, { ...start, insight: later, settings: settings(120) });
    expect(back.shown[topic]).toMatchObject({ state: "fired", fires: 1, belowMinor: 12_000 });
    expect(back.told).not.toHaveProperty("watches/routes/HEL-ARN/any/EUR");
  });

  it.each([
    ["a state as it was saved", insight],
    ["a state of an older form", withNewState(insight)],
  ])("shows nothing of another route, with %s", async (_what, later) => {
    const engine = memoryEngine();
    const clock = new TestClock();
    await live(engine, clock, { insight, settings: settings(120), readings: [quote] });
    const elsewhere = { watches: [{ ...watch, to: "OSL", name: "one" }] };
    const changed = await live(engine, clock, { insight: later, settings: elsewhere });
    expect(changed.shown[topic]).toMatchObject({ state: "removed" });
    expect((await live(engine, clock, { insight: later, settings: elsewhere })).told).toEqual({});
  });

  // Some are of what can be late, and from the 17th on some are not.
  it.each([1, 16, 17, 19, 20, 33])("says so, with another beside it, after %i quotes", async (count) => {
    const engine = memoryEngine();
    const clock = new TestClock();
    const of = (below: number) => ({
      watches: [
        { ...watch, below, name: "one" },
        { ...watch, below: 120, name: "same" },
      ],
    });
    const readings = Array.from({ length: count }, (_, n) => ({ ...quote, time: clock.time + n * 1_000 }));
    await live(engine, clock, { insight, settings: of(50), readings });
    for (const [below, state] of [
      [120, "fired"],
      [50, "armed"],
      [120, "fired"],
    ] as const) {
      const { shown, told } = await live(engine, clock, { insight, settings: of(below) });
      expect(shown[topic]).toMatchObject({ state, belowMinor: below * 100 });
      expect(told).not.toHaveProperty("watches/same");
    }
  });

  it("says what it makes of the price with the next quote, each time", async () => {
    const engine = memoryEngine();
    const clock = new TestClock();
    const said = async (below: number) => {
      const readings = [0, 1].map((n) => ({
        ...quote,
        time: clock.time + n * 1_000,
        values: { ...quote.values, amountMinor: 9_000 + n },
      }));
      return (await live(engine, clock, { insight, settings: settings(below), readings })).shown[
        "watches/one"
      ];
    };
    expect(await said(120)).toMatchObject({ state: "fired", fires: 1 });
    expect(await said(50)).toMatchObject({ state: "armed", fires: 0, belowMinor: 5_000 });
    expect(await said(120)).toMatchObject({ state: "fired", fires: 1, belowMinor: 12_000 });
    expect(await said(50)).toMatchObject({ state: "armed", fires: 0, belowMinor: 5_000 });
  });
});

describe("a site with other meters", () => {
  const insight = registered(usage);
  const settings = (meter: string) => ({
    refreshS: 60,
    sites: [{ name: "s", grid: [`energy/${meter}`], groups: [{ name: "g", meters: [`energy/${meter}`] }] }],
  });
  const readings = [0, 20, 40].flatMap((minute) =>
    [1, 3].map(
      (n): Reading => ({
        domain: "energy",
        device: `m${n}`,
        time: t0 + minute * minuteMs,
        values: { energyImportWh: 1_000 + n * minute },
      }),
    ),
  );
  const now = (meter: string, life: Life) =>
    ["s", "s/g"].map((name) => life.shown[`usage/sites/${name}/now`]?.[meter]);

  it.each([
    ["a state as it was saved", insight, false],
    ["a state of an older form", withNewState(insight), false],
    ["no state, after a crash", insight, true],
  ])("shows what these have, if they were ever heard of: %s", async (_what, later, isKilled) => {
    const engine = memoryEngine();
    const clock = new TestClock();
    const start = { insight, isKilled };
    const first = await live(engine, clock, { ...start, settings: settings("m1"), readings });
    expect(now("todayImportWh", first)).toEqual([40, 40]);
    const known = await live(engine, clock, { ...start, insight: later, settings: settings("m3") });
    expect(now("todayImportWh", known)).toEqual([120, 120]);
    const same = await live(engine, clock, { ...start, insight: later, settings: settings("m3") });
    expect(same.told).toEqual({});
    const none = await live(engine, clock, { ...start, insight: later, settings: settings("none") });
    expect(now("todayImportWh", none)).toEqual([null, null]);
    const past = "usage/sites/s/quarterHour";
    expect(none.shown[past]).toEqual(known.shown[past]);
    expect(none.told).not.toHaveProperty(past);
    const back = await live(engine, clock, { ...start, insight: later, settings: settings("m1") });
    expect(now("todayImportWh", back)).toEqual([40, 40]);
  });
});

describe("a fence that is drawn elsewhere", () => {
  const insight = registered(geofence);
  const topic = "geofence/one/van";
  const around = (lon: number) => ({ fences: [{ name: "one", circle: { lat: 60, lon, radiusM: 100 } }] });
  const position = (time: number): Reading => ({
    domain: "gps",
    device: "van",
    time,
    values: { lat: 60, lon: 24 },
  });

  it.each([1, 40])(
    "holds nobody any more, and whom it is drawn around enters it: %i positions",
    async (count) => {
      const engine = memoryEngine();
      const clock = new TestClock();
      const stay = (n: number) => Array.from({ length: n }, (_, i) => position(clock.time + i * 1_000));
      const run = async (lon: number, n: number) =>
        (await live(engine, clock, { insight, settings: around(lon), readings: stay(n) })).shown[topic];
      expect(await run(24, count)).toMatchObject({ event: "enter", inside: true });
      expect(await run(25, 0)).toMatchObject({ event: "removed", inside: false });
      expect(await run(25, count)).toMatchObject({ inside: false });
      expect(await run(24, 1)).toMatchObject({ event: "enter", inside: true });
    },
  );
});

describe.each(cases)("$what, when the insight is switched off", (one) => {
  const { insight, before, readings, ends, returns } = one;

  it("ends, and is told anew when it is switched on again", async () => {
    const engine = memoryEngine();
    const clock = new TestClock();
    await live(engine, clock, { insight, settings: before, readings });
    const off = await live(engine, clock, { insight, settings: undefined });
    expect(off.told).toMatchObject(ends);
    expect((await live(engine, clock, { insight, settings: undefined })).told).toEqual({});
    const laterMs = clock.time - t0;
    const again = readings.map((reading) => ({ ...reading, time: reading.time + laterMs }));
    const on = await live(engine, clock, { insight, settings: before, readings: again });
    expect(on.shown).toMatchObject(returns);
  });
});

it("a watch that somebody asked for is back when fares are switched on again", async () => {
  const insight = registered(fares);
  const wish = { isActive: true, from: "HEL", to: "ARN", currency: "EUR", below: 120 };
  const asked: Reading = { domain: "watches", device: "asked/mine", time: t0, values: wish };
  const engine = memoryEngine();
  const clock = new TestClock();
  const first = await live(engine, clock, { insight, settings: {}, readings: [asked, quote] });
  expect(first.shown).toMatchObject({ "watches/mine": { state: "fired" } });
  const off = await live(engine, clock, { insight, settings: undefined });
  expect(off.told).toEqual({ "watches/mine": { state: "removed" } });
  const on = await live(engine, clock, { insight, settings: {} });
  expect(on.told).toMatchObject({ "watches/mine": { state: "fired", fires: 1 } });
});

it("a meter's running sums end when usage is switched off, and are back with it; what is over stays", async () => {
  const insight = registered(usage);
  const readings = [0, 10, 20].map(
    (minute): Reading => ({
      domain: "energy",
      device: "m",
      time: t0 + minute * minuteMs,
      values: { energyImportWh: 1_000 + minute },
    }),
  );
  const engine = memoryEngine();
  const clock = new TestClock();
  const first = await live(engine, clock, { insight, settings: {}, readings });
  expect(first.shown).toMatchObject({ "usage/m/now": { todayImportWh: 20 }, "usage/m/quarterHour": {} });
  const off = await live(engine, clock, { insight, settings: undefined });
  expect(Object.keys(off.told)).toEqual(["usage/m/now"]);
  expect(off.shown["usage/m/now"]).toMatchObject({ todayImportWh: null, monthImportWh: null });
  const on = await live(engine, clock, { insight, settings: {} });
  expect(on.told).toMatchObject({ "usage/m/now": { todayImportWh: 20 } });
  expect(on.shown).toEqual(first.shown);
});

describe("a trip that the timetable has no more", () => {
  const insight = registered({ name: "transit" });
  const [fixture] = fixturesOf("transit").filter(({ file }) => file === "transit-notices.json");
  const context = contextOf(fixture as InsightFixture);
  const settings = { gtfs: "line-7" };
  const arrivals = arrivalsOf(fixture as InsightFixture);
  const [first] = arrivals;
  const begun = first?.at ?? 0;
  // bus-1 on t1 is late, and bus-2 on t2 close behind it.
  const readings = arrivals.filter(({ at }) => at <= begun + 5 * minuteMs).map(({ reading }) => reading);
  const open = ({ shown }: Life) =>
    Object.entries(shown)
      .filter(([, { state }]) =>
        ["running", "atStop", "expected", "firing", "acknowledged"].includes(String(state)),
      )
      .map(([topic]) => topic)
      .sort();

  async function begin(): Promise<{ engine: LogEngine; clock: TestClock; before: Life }> {
    const engine = memoryEngine();
    const clock = new TestClock();
    clock.time = begun;
    return { engine, clock, before: await live(engine, clock, { insight, settings, context, readings }) };
  }

  it.each([
    ["as it was saved", insight],
    ["of an older form", withNewState(insight)],
  ])("ends, its vehicle, calls and notices, with a state %s", async (_what, later) => {
    const { engine, clock, before } = await begin();
    const of = (trip: string) => open(before).filter((topic) => before.shown[topic]?.["tripId"] === trip);
    expect(of("t1").map((topic) => topic.split("/")[0])).toEqual(
      expect.arrayContaining(["alerts", "arrivals", "trips"]),
    );
    expect(of("t2").length).toBeGreaterThan(2);
    const timetable = context.timetables?.get("line-7") as Timetable;
    const without = { ...timetable, trips: timetable.trips.filter(({ id }) => id !== "t1") };
    const changed = { ...context, timetables: new Map([["line-7", without]]) };
    const after = await live(engine, clock, { insight: later, settings, context: changed });
    expect(open(after)).toEqual(of("t2"));
    expect(after.shown["trips/transit/bus-1"]).toMatchObject({ state: "unmatched", tripId: null });
    expect((await live(engine, clock, { insight: later, settings, context: changed })).told).toEqual({});
  });

  it("ends when it is over for hours and nobody knows of its vehicle, not before", async () => {
    const { engine, clock, before } = await begin();
    const later = { ...withNewState(insight), reads: () => ["presence/none"] };
    const soon = await live(engine, clock, { insight: later, settings, context });
    expect(open(before).length).toBeGreaterThan(4);
    expect(open(soon)).toEqual(open(before));
    clock.time += 6 * 60 * minuteMs;
    const after = await live(engine, clock, { insight: later, settings, context });
    expect(open(after)).toEqual([]);
  });
});

describe("what is still in the settings", () => {
  const fixtures = allInsights.flatMap((insight) =>
    fixturesOf(insight.name).map((fixture) => ({ file: fixture.file, insight, fixture })),
  );

  it.each(fixtures)("is not ended, however long it is silent: $file", ({ insight, fixture }) => {
    const settings = insight.settings.parse(fixture.settings ?? {});
    const context = contextOf(fixture);
    const state = insight.start();
    const shown = new Map<string, Shown>();
    const note = (reading: Reading) => {
      const known = shown.get(topicOf(reading));
      if ((known?.time ?? 0) <= reading.time) shown.set(topicOf(reading), { channel: undefined, ...reading });
    };
    const reducer = insight.create(settings, state, context);
    for (const [n, { at, reading }] of arrivalsOf(fixture).entries()) {
      reducer.advance?.(at, note);
      reducer.reduce(committed(reading, n + 1, at), note);
    }
    const now = Date.parse(fixture.until);
    reducer.advance?.(now, note);
    const restored = decodeState(encodeState(insight.stateVersion, state), insight.stateVersion);
    for (const one of [reducer, insight.create(settings, restored, context)]) {
      const open = [...shown.values()].filter((word) => insight.ending?.(word, now) ?? null);
      expect(open.filter((word) => one.stands?.(word, now + 365 * 86_400_000) === false)).toEqual([]);
    }
  });
});
