import type { Values } from "../model/reading.ts";
import { type NumberField, numberField, readValue, requireField } from "./fields.ts";
import type { JsonObject } from "./json-payload.ts";

/** The two fields of a position. */
export interface PositionFields {
  readonly lat: NumberField;
  readonly lon: NumberField;
}

/** Declares where a source keeps latitude and longitude (degrees, WGS84). */
export function positionFields(lat: string, lon: string): PositionFields {
  return { lat: numberField(lat, "lat"), lon: numberField(lon, "lon") };
}

/** Sets `lat` and `lon`, or says which of them is missing or wrong. */
export function requirePosition(
  source: JsonObject,
  fields: PositionFields,
  values: Values,
  path = "",
): string | null {
  const lat = requireField(source, fields.lat, path);
  if (typeof lat === "string") return lat;
  const lon = requireField(source, fields.lon, path);
  if (typeof lon === "string") return lon;
  values["lat"] = lat;
  values["lon"] = lon;
  return null;
}

/** Sets `lat` and `lon` when both are good; half a position is none. True if they were set. */
export function readPosition(source: JsonObject, fields: PositionFields, values: Values): boolean {
  const lat = readValue(source[fields.lat.from], fields.lat);
  const lon = readValue(source[fields.lon.from], fields.lon);
  if (lat === undefined || lon === undefined) return false;
  values["lat"] = lat;
  values["lon"] = lon;
  return true;
}

/** Rule 6: no satellite and exactly 0,0 is how trackers say that they have no fix. */
export function isNullIsland(values: Values): boolean {
  return values["lat"] === 0 && values["lon"] === 0 && values["satellites"] === 0;
}
