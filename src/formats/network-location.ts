import type { Reading, Values } from "../model/reading.ts";
import { numberField, readFields } from "./fields.ts";
import type { JsonObject } from "./json-payload.ts";
import { positionFields, requirePosition } from "./position.ts";

const position = positionFields("latitude", "longitude");

const fields = [numberField("altitude", "altM"), numberField("accuracy", "accuracyM")];

/** Reads a `location` of The Things Stack or ChirpStack: degrees, and metres for altitude and accuracy. */
export function readLocation(
  source: JsonObject,
  device: string,
  time: number,
  path: string,
): Reading | string {
  const values: Values = {};
  const problem = requirePosition(source, position, values, path) ?? readFields(source, fields, values, path);
  return problem ?? { domain: "gps", device, time, values };
}
