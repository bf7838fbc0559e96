import { readFileSync } from "node:fs";
import { join } from "node:path";
import { connectAsync } from "mqtt";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { z } from "zod";
import { type Gateway, startGateway } from "../../src/app/gateway.ts";
import { loadConfig } from "../../src/app/load-config.ts";
import { openapi } from "../../src/http/openapi.ts";
import { systemClock } from "../../src/model/clock.ts";
import { silentLogger } from "../../src/observe/log.ts";
import { maxLastPerTopic, speedLimits } from "../../src/wire/messages.ts";
import { maxConditions, maxFields } from "../../src/wire/view-options.ts";

type Json = Readonly<Record<string, unknown>>;
interface Answer {
  readonly content: Readonly<Record<string, { readonly schema: Json }>>;
}
interface Operation {
  readonly operationId: string;
  readonly parameters?: readonly ({ readonly name: string } | { readonly $ref: string })[];
  readonly responses: Readonly<Record<string, Answer | { readonly $ref: string }>>;
}
interface Document {
  readonly openapi: string;
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, Json>> };
}

const document = parse(openapi) as Document;

/** Where a `$ref` points to; undefined if nowhere. */
function resolve<Target>(value: Target | { readonly $ref: string }): Target {
  const ref = (value as { $ref?: string }).$ref;
  if (ref === undefined) return value as Target;
  const step = (at: unknown, key: string) => (at as Json | undefined)?.[key];
  return ref
    .slice("#/".length)
    .split("/")
    .reduce(step, document as unknown) as Target;
}

function refsIn(value: unknown): string[] {
  if (typeof value !== "object" || value === null) return [];
  if ("$ref" in value) return [String(value.$ref)];
  return Object.values(value).flatMap(refsIn);
}

function moved(value: unknown): Json {
  return JSON.parse(JSON.stringify(value).replaceAll("#/components/schemas/", "#/$defs/")) as Json;
}

/** What is wrong with a body by its schema, null if nothing. */
function problemOf(schema: Json, body: unknown): string | null {
  const whole = moved({ ...schema, $defs: document.components.schemas });
  const result = z.fromJSONSchema(whole).safeParse(body);
  return result.success ? null : z.prettifyError(result.error);
}

let gateway: Gateway;
beforeAll(async () => {
  const flags = { "mqtt.port": "0", "http.port": "0", "ring.engine": "memory", logLevel: "silent" };
  const config = loadConfig({ flags, env: {}, file: null });
  gateway = await startGateway(config, { logger: silentLogger, clock: systemClock });
  const device = await connectAsync(`mqtt://127.0.0.1:${gateway.mqttPort}`);
  const publish = (payload: object) =>
    device.publishAsync("telemetry/gps/van-7", JSON.stringify(payload), { qos: 1 });
  await publish({ lat: 60.17, lon: 24.94, batteryPct: 80 });
  await publish({ lat: 60.18, lon: 24.95 });
  await publish({ lat: 95, lon: 24.94 });
  await device.endAsync();
});
afterAll(() => gateway?.close());

describe("the OpenAPI document", () => {
  it("is of version 3.1 and refers to nothing that is not there", () => {
    expect(document.openapi).toBe("3.1.0");
    expect(refsIn(document).filter(($ref) => resolve({ $ref }) === undefined)).toEqual([]);
  });

  it("describes every route that there is, and no other", () => {
    const source = readFileSync(join(import.meta.dirname, "../../src/http/routes.ts"), "utf8");
    const routes = [...source.matchAll(/^ {4}"(\/[^"]*)":/gm)].map(([, path]) => path);
    const elsewhere = ["/api/v1/events", "/api/v1/quarantine/{id}"];
    expect(Object.keys(document.paths).toSorted()).toEqual([...routes, ...elsewhere].toSorted());
  });

  it("knows the bounds of the stream's options", () => {
    const parameters = (document.paths["/api/v1/events"]?.["get"]?.parameters ?? []).map((one) =>
      resolve<{ name: string; schema?: Json }>(one as { name: string }),
    );
    const schema = (name: string) => parameters.find((one) => one.name === name)?.schema;
    expect(schema("last")).toMatchObject({ maximum: maxLastPerTopic });
    expect(schema("speed")).toMatchObject({ maximum: speedLimits.max });
    expect(schema("where")).toMatchObject({ maxItems: maxConditions });
    expect(schema("fields")).toMatchObject({ maxItems: maxFields });
  });
});

describe("the gateway answers as the OpenAPI document says", () => {
  const asked: [method: string, url: string, status: number][] = [
    ["GET", "/api/v1/latest", 200],
    ["GET", "/api/v1/latest?filter=gps/%23", 200],
    ["GET", "/api/v1/latest?filter=a%23", 400],
    ["GET", "/api/v1/events?filter=gps/%23", 200],
    ["GET", "/api/v1/events?filter=gps/%23&rate=x", 400],
    ["GET", "/api/v1/quarantine?limit=5&since=0&topic=telemetry/%23&format=native", 200],
    ["GET", "/api/v1/quarantine?limit=0", 400],
    ["GET", "/api/v1/quarantine/1", 200],
    ["GET", "/api/v1/quarantine/12345", 404],
    ["POST", "/api/v1/quarantine/retry?limit=1", 200],
    ["POST", "/api/v1/quarantine/retry?limit=x", 400],
    ["GET", "/api/v1/openapi.yaml", 200],
    ["GET", "/healthz", 200],
    ["GET", "/readyz", 200],
    ["GET", "/metrics", 200],
  ];

  it("in every operation", () => {
    const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
    );
    const tried = asked.map(([method, url]) => `${method} ${templateOf(url)}`);
    expect([...new Set(tried)].toSorted()).toEqual(operations.toSorted());
  });

  it.each(asked)("%s %s: %i", async (method, url, status) => {
    const abort = new AbortController();
    const init = { method, signal: abort.signal };
    const response = await fetch(`http://127.0.0.1:${gateway.httpPort}${url}`, init);
    expect(response.status).toBe(status);
    const answer = document.paths[templateOf(url)]?.[method.toLowerCase()]?.responses[status];
    expect(answer).toBeDefined();
    const type = (response.headers.get("content-type") ?? "").split(";")[0] as string;
    const content = resolve<Answer>(answer as Answer).content[type];
    expect(content, type).toBeDefined();
    if (type === "application/json") {
      expect(problemOf((content as { schema: Json }).schema, await response.json())).toBeNull();
    } else if (type === "application/yaml") expect(await response.text()).toBe(openapi);
    abort.abort();
  });
});

function templateOf(url: string): string {
  return (url.split("?")[0] as string).replace(/\/\d+$/, "/{id}");
}
