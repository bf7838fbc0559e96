import { expect, it } from "vitest";
import { fares } from "../../src/insights/fares.ts";
import type { Insight, InsightContext } from "../../src/insights/insight.ts";
import { roads } from "../../src/insights/roads.ts";
import type { Reading, Values } from "../../src/model/reading.ts";
import { isoTime } from "../../src/model/reading.ts";
import { topicOf } from "../../src/model/topic.ts";
import { decodeState, encodeState } from "../../src/pipeline/insight-state.ts";
import { committed } from "./fixtures.ts";

const noon = Date.UTC(2026, 10, 22, 12);
const minuteMs = 60_000;
const context: InsightContext = { timezone: null, files: new Map() };

/** What is told after a restart with other settings, by topic; the readings come a minute apart. */
function afterRestart<Settings extends object, State>(
  insight: Insight<Settings, State>,
  [before, after]: readonly [object, object],
  readings: readonly Reading[],
): Record<string, Values> {
  const state = insight.start();
  const reducer = insight.create(insight.settings.parse(before), state, context);
  for (const [n, reading] of readings.entries()) {
    reducer.advance?.(reading.time, () => {});
    reducer.reduce(committed(reading, n + 1, reading.time), () => {});
  }
  let now = (readings.at(-1)?.time ?? noon) + minuteMs;
  reducer.advance?.(now, () => {});
  const restored = decodeState(encodeState(insight.stateVersion, state), insight.stateVersion) as State;
  const again = insight.create(insight.settings.parse(after), restored, context);
  const told: Record<string, Values> = {};
  const emit = (reading: Reading) => {
    told[topicOf(reading)] = reading.values;
  };
  now += minuteMs;
  again.advance?.(now, emit);
  // Told once.
  const toldOnce = Object.keys(told).length;
  again.advance?.(now, emit);
  expect(Object.keys(told).length).toBe(toldOnce);
  return told;
}

function at(minute: number): number {
  return noon + minute * minuteMs;
}

it("a watch that was taken out is told as removed, its neighbour stays", () => {
  const watch = { from: "HEL", to: "ARN", currency: "EUR", below: 120 };
  const [one, other] = [
    { ...watch, name: "one" },
    { ...watch, name: "other" },
  ];
  const quote: Reading = {
    domain: "fare",
    device: "sim",
    channel: "q",
    time: at(0),
    values: {
      quoteId: "q",
      origin: "HEL",
      destination: "ARN",
      currency: "EUR",
      amountMinor: 9_000,
      expiresAt: isoTime(at(600)),
    },
  };
  const told = afterRestart(fares, [{ watches: [one, other] }, { watches: [other] }], [quote]);
  expect(told).toEqual({ "watches/one": { state: "removed" } });
  expect(afterRestart(fares, [{ watches: [one] }, { watches: [] }], [quote])).toEqual(told);
});

it("a segment that was taken out is unknown, and its jam is lost", () => {
  const segment = (name: string) => ({
    name,
    line: [
      [24.9, 60.1],
      [24.95, 60.1],
    ],
    freeFlowKmh: 80,
    sensors: [{ device: name }],
  });
  const speed = (device: string, minute: number): Reading => ({
    domain: "road",
    device,
    time: at(minute),
    values: { speedKmh: 8, flowVehPerH: 900, intervalS: 60 },
  });
  const readings = Array.from({ length: 15 }, (_, n) => [speed("a", n), speed("b", n)]).flat();
  const told = afterRestart(
    roads,
    [{ segments: [segment("a"), segment("b")] }, { segments: [segment("b")] }],
    readings,
  );
  expect(told["congestion/a"]).toMatchObject({ level: "unknown", speedKmh: null });
  expect(told["alerts/jam/a"]).toMatchObject({ state: "resolved", outcome: "lost", queueM: 0 });
  expect(told["alerts/jam/b"]).toBeUndefined();
});
