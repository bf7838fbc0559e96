import type { Log } from "../log/contract.ts";
import { filterProblem } from "../model/filter.ts";
import type { HttpHandler, HttpReply, HttpRequest } from "../model/http.ts";
import { isoTime } from "../model/reading.ts";
import type { StaticFiles } from "./static.ts";

export interface HttpDependencies {
  readonly log: Log;
  readonly files: StaticFiles;
  /** What is wrong with the gateway as a whole; empty if nothing. */
  readonly problems: () => readonly string[];
  /** What is wrong with parts that the gateway can do without; it is ready all the same. */
  readonly warnings: () => readonly string[];
  readonly metrics: { write(): Promise<string>; readonly contentType: string };
}

type Route = (request: HttpRequest) => HttpReply | Promise<HttpReply>;

/** Everything served over HTTP but the stream itself. */
export function createHttpHandler({
  log,
  files,
  problems,
  warnings,
  metrics,
}: HttpDependencies): HttpHandler {
  const routes: Readonly<Record<string, Route>> = {
    "/healthz": () => json(200, { status: "ok" }),
    "/readyz": () => {
      const found = problems();
      const more = warnings().length === 0 ? {} : { warnings: warnings() };
      return found.length === 0
        ? json(200, { status: "ready", epoch: log.epoch, head: log.head, oldest: log.oldest, ...more })
        : json(503, { status: "degraded", problems: found, ...more });
    },
    "/metrics": async () => ({
      status: 200,
      headers: { "content-type": metrics.contentType },
      body: await metrics.write(),
    }),
    "/api/v1/latest": (request) => latest(log, request),
    "/api/v1/quarantine": (request) => quarantine(log, request),
  };
  return async (request) => {
    if (request.method !== "GET" && request.method !== "HEAD") {
      return {
        ...json(405, { error: `${request.method} is not served here; use GET` }),
        headers: { allow: "GET, HEAD" },
      };
    }
    const route = Object.hasOwn(routes, request.path) ? routes[request.path] : undefined;
    return route ? route(request) : files.serve(request);
  };
}

function latest(log: Log, request: HttpRequest): HttpReply {
  const filter = request.query.get("filter") ?? "#";
  const problem = filterProblem(filter);
  if (problem) return json(400, { error: `parameter filter: ${problem}` });
  const readings = log.latest(filter).map(({ seq, topic, time, values, times }) => ({
    seq,
    topic: topic.name,
    time: isoTime(time),
    values,
    ...(times && {
      times: Object.fromEntries(Object.entries(times).map(([name, at]) => [name, isoTime(at)])),
    }),
  }));
  return json(200, { readings });
}

const maxQuarantinePage = 1_000;

async function quarantine(log: Log, request: HttpRequest): Promise<HttpReply> {
  const text = request.query.get("limit") ?? "100";
  const limit = Number(text);
  if (!Number.isInteger(limit) || limit < 1 || limit > maxQuarantinePage) {
    return json(400, {
      error: `parameter limit: ${text} is not a whole number from 1 to ${maxQuarantinePage}`,
    });
  }
  const packets = await log.quarantined(limit);
  return json(200, {
    packets: packets.map(({ id, topic, payload, receivedAt, client, format, reason }) => ({
      id,
      receivedAt: isoTime(receivedAt),
      topic,
      client,
      format,
      reason,
      payloadBase64: Buffer.from(payload).toString("base64"),
    })),
  });
}

function json(status: number, body: unknown): HttpReply {
  return {
    status,
    headers: { "content-type": "application/json; charset=utf-8", "cache-control": "no-store" },
    body: `${JSON.stringify(body)}\n`,
  };
}
