import type { Feature, FeatureCollection, MultiLineString, MultiPolygon } from "geojson";
import { feature, mesh } from "topojson-client";
import fineUrl from "world-atlas/countries-10m.json?url";
import coarseUrl from "world-atlas/countries-50m.json?url";

/** Natural Earth's land and borders (public domain) at 1:50 m or 1:10 m, served by the gateway itself. */
export interface Land {
  readonly land: Feature<MultiPolygon>;
  readonly borders: Feature<MultiLineString>;
}

/** From this zoom on the coarse coast looks wrong. */
export const fineLandZoom = 5;

/** @throws TypeError or Error if the gateway does not give the file */
export async function loadLand(detail: "coarse" | "fine"): Promise<Land> {
  const response = await fetch(detail === "fine" ? fineUrl : coarseUrl);
  if (!response.ok) throw new Error(`the base map's file answers ${response.status}`);
  const topology = (await response.json()) as Topology;
  const { land, countries } = topology.objects;
  const shape = feature(topology, land);
  const borders = mesh(topology, countries, (a, b) => a !== b);
  return {
    land: shape.type === "FeatureCollection" ? (shape.features[0] as Feature<MultiPolygon>) : shape,
    borders: { type: "Feature", properties: {}, geometry: borders },
  };
}

type Topology = Parameters<typeof feature>[0] & {
  readonly objects: { readonly land: object; readonly countries: object };
};

/** Land with nothing in it, until the file is here. */
export const noLand: FeatureCollection = { type: "FeatureCollection", features: [] };
