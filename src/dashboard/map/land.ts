import type { Feature, FeatureCollection, MultiLineString, MultiPolygon, Position } from "geojson";
import { feature, mesh } from "topojson-client";
import fineUrl from "world-atlas/countries-10m.json?url";
import coarseUrl from "world-atlas/countries-50m.json?url";
import { bothSides, unwrapLine, unwrapRing } from "./rings.ts";

/** Natural Earth's land and borders (public domain) at 1:50 m or 1:10 m, served by the gateway itself. */
export interface Land {
  readonly land: Feature<MultiPolygon>;
  readonly borders: Feature<MultiLineString>;
}

/** @throws TypeError or Error if the gateway does not give the file */
export async function loadLand(detail: "coarse" | "fine"): Promise<Land> {
  const response = await fetch(detail === "fine" ? fineUrl : coarseUrl);
  if (!response.ok) throw new Error(`the base map's file answers ${response.status}`);
  const topology = (await response.json()) as Topology;
  const { land, countries } = topology.objects;
  const shape = feature(topology, land);
  const whole = shape.type === "FeatureCollection" ? (shape.features[0] as Feature<MultiPolygon>) : shape;
  const borders = mesh(topology, countries, (a, b) => a !== b);
  return {
    land: {
      ...whole,
      geometry: { ...whole.geometry, coordinates: whole.geometry.coordinates.flatMap(unwrap) },
    },
    borders: {
      type: "Feature",
      properties: {},
      geometry: { ...borders, coordinates: borders.coordinates.map(unwrapLine) },
    },
  };
}

/** Lakes (a polygon's further rings) are none in this land; the Caspian Sea is the one that is, and keeps to one side. */
function unwrap([outer, ...holes]: Position[][]): Position[][][] {
  return bothSides(unwrapRing(outer ?? [])).map((ring, index) => (index === 0 ? [ring, ...holes] : [ring]));
}

type Topology = Parameters<typeof feature>[0] & {
  readonly objects: { readonly land: object; readonly countries: object };
};

/** Land with nothing in it, until the file is here. */
export const noLand: FeatureCollection = { type: "FeatureCollection", features: [] };
