import { readFileSync } from "node:fs";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { describe, expect, it } from "vitest";
import type { Insight } from "../../src/insights/insight.ts";
import { allInsights } from "../../src/insights/registry.ts";
import { arrivalsOf, contextOf, fixturesOf, play } from "./fixtures.ts";
import { type Form, formOf } from "./state-form.ts";

interface Known {
  readonly stateVersion: number;
  readonly form: Form;
}

const file = join(import.meta.dirname, "../fixtures/insights/state-forms.json");

/** The form of all states that an insight has in its fixtures, when they are saved again and again. */
function formIn(insight: Insight): Form {
  const states: unknown[] = [];
  const watched: Insight = {
    ...insight,
    create: (settings, state, context) => {
      states.push(state);
      return insight.create(settings, state, context);
    },
  };
  for (const fixture of fixturesOf(insight.name)) {
    const arrivals = arrivalsOf(fixture);
    const restarts = new Set(arrivals.map((_arrival, index) => index).filter((index) => index % 5 === 4));
    const settings = insight.settings.parse(fixture.settings ?? {});
    play(watched, settings, contextOf(fixture), { arrivals, restarts, until: Date.parse(fixture.until) });
  }
  return formOf(states);
}

const current = Object.fromEntries(
  allInsights.map((insight) => [insight.name, { stateVersion: insight.stateVersion, form: formIn(insight) }]),
);

describe("states that a gateway of the last version saved", () => {
  it("have the form that is written down, or another version", async () => {
    const known = JSON.parse(readFileSync(file, "utf8")) as Record<string, Known>;
    const changed = Object.entries(current).filter(([name, { stateVersion, form }]) => {
      const before = known[name];
      return before?.stateVersion === stateVersion && !isDeepStrictEqual(form, before.form);
    });
    const names = changed.map(([name]) => name);
    expect(names, "raise the stateVersion of these, then run this test with -u").toEqual([]);
    await expect(`${JSON.stringify(current, null, 1)}\n`).toMatchFileSnapshot(file);
  });
});

describe("the form of data", () => {
  it("tells what it is made of, without the data", () => {
    const states = [
      new Map([["a", { since: 1, by: null, points: [[1, 2]] }]]),
      new Map([["b", { since: 2, by: "x" }]]),
    ];
    expect(formOf(states)).toEqual({
      map: ["string", { by: ["null", "string"], "points?": { array: { array: "number" } }, since: "number" }],
    });
  });
});
