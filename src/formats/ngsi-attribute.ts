import { isObject, type JsonObject } from "./json-payload.ts";

/** The attributes whose own time says when the entity was observed. */
const timedAttributes = ["intensity", "averageVehicleSpeed", "occupancy"] as const;

/** What NGSI-LD writes for null, because JSON-LD drops null (ETSI GS CIM 009, 4.5.0). */
const removed = "urn:ngsi-ld:null";

/**
 * The value of an entity's attribute in any of NGSI's encodings: plain (`197`), NGSIv2 (`{"type":"Number","value":197}`),
 * NGSI-LD (`{"type":"Property","value":197}`, a typed `{"@type":…,"@value":…}`, a Relationship's `object`). Of several
 * instances the default one (without `datasetId`) counts. Source: ETSI GS CIM 009, 4.5; FIWARE NGSIv2, "JSON Attribute".
 */
export function attributeValue(raw: unknown): unknown {
  const attribute = instanceOf(raw);
  if (!isObject(attribute)) return attribute;
  const value = "value" in attribute ? attribute["value"] : (attribute["object"] ?? attribute);
  if (value === removed) return undefined;
  return isObject(value) && "@value" in value ? value["@value"] : value;
}

/** The UN/CEFACT code of an attribute's unit, "" if it tells none. */
export function unitCodeOf(raw: unknown): string {
  const attribute = instanceOf(raw);
  if (!isObject(attribute)) return "";
  const code = attribute["unitCode"] ?? metadataOf(attribute, "unitCode");
  return typeof code === "string" ? code : "";
}

/** When the entity's values were measured where it has no date of its own: `observedAt` (NGSI-LD), `TimeInstant` (NGSIv2). */
export function observedAtOf(entity: JsonObject): unknown {
  for (const name of timedAttributes) {
    const attribute = instanceOf(entity[name]);
    if (!isObject(attribute)) continue;
    const time = attribute["observedAt"] ?? metadataOf(attribute, "TimeInstant");
    if (time !== undefined && time !== null) return time;
  }
  return attributeValue(entity["TimeInstant"]);
}

function instanceOf(raw: unknown): unknown {
  if (!Array.isArray(raw)) return raw;
  return raw.find((one) => isObject(one) && one["datasetId"] === undefined) ?? raw[0];
}

function metadataOf(attribute: JsonObject, name: string): unknown {
  const metadata = attribute["metadata"];
  return isObject(metadata) ? attributeValue(metadata[name]) : undefined;
}
