import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readFlatValues } from "../../src/log/flat-values.ts";
import type { Value, Values } from "../../src/model/reading.ts";
import { bodyValues, decimalsOf, freeShape, readBody, type Shape, writeBody } from "../../src/wire/body.ts";
import { MsgpackWriter } from "../../src/wire/writer.ts";

const number = fc.oneof(
  fc.double(),
  fc.maxSafeInteger(),
  fc.integer({ min: -70_000, max: 70_000 }),
  fc.constantFrom(0, -0, 127, 128, 255, 256, -32, -33, -128, -129, 2 ** 31, -(2 ** 31), 2 ** 32 - 1, 2 ** 32),
);
const text = fc.oneof(fc.string({ unit: "binary", maxLength: 80 }), fc.string({ maxLength: 80 }));
const value: fc.Arbitrary<Value> = fc.oneof(
  number,
  text,
  fc.boolean(),
  fc.constant(null),
  fc.array(text, { maxLength: 2 }),
);
const names = ["lat", "lon", "speedKmh", "n", "note", "energyImportWh", "a b", ...Array(12).keys()].map(
  String,
);
const some: fc.Arbitrary<Values> = fc.dictionary(fc.constantFrom(...names), value, { noNullPrototype: true });
const time = fc.integer({ min: -62_167_219_200_000, max: 253_402_300_799_999 });

function shapeOf(values: Values): Shape {
  const own = Object.keys(values);
  return { id: 9, names: own, decimals: own.map(decimalsOf) };
}

function bodyOf(
  values: Values,
  at: number,
  shape = shapeOf(values),
  attrs: Values | null = null,
): Uint8Array {
  const writer = new MsgpackWriter();
  writeBody(writer, 70_000, 300, shape, at, values, null, attrs);
  return writer.take();
}

describe("values read without a decoder", () => {
  it("are what the decoder reads, or nothing", async () => {
    const holds = fc.property(some, time, (values, at) => {
      const body = bodyOf(values, at);
      const read = readFlatValues(body, shapeOf(values));
      if (read !== null) expect(read).toStrictEqual(bodyValues(shapeOf(values), readBody(body).rest));
    });
    await fc.assert(holds, { numRuns: 2_000 });
  });

  it("are read of what devices and insights say", () => {
    const values = {
      lat: 60.17,
      lon: -24.9,
      speedKmh: 0.5,
      state: "atStop",
      note: null,
      isBest: true,
      n: -7,
    };
    expect(readFlatValues(bodyOf(values, 5), shapeOf(values))).toStrictEqual(values);
  });

  it("are left to the decoder where there is more, and where something is missing", () => {
    const values = { n: 1, note: "two" };
    expect(readFlatValues(bodyOf(values, 5, freeShape), freeShape)).toBeNull();
    expect(readFlatValues(bodyOf(values, 5, shapeOf(values), { text: "x" }), shapeOf(values))).toBeNull();
    expect(readFlatValues(bodyOf({ n: [1] }, 5), shapeOf({ n: 1 }))).toBeNull();
    const whole = bodyOf(values, 5);
    for (let end = 0; end < whole.length; end++) {
      expect(readFlatValues(whole.subarray(0, end), shapeOf(values))).toBeNull();
    }
  });
});
