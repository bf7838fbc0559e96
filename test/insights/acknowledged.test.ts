import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { acknowledged } from "../../src/insights/acknowledged.ts";
import type { Insight } from "../../src/insights/insight.ts";
import { maxOpenAlerts } from "../../src/model/alert.ts";
import type { Reading } from "../../src/model/reading.ts";
import { play } from "./fixtures.ts";

const noon = Date.UTC(2026, 10, 22, 12);
const alert = "door/front/open";

/** Says as an alert what it reads. */
const echo: Insight<object, object> = {
  name: "echo",
  description: "Doors",
  onByDefault: false,
  settings: z.strictObject({}),
  writes: ["alerts", "watches"],
  reads: () => ["energy/#"],
  stateVersion: 3,
  start: () => ({}),
  create: () => ({
    reduce: ({ time, values }, emit) => {
      emit({
        domain: "alerts",
        device: "door/front",
        channel: "open",
        time,
        values,
        attrs: { text: "Open" },
      });
      emit({ domain: "watches", device: "other", time, values });
    },
  }),
};
const insight = acknowledged(echo);

type State = "pending" | "firing" | "resolved";
type Said =
  | { readonly second: number; readonly state: State }
  | { readonly second: number; readonly by: string };

function readingOf(said: Said): Reading {
  const time = noon + said.second * 1_000;
  if ("by" in said) {
    return { domain: "alerts", device: "acknowledgements", time, values: { alert, by: said.by } };
  }
  return { domain: "energy", device: "door", time, values: { state: said.state } };
}

function run(said: readonly Said[], restarts = new Set<number>()): Reading[] {
  const arrivals = said.map((one, index) => ({ at: noon + index, reading: readingOf(one) }));
  const context = { timezone: null, files: new Map<string, Uint8Array>() };
  return play(insight, {}, context, { arrivals, until: noon + 1e6, restarts });
}

function wordsOf(told: readonly Reading[]): unknown[] {
  return told
    .filter(({ domain }) => domain === "alerts")
    .map(({ time, values }) => [(time - noon) / 1_000, values["state"], values["acknowledgedBy"]]);
}

/** What is shown at each second. */
function shownBy(told: readonly Reading[]): unknown[] {
  const byTime = new Map(told.filter(({ domain }) => domain === "alerts").map((one) => [one.time, one]));
  const inOrder = [...byTime.values()].sort((one, other) => one.time - other.time);
  return [...Array(40).keys()].map((second) => {
    const values = inOrder.findLast(({ time }) => time <= noon + second * 1_000)?.values;
    return values && [values["state"], values["acknowledgedBy"]];
  });
}

/** The same, worked out from everything at once. */
function expectedOf(said: readonly Said[]): unknown[] {
  const isWord = (one: Said): one is Said & { state: State } => "state" in one;
  let [state, by]: [State | null, string | null] = [null, null];
  return [...Array(40).keys()].map((second) => {
    const now = said.filter((one) => one.second === second);
    const word = now.find(isWord);
    if (word) {
      if ((state === null || state === "resolved") && word.state !== "resolved") by = null;
      state = word.state;
    }
    const [first] = now.flatMap((one) => ("by" in one ? [one.by] : [])).sort();
    if (first !== undefined && state === "firing") by ??= first;
    return state === null ? undefined : [state === "firing" && by !== null ? "acknowledged" : state, by];
  });
}

const words = fc.uniqueArray(
  fc.record({ second: fc.nat(39), state: fc.constantFrom<State>("pending", "firing", "resolved") }),
  { selector: ({ second }) => second, minLength: 1, maxLength: 8 },
);
const acks = fc.array(fc.record({ second: fc.nat(39), by: fc.constantFrom("anna", "ben") }), {
  maxLength: 5,
});

