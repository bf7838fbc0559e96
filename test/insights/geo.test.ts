import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type Box,
  bearingDeg,
  bendDeg,
  boxAround,
  distanceM,
  distanceToEdgeM,
  goesRoundPole,
  isInArea,
  isInBox,
  nearestOnLine,
  type Position,
  placeAt,
  positionOf,
  widen,
} from "../../src/insights/geo.ts";
import { GridIndex } from "../../src/insights/grid-index.ts";

const at = (lat: number, lon: number): Position => ({ lat, lon });
const degrees = (min: number, max: number) => fc.double({ min, max, noNaN: true });
const anywhere = fc.record({ lat: degrees(-89, 89), lon: degrees(-180, 180) });

describe("distances and directions", () => {
  it("agree with figures worked out elsewhere", () => {
    // A quarter of the meridian on the sphere: R π/2.
    expect(distanceM(at(0, 0), at(90, 0))).toBeCloseTo((6_371_008.8 * Math.PI) / 2, 3);
    // Helsinki to Stockholm (60.1699 N 24.9384 E, 59.3293 N 18.0686 E): 396 km, N 260° to start with.
    const [helsinki, stockholm] = [at(60.1699, 24.9384), at(59.3293, 18.0686)];
    expect(distanceM(helsinki, stockholm) / 1_000).toBeCloseTo(395.9, 0);
    expect(bearingDeg(helsinki, stockholm)).toBeCloseTo(259.4, 0);
    expect(distanceM(at(0, 179.5), at(0, -179.5))).toBeCloseTo(111_195, 0);
    expect([bearingDeg(at(0, 0), at(1, 0)), bearingDeg(at(0, 179.9), at(0, -179.9))]).toEqual([0, 90]);
    expect([bendDeg(350, 10), bendDeg(10, 350), bendDeg(0, 180), bendDeg(90, 90)]).toEqual([20, 20, 180, 0]);
  });

  it("lead back: the place at a distance and direction is that far away, in that direction", () => {
    fc.assert(
      fc.property(anywhere, degrees(0, 359), degrees(1, 1_000_000), (from, bearing, metres) => {
        const to = placeAt(from, bearing, metres);
        expect(Math.abs(to.lon)).toBeLessThanOrEqual(180);
        expect(Math.abs(distanceM(from, to) - metres)).toBeLessThan(0.01);
        expect(bendDeg(bearingDeg(from, to), bearing)).toBeLessThan(0.01);
      }),
    );
  });

  it("take positions only from numbers on the earth", () => {
    expect(positionOf({ lat: 1, lon: 2, speedKmh: 3 })).toEqual({ lat: 1, lon: 2 });
    for (const values of [{ lat: 1 }, { lat: "1", lon: 2 }, { lat: 91, lon: 0 }, { lat: 0, lon: 181 }]) {
      expect(positionOf(values)).toBeNull();
    }
  });

  it("find where a line comes nearest, across the date line too", () => {
    for (const shift of [0, 180]) {
      const near = nearestOnLine(
        at(0.01, shift - 0.001),
        at(0, shift - 0.01),
        at(0, shift === 180 ? -179.99 : 0.01),
      );
      expect(near.distanceM).toBeCloseTo(1111.95, 1);
      expect(near.share).toBeCloseTo(0.45, 3);
    }
    expect(nearestOnLine(at(0, 1), at(0, 0), at(0, 0)).distanceM).toBeCloseTo(111_195, 0);
  });
});

