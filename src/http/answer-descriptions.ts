import type { AnswerDescription } from "./endpoint.ts";
import { type ExportFormat, mediaTypeOf } from "./formats.ts";
import type { JsonSchema } from "./parameters.ts";
import { listSchema, schemaRef } from "./schemas.ts";

const pageEnd = { next: "Next", oldest: "Oldest", evicted: "Evicted" } as const;

const bodies: Readonly<Record<ExportFormat, JsonSchema>> = {
  json: listSchema("readings", "Reading", pageEnd),
  ndjson: {
    type: "string",
    description:
      "One Reading a line. If the ring dropped something meanwhile, the last line has the topic `$evicted` and `oldest` as its time.",
  },
  csv: {
    type: "string",
    description:
      "RFC 4180 with a header: topic, time, seq, then one column a field: those of `fields`, in that order, else all that the topics have in latest, by name. Lists and objects are JSON; text that begins like a formula (= + - @) gets an apostrophe in front. No `attrs`, no `times`. If the ring dropped something meanwhile, the last line has the topic `$evicted` and `oldest` as its time.",
  },
  geojson: {
    type: "object",
    description: "A FeatureCollection with a Point a row; without a position `geometry` is null.",
    required: ["type", "features"],
    additionalProperties: false,
    properties: {
      type: { const: "FeatureCollection" },
      features: { type: "array", items: schemaRef("Feature") },
      next: schemaRef("Next"),
      oldest: schemaRef("Oldest"),
      evicted: schemaRef("Evicted"),
    },
  },
  gpx: {
    type: "string",
    description:
      "GPX 1.1: a track a topic, a new segment after 10 minutes without a position; rows without one are left out. If the ring dropped something meanwhile, a comment at the end says so.",
  },
};

/** Where a page ends and what the ring has lost, for formats that have no room for it. */
export const pageHeaders = {
  link: {
    description: 'With `limit`: where to go on, as `<url>; rel="next"`; absent on the last page.',
    schema: { type: "string" },
  },
  "fieldcast-oldest": {
    description: "Since when the ring has everything (see `oldest`), or `none` if it has nothing.",
    schema: { type: "string" },
  },
} as const;

/** A successful answer of rows in some formats. */
export function rowsAnswer(description: string, formats: readonly ExportFormat[]): AnswerDescription {
  const content = Object.fromEntries(formats.map((format) => [mediaTypeOf(format), bodies[format]]));
  return { description, content, headers: pageHeaders };
}

/** The answer to bad parameters. */
export const badRequest: AnswerDescription = {
  description: "A parameter is unknown or no good; the error names it and says what to do.",
  content: { "application/json": schemaRef("Error") },
};

/** The answer while the store cannot be read. */
export const unavailable: AnswerDescription = {
  description: "The store cannot be read now, or too many ask at once; try again.",
  content: { "application/json": schemaRef("Error") },
};

/** The answer to somebody who may not do this. */
export const refused: AnswerDescription = {
  description: "This client may not do this.",
  content: { "application/json": schemaRef("Error") },
};
