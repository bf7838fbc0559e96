import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { anchorAt, anchoredM, distanceM, isWithinM, placeAt } from "../../src/insights/geo.ts";

const degrees = (min: number, max: number) => fc.double({ min, max, noNaN: true });
const anywhere = fc.record({ lat: degrees(-90, 90), lon: degrees(-180, 180) });
const metres = degrees(0.01, 3_000);

describe("shorter ways to a distance", () => {
  it("say of places near each other and anywhere what the distance says", async () => {
    const holds = fc.property(anywhere, degrees(0, 360), metres, metres, (from, bearing, awayM, limitM) => {
      const to = placeAt(from, bearing, awayM);
      expect(isWithinM(from, to, limitM)).toBe(distanceM(from, to) <= limitM);
      expect(anchoredM(anchorAt(from), anchorAt(to))).toBe(distanceM(from, to));
    });
    await fc.assert(holds, { numRuns: 2_000 });
    const far = fc.property(anywhere, anywhere, degrees(0.01, 2e7), (from, to, limitM) => {
      expect(isWithinM(from, to, limitM)).toBe(distanceM(from, to) <= limitM);
    });
    await fc.assert(far, { numRuns: 2_000 });
  });

  it("know that a place has two longitudes on the date line", () => {
    expect(isWithinM({ lat: 10, lon: 180 }, { lat: 10, lon: -180 }, 1)).toBe(true);
  });
});