describe("areas", () => {
  const square = (west: number, east: number) => [at(-1, west), at(-1, east), at(1, east), at(1, west)];

  it("hold what is inside, wherever they lie and however they go round", () => {
    const lon = degrees(-180, 180);
    fc.assert(
      fc.property(lon, fc.boolean(), degrees(-3, 3), degrees(-3, 3), (centre, isTurned, dLat, dLon) => {
        const wrap = (value: number) => (value > 180 ? value - 360 : value < -180 ? value + 360 : value);
        const corners = square(wrap(centre - 1), wrap(centre + 1));
        if (isTurned) corners.reverse();
        const edge = Math.max(Math.abs(dLat), Math.abs(dLon));
        fc.pre(Math.abs(edge - 1) > 1e-9);
        const place = at(dLat, wrap(centre + dLon));
        expect(isInArea(place, corners)).toBe(edge < 1);
        if (edge < 1) {
          const toEdgeDeg = distanceToEdgeM(place, corners) / 111_195;
          expect(Math.abs(toEdgeDeg - (1 - edge))).toBeLessThan(0.01);
        }
      }),
    );
  });

  it("may be concave", () => {
    const arrow = [at(0, 0), at(2, 1), at(0, 2), at(1, 1)];
    expect(
      [at(1.5, 1), at(0.5, 1), at(0.4, 0.35), at(0.2, 1.85)].map((place) => isInArea(place, arrow)),
    ).toEqual([true, false, true, true]);
  });

  it("are known not to go round a pole", () => {
    expect(goesRoundPole(square(179, -179))).toBe(false);
    expect(goesRoundPole([at(80, 0), at(80, 90), at(80, 180), at(80, -90)])).toBe(true);
  });
});

describe("boxes", () => {
  it("cross the date line, and widen to all that is near", () => {
    expect(boxAround([at(1, 179), at(-1, -179)])).toEqual({ west: 179, south: -1, east: 181, north: 1 });
    expect(isInBox(at(0, -179.5), boxAround([at(1, 179), at(-1, -179)]))).toBe(true);
    expect(widen(boxAround([at(89.9, 0)]), 20_000)).toMatchObject({ west: -180, east: 180, north: 90 });
    fc.assert(
      fc.property(anywhere, degrees(0, 359), degrees(1, 200_000), (from, bearing, metres) => {
        const box = widen(boxAround([from]), metres * 1.000001);
        expect(isInBox(placeAt(from, bearing, metres), box)).toBe(true);
      }),
    );
  });
});

describe("GridIndex", () => {
  const size = fc.oneof(degrees(0, 0.01), degrees(0, 2), degrees(0, 360));
  const box: fc.Arbitrary<Box> = fc
    .record({ lat: degrees(-90, 90), west: degrees(-180, 180), width: size, height: size })
    .map(({ lat, west, width, height }) => {
      const isRound = width >= 360;
      return {
        west: isRound ? -180 : west,
        east: isRound ? 180 : west + width,
        south: lat,
        north: Math.min(90, lat + height),
      };
    });

  it("finds what looking at every box finds", () => {
    fc.assert(
      fc.property(
        fc.array(box, { maxLength: 40 }),
        fc.array(anywhere, { maxLength: 10 }),
        (boxes, places) => {
          const index = new GridIndex(boxes, (one) => one);
          const corners = boxes.flatMap(({ west, south, east, north }) => [
            at(south, west),
            at(north, east > 180 ? east - 360 : east),
          ]);
          for (const place of [...places, ...corners]) {
            expect(index.at(place)).toEqual(boxes.filter((one) => isInBox(place, one)));
          }
        },
      ),
    );
  });

  it("looks at few of 50,000 things", () => {
    const boxes = Array.from({ length: 50_000 }, (_, i) => {
      const centre = at(-60 + (i % 500) * 0.24, -179 + Math.floor(i / 500) * 3.5);
      return widen(boxAround([centre]), 100);
    });
    let reads = 0;
    const get = (box: Box, key: string | symbol) => {
      reads++;
      return Reflect.get(box, key);
    };
    const counted = boxes.map((one) => new Proxy(one, { get }));
    const index = new GridIndex(counted, (one) => one);
    reads = 0;
    expect(index.at(at(-60 + 123 * 0.24, -179 + 45 * 3.5))).toHaveLength(1);
    expect(reads).toBeLessThan(50);
  });
});
