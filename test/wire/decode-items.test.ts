import { decode, encode } from "@msgpack/msgpack";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decodeItems } from "../../src/wire/decode-items.ts";

const key = fc.string({ unit: "grapheme", maxLength: 40 }).filter((text) => text !== "__proto__");
const number = fc.oneof(
  fc.double({ noNaN: true }),
  fc.maxSafeInteger(),
  fc.integer({ min: -200, max: 70_000 }),
  fc.constantFrom(
    0,
    -0,
    127,
    128,
    255,
    256,
    65_535,
    65_536,
    2 ** 32 - 1,
    2 ** 32,
    -32,
    -33,
    -128,
    -129,
    -32_769,
  ),
);
const { value } = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: "small" },
    fc.constantFrom(null, true, false),
    number,
    fc.string({ unit: "grapheme", maxLength: 300 }),
    fc.array(tie("value"), { maxLength: 40 }),
    fc.dictionary(key, tie("value"), { maxKeys: 40, noNullPrototype: true }),
  ),
}));

function decodeAll(bytes: Uint8Array): unknown[] {
  return [...decodeItems(bytes)];
}

describe("decodeItems", () => {
  test("reads what the library writes, value after value", () => {
    fc.assert(
      fc.property(fc.array(value, { maxLength: 5 }), (values) => {
        const bytes = Buffer.concat(values.map((one) => encode(one)));
        // By way of the library, which has no -0.
        expect(decodeAll(bytes)).toEqual(values.map((one) => decode(encode(one))));
      }),
    );
  });

  test.each([
    ["float 32", "ca3fc00000", 1.5],
    ["uint 8", "ccff", 255],
    ["uint 64", "cf001fffffffffffff", Number.MAX_SAFE_INTEGER],
    ["int 8", "d080", -128],
    ["int 16", "d18000", -32_768],
    ["int 32", "d280000000", -2_147_483_648],
    ["int 64", "d3ffe0000000000001", Number.MIN_SAFE_INTEGER],
    ["str 8", "d90161", "a"],
    ["str 16", "da000161", "a"],
    ["str 32", "db0000000161", "a"],
    ["array 16", "dc0001c3", [true]],
    ["array 32", "dd00000001c2", [false]],
    ["map 16", "de0001a161c0", { a: null }],
    ["map 32", "df00000001a16101", { a: 1 }],
  ])("reads %s", (_name, hex, expected) => {
    expect(decodeAll(Buffer.from(hex, "hex"))).toEqual([expected]);
  });

  test.each([
    ["a list of 2^32 items in five bytes", "ddffffffff", "cut off"],
    ["a map of 2^32 items in five bytes", "dfffffffff", "cut off"],
    ["a text of 4 GB in five bytes", "dbffffffff", "cut off"],
    ["half a number", "cb0000", "cut off"],
    ["a tag that is never used", "c1", "0xc1"],
    ["an extension", "d40100", "0xd4"],
    ["a map whose key is a number", "810101", "key"],
    ["a map that would change its prototype", "81a95f5f70726f746f5f5f80", "key"],
    ["a thousand lists in each other", "91".repeat(1_000), "deep"],
  ])("refuses %s", (_name, hex, problem) => {
    expect(() => decodeAll(Buffer.from(hex, "hex"))).toThrow(problem);
  });

  test("of any bytes makes values or an error, and nothing else", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        try {
          decodeAll(bytes);
        } catch (error) {
          expect((error as Error).message).toMatch(/cut off|begins no value|key of a map|too deep/);
        }
      }),
    );
  });
});
