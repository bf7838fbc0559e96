import type { Latest, Log } from "../log/contract.ts";
import type { HttpReply, HttpRequest } from "../model/http.ts";
import { isoTime } from "../model/reading.ts";
import { topicParts } from "../model/topic.ts";
import { answerWith, maxPageRows } from "./answer.ts";
import { badRequest, pageHeaders, unavailable } from "./answer-descriptions.ts";
import { type Endpoint, endpoint } from "./endpoint.ts";
import { JsonWriter, NdjsonWriter } from "./export/json.ts";
import { chooseFormat, type ExportFormat } from "./formats.ts";
import { readLatest } from "./latest.ts";
import { formatPageToken, readPageToken } from "./page-token.ts";
import { choiceParameter, filterParameter, integerParameter, textParameter } from "./parameter-kinds.ts";
import type { Asked } from "./parameters.ts";
import { listSchema } from "./schemas.ts";
import type { Turns } from "./turns.ts";

const formats = ["json", "ndjson"] as const satisfies readonly ExportFormat[];

const parameters = {
  filter: filterParameter("Topics, as an MQTT filter."),
  limit: integerParameter("Most topics: the answer is a page and tells where to go on.", 1, maxPageRows),
  cursor: textParameter("Where a page before ended; `filter` must be as it was. Holds over restarts."),
  format: choiceParameter("Without it the `accept` header decides.", formats, "json"),
} as const;

/** `GET /api/v1/topics`. */
export function topicsEndpoint(log: Log, turns: Turns): Endpoint {
  return endpoint({
    method: "GET",
    path: "/api/v1/topics",
    operation: "topics",
    summary: "Which topics there are, when they were last seen, and what fields they have",
    parameters,
    answers: {
      200: {
        description: "The topics, in the order in which the gateway first saw them.",
        content: {
          "application/json": listSchema("topics", "Topic", { next: "Next" }),
          "application/x-ndjson": { type: "string", description: "One Topic a line." },
        },
        headers: { link: pageHeaders.link },
      },
      400: badRequest,
      503: unavailable,
    },
    isLarge: true,
    handle: (request, asked) => topics(log, turns, request, asked),
  });
}

function topics(
  log: Log,
  turns: Turns,
  request: HttpRequest,
  asked: Asked<typeof parameters>,
): Promise<HttpReply> {
  const { query: texts } = request;
  const after = asked.cursor === null ? 0 : readPageToken(asked.cursor, log, texts, 1)[0];
  const format = chooseFormat(asked.format, formats, request);
  return answerWith({
    request,
    format,
    name: "topics",
    writer: format === "json" ? new JsonWriter('{"topics":[', present) : new NdjsonWriter(present),
    slices: readLatest(log, turns, asked.filter ?? "#", null, after ?? 0),
    limit: asked.limit,
    cursorAfter: ({ topic }) => formatPageToken(log.epoch, texts, [topic.id]),
  });
}

function present({ topic, seq, time, values }: Latest): object {
  const { domain, device, channel } = topicParts(topic.name, topic.channelAt);
  return {
    topic: topic.name,
    domain,
    device,
    ...(channel !== undefined && { channel }),
    lastSeen: isoTime(time),
    seq,
    fields: Object.keys(values),
  };
}
