import { describe, expect, it } from "vitest";
import { connectionWords, nextConnection, offlineAfterMs } from "../../src/dashboard/connection.ts";
import { decimalText, formatChange, formatMoney } from "../../src/dashboard/money.ts";
import { isExpired, nextQuote } from "../../src/dashboard/quote.ts";
import { RateMeter } from "../../src/dashboard/rate.ts";
import { isLate, nextRhythm } from "../../src/dashboard/rhythm.ts";
import { Series, sparkline } from "../../src/dashboard/series.ts";
import {
  ageWords,
  congestionLevel,
  delayTone,
  delayWords,
  nameWords,
  powerQuantity,
  valueWords,
} from "../../src/dashboard/words.ts";

describe("words", () => {
  it.each([
    [-4000, "now"],
    [999, "now"],
    [3000, "3 s"],
    [125_000, "2 min"],
    [7_200_000, "2 h"],
    [200_000_000, "2 d"],
  ])("says an age of %i ms as %s", (ageMs, words) => {
    expect(ageWords(ageMs)).toBe(words);
  });

  it.each([
    [0, "on time", "good"],
    [59, "on time", "good"],
    [125, "+2 min", "late"],
    [-61, "−1 min", "early"],
    [700, "+11 min", "very-late"],
  ])("says a delay of %i s as %s", (delayS, words, tone) => {
    expect(delayWords(delayS)).toBe(words);
    expect(delayTone(delayS)).toBe(tone);
  });

  it("keeps power readable", () => {
    expect(powerQuantity(840)).toEqual({ number: "840", unit: "W" });
    expect(powerQuantity(-2310)).toEqual({ number: "−2.31", unit: "kW" });
    expect(powerQuantity(1_200_000)).toEqual({ number: "1.20", unit: "MW" });
  });

  it("finds the unit in a value's name", () => {
    expect(nameWords("energyImportWh")).toEqual({ label: "Energy import", unit: "Wh", kilo: "kWh" });
    expect(valueWords("energyImportWh", 123_456)).toEqual({ number: "123.46", unit: "kWh" });
    expect(valueWords("apparentPowerVa", 12)).toEqual({ number: "12", unit: "VA" });
    expect(valueWords("lat", 60.1)).toEqual({ number: "60.10000", unit: "°" });
    expect(nameWords("satellites")).toMatchObject({ label: "Satellites", unit: "" });
  });

  it("takes a congestion level that DATEX II does not have for unknown", () => {
    expect(congestionLevel("queuing")).toBe("queuing");
    expect(congestionLevel("terrible")).toBe("unknown");
    expect(congestionLevel(3)).toBe("unknown");
  });
});

describe("money", () => {
  it("is written from its digits, whatever the exponent", () => {
    expect(decimalText(7105, 2)).toBe("71.05");
    expect(decimalText(5, 2)).toBe("0.05");
    expect(decimalText(-5, 3)).toBe("-0.005");
    expect(decimalText(98_000, 0)).toBe("98000");
  });

  it("keeps every digit of the greatest amounts", () => {
    expect(formatMoney(Number.MAX_SAFE_INTEGER, 2, "EUR", "en")).toBe("€90,071,992,547,409.91");
  });

  it("shows a change with its sign", () => {
    expect(formatChange(250, 2, "en")).toBe("+2.50");
    expect(formatChange(-98_000, 0, "en")).toBe("-98,000");
  });

  it("does not fall over odd input", () => {
    expect(formatMoney(1.5, 2, "EUR", "en")).toBe("—");
    expect(formatMoney(150, 2, "bitcoin", "en")).toBe("1.50 bitcoin");
    expect(formatMoney(150, 99, "EUR", "en")).toBe("—");
  });

  it("compares no prices of different currencies", () => {
    const first = nextQuote(null, 1, { quoteId: "a", amountMinor: 100, currency: "EUR", exponent: 2 });
    const second = nextQuote(first, 2, { quoteId: "b", amountMinor: 90, currency: "GBP", exponent: 2 });
    expect(second?.previousMinor).toBeNull();
  });

  it("knows when a quote is over", () => {
    const values = { quoteId: "a", amountMinor: 1, currency: "EUR", expiresAt: "2026-11-20T11:00:00.000Z" };
    const quote = nextQuote(null, 1, values);
    const end = Date.UTC(2026, 10, 20, 11);
    expect(quote && isExpired(quote, end - 1)).toBe(false);
    expect(quote && isExpired(quote, end)).toBe(true);
  });
});

describe("rhythm", () => {
  it("follows the device and ignores late uploads", () => {
    expect(nextRhythm(null, 1000)).toBe(1000);
    expect(nextRhythm(1000, 2000)).toBe(1250);
    expect(nextRhythm(1000, -5000)).toBe(1000);
  });

  it("calls late what is older than three intervals", () => {
    expect(isLate(29_000, 10_000)).toBe(false);
    expect(isLate(31_000, 10_000)).toBe(true);
    expect(isLate(4_000, 1_000)).toBe(false);
    expect(isLate(200_000, null)).toBe(false);
  });
});

describe("connection", () => {
  const never = { kind: "reconnecting", lostAt: null, wasLive: false } as const;

  it("says first that it tries, and after a while since when it is offline", () => {
    const live = nextConnection(never, true, false, 1000);
    const lost = nextConnection(live, false, false, 2000);
    const offline = nextConnection(lost, false, false, 2000 + offlineAfterMs);
    expect([never, live, lost].map((connection) => connectionWords(connection))).toEqual([
      "Connecting…",
      "Live",
      "Reconnecting…",
    ]);
    expect(offline).toEqual({ kind: "offline", lostAt: 2000, wasLive: true });
    expect(connectionWords(offline, "en-GB")).toMatch(/^Offline since \d{1,2}:\d\d$/);
    expect(nextConnection(offline, true, false, 90_000)).toEqual({
      kind: "live",
      lostAt: null,
      wasLive: true,
    });
  });

  it("is offline at once when the client gave up", () => {
    expect(nextConnection(never, false, true, 1000).kind).toBe("offline");
  });
});

describe("series", () => {
  it("keeps the newest values and draws them to the right edge", () => {
    const series = new Series(3);
    for (const value of [1, 2, 3, 4]) series.push(value);
    expect([series.at(0), series.at(2), series.last]).toEqual([2, 4, 4]);
    expect(sparkline(series, 3, 20, 10)).toBe("M0.0 10.0L10.0 5.0L20.0 0.0");
  });

  it("draws a flat course through the middle, and nothing for one value", () => {
    const series = new Series(5);
    series.push(7);
    expect(sparkline(series, 5, 40, 10)).toBe("");
    series.push(7);
    expect(sparkline(series, 5, 40, 10)).toBe("M30.0 5.0L40.0 5.0");
  });
});

describe("rate", () => {
  it("averages over the last five whole seconds", () => {
    const rate = new RateMeter();
    for (let ms = 0; ms < 10_000; ms += 100) rate.count(ms);
    expect(rate.perSecond(10_000)).toBe(10);
    expect(rate.perSecond(12_000)).toBe(6);
    expect(rate.perSecond(60_000)).toBe(0);
  });
});
