import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connectAsync } from "mqtt";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { z } from "zod";
import { type Gateway, startGateway } from "../../src/app/gateway.ts";
import { loadConfig } from "../../src/app/load-config.ts";
import { systemClock } from "../../src/model/clock.ts";
import { silentLogger } from "../../src/observe/log.ts";
import { maxLastPerTopic, speedLimits } from "../../src/wire/messages.ts";
import { maxConditions, maxFields } from "../../src/wire/view-options.ts";

type Json = Readonly<Record<string, unknown>>;
interface Answer {
  readonly description: string;
  readonly content: Readonly<Record<string, { readonly schema: Json }>>;
}
interface Parameter {
  readonly name: string;
  readonly in: string;
  readonly required?: boolean;
  readonly schema: Json;
  readonly example?: unknown;
}
interface Operation {
  readonly operationId: string;
  readonly parameters: readonly Parameter[];
  readonly responses: Readonly<Record<string, Answer>>;
}
interface Document {
  readonly openapi: string;
  readonly info: Json;
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, Json>> };
}

let document: Document;

/** Where a `$ref` points to; undefined if nowhere. */
function resolve(ref: string): unknown {
  const step = (at: unknown, key: string) => (at as Json | undefined)?.[key];
  return ref
    .slice("#/".length)
    .split("/")
    .reduce(step, document as unknown);
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

const dataDir = mkdtempSync(join(tmpdir(), "fieldcast-openapi-"));
let gateway: Gateway;
beforeAll(async () => {
  const ports = { "mqtt.port": "0", "http.port": "0" };
  const flags = { ...ports, "ring.engine": "memory", logLevel: "silent", dataDir };
  const config = loadConfig({ flags, env: {}, file: null });
  gateway = await startGateway(config, { logger: silentLogger, clock: systemClock });
  const device = await connectAsync(`mqtt://127.0.0.1:${gateway.mqttPort}`);
  const publish = (payload: object) =>
    device.publishAsync("telemetry/gps/van-7", JSON.stringify(payload), { qos: 1 });
  await publish({ lat: 60.17, lon: 24.94, batteryPct: 80 });
  await publish({ lat: 60.18, lon: 24.95 });
  await publish({ lat: 95, lon: 24.94 });
  await device.endAsync();
  document = (await (await ask("/api/v1/openapi.json")).json()) as Document;
});
afterAll(async () => {
  await gateway?.close();
  rmSync(dataDir, { recursive: true });
});

function ask(url: string, init: RequestInit = {}): Promise<Response> {
  return fetch(`http://127.0.0.1:${gateway.httpPort}${url}`, init);
}

function operations(): { path: string; method: string; operation: Operation }[] {
  return Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
  );
}

/** The fields that the specification gives its objects (OpenAPI 3.1.1, 4.8), as far as they are used here. */
const fieldsOf = {
  root: ["openapi", "info", "servers", "paths", "components"],
  operation: ["operationId", "summary", "description", "parameters", "responses"],
  parameter: ["name", "in", "description", "required", "style", "explode", "schema", "example"],
  response: ["description", "headers", "content"],
  mediaType: ["schema"],
} as const;

function strangers(object: object, kind: keyof typeof fieldsOf): string[] {
  return Object.keys(object).filter((name) => !(fieldsOf[kind] as readonly string[]).includes(name));
}

function problemsOf(path: string, { operationId, parameters, responses, ...rest }: Operation): string[] {
  const found: unknown[] = [strangers({ operationId, parameters, responses, ...rest }, "operation")];
  const placed = parameters.map(({ name, in: place }) => `${place} ${name}`);
  found.push(placed.filter((one, at) => placed.indexOf(one) !== at));
  for (const parameter of parameters) {
    found.push(strangers(parameter, "parameter"));
    if (!["query", "path", "header"].includes(parameter.in)) found.push(parameter.in);
    if (parameter.in === "path" && parameter.required !== true)
      found.push(`${parameter.name} is not required`);
    const { schema, example } = parameter;
    if (example !== undefined) found.push(problemOf(schema, example) ?? []);
  }
  const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => `path ${name}`);
  found.push(placed.filter((one) => one.startsWith("path ") && !inPath.includes(one)));
  found.push(inPath.filter((one) => !placed.includes(one)));
  for (const [status, answer] of Object.entries(responses)) {
    found.push(strangers(answer, "response"));
    if (!/^[1-5]\d\d$/.test(status) || typeof answer.description !== "string") found.push(status);
    for (const content of Object.values(answer.content)) found.push(strangers(content, "mediaType"));
  }
  if (!("200" in responses)) found.push("it never succeeds");
  return found.flat().map((one) => `${operationId}: ${String(one)}`);
}

