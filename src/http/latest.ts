import type { Latest, LatestPage, Log } from "../log/contract.ts";
import { type Box, isInBox } from "../model/box.ts";
import type { HttpReply, HttpRequest } from "../model/http.ts";
import { answerWith, maxPageRows, oldestStored } from "./answer.ts";
import { badRequest, rowsAnswer, unavailable } from "./answer-descriptions.ts";
import { fieldsOf } from "./columns.ts";
import { type Endpoint, endpoint } from "./endpoint.ts";
import { onlyFields, type Row } from "./export/row.ts";
import { checkPlaces, chooseFormat, createRowWriter, type ExportFormat } from "./formats.ts";
import { formatPageToken, readPageToken } from "./page-token.ts";
import {
  boxParameter,
  choiceParameter,
  fieldsParameter,
  filterParameter,
  instantParameter,
  integerParameter,
  textParameter,
} from "./parameter-kinds.ts";
import type { Asked } from "./parameters.ts";
import type { Turns } from "./turns.ts";

/** Topics that are looked up and written without a pause. */
const sliceTopics = 250;
const formats = ["json", "ndjson", "csv", "geojson"] as const satisfies readonly ExportFormat[];

const parameters = {
  filter: filterParameter("Topics, as an MQTT filter."),
  at: instantParameter("What they showed at that time instead of now."),
  fields: fieldsParameter(
    "Only these values; topics that have none of them are left out. GeoJSON needs `lat` and `lon` among them.",
  ),
  bbox: boxParameter("Only topics whose position lies in the box."),
  limit: integerParameter(
    "Most topics: the answer is a page, which may be shorter, and tells where to go on. Without it all are sent.",
    1,
    maxPageRows,
  ),
  cursor: textParameter(
    "Where a page before ended; everything but `limit` and `format` must be as it was. Holds over restarts.",
  ),
  format: choiceParameter("Without it the `accept` header decides.", formats, "json"),
} as const;

/** `GET /api/v1/latest`. */
export function latestEndpoint(log: Log, turns: Turns): Endpoint {
  return endpoint({
    method: "GET",
    path: "/api/v1/latest",
    operation: "latest",
    summary: "What each topic shows, now or at an earlier time",
    description:
      "Values are merged field by field by observation time; `times` tells which of them are older than `time`. With `at`, a value that is not in a topic's newest reading by then is looked for a day before that reading.",
    parameters,
    answers: {
      200: rowsAnswer("The topics, in the order in which the gateway first saw them.", formats),
      400: badRequest,
      503: unavailable,
    },
    isLarge: true,
    handle: (request, asked) => latest(log, turns, request, asked),
  });
}

async function latest(
  log: Log,
  turns: Turns,
  request: HttpRequest,
  asked: Asked<typeof parameters>,
): Promise<HttpReply> {
  const { query: texts } = request;
  const place = asked.cursor === null ? null : readPageToken(asked.cursor, log, texts, 2);
  const [at = null, after] = place ?? [asked.at, 0];
  const filter = asked.filter ?? "#";
  const format = chooseFormat(asked.format, formats, request);
  checkPlaces(format, asked.fields, null);
  return answerWith({
    request,
    format,
    name: "latest",
    writer: await createRowWriter(format, async () => asked.fields ?? (await fieldsOf(log, turns, filter))),
    slices: rowsOf(readLatest(log, turns, filter, at, after ?? 0), asked.fields, asked.bbox),
    limit: asked.limit,
    ...(at !== null && { oldest: () => oldestStored(log, filter) }),
    cursorAfter: ({ topicId }) => formatPageToken(log.epoch, texts, [at, topicId]),
  });
}

/**
 * What the topics of a filter show, in slices, in the order of topic ids.
 * @param at epoch milliseconds; null for now
 * @param start only topics with an id above this
 * @throws LogUnavailable (as rejection) when the store cannot be read
 */
export async function* readLatest(
  log: Log,
  turns: Turns,
  filter: string,
  at: number | null,
  start: number,
): AsyncGenerator<readonly Latest[]> {
  let after: number | null = start;
  do {
    await turns.next();
    const page: LatestPage =
      at === null
        ? log.latestPage(filter, after, sliceTopics)
        : await log.latestAt(filter, at, after, sliceTopics);
    yield page.entries;
    after = page.next;
  } while (after !== null);
}

async function* rowsOf(
  slices: AsyncIterable<readonly Latest[]>,
  fields: readonly string[] | null,
  box: Box | null,
): AsyncGenerator<readonly Row[]> {
  for await (const entries of slices) {
    yield entries.flatMap((entry) => {
      if (box !== null && isInBox(box, entry.values) !== true) return [];
      const values = fields === null ? entry.values : onlyFields(entry.values, fields);
      return values === null ? [] : [rowOf(entry, values)];
    });
  }
}

function rowOf({ seq, topic, time, times, attrs }: Latest, values: Row["values"]): Row {
  const older = Object.entries(times ?? {}).filter(([name]) => Object.hasOwn(values, name));
  return {
    seq,
    topicId: topic.id,
    topic: topic.name,
    time,
    values,
    times: older.length === 0 ? null : Object.fromEntries(older),
    attrs,
  };
}
