import type { LonLat } from "../model/map-place.ts";
import { metresPerDegree, nearLon, type Position } from "./geo.ts";

/** Five decimals are a metre, and more than a map shows. */
const decimals = 1e5;

/** A line of positions for the map; positions that repeat the one before are left out. */
export function lineShape(positions: readonly Position[]): LonLat[] {
  const line: LonLat[] = [];
  let before: LonLat | null = null;
  for (const { lat, lon } of positions) {
    const next: LonLat = [rounded(before === null ? lon : nearLon(lon, before[0])), rounded(lat)];
    if (next[0] === before?.[0] && next[1] === before[1]) continue;
    line.push(next);
    before = next;
  }
  return line;
}

/** The outline of an area as GeoJSON wants it: closed, and against the clock (RFC 7946, 3.1.6). */
export function ringShape(corners: readonly Position[]): LonLat[] {
  const [first] = corners;
  const ring = lineShape(first === undefined ? [] : [...corners, first]);
  let twiceArea = 0;
  for (let at = 1; at < ring.length; at++) {
    const [[x1, y1], [x2, y2]] = [ring[at - 1] as LonLat, ring[at] as LonLat];
    twiceArea += x1 * y2 - x2 * y1;
  }
  return twiceArea < 0 ? ring.reverse() : ring;
}

export function pointShape({ lat, lon }: Position): LonLat {
  return [rounded(lon), rounded(lat)];
}

/**
 * The line with fewer points, none of those left out farther from it than `toleranceM` metres: the way of Douglas and Peucker (1973),
 * on the plane that fits at the line's first point.
 */
export function thinLine(line: readonly Position[], toleranceM: number): Position[] {
  const isKept = new Uint8Array(line.length);
  const stack: [number, number][] = [[0, line.length - 1]];
  isKept[0] = 1;
  isKept[line.length - 1] = 1;
  for (let part = stack.pop(); part !== undefined; part = stack.pop()) {
    const [from, to] = part;
    const far = farthest(line, from, to);
    if (far === null || far.distanceM <= toleranceM) continue;
    isKept[far.at] = 1;
    stack.push([from, far.at], [far.at, to]);
  }
  return line.filter((_, at) => isKept[at] === 1);
}

function farthest(
  line: readonly Position[],
  from: number,
  to: number,
): { readonly at: number; readonly distanceM: number } | null {
  const [start, end] = [line[from], line[to]];
  if (start === undefined || end === undefined || to - from < 2) return null;
  const scale = Math.cos((start.lat * Math.PI) / 180);
  const [dx, dy] = [(end.lon - start.lon) * scale, end.lat - start.lat];
  const length2 = dx * dx + dy * dy;
  let [at, worst] = [from, -1];
  for (let one = from + 1; one < to; one++) {
    const { lat, lon } = line[one] as Position;
    const [x, y] = [(lon - start.lon) * scale, lat - start.lat];
    const along = length2 === 0 ? 0 : Math.max(0, Math.min(1, (x * dx + y * dy) / length2));
    const distance = Math.hypot(x - along * dx, y - along * dy);
    if (distance > worst) [at, worst] = [one, distance];
  }
  return { at, distanceM: worst * metresPerDegree };
}

function rounded(degrees: number): number {
  return Math.round(degrees * decimals) / decimals;
}
