/** A place in metres east and north of the city's origin. */
export interface Point {
  readonly x: number;
  readonly y: number;
}

/** WGS84 degrees. */
export interface Coordinates {
  readonly lat: number;
  readonly lon: number;
}

/** The city's origin: the centre of Helsinki. */
export const cityOrigin: Coordinates = { lat: 60.17, lon: 24.94 };

// Length of a degree on the WGS84 ellipsoid at 60.17° north. Over a few kilometres a plane is exact enough.
const metresPerDegreeLat = 111_415;
const metresPerDegreeLon = 55_515;

/** Degrees with 6 decimals (about 0.1 m), as trackers send them. */
export function toCoordinates(point: Point): Coordinates {
  return {
    lat: roundTo(cityOrigin.lat + point.y / metresPerDegreeLat, 6),
    lon: roundTo(cityOrigin.lon + point.x / metresPerDegreeLon, 6),
  };
}

export function toPoint(at: Coordinates): Point {
  return {
    x: (at.lon - cityOrigin.lon) * metresPerDegreeLon,
    y: (at.lat - cityOrigin.lat) * metresPerDegreeLat,
  };
}

export function distanceM(a: Point, b: Point): number {
  return Math.hypot(b.x - a.x, b.y - a.y);
}

/** Degrees clockwise from north, [0, 360). */
export function bearingDeg(from: Point, to: Point): number {
  return (Math.atan2(to.x - from.x, to.y - from.y) * (180 / Math.PI) + 360) % 360;
}

/** How far a course bends, 0 (straight on) to 180 (back). */
export function bendDeg(fromDeg: number, toDeg: number): number {
  return Math.abs(((toDeg - fromDeg + 540) % 360) - 180);
}

export function roundTo(value: number, decimals: number): number {
  const scale = 10 ** decimals;
  const rounded = Math.round(value * scale) / scale;
  return rounded === 0 ? 0 : rounded;
}
