import { badRequest, refused, unavailable } from "./answer-descriptions.ts";
import { pathParameters } from "./endpoint.ts";
import { schemaRef } from "./schemas.ts";

/**
 * `GET /api/v1/events` in OpenAPI. The stream serves it and reads its parameters as it reads a subscription
 * (wire/PROTOCOL.md), so this is written by hand; a test holds the bounds against the stream's own.
 */
const eventsDescription = {
  path: "/api/v1/events",
  operation: {
    operationId: "events",
    summary: "One subscription as Server-Sent Events, for curl and EventSource",
    description:
      "Events are named like the messages of the stream, and their data is the message in JSON. The id of an event is the place to resume from: an EventSource does so by itself, each reading once.",
    parameters: [
      parameter("filter", "Topics, as an MQTT filter. In a URL `#` is written %23.", {
        schema: { type: "string", default: "#" },
        example: "gps/#",
      }),
      parameter(
        "from",
        "`latest` (snapshot, then live), `now`, an id of this stream, or a time of observation (ISO 8601 with an offset, or epoch milliseconds).",
        { schema: { type: "string", default: "latest" }, example: "2026-11-22T14:05:00Z" },
      ),
      parameter("last", "Instead of `from`, so many of the newest readings of each topic.", {
        schema: { type: "integer", minimum: 1, maximum: 10_000 },
      }),
      parameter("rate", "At most so many updates a second per topic, the latest wins.", {
        schema: { type: "number", minimum: 0.001, maximum: 1_000 },
      }),
      parameter(
        "speed",
        "How fast the past is played, as a multiple of real time; 0 is as fast as it goes.",
        {
          schema: { type: "number", minimum: 0, maximum: 1_000, default: 0 },
        },
      ),
      parameter("bbox", "West, south, east and north in degrees.", {
        style: "form",
        explode: false,
        schema: { type: "array", items: { type: "number" }, minItems: 4, maxItems: 4 },
        example: [24.9, 60.1, 25.0, 60.2],
      }),
      parameter(
        "where",
        "Conditions that must all hold, such as speedKmh>50 or door==open; a name alone asks for what exists.",
        { schema: { type: "array", items: { type: "string" }, maxItems: 16 }, example: ["speedKmh>50"] },
      ),
      parameter("fields", "Only these values.", {
        style: "form",
        explode: false,
        schema: { type: "array", items: { type: "string" }, maxItems: 64 },
      }),
      parameter("lastEventId", "Go on after this id instead of `from`.", { schema: { type: "string" } }),
      {
        name: "Last-Event-ID",
        in: "header",
        description: "The same as lastEventId, and wins; an EventSource sends it.",
        schema: { type: "string" },
      },
    ],
    responses: {
      200: {
        description: "Events, until the client leaves or the gateway goes down.",
        content: { "text/event-stream": { schema: { type: "string" } } },
      },
      400: problem(badRequest.description),
      401: problem(refused.description),
      403: problem(refused.description),
      503: problem(unavailable.description),
    },
  },
} as const;

/** The same of what a link shows (shares.ts). */
const sharedEventsDescription = {
  path: "/share/{token}/events",
  operation: {
    operationId: "sharedEvents",
    summary:
      "The way that a link shows, as Server-Sent Events: what was observed since its beginning, then live",
    description:
      "The same events as /api/v1/events, until the link ends; then an event `ended`, and the next try gets status 410.",
    parameters: [
      { name: "token", in: "path", required: true, schema: pathParameters.token.schema },
      {
        name: "Last-Event-ID",
        in: "header",
        description: "Go on after this id; an EventSource sends it.",
        schema: { type: "string" },
      },
    ],
    responses: {
      200: {
        description: "Events, until the client leaves, the link ends or the gateway goes down.",
        content: { "text/event-stream": { schema: { type: "string" } } },
      },
      400: problem(badRequest.description),
      404: problem("There is no such link."),
      410: problem("The link has ended, or was taken back."),
      503: problem(unavailable.description),
    },
  },
} as const;

/** What the stream serves over HTTP. */
export const eventsDescriptions = [eventsDescription, sharedEventsDescription];

function parameter<More extends object>(name: string, description: string, more: More) {
  return { name, in: "query", description, ...more } as const;
}

function problem(description: string) {
  return { description, content: { "application/json": { schema: schemaRef("Error") } } };
}
