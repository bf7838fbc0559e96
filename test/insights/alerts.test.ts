import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { alertId } from "../../src/insights/alert-id.ts";
import { alerts } from "../../src/insights/alerts.ts";
import type { Reading } from "../../src/model/reading.ts";
import { type Arrival, play, settled } from "./fixtures.ts";

const noon = Date.UTC(2026, 10, 22, 12);
const context = { timezone: null, files: new Map<string, Uint8Array>() };

function power(second: number, powerW: number, device = "m"): Reading {
  return { domain: "energy", device, time: noon + second * 1_000, values: { powerW } };
}

function run(arrivals: readonly Arrival[], settings: object, untilS = 2_000): Reading[] {
  return play(alerts, alerts.settings.parse(settings), context, { arrivals, until: noon + untilS * 1_000 });
}

const rule = { name: "r", filter: "energy/#", field: "powerW", above: 50, forS: 10, hysteresis: 10 };

describe("alerts", () => {
  const readings = fc.uniqueArray(
    fc.record({ second: fc.nat(120), value: fc.integer({ min: 30, max: 60 }), order: fc.nat() }),
    { selector: ({ second }) => second, minLength: 1, maxLength: 60 },
  );

  it("are in the state that a second-by-second look at all values finds", () => {
    fc.assert(
      fc.property(readings, (list) => {
        const sorted = list.toSorted((one, other) => one.second - other.second);
        const arrivals = sorted.map(({ second, value }) => ({
          at: noon + second * 1_000,
          reading: power(second, value),
        }));
        const told = run(arrivals, { rules: [rule] });
        let [since, state] = [0, "resolved"];
        for (let second = 0; second < 200; second++) {
          const value = sorted.findLast((one) => one.second <= second)?.value ?? 0;
          if (state === "pending" && value <= 50) state = "resolved";
          if (state === "firing" && value <= 40) state = "resolved";
          if (state === "resolved" && value > 50) [since, state] = [second, "pending"];
          if (state === "pending" && second - since >= 10) state = "firing";
          const shown = told.findLast(({ time }) => time <= noon + second * 1_000)?.values["state"];
          expect(shown ?? "resolved").toBe(state);
        }
      }),
    );
  });

  it("are the same in the end whatever order readings come in", () => {
    fc.assert(
      fc.property(readings, (list) => {
        const settings = { rules: [rule], lateReadings: 64 };
        const orders = [
          list.toSorted((one, other) => one.second - other.second),
          list.toSorted((one, other) => one.order - other.order),
        ];
        const [straight, mixed] = orders.map((order) => {
          const arrivals = order.map(({ second, value }, index) => ({
            at: noon + (1_000 + index) * 1_000,
            reading: power(second, value),
          }));
          return settled(run(arrivals, settings), "values");
        });
        const states = [straight, mixed].map((shown) =>
          Object.values(shown as Record<string, Record<string, { value: unknown }>>).map(
            (values) => values["state"]?.value ?? "resolved",
          ),
        );
        // Where it never was anything else in the one order, it was taken back in the other.
        if (states[0]?.length === 0 || states[1]?.length === 0) {
          expect([undefined, null, "resolved"]).toContain(states.flat()[0]);
        } else expect(states[1]).toEqual(states[0]);
      }),
    );
  });

  it("that never were, as late readings show, are told as resolved, so that nobody is left with one that fires", () => {
    const arrivals = [
      { at: noon, reading: power(0, 60) },
      { at: noon + 20_000, reading: power(0, 7) },
      { at: noon + 40_000, reading: power(30, 20) },
    ];
    const emitted = run(arrivals, { rules: [{ ...rule, forS: 0 }] });
    expect(emitted.map(({ time, values }) => [time - noon, values["state"], values["firedAt"]])).toEqual([
      [0, "firing", "2026-11-22T12:00:00.000Z"],
      [0, "resolved", null],
    ]);
    for (const { values } of emitted)
      expect(values["resolvedAt"]).toBe(values["state"] === "resolved" ? "2026-11-22T12:00:00.000Z" : null);
  });

  it.each([
    ["corrects to less", 4_000],
    ["takes back", null],
  ])("are taken back with what another insight %s for the same time", (_what, corrected) => {
    const hour = (importWh: number | null): Reading => ({
      domain: "usage",
      device: "m",
      channel: "hour",
      time: noon,
      values: { importWh },
    });
    const rules = [{ name: "much", filter: "usage/+/hour", field: "importWh", above: 5_000 }];
    const arrivals = [6_000, corrected].map((importWh, n) => ({
      at: noon + n * 1_000,
      reading: hour(importWh),
    }));
    const states = (told: readonly Reading[]) =>
      told.map(({ time, values }) => [time - noon, values["state"]]);
    expect(states(run(arrivals, { rules }))).toEqual([
      [0, "firing"],
      [0, "resolved"],
    ]);
    expect(
      states(
        run(
          arrivals.toReversed().map((one, n) => ({ ...one, at: noon + n })),
          { rules },
        ),
      ),
    ).toEqual([[0, "firing"]]);
  });

  it("take no notice of alerts of their own, and of those of others if they are told to", () => {
    const jam: Reading = { domain: "alerts", device: "jam/e4", time: noon, values: { state: "firing" } };
    const own: Reading = { domain: "alerts", device: "rules/x/y", time: noon, values: { state: "firing" } };
    const rules = [{ name: "any", filter: "alerts/#", field: "state", is: "firing" }];
    const told = run(
      [jam, own].map((reading) => ({ at: noon, reading })),
      { rules },
    );
    expect(told.map(({ device }) => device)).toEqual(["rules/any/alerts/jam/e4"]);
  });

  it("have numbers that fit into a URL, and differ", () => {
    const ids = [...Array(20_000).keys()].map((n) => alertId(`rules/load/energy/meter-${n}`));
    expect(new Set(ids).size).toBe(ids.length);
    expect(Math.max(...ids)).toBeLessThan(1e15);
    expect(ids.every(Number.isSafeInteger)).toBe(true);
  });

  it.each([
    [{ name: "r", filter: "a/#/b", field: "x", above: 1 }, 'rules.0.filter: "a/#/b" cannot be used'],
    [{ name: "r", filter: "a", field: "x" }, "rules.0: give it exactly one of above, below, is, isNot"],
    [{ name: "r", filter: "a", field: "x", is: "y", hysteresis: 1 }, "rules.0.hysteresis: it goes with"],
  ])("of a rule that makes no sense are refused: %j", (wrong, problem) => {
    expect(alerts.problem?.(alerts.settings.parse({ rules: [wrong] }))).toContain(problem);
  });
});
