import type { Values } from "../model/reading.ts";

/** A place on the earth, WGS84 degrees. */
export interface Position {
  readonly lat: number;
  readonly lon: number;
}

/** A box in degrees. `west` is in [-180, 180], `east` goes on beyond 180 where the box crosses the date line. */
export interface Box {
  readonly west: number;
  readonly south: number;
  readonly east: number;
  readonly north: number;
}

/** Mean radius of the earth in metres (R1 of GRS80: Moritz, Geodetic Reference System 1980). */
export const earthRadiusM = 6_371_008.8;

const radians = Math.PI / 180;

/** Metres of one degree of latitude on the sphere. */
export const metresPerDegree = earthRadiusM * radians;

/** The position that a reading tells; null without one, or with one that is not on the earth. */
export function positionOf({ lat, lon }: Values): Position | null {
  if (typeof lat !== "number" || typeof lon !== "number") return null;
  return isPosition(lat, lon) ? { lat, lon } : null;
}

/** True if these are degrees on the earth; a longitude may be written as 180 and as -180. */
export function isPosition(lat: number, lon: number): boolean {
  return Math.abs(lat) <= 90 && Math.abs(lon) <= 180;
}

/**
 * Metres along the great circle, by the haversine formula (Sinnott, Virtues of the Haversine, 1984): good for small
 * distances too. The sphere is wrong by 0.5 % at most.
 */
export function distanceM(from: Position, to: Position): number {
  return haversineM(from, to, Math.cos(from.lat * radians) * Math.cos(to.lat * radians));
}

/** A place with the cosine of its latitude, for who reckons many distances from it. */
export interface Anchor extends Position {
  readonly cosLat: number;
}

export function anchorAt({ lat, lon }: Position): Anchor {
  return { lat, lon, cosLat: Math.cos(lat * radians) };
}

/** What `distanceM` says, for two thirds of the time. */
export function anchoredM(from: Anchor, to: Anchor): number {
  return haversineM(from, to, from.cosLat * to.cosLat);
}

function haversineM(from: Position, to: Position, cosProduct: number): number {
  const sinLat = Math.sin(((to.lat - from.lat) * radians) / 2);
  const sinLon = Math.sin(((to.lon - from.lon) * radians) / 2);
  const h = sinLat * sinLat + cosProduct * (sinLon * sinLon);
  return 2 * earthRadiusM * Math.asin(Math.min(1, Math.sqrt(h)));
}

/** Beyond any rounding of `distanceM`, which is largest on the other side of the earth. */
const roundingShare = 1e-7;

/** Whether two places are no farther apart than so many metres. Nearly always their latitudes and longitudes tell, without a sine. */
export function isWithinM(from: Position, to: Position, metres: number): boolean {
  const latM = Math.abs(to.lat - from.lat) * metresPerDegree;
  if (latM * (1 - roundingShare) > metres) return false;
  // No way along a meridian and then along a parallel is shorter, and none of these is longer than at the equator.
  const aroundM = latM + Math.abs(to.lon - from.lon) * metresPerDegree;
  return aroundM * (1 + roundingShare) <= metres || distanceM(from, to) <= metres;
}

/** In which direction `to` lies at first, degrees clockwise from north, [0, 360). 0 for the same place. */
export function bearingDeg(from: Position, to: Position): number {
  const lon = (to.lon - from.lon) * radians;
  const cosTo = Math.cos(to.lat * radians);
  const y = Math.sin(lon) * cosTo;
  const x =
    Math.cos(from.lat * radians) * Math.sin(to.lat * radians) -
    Math.sin(from.lat * radians) * cosTo * Math.cos(lon);
  const degrees = Math.atan2(y, x) / radians;
  return degrees < 0 ? (degrees + 360) % 360 : degrees;
}

/** How far one course turns from another, 0 (the same) to 180 (back). */
export function bendDeg(fromDeg: number, toDeg: number): number {
  return Math.abs(((((toDeg - fromDeg) % 360) + 540) % 360) - 180);
}

/** Where one comes to from a place, going `metres` in a direction (degrees clockwise from north) on a great circle. */
export function placeAt(from: Position, bearing: number, metres: number): Position {
  const angle = metres / earthRadiusM;
  const lat = from.lat * radians;
  const sinTo =
    Math.sin(lat) * Math.cos(angle) + Math.cos(lat) * Math.sin(angle) * Math.cos(bearing * radians);
  const y = Math.sin(bearing * radians) * Math.sin(angle) * Math.cos(lat);
  const lon = from.lon + Math.atan2(y, Math.cos(angle) - Math.sin(lat) * sinTo) / radians;
  return { lat: Math.asin(Math.max(-1, Math.min(1, sinTo))) / radians, lon: nearLon(lon, 0) };
}

/** The same longitude, written so that it is at most 180 degrees from `near`. */
export function nearLon(lon: number, near: number): number {
  const away = lon - near;
  return Math.abs(away) <= 180 ? lon : lon - 360 * Math.round(away / 360);
}

