import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { alerts } from "../../src/insights/alerts.ts";
import { fares } from "../../src/insights/fares.ts";
import { isoTime, type Reading, type Values } from "../../src/model/reading.ts";
import { topicOf } from "../../src/model/topic.ts";
import { type Arrival, play } from "./fixtures.ts";

const noon = Date.UTC(2026, 10, 22, 12);
const minuteMs = 60_000;
const context = { timezone: null, files: new Map<string, Uint8Array>() };
const route = { from: "HEL", to: "ARN", currency: "EUR" };

function quote(minute: number, amountMinor: number): Arrival {
  const time = noon + minute * minuteMs;
  const expiresAt = isoTime(time + 600 * minuteMs);
  const values = { quoteId: "q", origin: "HEL", destination: "ARN", currency: "EUR", amountMinor, expiresAt };
  return { at: time, reading: { domain: "fare", device: "sim", channel: "q", time, values } };
}

function ask(minute: number, name: string, words: Values | null): Arrival {
  const time = noon + minute * minuteMs;
  const values = words === null ? { isActive: false } : { isActive: true, cabin: null, ...route, ...words };
  return { at: time, reading: { domain: "watches", device: `asked/${name}`, time, values } };
}

function run(arrivals: readonly Arrival[], settings: object = {}, restarts = new Set<number>()): Reading[] {
  const until = Math.max(...arrivals.map(({ at }) => at));
  return play(fares, fares.settings.parse(settings), context, { arrivals, until, restarts });
}

const said = (readings: readonly Reading[], name: string) =>
  readings.filter((reading) => topicOf(reading) === `watches/${name}`);
const states = (readings: readonly Reading[], name: string) =>
  said(readings, name).map(({ values }) => values["state"]);

