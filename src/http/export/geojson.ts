import { isoTime } from "../../model/reading.ts";
import { JsonWriter } from "./json.ts";
import type { Row, RowWriter } from "./row.ts";

/**
 * GeoJSON (RFC 7946): a FeatureCollection with a Point for each row, so that each keeps its time and values. A row without a
 * position is a Feature without a geometry (3.2), so that nothing is missing. What follows the features are foreign members (6.1).
 */
export function geoJsonWriter(): RowWriter {
  return new JsonWriter('{"type":"FeatureCollection","features":[', feature);
}

function feature({ seq, topic, time, values }: Row): object {
  const { lat, lon, altM, ...others } = values;
  const isPlace = typeof lat === "number" && typeof lon === "number";
  const hasHeight = isPlace && typeof altM === "number";
  // Longitude first, height in metres third (3.1.1).
  const coordinates = hasHeight ? [lon, lat, altM] : [lon, lat];
  return {
    type: "Feature",
    ...(seq !== undefined && { id: seq }),
    geometry: isPlace ? { type: "Point", coordinates } : null,
    properties: {
      topic,
      time: isoTime(time),
      ...(isPlace ? others : values),
      ...(isPlace && !hasHeight && altM !== undefined && { altM }),
    },
  };
}
