import type { Log, ObservedPlace } from "../log/contract.ts";
import type { HttpReply, HttpRequest } from "../model/http.ts";
import { answerWith, maxPageRows, oldestStored } from "./answer.ts";
import { badRequest, rowsAnswer, unavailable } from "./answer-descriptions.ts";
import { fieldsOf } from "./columns.ts";
import { aggregates, isCounter } from "./downsampling/steps.ts";
import { type Endpoint, endpoint } from "./endpoint.ts";
import { checkPlaces, chooseFormat, createRowWriter, type ExportFormat } from "./formats.ts";
import { type HistoryQuery, placeAfter, type Resampling, readHistory } from "./history-rows.ts";
import { formatPageToken, readPageToken } from "./page-token.ts";
import {
  choiceParameter,
  fieldsParameter,
  filterParameter,
  instantParameter,
  integerParameter,
  spanParameter,
  textParameter,
} from "./parameter-kinds.ts";
import { type Asked, BadParameter } from "./parameters.ts";
import type { Turns } from "./turns.ts";

const formats = ["json", "ndjson", "csv", "geojson", "gpx"] as const satisfies readonly ExportFormat[];
/** Most fields that LTTB picks from: each is a series of its own in memory. */
const maxLttbFields = 8;
const defaultPoints = 500;

const parameters = {
  filter: filterParameter("Topics, as an MQTT filter."),
  from: instantParameter("Earliest observation, inclusive; without it as far back as the ring goes."),
  to: instantParameter("Latest observation, inclusive; without it no limit."),
  fields: fieldsParameter(
    "Only these values; readings that have none of them are left out. GeoJSON and GPX need `lat` and `lon` among them.",
  ),
  order: choiceParameter("Oldest or newest observation first within each topic.", ["asc", "desc"], "asc"),
  limit: integerParameter(
    "Most rows: the answer is a page, which may be shorter, and tells where to go on. Without it everything is sent.",
    1,
    maxPageRows,
  ),
  cursor: textParameter(
    "Where a page before ended; everything but `limit` and `format` must be as it was. Holds over restarts.",
  ),
  step: spanParameter("One row per topic and step of time, aligned to 1970-01-01 UTC; `time` is its start."),
  agg: choiceParameter(
    "What a step comes to, `mean` if absent: min, max and mean of numbers; the first, the last or the count of all values (a count is no position for GeoJSON and GPX). Counters (energy…Wh, odometerM) have no mean and are left out of it; directions are averaged as vectors. `lttb` picks `points` readings of each topic and field for a chart instead, without `step`.",
    [...aggregates, "lttb"],
  ),
  points: integerParameter(
    `With agg=lttb: readings picked per series, ${defaultPoints} if absent.`,
    3,
    2_000,
  ),
  format: choiceParameter("Without it the `accept` header decides.", formats, "json"),
} as const;

/** `GET /api/v1/history`. */
export function historyEndpoint(log: Log, turns: Turns): Endpoint {
  return endpoint({
    method: "GET",
    path: "/api/v1/history",
    operation: "history",
    summary: "What was observed when",
    description:
      "Topic by topic, in the order in which the gateway first saw them, and within a topic by observation time. Readings that were observed earlier and came late stand where they belong. Without `limit` the answer is made while it is sent, however long it is.",
    parameters,
    answers: { 200: rowsAnswer("The readings.", formats), 400: badRequest, 503: unavailable },
    isLarge: true,
    handle: (request, asked) => history(log, turns, request, asked),
  });
}

async function history(
  log: Log,
  turns: Turns,
  request: HttpRequest,
  asked: Asked<typeof parameters>,
): Promise<HttpReply> {
  const { query: texts } = request;
  const start = readStart(log, texts, asked);
  const filter = asked.filter ?? "#";
  const query: HistoryQuery = {
    filter,
    from: start.from,
    to: start.to,
    newestFirst: asked.order === "desc",
    fields: asked.fields,
    resampling: readResampling(asked),
    turns,
  };
  const format = chooseFormat(asked.format, formats, request);
  checkPlaces(format, asked.fields, asked.agg);
  return answerWith({
    request,
    format,
    name: "history",
    writer: await createRowWriter(format, async () => asked.fields ?? (await fieldsOf(log, turns, filter))),
    slices: readHistory(log, query, start.after),
    limit: asked.limit,
    oldest: () => oldestStored(log, filter),
    from: start.from,
    cursorAfter: (row) => {
      const { topicId, time, seq } = placeAfter(row, query);
      return formatPageToken(log.epoch, texts, [start.from, start.to, topicId, time, seq]);
    },
  });
}

interface Start {
  readonly from: number | null;
  readonly to: number | null;
  readonly after: ObservedPlace | null;
}

/** A cursor brings the range along as it was on the first page: `-1h` means another hour by now. */
function readStart(log: Log, texts: URLSearchParams, asked: Asked<typeof parameters>): Start {
  if (asked.cursor !== null) {
    const [from = null, to = null, topicId, time, seq] = readPageToken(asked.cursor, log, texts, 5);
    return { from, to, after: { topicId: topicId ?? 0, time: time ?? 0, seq: seq ?? 0, taken: 0 } };
  }
  const { from, to } = asked;
  if (from !== null && to !== null && from > to) {
    throw new BadParameter("from", "it is later than `to`; exchange them");
  }
  return { from, to, after: null };
}

function readResampling({
  step,
  agg,
  points,
  fields,
  limit,
  cursor,
}: Asked<typeof parameters>): Resampling | null {
  if (agg !== "lttb") {
    if (points !== null) throw new BadParameter("points", "it is for agg=lttb; leave it out or add that");
    if (step === null) {
      if (agg === null) return null;
      throw new BadParameter("agg", "it needs a step; add one such as step=5m");
    }
    const counter = agg === "mean" || agg === null ? fields?.find(isCounter) : undefined;
    if (counter !== undefined) {
      throw new BadParameter(
        "agg",
        `${counter} is a counter, whose mean says nothing; give agg=last or agg=max`,
      );
    }
    return { kind: "step", stepMs: step, aggregate: agg ?? "mean" };
  }
  if (step !== null) throw new BadParameter("step", "agg=lttb takes none; give points=500 instead");
  if (limit !== null) throw new BadParameter("limit", "agg=lttb takes none; give points=500 instead");
  if (cursor !== null) throw new BadParameter("cursor", "agg=lttb has no pages; leave it out");
  if (fields === null || fields.length > maxLttbFields) {
    throw new BadParameter(
      "fields",
      `agg=lttb picks from 1 to ${maxLttbFields} fields; name them, as in fields=powerW`,
    );
  }
  return { kind: "lttb", points: points ?? defaultPoints };
}