describe("an insight whose alerts can be acknowledged", () => {
  it("tells who knows until it is resolved, also when the alert changes meanwhile", () => {
    const told = run([
      { second: 1, state: "firing" },
      { second: 3, by: "anna" },
      { second: 4, by: "ben" },
      { second: 5, state: "firing" },
      { second: 7, state: "resolved" },
      { second: 8, by: "ben" },
      { second: 9, state: "firing" },
    ]);
    expect(wordsOf(told)).toEqual([
      [1, "firing", null],
      [3, "acknowledged", "anna"],
      [5, "acknowledged", "anna"],
      [7, "resolved", "anna"],
      [9, "firing", null],
    ]);
    const first = told.find(({ domain }) => domain === "alerts");
    expect(first).toMatchObject({ device: "door/front", channel: "open", attrs: { text: "Open" } });
    expect(told.filter(({ domain }) => domain === "watches")).toHaveLength(4);
  });

  it("takes an acknowledgement back when it turns out that nothing was firing then", () => {
    const told = run([
      { second: 1, state: "firing" },
      { second: 6, by: "anna" },
      { second: 4, state: "resolved" },
    ]);
    expect(wordsOf(told)).toEqual([
      [1, "firing", null],
      [6, "acknowledged", "anna"],
      [4, "resolved", null],
      [6, "resolved", null],
    ]);
  });

  it("shows what a look at everything at once finds, in whatever order it comes, over restarts", () => {
    const places = fc.array(fc.nat(12), { maxLength: 3 });
    fc.assert(
      fc.property(words, acks, fc.infiniteStream(fc.nat(1_000)), places, (words, acks, random, places) => {
        const first = words[0] as Said;
        // Nobody can acknowledge what was never told.
        const rest = [...words.slice(1), ...acks]
          .map((said) => ({ said, order: random.next().value }))
          .sort((one, other) => one.order - other.order)
          .map(({ said }) => said);
        const said = [first, ...rest];
        expect(shownBy(run(said, new Set(places)))).toEqual(expectedOf(said));
      }),
      { numRuns: 300 },
    );
  });

  it("passes on what is too old to be put in its place, and forgets nothing of what is newer", () => {
    const many: Said[] = [...Array(12).keys()].map((n) => ({ second: 10 + n, state: "firing" }));
    const told = wordsOf(run([...many, { second: 22, by: "anna" }, { second: 2, state: "resolved" }]));
    expect(told.slice(-2)).toEqual([
      [22, "acknowledged", "anna"],
      [2, "resolved", null],
    ]);
    const later = wordsOf(run([...many.slice(0, 2), { second: 11, by: "anna" }, ...many.slice(2)]));
    expect(later.at(-1)).toEqual([21, "acknowledged", "anna"]);
  });

  it("has a version of its own, and reads what people acknowledge", () => {
    expect(insight.stateVersion).not.toBe(echo.stateVersion);
    expect(insight.reads({})).toEqual(["energy/#", "alerts/acknowledgements"]);
  });

  it("can be acknowledged if it is among those that were told last", () => {
    const many: Insight<object, object> = {
      ...echo,
      create: () => ({
        reduce: ({ device, time, values }, emit) => emit({ domain: "alerts", device, time, values }),
      }),
    };
    const word = (n: number, second: number): Reading => {
      return { domain: "energy", device: `d${n}`, time: noon + second * 1_000, values: { state: "firing" } };
    };
    const ack = (n: number): Reading => {
      const values = { alert: `d${n}`, by: "anna" };
      return { domain: "alerts", device: "acknowledgements", time: noon + 10_000, values };
    };
    // The first is told again, so the second was told longest ago when there is one too many.
    const told = [...Array(maxOpenAlerts).keys()].map((n) => word(n, 1));
    const readings = [...told, word(0, 2), word(maxOpenAlerts, 3), ack(0), ack(1), ack(2)];
    const arrivals = readings.map((reading, index) => ({ at: noon + index, reading }));
    const context = { timezone: null, files: new Map<string, Uint8Array>() };
    const all = play(acknowledged(many), {}, context, { arrivals, until: noon + 1e6 });
    const known = all.filter(({ values }) => values["state"] === "acknowledged");
    expect(known.map(({ device }) => device)).toEqual(["d0", "d2"]);
  });
});
