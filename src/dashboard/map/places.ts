import type { LonLat, MapPlace } from "../../model/map-place.ts";
import { askGateway } from "../ask.ts";
import { type Box, boxAround, mercatorX, mercatorY } from "../mercator.ts";

/** A point in mercator units. */
export interface Point {
  readonly x: number;
  readonly y: number;
}

/** A place as the map draws it. */
export interface ShownPlace {
  readonly kind: MapPlace["kind"];
  readonly name: string;
  readonly filter: string;
  readonly lines: readonly (readonly Point[])[];
  /** Of a circle, in mercator units at its centre. */
  readonly radius: number | null;
  readonly box: Box;
}

/** The width of the world at the equator, metres (the sphere of EPSG:3857). */
const worldM = 2 * Math.PI * 6_378_137;

/** What stands on the map. @throws Error when the gateway does not answer */
export async function loadPlaces(): Promise<ShownPlace[]> {
  // The browser keeps it, and asks whether it is another one.
  const { features } = (await askGateway("GET", "/api/v1/places")) as {
    readonly features: readonly {
      readonly geometry: MapPlace["geometry"];
      readonly properties: Omit<MapPlace, "geometry">;
    }[];
  };
  return features.flatMap(({ geometry, properties }) => shownPlace({ ...properties, geometry }) ?? []);
}

/** Null for a place without positions. */
export function shownPlace({ kind, name, filter = "", geometry, radiusM }: MapPlace): ShownPlace | null {
  const lines = linesOf(geometry).map((line) =>
    line.map(([lon, lat]) => ({ x: mercatorX(lon), y: mercatorY(lat) })),
  );
  const box = boxAround(lines.flat());
  if (box === null) return null;
  const lat = geometry.type === "Point" ? geometry.coordinates[1] : 0;
  const radius = radiusM === undefined ? null : radiusM / (worldM * Math.cos((lat * Math.PI) / 180));
  return { kind, name, filter, lines, radius, box: widened(box, radius ?? 0) };
}

function linesOf({ type, coordinates }: MapPlace["geometry"]): readonly (readonly LonLat[])[] {
  if (type === "Point") return [[coordinates]];
  return type === "LineString" ? [coordinates] : coordinates;
}

function widened({ west, north, east, south }: Box, by: number): Box {
  return { west: west - by, north: north - by, east: east + by, south: south + by };
}
