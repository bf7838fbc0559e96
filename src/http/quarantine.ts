import type { Log, QuarantineQuery, StoredPacket } from "../log/contract.ts";
import { filterProblem } from "../model/filter.ts";
import type { HttpReply, HttpRequest } from "../model/http.ts";
import { isoTime, type Reading } from "../model/reading.ts";
import { json } from "./json.ts";

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

/**
 * `GET /api/v1/quarantine`: quarantined packets, newest first, about 1 MiB of them at most. `topic` is an MQTT filter,
 * `format` a format's name (empty: no format claims the topic), `before` and `since` are ids. Of a payload that is longer
 * than what stands in `payloadBase64`, as `payloadBytes` tells, `GET /api/v1/quarantine/<id>` gives the whole.
 */
export async function listQuarantine(log: Log, { query }: HttpRequest): Promise<HttpReply> {
  const asked = readQuery(query);
  if (typeof asked === "string") return json(400, { error: asked });
  const packets = await log.quarantined(asked.limit, { ...asked.query, previewBytes });
  return json(200, { packets: packets.map(present) });
}

/** `GET /api/v1/quarantine/<id>`: one packet with its whole payload. */
export async function showQuarantined(log: Log, id: number): Promise<HttpReply> {
  const [packet] = await log.quarantined(1, { after: id - 1, before: id + 1 });
  return packet ? json(200, present(packet)) : json(404, { error: `no packet ${id} is in quarantine` });
}

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

/** `POST /api/v1/quarantine/retry`: with the same parameters, but oldest first. */
export async function retryQuarantine(retry: RetryQuarantine, request: HttpRequest): Promise<HttpReply> {
  if (!isSameOrigin(request)) {
    return json(403, { error: "a page of another origin may not do this" });
  }
  const asked = readQuery(request.query);
  if (typeof asked === "string") return json(400, { error: asked });
  const packets = await retry(asked.limit, asked.query);
  return json(200, {
    packets: packets.map(({ readings, ...packet }) => ({
      ...packet,
      readings: readings.map((reading) => ({ ...reading, time: isoTime(reading.time) })),
    })),
  });
}

/** Browsers let any page send a POST without a body anywhere, with its Origin; programs send none. */
function isSameOrigin(request: HttpRequest): boolean {
  const origin = request.header("origin");
  return origin === "" || origin.replace(/^https?:\/\//, "") === request.header("host");
}

function readQuery(query: URLSearchParams): { limit: number; query: QuarantineQuery } | string {
  const limit = readInteger(query, "limit", 1, maxPage);
  const before = readInteger(query, "before", 0, Number.MAX_SAFE_INTEGER);
  const after = readInteger(query, "since", 0, Number.MAX_SAFE_INTEGER);
  for (const problem of [limit, before, after]) if (typeof problem === "string") return problem;
  const filter = query.get("topic");
  const problem = filter === null ? null : filterProblem(filter);
  if (problem) return `parameter topic: ${problem}`;
  const format = query.get("format");
  return {
    limit: (limit as number | null) ?? 100,
    query: {
      maxPageBytes,
      ...(before !== null && { before: before as number }),
      ...(after !== null && { after: after as number }),
      ...(filter !== null && { filter }),
      ...(format !== null && { format: format === "" ? null : format }),
    },
  };
}

/** A parameter's number, null if it is absent, or what is wrong with it. */
function readInteger(query: URLSearchParams, name: string, min: number, max: number): number | string | null {
  const text = query.get(name);
  if (text === null) return null;
  const value = Number(text);
  const isGood = /^\d+$/.test(text) && value >= min && value <= max;
  return isGood ? value : `parameter ${name}: ${text} is not a whole number from ${min} to ${max}`;
}
