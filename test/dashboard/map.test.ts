import { describe, expect, it } from "vitest";
import { needsFineLand } from "../../src/dashboard/map/basemap.ts";
import { bothSides, unwrapRing } from "../../src/dashboard/map/rings.ts";
import {
  boxAround,
  fittingWorldPx,
  latitude,
  longitude,
  maxLatitude,
  mercatorX,
  mercatorY,
  metresPerPx,
  screenX,
  screenY,
  worldPxAt,
  zoomOf,
} from "../../src/dashboard/mercator.ts";
import { matchesName, Rows } from "../../src/dashboard/rows.ts";
import { Things } from "../../src/dashboard/things.ts";
import { maxTrailPoints, Trail } from "../../src/dashboard/trail.ts";

describe("mercator", () => {
  it("goes there and back", () => {
    expect(longitude(mercatorX(24.94))).toBeCloseTo(24.94, 9);
    expect(latitude(mercatorY(60.17))).toBeCloseTo(60.17, 9);
    expect(mercatorY(maxLatitude)).toBeCloseTo(0, 9);
    expect(mercatorY(90)).toBeCloseTo(0, 9);
  });

  it("puts a view's centre in its middle", () => {
    const view = { x: 0.3, y: 0.4, worldPx: 1000, width: 200, height: 100 };
    expect([screenX(view, 0.3), screenY(view, 0.4)]).toEqual([100, 50]);
    expect(screenX(view, 0.4)).toBeCloseTo(200);
  });

  it("measures as EPSG:3857 does", () => {
    const view = { x: 0.5, y: 0.5, worldPx: worldPxAt(0), width: 1, height: 1 };
    expect(metresPerPx(view)).toBeCloseTo(78_271.517, 2);
    expect(zoomOf(worldPxAt(13.5))).toBeCloseTo(13.5);
  });

  it("fits a box with its padding, and a single point no nearer than allowed", () => {
    const box = boxAround([
      { x: 0.2, y: 0.2 },
      { x: 0.4, y: 0.3 },
    ]);
    expect(box && fittingWorldPx(box, { width: 300, height: 300 }, 50, 1e9)).toBeCloseTo(1000);
    const point = boxAround([{ x: 0.2, y: 0.2 }]);
    expect(point && fittingWorldPx(point, { width: 300, height: 300 }, 50, 5000)).toBe(5000);
    expect(boxAround([])).toBeNull();
  });
});

describe("Trail", () => {
  it("follows a vehicle, knows its heading and stays bounded", () => {
    const trail = new Trail(60, 25, 0);
    for (let i = 1; i < 500; i++) trail.move(60, 25 + i / 1000, i);
    expect(trail.headingDeg).toBeCloseTo(90);
    expect(trail.xs.length).toBe(maxTrailPoints);
    expect(trail.x).toBeCloseTo(mercatorX(25.499));
  });

  it("does not go back for a position that was observed earlier", () => {
    const trail = new Trail(60, 25, 100);
    expect(trail.move(61, 26, 50)).toBe(false);
    expect(trail.x).toBe(mercatorX(25));
  });

  it("draws no line across a jump", () => {
    const trail = new Trail(60, 25, 0);
    trail.move(60, 25.001, 1);
    trail.move(40, -3, 2);
    expect(trail.connected).toBe(1);
  });

  it("takes trembling for standing still", () => {
    const trail = new Trail(60, 25, 0);
    expect(trail.move(60.000001, 25.000001, 1)).toBe(false);
    expect(trail.headingDeg).toBeNull();
  });
});

describe("Rows", () => {
  it("keeps nothing of another time when the page goes there and stays", () => {
    const things = new Things();
    things.apply({ topic: "gps/van", time: 90_000, values: { speedKmh: 43 } });
    const rows = new Rows(things, "gps");
    expect(rows.list("", 100_000).map((thing) => thing.number("speedKmh"))).toEqual([43]);
    things.clear();
    things.apply({ topic: "gps/van", time: 50_000, values: { speedKmh: 42 } });
    expect(rows.list("", 50_000).map((thing) => thing.number("speedKmh"))).toEqual([42]);
    expect(things.devices("gps")).toBe(1);
  });

  it("orders by name as people count, and what went silent last", () => {
    const things = new Things();
    for (const [name, time] of [
      ["van-10", 90_000],
      ["van-9", 90_000],
      ["van-1", 0],
    ] as const) {
      things.apply({ topic: `gps/${name}`, time, values: { lat: 0, lon: 0 } });
    }
    const names = new Rows(things, "gps").list("", 100_000).map(({ name }) => name);
    expect(names).toEqual(["van-9", "van-10", "van-1"]);
  });

  it("finds devices by name, topic and route", () => {
    const things = new Things();
    const values = { event: "position", lat: 0, lon: 0, routeId: "2159" };
    things.apply({ topic: "transit/0018/00423", time: 0, values });
    const bus = things.get("transit/0018/00423");
    expect(bus && ["423", "transit/0018", "2159", ""].every((text) => matchesName(bus, text))).toBe(true);
    expect(bus && matchesName(bus, "van")).toBe(false);
    expect(new Rows(things, "transit").list("van", 0)).toEqual([]);
  });
});

describe("rings", () => {
  it("go on over the antimeridian, with a copy on the other side", () => {
    const ring = unwrapRing([
      [170, 60],
      [-170, 60],
      [-170, 70],
      [170, 70],
      [170, 60],
    ]);
    expect(ring.map(([lon]) => lon)).toEqual([170, 190, 190, 170, 170]);
    expect(bothSides(ring).map((side) => side[1])).toEqual([
      [190, 60],
      [-170, 60],
    ]);
  });

  it("that go around a pole are closed over it", () => {
    const ring = unwrapRing([
      [-180, -80],
      [-60, -75],
      [60, -75],
      [180, -80],
      [-180, -80],
    ]);
    expect(ring.slice(-3)).toEqual([
      [180, -90],
      [-180, -90],
      [-180, -80],
    ]);
  });
});

describe("base map", () => {
  it("loads the fine land only where it is seen", () => {
    expect([2, 6, 12].map(needsFineLand)).toEqual([false, true, false]);
  });
});
