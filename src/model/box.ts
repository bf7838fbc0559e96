import type { Values } from "./reading.ts";

/** West, south, east, north in degrees (RFC 7946, 5). A box whose west is east of its east wraps around the antimeridian. */
export type Box = readonly [west: number, south: number, east: number, north: number];

/** Whether a position lies in the box, edges included; null if the values have none. */
export function isInBox([west, south, east, north]: Box, { lat, lon }: Values): boolean | null {
  if (typeof lat !== "number" || typeof lon !== "number") return null;
  if (lat < south || lat > north) return false;
  return west <= east ? lon >= west && lon <= east : lon >= west || lon <= east;
}
