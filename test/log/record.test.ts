import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readBodyHead, recordFromBody } from "../../src/log/record.ts";
import { type Shape, writeBody } from "../../src/wire/body.ts";
import { MsgpackWriter } from "../../src/wire/writer.ts";

function body(seq: number, topicId: number, shape: Shape, time: number, values = {}): Uint8Array {
  const writer = new MsgpackWriter();
  writeBody(writer, seq, topicId, shape, time, values);
  return writer.take();
}

const widths = [0, 1, 127, 128, 255, 256, 65_535, 65_536, 2 ** 32 - 1, 2 ** 32, Number.MAX_SAFE_INTEGER];
const count = fc.oneof(fc.constantFrom(...widths), fc.maxSafeNat());
const time = fc.oneof(
  fc.constantFrom(...widths, -1, -32, -33, -128, -129, -32_768, -32_769, -(2 ** 31), -(2 ** 31) - 1),
  fc.integer({ min: -62_167_219_200_000, max: 253_402_300_799_999 }),
);

describe("a stored record", () => {
  it("has the head that was written, whatever its numbers and the count of values", async () => {
    const holds = fc.property(
      count,
      count,
      fc.integer({ min: 1, max: 4_096 }),
      time,
      fc.nat(70),
      (...head) => {
        const [seq, topicId, shapeId, time, fields] = head;
        const names = Array.from({ length: fields }, (_, i) => `v${i}`);
        const shape = { id: shapeId, names, decimals: names.map(() => 0) };
        const values = Object.fromEntries(names.map((name) => [name, 1]));
        expect(readBodyHead(body(seq, topicId, shape, time, values))).toEqual({
          seq,
          topicId,
          shapeId,
          time,
        });
      },
    );
    await fc.assert(holds, { numRuns: 1_000 });
  });

  it("is refused when it does not fit the dictionary or its place", () => {
    const shape = { id: 3, names: [], decimals: [] };
    const stored = body(7, 2, shape, 5);
    const topic = { id: 2, name: "gps/a" };
    const one = (seq: number, bytes: Uint8Array, topicId: number, shapeId: number) =>
      recordFromBody(
        seq,
        bytes,
        (id) => (id === topicId ? topic : undefined),
        (id) => (id === shapeId ? shape : undefined),
      );
    expect(one(7, stored, 2, 3)).toMatchObject({ seq: 7, time: 5, topic, shapeId: 3, values: {} });
    expect(() => one(8, stored, 2, 3)).toThrow(/stored record 8 is damaged/);
    expect(() => one(7, stored, 1, 3)).toThrow(/damaged/);
    expect(() => one(7, stored, 2, 4)).toThrow(/damaged/);
    for (const bytes of [[], [0x80], [0x94, 0xc0, 0, 0, 0], [0x94, 1, 2], [0xdd, 0, 0]]) {
      expect(() => one(7, Uint8Array.from(bytes), 2, 3)).toThrow();
    }
  });
});
