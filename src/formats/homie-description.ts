import { isObject, type JsonObject, readJsonObject } from "./json-payload.ts";

/** Most properties of one device. */
export const maxProperties = 1_000;

/** What metadata says of a property's values. */
export interface Described {
  readonly unit: string | undefined;
  readonly datatype: string | undefined;
}

/** A property of a device's description. */
interface DescribedProperty extends Described {
  readonly node: string;
  readonly property: string;
}

/**
 * The properties in a `$description` (convention 5.0): nodes and properties by id. Drafts of the convention had lists
 * whose entries carry their `id`; both are read. A reason if it is broken.
 */
export function readDescription(payload: Uint8Array): readonly DescribedProperty[] | string {
  const root = readJsonObject(payload);
  if (root === null || typeof root === "string") return root ?? [];
  const found: DescribedProperty[] = [];
  for (const [node, description] of entriesOf(root["nodes"])) {
    for (const [property, attributes] of entriesOf(description["properties"])) {
      if (found.length >= maxProperties)
        return `nodes: more than ${maxProperties} properties; describe fewer`;
      const unit = textOf(attributes["unit"]);
      found.push({ node, property, unit, datatype: textOf(attributes["datatype"]) });
    }
  }
  return found;
}

/** Id and object of each entry, of an object by id or of a list with ids. */
function entriesOf(raw: unknown): [string, JsonObject][] {
  const entries: [unknown, unknown][] = Array.isArray(raw)
    ? raw.map((entry: unknown) => [isObject(entry) ? entry["id"] : undefined, entry])
    : isObject(raw)
      ? Object.entries(raw)
      : [];
  return entries.filter(
    (entry): entry is [string, JsonObject] =>
      typeof entry[0] === "string" && entry[0] !== "" && isObject(entry[1]),
  );
}

function textOf(raw: unknown): string | undefined {
  return typeof raw === "string" && raw !== "" ? raw : undefined;
}
