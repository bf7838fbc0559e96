import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { quoteOf } from "../../src/insights/fare-quote.ts";
import { fares } from "../../src/insights/fares.ts";
import type { Reading, Values } from "../../src/model/reading.ts";
import { isoTime } from "../../src/model/reading.ts";
import { topicOf } from "../../src/model/topic.ts";
import { decodeState, encodeState } from "../../src/pipeline/insight-state.ts";
import { type Arrival, committed, play, settled } from "./fixtures.ts";

const noon = Date.UTC(2026, 10, 22, 12);
const minuteMs = 60_000;
const context = { timezone: null, files: new Map<string, Uint8Array>() };
const route = { from: "HEL", to: "ARN", currency: "EUR" };

interface Told {
  readonly minute: number;
  readonly amountMinor: number;
  readonly quoteId?: string;
  readonly validMinutes?: number;
  readonly more?: Values;
}

function quote({ minute, amountMinor, quoteId = "q", validMinutes = 600, more = {} }: Told): Reading {
  const time = noon + minute * minuteMs;
  const values = {
    quoteId,
    origin: "HEL",
    destination: "ARN",
    currency: "EUR",
    amountMinor,
    expiresAt: isoTime(time + validMinutes * minuteMs),
    ...more,
  };
  return { domain: "fare", device: "sim", channel: quoteId, time, values };
}

function arrivalsOf(told: readonly Told[], at?: number): Arrival[] {
  return told.map((one) => {
    const reading = quote(one);
    return { at: at ?? reading.time, reading };
  });
}

function run(told: readonly Told[], settings: object = {}, at?: number): Reading[] {
  const arrivals = arrivalsOf(told, at);
  const until = at ?? Math.max(...arrivals.map((one) => one.at));
  return play(fares, fares.settings.parse(settings), context, { arrivals, until });
}

function of(readings: readonly Reading[], topic: string): Reading[] {
  return readings.filter((reading) => topicOf(reading) === topic);
}

const routeTopic = "watches/routes/HEL-ARN/any/EUR";

