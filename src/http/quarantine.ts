import type { Log, QuarantineQuery, StoredPacket } from "../log/contract.ts";
import { isoTime, type Reading } from "../model/reading.ts";
import { badRequest, unavailable } from "./answer-descriptions.ts";
import { type Endpoint, endpoint } from "./endpoint.ts";
import { json } from "./json.ts";
import { isSameOrigin } from "./origin.ts";
import { filterParameter, integerParameter, textParameter } from "./parameter-kinds.ts";
import type { Asked } from "./parameters.ts";
import { listSchema, schemaRef } from "./schemas.ts";

/** Decodes quarantined packets again, the oldest first; stores and releases those that can be read now. */
export type RetryQuarantine = (
  limit: number,
  query: QuarantineQuery,
) => Promise<
  readonly {
    readonly id: number;
    readonly topic: string;
    readonly readings: readonly Reading[];
    readonly rejected: string | null;
  }[]
>;

const maxPage = 1_000;
/** A page is made in one go on the main thread, a few milliseconds at this size; who wants more asks for the next. */
const maxPageBytes = 1024 * 1024;
/** Longer payloads are cut to this length in a list. */
const previewBytes = 4 * 1024;

const numberOfPackets = 100;

const parameters = {
  limit: integerParameter(`Most packets, ${numberOfPackets} if absent.`, 1, maxPage),
  before: integerParameter("Only ids below this one.", 0, Number.MAX_SAFE_INTEGER),
  since: integerParameter("Only ids above this one.", 0, Number.MAX_SAFE_INTEGER),
  topic: filterParameter("Only packets of these topics, as devices published them; an MQTT filter."),
  format: textParameter("Only packets that this format tried; empty: those that no format claims."),
} as const;

/** Quarantined packets: a list of them, one of them, and another try. */
export function quarantineEndpoints(log: Log, retry: RetryQuarantine): Endpoint[] {
  return [listEndpoint(log), packetEndpoint(log), retryEndpoint(retry)];
}

/**
 * `GET /api/v1/quarantine`. Of a payload that is longer than what stands in `payloadBase64`, as `payloadBytes` tells,
 * `GET /api/v1/quarantine/<id>` gives the whole.
 */
function listEndpoint(log: Log): Endpoint {
  return endpoint({
    method: "GET",
    path: "/api/v1/quarantine",
    operation: "quarantine",
    summary: "Packets that could not be read, newest first",
    description: "About 1 MiB of them at most, long payloads cut to their beginning.",
    parameters,
    answers: {
      200: {
        description: "The packets.",
        content: { "application/json": listSchema("packets", "QuarantinedPacket") },
      },
      400: badRequest,
      503: unavailable,
    },
    handle: async (_request, asked) => {
      const packets = await log.quarantined(asked.limit ?? numberOfPackets, {
        ...queryOf(asked),
        previewBytes,
      });
      return json(200, { packets: packets.map(present) });
    },
  });
}

function packetEndpoint(log: Log): Endpoint {
  return endpoint({
    method: "GET",
    path: "/api/v1/quarantine/{id}",
    operation: "quarantinedPacket",
    summary: "One packet with its whole payload",
    parameters: {},
    answers: {
      200: {
        description: "The packet.",
        content: { "application/json": schemaRef("QuarantinedPacket") },
      },
      400: badRequest,
      404: {
        description: "It is not in quarantine.",
        content: { "application/json": schemaRef("Error") },
      },
      503: unavailable,
    },
    handle: async (_request, _asked, id) => {
      const [packet] = await log.quarantined(1, { after: id - 1, before: id + 1 });
      return packet ? json(200, present(packet)) : json(404, { error: `no packet ${id} is in quarantine` });
    },
  });
}

function retryEndpoint(retry: RetryQuarantine): Endpoint {
  return endpoint({
    method: "POST",
    path: "/api/v1/quarantine/retry",
    operation: "retryQuarantine",
    summary:
      "Decode quarantined packets again, the oldest first; store and release those that can be read now",
    parameters,
    answers: {
      200: {
        description: "What became of each.",
        content: { "application/json": retriedSchema },
      },
      400: badRequest,
      403: {
        description: "Asked by a web page of another origin.",
        content: { "application/json": schemaRef("Error") },
      },
      503: unavailable,
    },
    handle: async (request, asked) => {
      if (!isSameOrigin(request)) {
        return json(403, { error: "a page of another origin may not do this" });
      }
      const packets = await retry(asked.limit ?? numberOfPackets, queryOf(asked));
      return json(200, {
        packets: packets.map(({ readings, ...packet }) => ({
          ...packet,
          readings: readings.map((reading) => ({ ...reading, time: isoTime(reading.time) })),
        })),
      });
    },
  });
}

const retriedSchema = {
  type: "object",
  required: ["packets"],
  additionalProperties: false,
  properties: {
    packets: {
      type: "array",
      items: {
        type: "object",
        required: ["id", "topic", "readings", "rejected"],
        additionalProperties: false,
        properties: {
          id: { type: "integer" },
          topic: { type: "string" },
          readings: {
            type: "array",
            items: {
              type: "object",
              required: ["domain", "device", "time", "values"],
              additionalProperties: false,
              properties: {
                domain: { type: "string" },
                device: { type: "string" },
                channel: { type: "string" },
                time: schemaRef("Time"),
                values: schemaRef("Values"),
                attrs: { type: "object", additionalProperties: true },
              },
            },
          },
          rejected: { type: ["string", "null"], description: "Why it still cannot be read." },
        },
      },
    },
  },
} as const;

function present({ id, topic, payload, payloadBytes, receivedAt, client, format, reason }: StoredPacket) {
  return {
    id,
    receivedAt: isoTime(receivedAt),
    topic,
    client,
    format,
    reason,
    payloadBytes,
    payloadBase64: Buffer.from(payload).toString("base64"),
  };
}

function queryOf({ before, since, topic, format }: Asked<typeof parameters>): QuarantineQuery {
  return {
    maxPageBytes,
    ...(before !== null && { before }),
    ...(since !== null && { after: since }),
    ...(topic !== null && { filter: topic }),
    ...(format !== null && { format: format === "" ? null : format }),
  };
}
