import { describe, expect, test } from "vitest";
import {
  convert,
  numberField,
  readFields,
  readNumber,
  readText,
  requireField,
} from "../../src/formats/fields.ts";
import { readDecimalAmount } from "../../src/formats/money.ts";
import { currencyExponent } from "../../src/model/currency.ts";
import type { Values } from "../../src/model/reading.ts";

describe("readNumber", () => {
  test.each([
    [0, 0],
    [-1.5, -1.5],
    ["52.4770352", 52.4770352],
    [" 007 ", 7],
    ["-0.5", -0.5],
    ["+3", 3],
    [".5", 0.5],
    ["5.", 5],
  ])("reads %j", (raw, number) => {
    expect(readNumber(raw)).toBe(number);
  });

  test.each([undefined, null, "", "  "])("finds nothing in %j", (raw) => {
    expect(readNumber(raw)).toBeUndefined();
  });

  test.each([
    "12.5W",
    "0x10",
    "1,5",
    "nan",
    "inf",
    "Infinity",
    "1e3",
    "1 2",
    "--1",
    ".",
    "1".repeat(65),
    true,
    false,
    {},
    [],
  ])("refuses %j", (raw) => {
    expect(readNumber(raw)).toBeNaN();
  });
});

describe("convert", () => {
  test.each([
    [21.71, 3.6, 78.156],
    [0.16, 3.6, 0.576],
    [8.313, 1000, 8313],
    [48211.7, 1000, 48_211_700],
    [1.1, 3, 3.3],
    [18, 0.01, 0.18],
    [24.9, 0.01, 0.249],
    [123_456.789, 1000, 123_456_789],
  ])("turns %d × %d into %d", (value, scale, expected) => {
    expect(convert(value, scale)).toBe(expected);
  });

  test("never gives minus zero", () => {
    expect(convert(0, -1)).toBe(0);
    expect(convert(-0, 1)).toBe(0);
    expect(convert(-1e-10, 1000)).toBe(0);
  });
});

describe("fields", () => {
  const speed = numberField("spd", "speedKmh", 3.6);

  test("names the field and the range in the source's unit", () => {
    const course = numberField("hdg", "courseDeg");
    expect(requireField({ hdg: 400 }, course, "VP.")).toMatch(/^VP\.hdg: 400 is outside 0\.\.360/);
    expect(requireField({ v: 120 }, numberField("v", "speedRatio", 0.01))).toBe(1.2);
    expect(requireField({ spd: -1 }, speed)).toMatch(/^spd: -1 is outside 0\.\./);
    expect(requireField({}, speed)).toBe("spd: missing; it is required");
  });

  test("leave out what is no good and refuse what is not finite", () => {
    const values: Values = {};
    expect(readFields({ spd: "fast" }, [speed], values)).toBeNull();
    expect(values).toStrictEqual({});
    expect(readFields({ spd: Number.POSITIVE_INFINITY }, [speed], values, "a.")).toMatch(/^a\.spd: Infinity/);
  });

  test("take text and numbers as ids", () => {
    expect(readText(1130105)).toBe("1130105");
    expect(readText(" a ")).toBe("a");
    for (const raw of ["", " ", null, undefined, true, [], {}, "x".repeat(257)])
      expect(readText(raw)).toBeUndefined();
  });
});

describe("money", () => {
  test.each([
    ["EUR", 2],
    ["JPY", 0],
    ["KWD", 3],
    ["CLF", 4],
    ["ISK", 0],
    ["IQD", 3],
    ["XXX", undefined],
    ["eur", undefined],
    ["constructor", undefined],
  ])("%s has exponent %s", (currency, exponent) => {
    expect(currencyExponent(currency)).toBe(exponent);
  });

  test.each([
    ["71.00", 2, 7100],
    ["0.07", 2, 7],
    ["0", 2, 0],
    ["45.125", 3, 45_125],
    ["12800", 0, 12_800],
    ["12800.000", 0, 12_800],
    ["90071992547409.91", 2, Number.MAX_SAFE_INTEGER],
  ])("reads %s with %d decimals", (text, exponent, minor) => {
    expect(readDecimalAmount(text, exponent, "p")).toBe(minor);
  });

  test.each([
    ["90071992547409.92"],
    ["71.001"],
    ["71,00"],
    ["£71"],
    ["1e2"],
    ["-1"],
    [""],
    [null],
    [71.5],
    [71],
    [{}],
  ])("refuses %j", (raw) => {
    expect(readDecimalAmount(raw, 2, "p.total")).toMatch(/^p\.total: /);
  });
});