describe("the OpenAPI document", () => {
  it("keeps the rules of its specification", () => {
    expect(document.openapi).toMatch(/^3\.1\.\d+$/);
    expect(strangers(document, "root")).toEqual([]);
    expect(document.info).toMatchObject({ title: expect.any(String), version: expect.any(String) });
    expect(Object.keys(document.paths).filter((path) => !path.startsWith("/"))).toEqual([]);
    expect(operations().flatMap(({ path, operation }) => problemsOf(path, operation))).toEqual([]);
    const ids = operations().map(({ operation }) => operation.operationId);
    expect(new Set(ids).size).toBe(ids.length);
    expect(refsIn(document).filter((ref) => resolve(ref) === undefined)).toEqual([]);
  });

  it("has no schema that nothing refers to, and none that cannot be read", () => {
    const { schemas } = document.components;
    const used = new Set(refsIn(document).map((ref) => ref.split("/").at(-1)));
    expect(Object.keys(schemas).filter((name) => !used.has(name))).toEqual([]);
    for (const schema of Object.values(schemas)) expect(() => problemOf(schema, {})).not.toThrow();
  });

  it("describes every route that there is, and no other", () => {
    const folder = join(import.meta.dirname, "../../src/http");
    const source = readdirSync(folder)
      .map((name) => join(folder, name))
      .filter((path) => path.endsWith(".ts"))
      .map((path) => readFileSync(path, "utf8"))
      .join("\n");
    const routes = [...source.matchAll(/^ +path: "(\/[^"]*)",$/gm)].map(([, path]) => path);
    const yamlToo = ["/api/v1/openapi.json", "/api/v1/openapi.yaml"];
    const all = new Set([...routes, ...yamlToo]);
    expect(Object.keys(document.paths).toSorted()).toEqual([...all].toSorted());
  });

  it("is the same in YAML", async () => {
    expect(parse(await (await ask("/api/v1/openapi.yaml")).text())).toEqual(document);
  });

  it("knows the bounds of the stream's options", () => {
    const parameters = document.paths["/api/v1/events"]?.["get"]?.parameters ?? [];
    const schema = (name: string) => parameters.find((one) => one.name === name)?.schema;
    expect(schema("last")).toMatchObject({ maximum: maxLastPerTopic });
    expect(schema("speed")).toMatchObject({ maximum: speedLimits.max });
    expect(schema("where")).toMatchObject({ maxItems: maxConditions });
    expect(schema("fields")).toMatchObject({ maxItems: maxFields });
  });
});

/** What a parameter needs beside it. */
const company: Readonly<Record<string, string>> = { agg: "step=5m", points: "agg=lttb&fields=lat" };

/** Values that a parameter takes by its schema. */
function samplesOf({ name, schema, example }: Parameter): string[] {
  if (name === "cursor") return [];
  if (Array.isArray(schema["enum"])) return schema["enum"].filter((word) => word !== "lttb").map(String);
  if (schema["type"] === "integer")
    return [schema["minimum"], Math.min(Number(schema["maximum"]), 1e9)].map(String);
  return [String(example ?? "native")];
}

describe("every parameter that the OpenAPI document names", () => {
  it("is taken with the values it says, and no other parameter is", async () => {
    const refusedWith: string[] = [];
    const endless = ["/api/v1/events"];
    const isAsked = ({ path, method }: { path: string; method: string }) =>
      method === "get" && path.startsWith("/api/") && !path.includes("{") && !endless.includes(path);
    for (const { path, operation } of operations().filter(isAsked)) {
      for (const parameter of operation.parameters.filter((one) => one.in === "query")) {
        for (const sample of samplesOf(parameter)) {
          const query = `${parameter.name}=${encodeURIComponent(sample)}&${company[parameter.name] ?? ""}`;
          const response = await ask(`${path}?${query}`);
          const text = await response.text();
          if (response.status !== 200) refusedWith.push(`${path}?${query}: ${text}`);
        }
      }
      expect((await ask(`${path}?stranger=1`)).status, path).toBe(400);
    }
    expect(refusedWith).toEqual([]);
  });
});

/** Of a link that was never made. */
const noToken = "x".repeat(32);

