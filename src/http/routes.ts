import { stringify } from "yaml";
import { type Log, LogUnavailable } from "../log/contract.ts";
import type { HttpHandler, HttpReply, HttpRequest } from "../model/http.ts";
import type { MapPlace } from "../model/map-place.ts";
import { acknowledgeEndpoint } from "./alerts.ts";
import { badRequest } from "./answer-descriptions.ts";
import { backupEndpoint } from "./backup.ts";
import { type Endpoint, endpoint, pathParameters } from "./endpoint.ts";
import { feedEndpoints, type ReadFeed } from "./feeds.ts";
import { type HealthDependencies, healthEndpoints } from "./health.ts";
import { historyEndpoint } from "./history.ts";
import { json } from "./json.ts";
import { latestEndpoint } from "./latest.ts";
import { describeApi } from "./openapi.ts";
import { BadParameter, readParameters } from "./parameters.ts";
import { placesEndpoint } from "./places.ts";
import { quarantineEndpoints, type RetryQuarantine } from "./quarantine.ts";
import type { ShareBook } from "./share-book.ts";
import { linkEndpoints } from "./share-link.ts";
import { shareEndpoints } from "./shares.ts";
import type { StaticFiles } from "./static.ts";
import { topicsEndpoint } from "./topics.ts";
import { Turns } from "./turns.ts";
import { type WatchRules, watchEndpoints } from "./watches.ts";

export interface HttpDependencies extends HealthDependencies {
  readonly files: StaticFiles;
  readonly retryQuarantine: RetryQuarantine;
  readonly readFeed: ReadFeed;
  /** Where backups of the log go. */
  readonly backupFolder: string;
  /** What stands on the map. */
  readonly places: readonly MapPlace[];
  readonly shares: ShareBook;
  /** Null: nobody watches fares. */
  readonly watches: WatchRules | null;
}

/** Answers of `isLarge` endpoints that are made at once, some hundred kilobytes each; more are refused with status 503. */
const maxLargeAnswers = 32;

/** Everything served over HTTP but the stream itself. */
export function createHttpHandler(dependencies: HttpDependencies): HttpHandler {
  const { log, files } = dependencies;
  const turns = new Turns();
  const endpoints = [
    ...healthEndpoints(dependencies),
    latestEndpoint(log, turns),
    historyEndpoint(log, turns),
    topicsEndpoint(log, turns),
    placesEndpoint(dependencies.places),
    ...quarantineEndpoints(log, dependencies.retryQuarantine),
    ...feedEndpoints(dependencies.readFeed),
    backupEndpoint(log, dependencies.backupFolder),
    acknowledgeEndpoint(log),
    ...watchEndpoints(log, dependencies.watches),
    ...shareEndpoints(log, dependencies.shares),
    ...linkEndpoints(log, dependencies.shares, files, turns),
  ];
  const routes = withDescription(endpoints).map(routeOf);
  const answer = createAnswering(log);
  return async (request) => {
    const found = routes.filter(({ pattern }) => pattern.test(request.path));
    const method = request.method === "HEAD" ? "GET" : request.method;
    const route = found.find(({ endpoint: { method: own } }) => own === method);
    if (route) return answer(route, request);
    if (found.length > 0) {
      const methods = found.map(({ endpoint: { method: own } }) => own);
      return wrongMethod(
        request.method,
        methods.flatMap((own) => (own === "GET" ? [own, "HEAD"] : [own])),
      );
    }
    if (method !== "GET") return wrongMethod(request.method, ["GET", "HEAD"]);
    if (!request.path.startsWith("/api/")) return files.serve(request);
    return json(404, { error: `nothing is served at ${request.path}; /api/v1/openapi.json tells what is` });
  };
}

interface Route {
  readonly endpoint: Endpoint;
  readonly pattern: RegExp;
}

function routeOf(one: Endpoint): Route {
  const path = one.path.replaceAll(".", "\\.");
  const pattern = path.replace(
    /\{(\w+)\}/,
    (_, name: keyof typeof pathParameters) => `(${pathParameters[name].pattern})`,
  );
  return { endpoint: one, pattern: new RegExp(`^${pattern}$`) };
}

function createAnswering(log: Log): (route: Route, request: HttpRequest) => Promise<HttpReply> {
  let large = 0;
  return async ({ endpoint: { parameters, handle, isLarge = false }, pattern }, request) => {
    if (isLarge && large >= maxLargeAnswers) return busy();
    if (isLarge) large++;
    try {
      const asked = parameters === null ? {} : readParameters(request.query, parameters, { now: log.time });
      const inPath = pattern.exec(request.path)?.[1] ?? "";
      return await handle(request, asked, /^\d+$/.test(inPath) ? Number(inPath) : 0, decode(inPath));
    } catch (error) {
      if (error instanceof BadParameter) return json(400, { error: error.message });
      if (error instanceof LogUnavailable) return json(503, { error: error.message });
      throw error;
    } finally {
      if (isLarge) large--;
    }
  };
}

/** What cannot be decoded stays, and is the name of nothing. */
function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** The description, of which it is itself a part. */
function withDescription(others: readonly Endpoint[]): Endpoint[] {
  const all = [
    ...others,
    descriptionEndpoint("json", "openapi", () => asJson),
    descriptionEndpoint("yaml", "openapiYaml", () => asYaml),
  ];
  const description = describeApi(all);
  const asJson = `${JSON.stringify(description)}\n`;
  const asYaml = stringify(description);
  return all;
}

function descriptionEndpoint(form: "json" | "yaml", operation: string, text: () => string): Endpoint {
  const type = `application/${form}`;
  return endpoint({
    method: "GET",
    path: `/api/v1/openapi.${form}`,
    operation,
    summary: `This description in ${form.toUpperCase()}`,
    parameters: {},
    answers: {
      200: { description: "OpenAPI 3.1.", content: { [type]: { type: "object" } } },
      400: badRequest,
    },
    // Tools that show it run in pages of other origins.
    handle: () => ({
      status: 200,
      headers: { "content-type": `${type}; charset=utf-8`, "access-control-allow-origin": "*" },
      body: text(),
    }),
  });
}

function wrongMethod(method: string, allowed: readonly string[]): HttpReply {
  const reply = json(405, { error: `${method} is not served here; use ${allowed[0]}` });
  return { ...reply, headers: { ...reply.headers, allow: allowed.join(", ") } };
}

function busy(): HttpReply {
  const reply = json(503, {
    error: `${maxLargeAnswers} answers are being made, the most at once; try again soon`,
  });
  return { ...reply, headers: { ...reply.headers, "retry-after": "1" } };
}
