/** Longitude and latitude, WGS84 degrees. Lines over the 180th meridian go on beyond it, so that no edge goes round the world. */
export type LonLat = readonly [lon: number, lat: number];

/** Something that stands on the map and that readings are about. */
export interface MapPlace {
  /** A stretch of road, a fence, a place that devices are on their way to, the way of a line of public transport, a stop. */
  readonly kind: "segment" | "fence" | "place" | "line" | "stop";
  /** For people. */
  readonly name: string;
  /** MQTT filter of the readings about it; absent where no single one names them, as with a place or a line with stops whose ids have slashes. */
  readonly filter?: string;
  /** As in GeoJSON (RFC 7946). */
  readonly geometry:
    | { readonly type: "Point"; readonly coordinates: LonLat }
    | { readonly type: "LineString"; readonly coordinates: readonly LonLat[] }
    | { readonly type: "Polygon"; readonly coordinates: readonly (readonly LonLat[])[] };
  /** Of a circle, whose geometry is its centre, metres. */
  readonly radiusM?: number;
  /** Of a stretch of road: whether it is driven in the direction of its line only. */
  readonly oneWay?: boolean;
}
