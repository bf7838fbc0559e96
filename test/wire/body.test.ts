import { decode, encode } from "@msgpack/msgpack";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Value, Values } from "../../src/model/reading.ts";
import {
  bodyExtras,
  bodyValues,
  decimalsOf,
  freeShape,
  readBody,
  type Shape,
  writeBody,
} from "../../src/wire/body.ts";
import { MsgpackWriter } from "../../src/wire/writer.ts";

const scaledNames = ["lat", "lon", "altM", "speedKmh", "powerW", "currentA", "speedRatio", "occupancyPct"];
const plainNames = ["n", "note", "energyImportWh", "segments", "ünï", "", "a b", "7"];

const text = fc.oneof(
  fc.string({ unit: "binary", maxLength: 300 }),
  fc.string({ unit: fc.constantFrom("中", "é", "😀", "x"), maxLength: 300 }),
  fc.constantFrom(31, 32, 255, 256, 65_535, 65_536).map((length) => "y".repeat(length)),
);

const number = fc.oneof(
  fc.double(),
  fc.maxSafeInteger(),
  fc.integer({ min: -70_000, max: 70_000 }),
  fc.constantFrom(0, -0, Number.NaN, Infinity, -Infinity, 2 ** 53 - 1, -(2 ** 53 - 1), 2 ** 64, 5e-324),
  fc.tuple(fc.integer(), fc.nat(9)).map(([integer, decimals]) => integer / 10 ** decimals),
);

const scalar: fc.Arbitrary<Value> = fc.oneof(number, text, fc.boolean(), fc.constant(null));

// The general encoder behind nested values writes -0 as 0, which no JSON payload can tell apart.
const noMinusZero = (value: Value): Value => (Object.is(value, -0) ? 0 : value);
const nested = fc.letrec<{ value: Value }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3, depthSize: "small" },
    scalar.map(noMinusZero),
    fc.array(tie("value"), { maxLength: 4 }),
    fc.dictionary(
      fc.string({ maxLength: 5 }).filter((name) => name !== "__proto__"),
      tie("value"),
      {
        maxKeys: 4,
        noNullPrototype: true,
      },
    ),
  ),
})).value;

const values: fc.Arbitrary<Values> = fc
  .tuple(
    fc.dictionary(fc.constantFrom(...scaledNames), fc.oneof(scalar, nested), { noNullPrototype: true }),
    fc.dictionary(fc.constantFrom(...plainNames), fc.oneof(scalar, nested), { noNullPrototype: true }),
  )
  .map(([scaled, plain]) => ({ ...scaled, ...plain }));

function shapeOf(of: Values): Shape {
  const names = Object.keys(of);
  return { id: 9, names, decimals: names.map(decimalsOf) };
}

const seq = fc.maxSafeInteger().map(Math.abs);
const time = fc.integer({ min: -62_167_219_200_000, max: 253_402_300_799_999 });

/** Small, so that the writer's buffer grows at every possible moment. */
const roomBytes = 16;

describe("a body", () => {
  it("gives back every value bit for bit", async () => {
    const holds = fc.property(seq, fc.nat(), time, values, (seq, topicId, time, values) => {
      const writer = new MsgpackWriter(roomBytes);
      const shape = shapeOf(values);
      writeBody(writer, seq, topicId, shape, time, values);
      const body = readBody(writer.take());
      expect(body).toMatchObject({ seq, topicId, shapeId: 9, time });
      const back = bodyValues(shape, body.rest);
      expect(Object.keys(back)).toEqual(Object.keys(values));
      // toStrictEqual tells -0 from 0 and knows NaN.
      expect(back).toStrictEqual(values);
    });
    await fc.assert(holds, { numRuns: 500 });
  });

  it("in the free shape gives back names, values and ages", async () => {
    const plain = values.map((some) =>
      Object.fromEntries(Object.entries(some).map(([name, value]) => [name, noMinusZero(value)])),
    );
    const holds = fc.property(seq, time, plain, (seq, time, values) => {
      const writer = new MsgpackWriter(roomBytes);
      const ages = Object.keys(values).map((_, index) => index * 1_000);
      writeBody(writer, seq, 1, freeShape, time, values, ages);
      const { rest } = readBody(writer.take());
      expect(bodyValues(freeShape, rest)).toStrictEqual(values);
      expect(rest[1]).toEqual(ages);
    });
    await fc.assert(holds, { numRuns: 300 });
  });

  const attrs = { text: "über 50", sumMismatch: true };
  const ages = [0, 250];

  it.each([
    { name: "a shape of names", free: false, ages: null, attrs },
    { name: "the free shape", free: true, ages: null, attrs },
    { name: "the free shape with ages", free: true, ages, attrs },
    { name: "the free shape, ages only", free: true, ages, attrs: null },
    { name: "a shape of names, without attrs", free: false, ages: null, attrs: null },
  ])("gives back attrs in $name", ({ free, ages, attrs }) => {
    const values = { lat: 60.1699, speedKmh: 31 };
    const shape = free ? freeShape : shapeOf(values);
    const writer = new MsgpackWriter(roomBytes);
    writeBody(writer, 1, 2, shape, 3, values, ages, attrs);
    const { rest } = readBody(writer.take());
    expect(bodyValues(shape, rest)).toEqual(values);
    expect(bodyExtras(shape, rest)).toEqual({ ages, attrs });
  });

  it("costs nothing more without attrs", () => {
    const values = { lat: 60.1699 };
    const writer = new MsgpackWriter();
    writeBody(writer, 1, 2, shapeOf(values), 3, values, null, null);
    expect(decode(writer.take())).toEqual([1, 2, 9, 3, 601699000]);
    writeBody(writer, 1, 2, freeShape, 3, values, null, null);
    expect(decode(writer.take())).toEqual([1, 2, 0, 3, values]);
  });

  it("writes a scaled number as an integer when that is exact", () => {
    const writer = new MsgpackWriter();
    const values = { lat: 60.1699, powerW: 0.30000000000000004 };
    writeBody(writer, 1, 2, shapeOf(values), 3, values);
    expect(decode(writer.take())).toEqual([1, 2, 9, 3, 601699000, [0.30000000000000004]]);
  });

  it.each([
    ["not an array", Uint8Array.of(0x81, 0x01, 0x02)],
    ["too short", Uint8Array.of(0x93, 1, 2, 3)],
    ["no numbers", Uint8Array.of(0x94, 0xa1, 0x61, 2, 3, 4)],
    ["cut off", Uint8Array.of(0x95, 1, 2)],
    ["an array that claims millions", Uint8Array.of(0xdd, 0x00, 0xff, 0xff, 0xff)],
    ["nothing", new Uint8Array()],
  ])("that is none is refused: %s", (_, bytes) => {
    expect(() => readBody(bytes)).toThrow();
  });
});