describe("the gateway answers as the OpenAPI document says", () => {
  const asked: [method: string, url: string, status: number][] = [
    ["GET", "/api/v1/latest", 200],
    ["GET", "/api/v1/latest?filter=gps/%23", 200],
    ["GET", "/api/v1/latest?filter=a%23", 400],
    ["GET", "/api/v1/latest?at=now&bbox=24,60,25,61&fields=lat,lon&limit=1", 200],
    ["GET", "/api/v1/latest?format=geojson", 200],
    ["GET", "/api/v1/latest?format=ndjson", 200],
    ["GET", "/api/v1/latest?format=csv", 200],
    ["GET", "/api/v1/history", 200],
    ["GET", "/api/v1/history?filter=gps/%23&limit=1&order=desc", 200],
    ["GET", "/api/v1/history?step=5m&agg=max", 200],
    ["GET", "/api/v1/history?agg=lttb&fields=lat,lon&points=3", 200],
    ["GET", "/api/v1/history?format=geojson", 200],
    ["GET", "/api/v1/history?format=ndjson", 200],
    ["GET", "/api/v1/history?format=csv", 200],
    ["GET", "/api/v1/history?format=gpx", 200],
    ["GET", "/api/v1/history?limit=0", 400],
    ["GET", "/api/v1/topics", 200],
    ["GET", "/api/v1/topics?limit=1", 200],
    ["GET", "/api/v1/topics?format=ndjson", 200],
    ["GET", "/api/v1/topics?filter=a%23", 400],
    ["GET", "/api/v1/places", 200],
    ["GET", "/api/v1/places?kind=fence", 200],
    ["GET", "/api/v1/places?kind=x", 400],
    ["GET", "/api/v1/events?filter=gps/%23", 200],
    ["GET", "/api/v1/events?filter=gps/%23&rate=x", 400],
    ["GET", "/api/v1/quarantine?limit=5&since=0&topic=telemetry/%23&format=native", 200],
    ["GET", "/api/v1/quarantine?limit=0", 400],
    ["GET", "/api/v1/quarantine/1", 200],
    ["GET", "/api/v1/quarantine/12345", 404],
    ["POST", "/api/v1/quarantine/retry?limit=1", 200],
    ["POST", "/api/v1/quarantine/retry?limit=x", 400],
    ["POST", "/api/v1/backup", 409],
    ["POST", "/api/v1/alerts/12345/ack?by=anna", 404],
    ["GET", "/api/v1/watches", 200],
    ["POST", "/api/v1/watches?name=a", 409],
    ["DELETE", "/api/v1/watches/12345", 404],
    ["POST", "/api/v1/shares?device=van-7&expiresIn=1h", 200],
    ["POST", "/api/v1/shares", 400],
    ["POST", "/api/v1/shares?device=nobody", 404],
    ["GET", "/api/v1/shares", 200],
    ["DELETE", "/api/v1/shares/12345", 404],
    ["GET", `/share/${noToken}`, 404],
    ["GET", `/share/${noToken}/info`, 404],
    ["GET", `/share/${noToken}/track.gpx`, 404],
    ["GET", `/share/${noToken}/track.geojson`, 404],
    ["GET", `/share/${noToken}/events`, 404],
    ["GET", "/api/v1/openapi.json", 200],
    ["GET", "/api/v1/openapi.json?pretty=1", 400],
    ["GET", "/api/v1/openapi.yaml", 200],
    ["GET", "/feeds/gtfs-realtime/vehicle-positions.pb", 200],
    ["GET", "/feeds/gtfs-realtime/trip-updates.pb", 200],
    ["GET", "/feeds/gtfs-realtime/alerts.pb", 200],
    ["GET", "/healthz", 200],
    ["GET", "/readyz", 200],
    ["GET", "/metrics", 200],
  ];

  it("in every operation", () => {
    const described = operations().map(({ path, method }) => `${method.toUpperCase()} ${path}`);
    const tried = asked.map(([method, url]) => `${method} ${templateOf(url)}`);
    expect([...new Set(tried)].toSorted()).toEqual(described.toSorted());
  });

  it.each(asked)("%s %s: %i", async (method, url, status) => {
    const abort = new AbortController();
    const response = await ask(url, { method, signal: abort.signal });
    expect(response.status).toBe(status);
    const answer = document.paths[templateOf(url)]?.[method.toLowerCase()]?.responses[status];
    const type = (response.headers.get("content-type") ?? "").split(";")[0] as string;
    const content = answer?.content[type];
    expect(content, type).toBeDefined();
    if (type === "application/json" || type === "application/geo+json") {
      expect(problemOf(content?.schema ?? {}, await response.json())).toBeNull();
    } else if (type === "application/x-ndjson") {
      const name = url.includes("/topics") ? "Topic" : "Reading";
      for (const line of (await response.text()).trim().split("\n")) {
        expect(problemOf(document.components.schemas[name] ?? {}, JSON.parse(line))).toBeNull();
      }
    }
    abort.abort();
  });
});

function templateOf(url: string): string {
  const path = url.split("?")[0] as string;
  return path
    .replace("watches/12345", "watches/{name}")
    .replace(/\/\d+(?=\/|$)/, "/{id}")
    .replace(noToken, "{token}");
}
