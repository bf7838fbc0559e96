import { decode, encode } from "@msgpack/msgpack";
import fc from "fast-check";
import { expect, test } from "vitest";
import { encodeMsgpackRequest } from "../../src/wire/encode-request.ts";

const member = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: "small" },
    fc.constantFrom(null, true, false),
    fc.double({ noNaN: true }),
    fc.maxSafeInteger(),
    fc.integer({ min: -300, max: 70_000 }),
    fc.string({ unit: "binary" }),
    fc.uint8Array(),
    fc.array(tie("value"), { maxLength: 20 }),
    fc.dictionary(fc.string(), tie("value"), { maxKeys: 20 }),
  ),
})).value;

test("a request says what it was given, in the bytes of the general encoder", () => {
  fc.assert(
    fc.property(member, (value) => {
      const request = { type: "publish", payload: value };
      const bytes = encodeMsgpackRequest(request);
      expect(Buffer.from(bytes).toString("hex")).toBe(Buffer.from(encode(request)).toString("hex"));
    }),
  );
});

test.each([
  0,
  127,
  128,
  255,
  256,
  65_535,
  65_536,
  0xffffffff,
  0x100000000,
  1_795_341_600_000,
  2 ** 53 - 1,
  -1,
  -32,
  -33,
  -128,
  -129,
  -32_768,
  -32_769,
  -(2 ** 31),
  -(2 ** 31) - 1,
  1 - 2 ** 53,
  -0,
  0.5,
  2 ** 53,
  Number.NaN,
  Number.POSITIVE_INFINITY,
])("the number %d", (value) => {
  const bytes = encodeMsgpackRequest({ value });
  expect(Buffer.from(bytes).toString("hex")).toBe(Buffer.from(encode({ value })).toString("hex"));
});

test.each([15, 16, 31, 32, 255, 256, 65_535, 65_536])("lengths of %i", (length) => {
  const list = Array.from({ length }, () => 1);
  const map = Object.fromEntries(list.map((_, index) => [`k${index}`, 1]));
  const request = { text: "x".repeat(length), bytes: new Uint8Array(length), list, map };
  expect(Buffer.compare(encodeMsgpackRequest(request), Buffer.from(encode(request)))).toBe(0);
});

test("what is undefined is left out", () => {
  expect(decode(encodeMsgpackRequest({ a: undefined, b: { c: undefined, d: [undefined] } }))).toEqual({
    b: { d: [null] },
  });
});
