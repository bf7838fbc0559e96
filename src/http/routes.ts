import { type Log, LogUnavailable } from "../log/contract.ts";
import { filterProblem } from "../model/filter.ts";
import type { HttpHandler, HttpReply, HttpRequest } from "../model/http.ts";
import { isoTime, isoTimes } from "../model/reading.ts";
import { json } from "./json.ts";
import { openapi } from "./openapi.ts";
import { listQuarantine, type RetryQuarantine, retryQuarantine, showQuarantined } from "./quarantine.ts";
import type { StaticFiles } from "./static.ts";

export interface HttpDependencies {
  readonly log: Log;
  readonly files: StaticFiles;
  /** What is wrong with the gateway as a whole; empty if nothing. */
  readonly problems: () => readonly string[];
  /** What is wrong with parts that the gateway can do without; it is ready all the same. */
  readonly warnings: () => readonly string[];
  readonly retryQuarantine: RetryQuarantine;
  readonly metrics: { write(): Promise<string>; readonly contentType: string };
}

type Route = (request: HttpRequest) => HttpReply | Promise<HttpReply>;

/** Everything served over HTTP but the stream itself. */
export function createHttpHandler(dependencies: HttpDependencies): HttpHandler {
  const { log, files, problems, warnings, metrics } = dependencies;
  const gets: Readonly<Record<string, Route>> = {
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
    "/api/v1/openapi.yaml": () => ({
      status: 200,
      headers: { "content-type": "application/yaml; charset=utf-8", "access-control-allow-origin": "*" },
      body: openapi,
    }),
    "/api/v1/latest": (request) => latest(log, request),
    "/api/v1/quarantine": (request) => listQuarantine(log, request),
  };
  const posts: Readonly<Record<string, Route>> = {
    "/api/v1/quarantine/retry": (request) => retryQuarantine(dependencies.retryQuarantine, request),
  };
  return async (request) => {
    const { method, path } = request;
    const isPost = Object.hasOwn(posts, path);
    const allowed = isPost ? ["POST"] : ["GET", "HEAD"];
    if (!allowed.includes(method)) {
      const error = `${method} is not served here; use ${allowed[0]}`;
      return withHeader(json(405, { error }), "allow", allowed.join(", "));
    }
    const routes = isPost ? posts : gets;
    const route = Object.hasOwn(routes, path) ? routes[path] : undefined;
    const packetId = /^\/api\/v1\/quarantine\/(\d{1,15})$/.exec(path)?.[1];
    try {
      if (route) return await route(request);
      if (packetId !== undefined) return await showQuarantined(log, Number(packetId));
      return files.serve(request);
    } catch (error) {
      if (error instanceof LogUnavailable) return json(503, { error: error.message });
      throw error;
    }
  };
}

function withHeader(reply: HttpReply, name: string, value: string): HttpReply {
  return { ...reply, headers: { ...reply.headers, [name]: value } };
}

function latest(log: Log, request: HttpRequest): HttpReply {
  const filter = request.query.get("filter") ?? "#";
  const problem = filterProblem(filter);
  if (problem) return json(400, { error: `parameter filter: ${problem}` });
  const readings = log.latest(filter).map(({ seq, topic, time, values, times, attrs }) => ({
    seq,
    topic: topic.name,
    time: isoTime(time),
    values,
    ...(times && { times: isoTimes(times) }),
    ...(attrs && { attrs }),
  }));
  return json(200, { readings });
}
