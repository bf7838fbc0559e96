import type { Position } from "geojson";

/**
 * Natural Earth's rings as TopoJSON stitches them jump from 180° to −180° where they cross the antimeridian, and would
 * be drawn as bands around the world. Gives the ring without jumps, which may run beyond ±180°; a ring around a pole
 * (Antarctica) is closed over the pole.
 */
export function unwrapRing(ring: readonly Position[]): Position[] {
  const unwrapped = unwrapLine(ring);
  const first = unwrapped[0];
  const last = unwrapped.at(-1);
  if (!first || !last || Math.abs(longitudeOf(last) - longitudeOf(first)) < 180) return unwrapped;
  const pole = latitudeOf(first) < 0 ? -90 : 90;
  return [...unwrapped, [longitudeOf(last), pole], [longitudeOf(first), pole], first];
}

/** A line that goes on over the antimeridian instead of jumping back. */
export function unwrapLine(line: readonly Position[]): Position[] {
  let shift = 0;
  let before: number | null = null;
  return line.map((position) => {
    const lon = longitudeOf(position);
    if (before !== null && Math.abs(lon - before) > 180) shift += lon < before ? 360 : -360;
    before = lon;
    return [lon + shift, latitudeOf(position)];
  });
}

/** The ring, and where it runs beyond ±180° also its part on the other side of the map. */
export function bothSides(ring: readonly Position[]): Position[][] {
  const lons = ring.map(longitudeOf);
  const sides = [[...ring]];
  if (lons.some((lon) => lon > 180)) sides.push(moved(ring, -360));
  if (lons.some((lon) => lon < -180)) sides.push(moved(ring, 360));
  return sides;
}

function moved(ring: readonly Position[], by: number): Position[] {
  return ring.map((position) => [longitudeOf(position) + by, latitudeOf(position)]);
}

function longitudeOf(position: Position): number {
  return position[0] as number;
}

function latitudeOf(position: Position): number {
  return position[1] as number;
}