describe("a watch that somebody asks for", () => {
  const prices = fc.array(fc.integer({ min: 8_000, max: 14_000 }), { minLength: 1, maxLength: 30 });
  const condition = fc.constantFrom({ below: "110" }, { above: 120 }, { dropsPct: 10 }, { changesPct: 5 });

  it("says what one of the settings would, and over restarts at any place the same", () => {
    fc.assert(
      fc.property(prices, condition, fc.array(fc.nat(31), { maxLength: 4 }), (amounts, words, places) => {
        const quotes = amounts.map((amount, minute) => quote(minute, amount));
        const whole = [ask(-1, "mine", words), ...quotes];
        const asked = run(whole);
        expect(asked).toEqual(run(quotes, { watches: [{ name: "mine", ...route, ...words }] }));
        expect(run(whole, {}, new Set(places))).toEqual(asked);
      }),
    );
  });

  it("joins others of the same fares without disturbing them, and goes without taking back what it said", () => {
    const settings = { watches: [{ name: "fixed", ...route, below: 100 }] };
    const quotes = [quote(0, 12_000), quote(2, 9_000), quote(4, 12_000), quote(8, 9_000)];
    const alone = said(run(quotes, settings), "fixed");
    const with2 = [...quotes, ask(1, "mine", { below: 110 }), ask(5, "mine", null)].sort(
      (a, b) => a.at - b.at,
    );
    const told = run(with2, settings);
    expect(said(told, "fixed")).toEqual(alone);
    expect(states(told, "mine")).toEqual(["armed", "fired", "armed", "removed"]);
    expect(said(told, "mine").at(-1)?.time).toBe(noon + 5 * minuteMs);
  });

  it("looks at a price that is known already, and begins anew with other words", () => {
    const arrivals = [
      ask(-1, "first", { below: 50 }),
      quote(0, 9_000),
      ask(1, "mine", { below: 100 }),
      ask(2, "mine", { above: 100 }),
      quote(3, 11_000),
    ];
    const told = said(run(arrivals), "mine");
    expect(told[0]?.values).toMatchObject({ state: "fired", firedMinor: 9_000, belowMinor: 10_000 });
    expect(told.at(-1)?.values).toMatchObject({ state: "fired", firedMinor: 11_000, aboveMinor: 10_000 });
  });

  it("looks at it however long it has been that, beside others and again with other words, and over a restart", () => {
    for (let count = 1; count <= 40; count++) {
      const quotes = Array.from({ length: count }, (_, minute) => quote(minute, 9_000));
      const first = ask(-1, "first", { above: 80 });
      const asked = [ask(count, "mine", { below: 100 }), ask(count + 1, "mine", { below: 50 })];
      const told = run([first, ...quotes, ...asked]);
      const mine = said(told, "mine").map(({ values }) => [values["state"], values["belowMinor"]]);
      expect(mine, `after ${count} quotes`).toEqual([
        ["fired", 10_000],
        ["armed", 5_000],
      ]);
      expect(said(told, "first")).toEqual(said(run([first, ...quotes]), "first"));
      expect(run([first, ...quotes, ...asked], {}, new Set([count]))).toEqual(told);
    }
  });

  it.each([
    { why: "the settings have the name", name: "fixed", words: { above: 1 } },
    { why: "it has no condition", name: "mine", words: {} },
    { why: "it has two", name: "mine", words: { below: 1, above: 2 } },
    { why: "the name is taken", name: "routes", words: { below: 1 } },
    { why: "the name is none", name: "a/b", words: { below: 1 } },
    { why: "it knows no such key", name: "mine", words: { below: 1, cheap: true } },
  ])("is left out when $why", ({ name, words }) => {
    const settings = { watches: [{ name: "fixed", ...route, below: 100 }] };
    const quotes = [quote(0, 12_000), quote(2, 9_000)];
    expect(run([ask(-1, name, words), ask(-1, "never-asked", null), ...quotes], settings)).toEqual(
      run(quotes, settings),
    );
  });

  it("finds airports, flights and currencies in small letters, in the wish and in the quotes", () => {
    const segments = [{ carrier: "zz", number: "803", departLocal: "2026-12-24T07:25:00" }];
    const low = quote(0, 9_000);
    const reading = {
      ...low.reading,
      values: { ...low.reading.values, origin: "hel", destination: "Arn", segments },
    };
    const words = { from: "hel", to: "arn", currency: "eur", flight: "zz803", below: 100 };
    const told = run([ask(-1, "mine", words), { ...low, reading }]);
    expect(states(told, "mine")).toEqual(["fired"]);
    expect(told.map((one) => topicOf(one))).toContain("watches/flights/HEL-ARN/ZZ803/2026-12-24/any/EUR");
  });

  it("fires a rule for each time that it fires, also when one price arms it and fires it", () => {
    const words = { dropsPct: 10 };
    const amounts = [10_000, 9_000, 8_000, 8_050, 7_000];
    const told = said(
      run([ask(-1, "mine", words), ...amounts.map((amount, at) => quote(at, amount))]),
      "mine",
    );
    expect(told.map(({ values }) => values["state"])).toEqual([
      "armed",
      ...["fired", "armed", "fired", "armed", "fired"],
    ]);
    const rules = [{ name: "fares", filter: "watches/+", field: "state", is: "fired" }];
    const arrivals = told.map((reading, at) => ({ at: noon + at, reading }));
    const alerted = play(alerts, alerts.settings.parse({ rules }), context, { arrivals, until: noon + 1e6 });
    expect(alerted.map(({ time, values }) => [(time - noon) / minuteMs, values["state"]])).toEqual([
      [1, "firing"],
      [2 - 1 / minuteMs, "resolved"],
      [2, "firing"],
      [4 - 1 / minuteMs, "resolved"],
      [4, "firing"],
    ]);
  });

  it("stands again when it is asked for again at a price that has not moved", () => {
    const arrivals = [
      ask(-1, "other", { below: 50 }),
      ask(-1, "mine", { below: 100 }),
      quote(0, 9_000),
      ask(1, "mine", null),
      ask(2, "mine", { below: 100 }),
    ];
    const told = said(run(arrivals), "mine");
    expect(told.map(({ time, values }) => [(time - noon) / minuteMs, values["state"]])).toEqual([
      [0, "fired"],
      [1, "removed"],
      [2, "fired"],
    ]);
  });

  it("has a bound", () => {
    const many = Array.from({ length: 1_100 }, (_, at) => ask(-1, `w${at}`, { below: 100 }));
    const told = run([...many, quote(0, 9_000)]);
    expect(states(told, "w999")).toEqual(["fired"]);
    expect(states(told, "w1000")).toEqual([]);
  });
});
