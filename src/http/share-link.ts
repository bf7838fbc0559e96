import type { Log } from "../log/contract.ts";
import type { HttpReply } from "../model/http.ts";
import { isoTime } from "../model/reading.ts";
import { answerWith } from "./answer.ts";
import { badRequest, rowsAnswer, unavailable } from "./answer-descriptions.ts";
import { type AnswerDescription, type Endpoint, endpoint } from "./endpoint.ts";
import { createRowWriter } from "./formats.ts";
import { readHistory } from "./history-rows.ts";
import { json } from "./json.ts";
import { schemaRef } from "./schemas.ts";
import { type NoShare, type Share, type ShareBook, sharedFields } from "./share-book.ts";
import type { StaticFiles } from "./static.ts";
import type { Turns } from "./turns.ts";

/** Neither search engines nor caches nor other pages may learn of a link. */
const privateHeaders = {
  "cache-control": "no-store",
  "x-robots-tag": "noindex, nofollow, noarchive",
  "referrer-policy": "no-referrer",
} as const;

/** What a link opens: its page, what that shows, and the way as a file. Its events are the stream's (stream/shared-events.ts). */
export function linkEndpoints(log: Log, book: ShareBook, files: StaticFiles, turns: Turns): Endpoint[] {
  return [
    pageEndpoint(book, files),
    infoEndpoint(log, book),
    trackEndpoint(log, book, turns, "gpx"),
    trackEndpoint(log, book, turns, "geojson"),
  ];
}

function pageEndpoint(book: ShareBook, files: StaticFiles): Endpoint {
  return endpoint({
    method: "GET",
    path: "/share/{token}",
    operation: "sharePage",
    summary: "The page that a link opens",
    parameters: null,
    answers: linkAnswers({ description: "The page.", content: { "text/html": { type: "string" } } }),
    handle: (request, _asked, _id, token) =>
      whileValid(book, token, () => {
        const page = files.serve({ ...request, path: "/share.html", header: request.header });
        return { ...page, headers: { ...page.headers, ...privateHeaders } };
      }),
  });
}

function infoEndpoint(log: Log, book: ShareBook): Endpoint {
  return endpoint({
    method: "GET",
    path: "/share/{token}/info",
    operation: "shareInfo",
    summary: "What a link shows, and until when",
    parameters: {},
    answers: linkAnswers({ description: "The link.", content: { "application/json": infoSchema } }),
    handle: (_request, _asked, _id, token) =>
      whileValid(book, token, ({ topic, from, until }) => {
        const info = { topic, from: isoTime(from), expires: isoTime(until), now: isoTime(log.time) };
        const reply = json(200, info);
        return { ...reply, headers: { ...reply.headers, ...privateHeaders } };
      }),
  });
}

function trackEndpoint(log: Log, book: ShareBook, turns: Turns, format: "gpx" | "geojson"): Endpoint {
  const paths = {
    gpx: {
      path: "/share/{token}/track.gpx",
      operation: "sharedGpx",
    },
    geojson: {
      path: "/share/{token}/track.geojson",
      operation: "sharedGeoJson",
    },
  } as const;
  return endpoint({
    ...paths[format],
    method: "GET",
    summary: "The way that a link shows, so far",
    parameters: {},
    answers: linkAnswers(rowsAnswer("The way.", [format])),
    isLarge: true,
    handle: (request, _asked, _id, token) =>
      whileValid(book, token, async ({ topic, from, until }) => {
        const query = {
          filter: topic,
          from,
          to: until,
          newestFirst: false,
          fields: sharedFields,
          resampling: null,
          turns,
        };
        const reply = await answerWith({
          request,
          format,
          name: "track",
          writer: await createRowWriter(format, async () => sharedFields),
          slices: withoutRemarks(readHistory(log, query, null)),
          limit: null,
          cursorAfter: () => "",
        });
        return { ...reply, headers: { ...reply.headers, ...privateHeaders } };
      }),
  });
}

async function* withoutRemarks<Row extends object>(slices: AsyncIterable<readonly Row[]>) {
  for await (const rows of slices) yield rows.map((row) => ({ ...row, attrs: null }));
}

function whileValid(
  book: ShareBook,
  token: string,
  answer: (share: Share) => HttpReply | Promise<HttpReply>,
): HttpReply | Promise<HttpReply> {
  const found = book.find(token);
  return "status" in found ? invalid(found) : answer(found);
}

function invalid({ status, message }: NoShare): HttpReply {
  const type = { "content-type": "text/plain; charset=utf-8" };
  return { status, headers: { ...type, ...privateHeaders }, body: `${message}\n` };
}

function linkAnswers(success: AnswerDescription): Readonly<Record<number, AnswerDescription>> {
  const sentence = (description: string) => ({
    description,
    content: { "text/plain": { type: "string" } },
  });
  return {
    200: success,
    400: badRequest,
    404: sentence("There is no such link."),
    410: sentence("The link has ended, or was taken back."),
    503: unavailable,
  };
}

const infoSchema = {
  type: "object",
  required: ["topic", "from", "expires", "now"],
  additionalProperties: false,
  properties: {
    topic: { type: "string" },
    from: schemaRef("Time"),
    expires: schemaRef("Time"),
    now: { ...schemaRef("Time"), description: "By the gateway's clock." },
  },
} as const;
