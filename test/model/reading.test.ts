import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isoTime } from "../../src/model/reading.ts";

describe("isoTime", () => {
  it("writes what Date writes", async () => {
    const times = fc.oneof(
      fc.integer({ min: -62_167_219_200_000, max: 253_402_300_799_999 }),
      fc.double({ min: -1e13, max: 1e13, noNaN: true }),
      fc.constantFrom(0, -0, -1, -0.5, 86_399_999, 86_400_000, 253_402_300_800_000, -62_167_219_200_001),
    );
    const holds = fc.property(times, (time) => {
      expect(isoTime(time)).toBe(new Date(time).toISOString());
    });
    await fc.assert(holds, { numRuns: 5_000 });
  });

  it("refuses what is no time, also after a good one", () => {
    expect(isoTime(0)).toBe("1970-01-01T00:00:00.000Z");
    expect(() => isoTime(Number.NaN)).toThrow(RangeError);
    expect(() => isoTime(1e300)).toThrow(RangeError);
  });
});