describe("MsgpackWriter", () => {
  it("writes what @msgpack/msgpack reads back, one value after the other", async () => {
    const holds = fc.property(fc.array(fc.oneof(scalar, nested), { maxLength: 20 }), (list) => {
      const writer = new MsgpackWriter(roomBytes);
      writer.arrayHeader(list.length);
      for (const value of list) writer.value(value);
      expect(decode(writer.take())).toStrictEqual(list);
    });
    await fc.assert(holds, { numRuns: 300 });
  });

  it("writes every integer in its shortest form", () => {
    const bytes = (value: number) => {
      const writer = new MsgpackWriter(16);
      writer.number(value);
      return writer.take().length;
    };
    const lengths = [0, 127, 128, 255, 256, 65_535, 65_536, 2 ** 32 - 1, 2 ** 32].map(bytes);
    expect(lengths).toEqual([1, 1, 2, 2, 3, 3, 5, 5, 9]);
    expect([-1, -32, -33, -128, -129, -32_768, -32_769, -(2 ** 31), -(2 ** 31) - 1].map(bytes)).toEqual([
      1, 1, 2, 2, 3, 3, 5, 5, 9,
    ]);
  });

  it("writes array headers and texts at every border of their length", () => {
    for (const length of [0, 15, 16, 65_535, 65_536]) {
      const writer = new MsgpackWriter(roomBytes);
      writer.arrayHeader(length);
      for (let i = 0; i < length; i++) writer.number(i % 100);
      expect(decode(writer.take())).toHaveLength(length);
    }
    // The header's width is guessed from the characters; here the bytes need a wider one.
    for (const many of [
      "中".repeat(11),
      "é".repeat(31),
      "中".repeat(255),
      "é".repeat(200),
      "中".repeat(65_535),
    ]) {
      const writer = new MsgpackWriter(roomBytes);
      writer.text(many);
      expect(decode(writer.take())).toBe(many);
    }
  });

  it("keeps a text that its header's width was guessed too small for, wherever the buffer ends", () => {
    for (let filler = 0; filler < 64; filler++) {
      for (const text of ["中".repeat(11), "é".repeat(200), "中".repeat(30_000)]) {
        const writer = new MsgpackWriter(64);
        writer.raw(new Uint8Array(filler));
        writer.text(text);
        expect(decode(writer.take().subarray(filler)) === text).toBe(true);
      }
    }
  });

  it("starts anew after take, and grows as needed", () => {
    const writer = new MsgpackWriter(8);
    for (let i = 0; i < 3; i++) {
      writer.arrayHeader(1_000);
      for (let n = 0; n < 1_000; n++) writer.number(n);
      expect(writer.size).toBeGreaterThan(1_000);
      expect(decode(writer.take())).toEqual(Array.from({ length: 1_000 }, (_, n) => n));
      expect(writer.size).toBe(0);
    }
  });
});

describe("a map of values", () => {
  const value = fc.oneof(
    fc.double({ noNaN: true }).filter((one) => !Object.is(one, -0)),
    fc.integer(),
    fc.string(),
    fc.boolean(),
    fc.constant(null),
    fc.array(fc.integer(), { maxLength: 3 }),
  );
  const values = fc.dictionary(fc.string(), value, { maxKeys: 20, noNullPrototype: true });

  it("has the bytes that a general encoder writes", () => {
    fc.assert(
      fc.property(values, (one) => {
        const writer = new MsgpackWriter(16);
        writer.map(one);
        expect(Buffer.from(writer.take()).equals(encode(one))).toBe(true);
      }),
    );
  });
});

describe("what is cut off a writer", () => {
  it("stays as it is, whatever is written after it", () => {
    const texts = fc.array(fc.string({ maxLength: 40 }), { maxLength: 50 });
    fc.assert(
      fc.property(texts, (all) => {
        const writer = new MsgpackWriter(64);
        const parts = all.map((text) => {
          writer.text(text);
          return writer.cut();
        });
        expect(parts.map((part) => decode(part))).toEqual(all);
      }),
    );
  });

  it("shares its memory with what is cut off after it", () => {
    const writer = new MsgpackWriter(64);
    writer.number(1);
    const first = writer.cut();
    writer.number(2);
    expect(writer.cut().buffer).toBe(first.buffer);
  });

  it("is not taken or dropped with what comes after it", () => {
    const writer = new MsgpackWriter(64);
    writer.text("cut");
    const part = writer.cut();
    writer.text("dropped");
    writer.drop();
    writer.text("taken");
    expect([decode(writer.take()), decode(part), writer.size]).toEqual(["taken", "cut", 0]);
  });
});