describe("the price of a route", () => {
  const quotes = fc.uniqueArray(
    fc.record({
      minute: fc.nat(60),
      amountMinor: fc.integer({ min: 0, max: 30 }),
      quoteId: fc.constantFrom("a", "b", "c"),
      validMinutes: fc.integer({ min: 1, max: 30 }),
      order: fc.nat(),
    }),
    { selector: ({ minute, quoteId }) => `${minute} ${quoteId}`, minLength: 1, maxLength: 40 },
  );

  it("is the cheapest standing offer at every minute, as a plain search of all quotes finds it", () => {
    fc.assert(
      fc.property(quotes, (told) => {
        const inOrder = told.toSorted((one, other) => one.minute - other.minute);
        const readings = of(run([...inOrder, { minute: 200, amountMinor: 99, quoteId: "z" }]), routeTopic);
        for (let minute = inOrder[0]?.minute ?? 0; minute < 100; minute++) {
          const newest = ["a", "b", "c"].flatMap(
            (id) => inOrder.findLast((one) => one.quoteId === id && one.minute <= minute) ?? [],
          );
          const standing = newest.filter((one) => one.minute + one.validMinutes > minute);
          const cheapest = standing.length === 0 ? null : Math.min(...standing.map((one) => one.amountMinor));
          const shown = readings.findLast(({ time }) => time <= noon + minute * minuteMs);
          expect(shown?.values["amountMinor"] ?? null).toBe(cheapest);
        }
      }),
    );
  });

  it("is the same in the end whatever order quotes come in, with its low, high and watches", () => {
    const settings = {
      lateQuotes: 128,
      windowH: 1,
      watches: [
        { name: "below", ...route, below: "0.15" },
        { name: "either", ...route, changesPct: 20 },
      ],
    };
    fc.assert(
      fc.property(quotes, (told) => {
        const sorted = told.toSorted((one, other) => one.minute - other.minute);
        const mixed = told.toSorted((one, other) => one.order - other.order);
        const [straight, other] = [sorted, mixed].map((list) =>
          settled(run(list, settings, noon + 100 * minuteMs), "values"),
        );
        expect(other).toEqual(straight);
      }),
    );
  });

  it("is the same at every time whatever order the quotes of one moment come in", () => {
    const settings = { lateQuotes: 4, windowH: 1, watches: [{ name: "either", ...route, changesPct: 20 }] };
    const ofMoments = fc.uniqueArray(
      fc.record({
        minute: fc.nat(12),
        amountMinor: fc.integer({ min: 10, max: 16 }),
        quoteId: fc.constantFrom("a", "b", "c", "d", "e", "f"),
        validMinutes: fc.integer({ min: 1, max: 8 }),
        order: fc.nat(),
      }),
      { selector: ({ minute, quoteId }) => `${minute} ${quoteId}`, minLength: 1, maxLength: 60 },
    );
    fc.assert(
      fc.property(ofMoments, (told) => {
        const [byName, byChance] = [
          told.toSorted((one, other) => one.minute - other.minute || (one.quoteId < other.quoteId ? -1 : 1)),
          told.toSorted((one, other) => one.minute - other.minute || one.order - other.order),
        ].map((list) => run([...list, { minute: 30, amountMinor: 99, quoteId: "z" }], settings));
        const times = Array.from({ length: 30 }, (_, minute) => noon + minute * minuteMs);
        for (const topic of [routeTopic, "watches/either"])
          for (const time of times) {
            const shown = [byName, byChance].map((readings) =>
              of(readings ?? [], topic).findLast((reading) => reading.time <= time),
            );
            expect(shown[1]?.values).toEqual(shown[0]?.values);
          }
      }),
    );
  });

  it("has the low and high of the window, and forgets what is older", () => {
    const told = [100, 50, 200, 150].map((amountMinor, index) => ({ minute: index * 30, amountMinor }));
    const later = { minute: 30 * 60, amountMinor: 120, validMinutes: 10 };
    const readings = of(
      run(
        [...told, ...[...Array(54).keys()].map((n) => ({ minute: 120 + n * 30, amountMinor: 150 })), later],
        {
          windowH: 24,
        },
      ),
      routeTopic,
    );
    expect(readings[3]?.values).toMatchObject({
      lowMinor: 50,
      highMinor: 200,
      highAt: isoTime(noon + 3_600_000),
    });
    expect(readings.at(-1)?.values).toMatchObject({
      amountMinor: 120,
      lowMinor: 120,
      highMinor: 150,
      highAt: isoTime(noon + 90 * minuteMs),
      level: "low",
      typicalLowMinor: 150,
    });
  });

  it("keeps as many fares as it may", () => {
    const told = [...Array(30).keys()].map((n) => ({
      minute: n,
      amountMinor: 100,
      more: { destination: `P${n}` },
    }));
    const state = fares.start();
    const reducer = fares.create(fares.settings.parse({ maxRoutes: 7 }), state, context);
    for (const [index, { at, reading }] of arrivalsOf(told).entries()) {
      reducer.reduce(committed(reading, index + 1, at), () => {});
    }
    expect([...state.routes.keys()]).toEqual(
      [...Array(7).keys()].map((n) => `routes/HEL-P${n + 23}/any/EUR`),
    );
  });
});

