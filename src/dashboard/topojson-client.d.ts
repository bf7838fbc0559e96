/** The two functions of topojson-client 3 that the base map uses; the package brings no types. */
declare module "topojson-client" {
  import type { Feature, FeatureCollection, MultiLineString, MultiPolygon } from "geojson";

  export function feature(
    topology: object,
    object: object,
  ): Feature<MultiPolygon> | FeatureCollection<MultiPolygon>;

  /** Lines between geometries, for which `filter` says yes; each line once. */
  export function mesh(
    topology: object,
    object: object,
    filter: (a: object, b: object) => boolean,
  ): MultiLineString;
}