/** Where a line between two places comes nearest to a third. */
export interface Nearest {
  readonly distanceM: number;
  /** How far along the line: 0 at its beginning, 1 at its end. */
  readonly share: number;
}

/**
 * How near the straight line `from`–`to` comes to a place. Reckoned on a plane that touches the earth at the place: exact
 * to 1 % up to some 100 km away, except close to the poles.
 */
export function nearestOnLine(place: Position, from: Position, to: Position): Nearest {
  const perLon = Math.cos(place.lat * radians) * metresPerDegree;
  const fromLon = nearLon(from.lon, place.lon);
  const x = (fromLon - place.lon) * perLon;
  const y = (from.lat - place.lat) * metresPerDegree;
  const dx = (nearLon(to.lon, fromLon) - fromLon) * perLon;
  const dy = (to.lat - from.lat) * metresPerDegree;
  const square = dx * dx + dy * dy;
  const share = square === 0 ? 0 : Math.max(0, Math.min(1, -(x * dx + y * dy) / square));
  return { distanceM: Math.hypot(x + share * dx, y + share * dy), share };
}

/** The smallest box around the corners of a line or an area, in their order: its edges take the short way around the earth. */
export function boxAround(corners: readonly Position[]): Box {
  let lon = corners[0]?.lon ?? 0;
  let [west, east, south, north] = [lon, lon, 90, -90];
  for (const corner of corners) {
    lon = nearLon(corner.lon, lon);
    west = Math.min(west, lon);
    east = Math.max(east, lon);
    south = Math.min(south, corner.lat);
    north = Math.max(north, corner.lat);
  }
  return normalBox({ west, south, east, north });
}

/** A box that has everything within so many metres of the given one. */
export function widen(box: Box, metres: number): Box {
  const lat = metres / metresPerDegree;
  const south = box.south - lat;
  const north = box.north + lat;
  // Around a pole every longitude is near.
  const cos = Math.cos(Math.min(90, Math.max(Math.abs(south), Math.abs(north))) * radians);
  const lon = cos * 180 <= lat ? 180 : lat / cos;
  const box360 = { west: -180, east: 180 };
  const isRound = south <= -90 || north >= 90 || box.east - box.west + 2 * lon >= 360;
  const sides = isRound ? box360 : { west: box.west - lon, east: box.east + lon };
  return normalBox({ ...sides, south: Math.max(-90, south), north: Math.min(90, north) });
}

export function isInBox({ lat, lon }: Position, { west, south, east, north }: Box): boolean {
  if (lat < south || lat > north) return false;
  return (lon >= west && lon <= east) || (lon + 360 >= west && lon + 360 <= east);
}

/**
 * True if a place is inside an area, by the even-odd rule. Its corners may go either way round, the last need not repeat the
 * first, edges are straight in degrees (RFC 7946, 3.1.1) and cross the date line where that is the short way.
 * Not for areas that hold a pole (`goesRoundPole`).
 * @param box `boxAround(corners)`, for those who ask often
 */
export function isInArea(
  place: Position,
  corners: readonly Position[],
  box: Box = boxAround(corners),
): boolean {
  if (!isInBox(place, box)) return false;
  const { lat } = place;
  // The edges are followed from the first corner on; all longitudes are written in the box's way.
  let from = corners.at(-1) as Position;
  let isInside = false;
  for (const to of corners) {
    if (from.lat > lat !== to.lat > lat) {
      const fromLon = inBoxLon(from.lon, box);
      const toLon = nearLon(to.lon, fromLon);
      const crossing = fromLon + ((lat - from.lat) / (to.lat - from.lat)) * (toLon - fromLon);
      if (inBoxLon(place.lon, box) < crossing) isInside = !isInside;
    }
    from = to;
  }
  return isInside;
}

/** True if the corners go round a pole: such an area has no inside that longitudes could tell. */
export function goesRoundPole(corners: readonly Position[]): boolean {
  let turned = 0;
  let from = corners.at(-1);
  for (const to of corners) {
    turned += nearLon(to.lon, (from as Position).lon) - (from as Position).lon;
    from = to;
  }
  return Math.abs(turned) > 180;
}

/** Metres to the nearest edge of an area, from inside or outside. */
export function distanceToEdgeM(place: Position, corners: readonly Position[]): number {
  let nearestM = Number.POSITIVE_INFINITY;
  let from = corners.at(-1) as Position;
  for (const to of corners) {
    nearestM = Math.min(nearestM, nearestOnLine(place, from, to).distanceM);
    from = to;
  }
  return nearestM;
}

function inBoxLon(lon: number, { west }: Box): number {
  return lon < west ? lon + 360 : lon;
}

function normalBox({ west, south, east, north }: Box): Box {
  if (east - west >= 360) return { west: -180, south, east: 180, north };
  const shift = west < -180 ? 360 : west > 180 ? -360 : 0;
  return { west: west + shift, south, east: east + shift, north };
}