describe("a watch", () => {
  it("fires once for each time that the price comes from beyond the noise, as a plain count finds it", () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 9_500, max: 10_500 }), { minLength: 1, maxLength: 60 }),
        (amounts) => {
          const watches = [{ name: "w", ...route, below: 100 }];
          const readings = of(
            run(
              amounts.map((amountMinor, minute) => ({ minute, amountMinor })),
              { watches },
            ),
            "watches/w",
          );
          let [fires, isArmed] = [0, true];
          for (const amount of amounts) {
            if (amount >= 10_100) isArmed = true;
            if (amount >= 10_000 || !isArmed) continue;
            fires++;
            isArmed = false;
          }
          expect(readings.at(-1)?.values).toMatchObject({ fires, state: isArmed ? "armed" : "fired" });
          expect(readings.filter(({ values }) => values["state"] === "fired").length).toBe(fires);
        },
      ),
    );
  });

  it("of a change by 10 % either way fires once for each, and is armed by what is more than noise, as a plain count finds it", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 80, max: 130 }), { minLength: 1, maxLength: 60 }), (prices) => {
        const amounts = prices.map((price) => price * 10);
        const told = amounts.map((amountMinor, minute) => ({ minute, amountMinor }));
        const readings = of(run(told, { watches: [{ name: "w", ...route, changesPct: 10 }] }), "watches/w");
        let [low, high, fires, firedAt] = [amounts[0] ?? 0, amounts[0] ?? 0, 0, 0];
        let isArmed = true;
        for (const amount of amounts) {
          [low, high] = [Math.min(low, amount), Math.max(high, amount)];
          // Whole tenths: a hundredth of what it fired at is noise.
          if (Math.abs(amount - firedAt) * 100 >= firedAt && amount !== firedAt) isArmed = true;
          if (!isArmed || (amount * 10 > high * 9 && amount * 10 < low * 11)) continue;
          [low, high, firedAt, isArmed] = [amount, amount, amount, false];
          fires++;
        }
        expect(readings.at(-1)?.values).toMatchObject({ fires, state: isArmed ? "armed" : "fired" });
      }),
    );
  });

  it("compares amounts exactly that no floating-point product can tell apart", () => {
    const watches = [{ name: "w", ...route, dropsPct: 10 }];
    const settings = { watches };
    const high = 9_007_199_254_740_980;
    const limit = 8_106_479_329_266_882;
    const last = (amountMinor: number) =>
      of(
        run(
          [
            { minute: 0, amountMinor: high },
            { minute: 1, amountMinor },
          ],
          settings,
        ),
        "watches/w",
      ).at(-1)?.values["state"];
    expect(last(limit + 1)).toBe("armed");
    expect(last(limit)).toBe("fired");
  });

  it("is new on fares that are known: it looks at the price as it is, and one that changed does so again", () => {
    const settingsOf = (below: number) =>
      fares.settings.parse({
        watches: [
          { name: "old", ...route, below: 500 },
          { name: "new", ...route, below },
        ],
      });
    const emitted: Reading[] = [];
    let state = fares.start();
    const live = (below: number, told: readonly Told[]) => {
      const settings =
        below === 0
          ? fares.settings.parse({ watches: [{ name: "old", ...route, below: 500 }] })
          : settingsOf(below);
      state = decodeState(encodeState(1, state), 1) as typeof state;
      const reducer = fares.create(settings, state, context);
      for (const { at, reading } of arrivalsOf(told)) {
        reducer.reduce(committed(reading, 1, at), (one) => void emitted.push(one));
      }
    };
    const words = (name: string) => of(emitted, `watches/${name}`).map(({ values }) => values["state"]);
    live(0, [
      { minute: 0, amountMinor: 11_000 },
      { minute: 1, amountMinor: 11_000 },
    ]);
    live(120, [{ minute: 2, amountMinor: 11_000 }]);
    expect(words("new").at(-1)).toBe("fired");
    live(100, [{ minute: 3, amountMinor: 11_000 }]);
    expect(words("new").at(-1)).toBe("armed");
    live(100, [{ minute: 4, amountMinor: 9_900 }]);
    expect(words("new").at(-1)).toBe("fired");
    expect(words("old")).toEqual(["fired"]);
  });

  it.each([
    [{ name: "routes", ...route, below: 1 }, 'watches.0.name: "routes" is taken'],
    [
      { name: "w", ...route, currency: "EURO", below: 1 },
      'watches.0.currency: "EURO" is not an ISO 4217 code',
    ],
    [{ name: "w", ...route }, "watches.0: give it exactly one of below, above"],
    [{ name: "w", ...route, below: 1, above: 2 }, "watches.0: give it exactly one of below, above"],
    [
      { name: "w", ...route, currency: "JPY", below: "100.5" },
      "watches.0.below: JPY has 0 decimals, 100.5 has more",
    ],
    [
      { name: "w", ...route, currency: "JPY", below: 120.5 },
      "watches.0.below: JPY has 0 decimals, 120.5 has more",
    ],
    [{ name: "w", ...route, below: 120.1 }, 'watches.0.below: write it in quotes, as "120.1"'],
    [{ name: "w", ...route, dropsPct: 0.5 }, "watches.0.dropsPct: 0.5 is not more than noisePct (1)"],
    [{ name: "w", ...route, dropsPct: 100 }, "watches.0.dropsPct: no price drops by 100 percent"],
  ])("that makes no sense is refused: %j", (watch, problem) => {
    expect(fares.problem?.(fares.settings.parse({ watches: [watch] }))).toContain(problem);
  });
});

describe("a quote", () => {
  it.each([
    ["had expired", { expired: true }],
    ["ends before it begins", { expiresAt: isoTime(noon - 1) }],
    ["has an amount that is no whole number", { amountMinor: 1.5 }],
    ["has a negative amount", { amountMinor: -1 }],
    ["is in no currency", { currency: "XXX" }],
    ["goes nowhere", { destination: "" }],
    ["has no text for its origin", { origin: 7 }],
  ])("that %s is left out", (_what, more) => {
    expect(quoteOf({ ...quote({ minute: 0, amountMinor: 1, more }) }, 1)).toBeNull();
  });
});
