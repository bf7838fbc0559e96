import type { Log } from "../log/contract.ts";
import type { HttpRequest } from "../model/http.ts";
import { isoTime } from "../model/reading.ts";
import { topicOf } from "../model/topic.ts";
import { badRequest, refused, unavailable } from "./answer-descriptions.ts";
import { type AnswerDescription, type Endpoint, endpoint } from "./endpoint.ts";
import { json } from "./json.ts";
import { isSameOrigin } from "./origin.ts";
import { instantParameter, spanParameter, textParameter } from "./parameter-kinds.ts";
import { type Asked, BadParameter } from "./parameters.ts";
import { schemaRef } from "./schemas.ts";
import { maxShares, type Share, type ShareBook } from "./share-book.ts";

const hourMs = 3_600_000;
const defaultMs = 24 * hourMs;
const maxMs = 31 * 24 * hourMs;

const parameters = {
  topic: textParameter("Whose way is shared, as a topic without wildcards: `gps/van-7`."),
  device: textParameter("The same in short, for a device of the domain `gps`: `van-7`."),
  from: instantParameter("What was observed before is not shown; now if absent."),
  until: instantParameter("When the link ends, at most 31 days from now."),
  expiresIn: spanParameter("Instead of `until`, how long it is good; `24h` if both are absent."),
} as const;

/** `/api/v1/shares`: links that show one device's way to whoever has them, for a while (share-link.ts). */
export function shareEndpoints(log: Log, book: ShareBook): Endpoint[] {
  return [createEndpoint(log, book), listEndpoint(book), revokeEndpoint(book)];
}

function createEndpoint(log: Log, book: ShareBook): Endpoint {
  return endpoint({
    method: "POST",
    path: "/api/v1/shares",
    operation: "createShare",
    summary: "Make a link that shows one device's way for a while",
    description:
      "`url` is a page with the way so far and live; `url`/track.gpx and `url`/track.geojson are the way as a file, `url`/events follows it (the same events as /api/v1/events, of this topic and from `from` on). Only the answer has the token: it is not stored.",
    parameters,
    answers: {
      200: { description: "The link.", content: { "application/json": createdSchema } },
      400: badRequest,
      403: refused,
      404: problem("Nothing was heard of the topic."),
      409: problem("The topic has no position, or there are as many links as may be."),
      503: unavailable,
    },
    handle: async (request, asked) => {
      if (!isSameOrigin(request)) return json(403, { error: "a page of another origin may not do this" });
      const topic = readTopic(asked);
      const { from, until } = readRange(asked, log.time);
      const [latest] = log.latest(topic);
      if (!latest) {
        return json(404, { error: `nothing was heard of ${topic}; /api/v1/topics tells what there is` });
      }
      if (typeof latest.values["lat"] !== "number" || typeof latest.values["lon"] !== "number") {
        return json(409, { error: `${topic} has no position; share a topic that has lat and lon` });
      }
      const made = await book.create(topic, from, until);
      if (made === null)
        return json(409, { error: `there are ${maxShares} links, the most there may be; revoke some` });
      const { token, share } = made;
      return json(200, { ...present(share), token, url: `${originOf(request)}/share/${token}` });
    },
  });
}

function readTopic({ topic, device }: Asked<typeof parameters>): string {
  if ((topic === null) === (device === null)) {
    throw new BadParameter("topic", "give it, as in topic=gps/van-7, or device=van-7, and not both");
  }
  const wanted = topic ?? topicOf({ domain: "gps", device: device ?? "" });
  if (/[+#]/.test(wanted)) throw new BadParameter("topic", "a link shows one topic; leave out + and #");
  return wanted;
}

function readRange(asked: Asked<typeof parameters>, now: number): { from: number; until: number } {
  if (asked.until !== null && asked.expiresIn !== null) {
    throw new BadParameter("until", "`expiresIn` says the same; give one of them");
  }
  const until = asked.until ?? now + (asked.expiresIn ?? defaultMs);
  const name = asked.until === null ? "expiresIn" : "until";
  if (until <= now) throw new BadParameter(name, "it is over already; give a time to come");
  if (until - now > maxMs) throw new BadParameter(name, "a link is good for 31 days at most");
  const from = asked.from ?? now;
  if (from >= until) throw new BadParameter("from", "it is later than the end of the link");
  return { from, until };
}

/** As the client sees the gateway, also through a proxy. */
function originOf(request: HttpRequest): string {
  const scheme = request.header("x-forwarded-proto") === "https" ? "https" : "http";
  return `${scheme}://${request.header("host")}`;
}

function listEndpoint(book: ShareBook): Endpoint {
  return endpoint({
    method: "GET",
    path: "/api/v1/shares",
    operation: "shares",
    summary: "The links that are valid",
    parameters: {},
    answers: {
      200: { description: "The links, without their tokens.", content: { "application/json": listSchema } },
      400: badRequest,
    },
    handle: () => json(200, { shares: book.list().map(present) }),
  });
}

function revokeEndpoint(book: ShareBook): Endpoint {
  return endpoint({
    method: "DELETE",
    path: "/api/v1/shares/{id}",
    operation: "revokeShare",
    summary: "Take a link back; who is watching is cut off",
    parameters: {},
    answers: {
      200: { description: "It shows nothing any more.", content: { "application/json": revokedSchema } },
      400: badRequest,
      403: refused,
      404: problem("No such link is valid."),
      503: unavailable,
    },
    handle: async (request, _asked, id) => {
      if (!isSameOrigin(request)) return json(403, { error: "a page of another origin may not do this" });
      if (await book.revoke(id)) return json(200, { revoked: id });
      return json(404, { error: `no link that is valid has the id ${id}; GET /api/v1/shares lists them` });
    },
  });
}

function problem(description: string): AnswerDescription {
  return { description, content: { "application/json": schemaRef("Error") } };
}

function present({ id, topic, from, until }: Share): object {
  return { id, topic, from: isoTime(from), expires: isoTime(until) };
}

const shareProperties = {
  id: { type: "integer", minimum: 1 },
  topic: { type: "string" },
  from: schemaRef("Time"),
  expires: schemaRef("Time"),
} as const;

const shareSchema = {
  type: "object",
  required: ["id", "topic", "from", "expires"],
  additionalProperties: false,
  properties: shareProperties,
} as const;

const createdSchema = {
  ...shareSchema,
  required: [...shareSchema.required, "token", "url"],
  properties: {
    ...shareProperties,
    token: { type: "string", description: "Whoever has it sees the way: 192 random bits." },
    url: { type: "string" },
  },
} as const;

const listSchema = {
  type: "object",
  required: ["shares"],
  additionalProperties: false,
  properties: { shares: { type: "array", items: shareSchema } },
} as const;

const revokedSchema = {
  type: "object",
  required: ["revoked"],
  additionalProperties: false,
  properties: { revoked: shareProperties.id },
} as const;
