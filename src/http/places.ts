import { createHash } from "node:crypto";
import type { HttpReply, HttpRequest } from "../model/http.ts";
import type { MapPlace } from "../model/map-place.ts";
import { badRequest } from "./answer-descriptions.ts";
import { type Endpoint, endpoint } from "./endpoint.ts";
import { choiceParameter } from "./parameter-kinds.ts";

const kinds = ["segment", "fence", "place", "line", "stop"] as const satisfies readonly MapPlace["kind"][];
type Kind = (typeof kinds)[number];

/** Most positions (corners, stops) of a kind that are told: some 2 MB. */
const maxPositions = 100_000;

const parameters = { kind: choiceParameter("Only these; all if absent.", kinds) } as const;

/**
 * `GET /api/v1/places`: what stands on the map, as GeoJSON. It comes of the configuration and the timetable, so it stays as it is until
 * the gateway starts again, and who has it already hears just that (RFC 9110, 13.1.2).
 */
export function placesEndpoint(places: readonly MapPlace[]): Endpoint {
  const made = new Map<Kind | null, Collection>();
  const collectionOf = (kind: Kind | null): Collection => {
    const known = made.get(kind);
    if (known) return known;
    const collection = collect(kind === null ? places : places.filter((place) => place.kind === kind));
    made.set(kind, collection);
    return collection;
  };
  return endpoint({
    method: "GET",
    path: "/api/v1/places",
    operation: "places",
    summary: "What stands on the map: roads, fences, places, lines and stops",
    description: `As GeoJSON: what the insights that run are set up with, and the lines and stops of the timetable. \`filter\` is that of the readings about it. With \`if-none-match\` it comes only when it is another one. Of each kind at most ${maxPositions} positions are told; \`omitted\` says how many places that leaves out.`,
    parameters,
    answers: {
      200: {
        description: "A FeatureCollection.",
        content: { "application/geo+json": collectionSchema },
        headers: { etag: { description: "Names what is told.", schema: { type: "string" } } },
      },
      304: { description: "You have it already.", content: {} },
      400: badRequest,
    },
    handle: (request, { kind }) => reply(request, collectionOf(kind)),
  });
}

interface Collection {
  readonly body: string;
  readonly etag: string;
}

function reply(request: HttpRequest, { body, etag }: Collection): HttpReply {
  const headers = {
    etag,
    "cache-control": "no-cache",
    "content-type": "application/geo+json; charset=utf-8",
  };
  // A proxy that compresses makes the tag a weak one (`W/"…"`).
  const isKnown = request
    .header("if-none-match")
    .split(",")
    .some((tag) => tag.trim().replace(/^W\//, "") === etag);
  return isKnown ? { status: 304, headers } : { status: 200, headers, body };
}

function collect(places: readonly MapPlace[]): Collection {
  const counts = new Map<Kind, number>();
  const features: string[] = [];
  for (const place of places) {
    const count = (counts.get(place.kind) ?? 0) + positionsIn(place);
    if (count > maxPositions) continue;
    counts.set(place.kind, count);
    const { geometry, ...properties } = place;
    features.push(JSON.stringify({ type: "Feature", geometry, properties }));
  }
  const omitted = places.length - features.length;
  const body = `{"type":"FeatureCollection","features":[${features.join(",\n")}],"omitted":${omitted}}\n`;
  return { body, etag: `"${createHash("sha256").update(body).digest("hex").slice(0, 24)}"` };
}

function positionsIn({ geometry }: MapPlace): number {
  if (geometry.type === "Point") return 1;
  if (geometry.type === "LineString") return geometry.coordinates.length;
  return geometry.coordinates.reduce((sum, ring) => sum + ring.length, 0);
}

const position = { type: "array", items: { type: "number" }, minItems: 2, maxItems: 2 } as const;
const positions = { type: "array", items: position } as const;

function geometrySchema(type: string, coordinates: object) {
  return {
    type: "object",
    required: ["type", "coordinates"],
    additionalProperties: false,
    properties: { type: { const: type }, coordinates },
  } as const;
}

const collectionSchema = {
  type: "object",
  required: ["type", "features", "omitted"],
  additionalProperties: false,
  properties: {
    type: { const: "FeatureCollection" },
    omitted: { type: "integer", minimum: 0 },
    features: {
      type: "array",
      items: {
        type: "object",
        required: ["type", "geometry", "properties"],
        additionalProperties: false,
        properties: {
          type: { const: "Feature" },
          geometry: {
            anyOf: [
              geometrySchema("Point", position),
              geometrySchema("LineString", positions),
              geometrySchema("Polygon", { type: "array", items: positions }),
            ],
          },
          properties: {
            type: "object",
            required: ["kind", "name"],
            additionalProperties: false,
            properties: {
              kind: { type: "string", enum: kinds },
              name: { type: "string" },
              filter: { type: "string", description: "MQTT filter of the readings about it." },
              radiusM: { type: "number", description: "Of a circle, whose geometry is its centre." },
              oneWay: {
                type: "boolean",
                description: "Of a segment: whether it is driven in the direction of its line only.",
              },
            },
          },
        },
      },
    },
  },
} as const;
