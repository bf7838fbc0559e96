import type { JsonSchema } from "./parameters.ts";

/** Schemas that answers share, by name (`#/components/schemas/…` in the API's description). */
export const sharedSchemas = {
  Time: {
    type: "string",
    format: "date-time",
    description: "ISO 8601 UTC with milliseconds.",
    examples: ["2026-11-22T14:05:00.000Z"],
  },
  Values: {
    type: "object",
    description: "Values by name; the unit is in the name. A name that is absent was not observed.",
    additionalProperties: true,
    examples: [{ lat: 60.1699, lon: 24.9384, speedKmh: 31.5 }],
  },
  Reading: {
    type: "object",
    required: ["topic", "time", "values"],
    additionalProperties: false,
    properties: {
      seq: {
        type: "integer",
        minimum: 0,
        description:
          "Place in the log; of a topic's latest, the highest that contributed. Absent where a row stands for several readings.",
      },
      topic: { type: "string" },
      time: { $ref: "#/components/schemas/Time" },
      values: { $ref: "#/components/schemas/Values" },
      times: {
        type: "object",
        description: "When each value that is older than `time` was observed.",
        additionalProperties: { $ref: "#/components/schemas/Time" },
      },
      attrs: {
        type: "object",
        description: "Remarks that are not measurements.",
        additionalProperties: true,
      },
    },
  },
  Next: {
    type: ["string", "null"],
    description: "The `cursor` of the next page; null if there is none.",
  },
  Oldest: {
    description:
      "Since when the ring has everything: when the oldest reading that it still has was stored; null if it has none. What was stored before is gone. Where a domain has limits of its own (`ring.domains`), what was observed before is gone too.",
    anyOf: [{ $ref: "#/components/schemas/Time" }, { type: "null" }],
  },
  Evicted: {
    description:
      "Only there if the ring dropped something while the answer was made: what was stored before `oldest`, which is told at the end, may be in it or not.",
    const: true,
  },
  Feature: {
    type: "object",
    description: "RFC 7946. The values other than the position are in `properties`.",
    required: ["type", "geometry", "properties"],
    additionalProperties: false,
    properties: {
      type: { const: "Feature" },
      id: { type: "integer" },
      geometry: {
        anyOf: [
          { type: "null" },
          {
            type: "object",
            required: ["type", "coordinates"],
            additionalProperties: false,
            properties: {
              type: { const: "Point" },
              coordinates: { type: "array", items: { type: "number" }, minItems: 2, maxItems: 3 },
            },
          },
        ],
      },
      properties: {
        type: "object",
        required: ["topic", "time"],
        properties: { topic: { type: "string" }, time: { $ref: "#/components/schemas/Time" } },
        additionalProperties: true,
      },
    },
  },
  Topic: {
    type: "object",
    required: ["topic", "domain", "device", "lastSeen", "seq", "fields"],
    additionalProperties: false,
    properties: {
      topic: { type: "string" },
      domain: { type: "string" },
      device: { type: "string", description: "The id as the device gave it." },
      channel: { type: "string" },
      lastSeen: { $ref: "#/components/schemas/Time" },
      seq: { type: "integer", minimum: 0 },
      fields: { type: "array", items: { type: "string" } },
    },
  },
  QuarantinedPacket: {
    type: "object",
    required: ["id", "receivedAt", "topic", "client", "format", "reason", "payloadBytes", "payloadBase64"],
    additionalProperties: false,
    properties: {
      id: { type: "integer", minimum: 1 },
      receivedAt: { $ref: "#/components/schemas/Time" },
      topic: { type: "string" },
      client: { type: ["string", "null"] },
      format: { type: ["string", "null"], description: "Null if no format claims the topic." },
      reason: { type: "string" },
      payloadBytes: {
        type: "integer",
        minimum: 0,
        description: "Of the whole payload, which may be longer than what follows.",
      },
      payloadBase64: { type: "string" },
    },
  },
  Error: {
    type: "object",
    description: "Every answer that is no success.",
    required: ["error"],
    additionalProperties: false,
    properties: { error: { type: "string", description: "What is wrong, and what to do." } },
    examples: [{ error: 'parameter limit: "x" is not a whole number from 1 to 10000' }],
  },
} as const satisfies Record<string, JsonSchema>;

/** A reference to one of them. */
export function schemaRef(name: keyof typeof sharedSchemas): JsonSchema {
  return { $ref: `#/components/schemas/${name}` };
}

/** An object with a list, and what a page ends with. */
export function listSchema(
  list: string,
  item: keyof typeof sharedSchemas,
  more: Readonly<Record<string, keyof typeof sharedSchemas>> = {},
): JsonSchema {
  const others = Object.entries(more).map(([name, schema]) => [name, schemaRef(schema)]);
  return {
    type: "object",
    required: [list],
    additionalProperties: false,
    properties: { [list]: { type: "array", items: schemaRef(item) }, ...Object.fromEntries(others) },
  };
}
