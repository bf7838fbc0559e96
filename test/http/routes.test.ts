import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createHttpHandler } from "../../src/http/routes.ts";
import { ShareBook } from "../../src/http/share-book.ts";
import { loadStaticFiles } from "../../src/http/static.ts";
import type { Log } from "../../src/log/contract.ts";
import type { HttpHandler, HttpReply } from "../../src/model/http.ts";
import { createMetrics } from "../../src/observe/metrics.ts";
import { append, gpsReading, openTestLog } from "../support/log.ts";

let log: Log;
let handler: HttpHandler;
let problems: string[];
let warnings: string[];
let retries: unknown[];
let folder: string;

beforeEach(async () => {
  log = await openTestLog();
  problems = [];
  warnings = [];
  retries = [];
  folder = mkdtempSync(join(tmpdir(), "fieldcast-http-"));
  writeFileSync(join(folder, "index.html"), "<title>page</title>");
  const metrics = createMetrics([
    { name: "fieldcast_things_total", help: "Things", kind: "counter", read: () => 7 },
    { name: "fieldcast_kinds", help: "Kinds", kind: "gauge", read: () => ({ a: 1, b: 2 }), label: "kind" },
  ]);
  handler = createHttpHandler({
    log,
    readFeed: async () => new Uint8Array(),
    files: await loadStaticFiles(folder),
    problems: () => problems,
    warnings: () => warnings,
    retryQuarantine: async (limit, query) => {
      retries.push({ limit, query });
      return [];
    },
    backupFolder: join(folder, "backups"),
    shares: new ShareBook(log, randomBytes),
    places: [],
    watches: null,
    metrics,
  });
});
afterEach(async () => {
  await log.close();
  rmSync(folder, { recursive: true });
});

function get(
  url: string,
  method = "GET",
  headers: Readonly<Record<string, string>> = {},
): Promise<HttpReply> {
  const { pathname, searchParams } = new URL(url, "http://gateway");
  return handler({ method, path: pathname, query: searchParams, header: (name) => headers[name] ?? "" });
}

async function getJson(url: string): Promise<{ status: number; body: unknown }> {
  const { status, body } = await get(url);
  return { status, body: JSON.parse(String(body)) };
}

describe("HTTP", () => {
  it("is alive, and ready while nothing is wrong", async () => {
    expect(await getJson("/healthz")).toEqual({ status: 200, body: { status: "ok" } });
    expect(await getJson("/readyz")).toEqual({
      status: 200,
      body: { status: "ready", epoch: log.epoch, head: 0, oldest: 1 },
    });
    warnings = ["source a: down"];
    expect(await getJson("/readyz")).toMatchObject({ status: 200, body: { warnings: ["source a: down"] } });
    warnings = [];
    problems = ["the disk is full; free some space"];
    expect(await getJson("/readyz")).toEqual({
      status: 503,
      body: { status: "degraded", problems: ["the disk is full; free some space"] },
    });
  });

  it("gives the latest values of a filter", async () => {
    const time = Date.UTC(2026, 10, 22, 10);
    await append(log, gpsReading("a", {}, time), {
      domain: "energy",
      device: "m",
      time,
      values: { powerW: 5 },
    });
    const attrs = { note: "by hand" };
    await append(log, {
      domain: "energy",
      device: "m",
      time: time + 1_000,
      values: { voltageV: 230 },
      attrs,
    });
    expect(await getJson("/api/v1/latest?filter=energy/%23")).toEqual({
      status: 200,
      body: {
        readings: [
          {
            seq: 3,
            topic: "energy/m",
            time: "2026-11-22T10:00:01.000Z",
            values: { powerW: 5, voltageV: 230 },
            times: { powerW: "2026-11-22T10:00:00.000Z" },
            attrs,
          },
        ],
        next: null,
      },
    });
    expect(await getJson("/api/v1/latest?filter=a%23")).toMatchObject({
      status: 400,
      body: { error: expect.stringMatching(/parameter filter/) },
    });
  });

  it("shows the quarantine, newest first", async () => {
    for (const reason of ["first", "second"]) {
      const kept = {
        topic: "t",
        payload: Uint8Array.of(104, 105),
        receivedAt: 0,
        client: "c",
        format: null,
        reason,
      };
      await log.append({ readings: [], quarantine: [kept] });
    }
    const { body } = await getJson("/api/v1/quarantine?limit=1");
    expect(body).toMatchObject({
      packets: [{ topic: "t", client: "c", format: null, reason: "second", payloadBase64: "aGk=" }],
    });
    for (const limit of ["0", "x", "1.5", "100000"]) {
      expect((await getJson(`/api/v1/quarantine?limit=${limit}`)).status).toBe(400);
    }
  });

  it("shows large payloads in small pages, and whole one by one", async () => {
    const payload = new Uint8Array(1024 * 1024).fill(97);
    const kept = { topic: "t", payload, receivedAt: 0, client: null, format: null, reason: "large" };
    for (let round = 0; round < 10; round++) {
      await log.append({ readings: [], quarantine: Array(6).fill(kept) });
    }
    const { body } = await get("/api/v1/quarantine?limit=1000");
    expect(String(body).length).toBeLessThan(2 * 1024 * 1024);
    const { packets } = JSON.parse(String(body)) as {
      packets: { id: number; payloadBytes: number; payloadBase64: string }[];
    };
    expect(packets).toHaveLength(60);
    expect(packets[0]).toMatchObject({ id: 60, payloadBytes: payload.length });
    expect(Buffer.from(packets[0]?.payloadBase64 ?? "", "base64").length).toBe(4_096);
    const whole = await getJson("/api/v1/quarantine/60");
    expect(whole).toMatchObject({ status: 200, body: { id: 60, topic: "t", reason: "large" } });
    expect(
      (whole.body as { payloadBase64: string }).payloadBase64 === Buffer.from(payload).toString("base64"),
    ).toBe(true);
    expect(await getJson("/api/v1/quarantine/61")).toEqual({
      status: 404,
      body: { error: "no packet 61 is in quarantine" },
    });
    expect((await get("/api/v1/quarantine/x")).status).toBe(404);
  });

  it("ends a page of many packets with long topics early", async () => {
    const kept = { payload: Uint8Array.of(1), receivedAt: 0, client: null, format: null, reason: "no" };
    const packets = Array.from({ length: 40 }, (_, at) => ({ ...kept, topic: `${at}`.padEnd(60_000, "x") }));
    await log.append({ readings: [], quarantine: packets });
    expect(String((await get("/api/v1/quarantine?limit=1000")).body).length).toBeLessThan(1_200_000);
  });

  it("filters the quarantine by topic, format and id", async () => {
    const kept = { payload: Uint8Array.of(1), receivedAt: 0, client: null, reason: "no" };
    await log.append({
      readings: [],
      quarantine: [
        { ...kept, topic: "a/1", format: "shelly" },
        { ...kept, topic: "a/2", format: null },
        { ...kept, topic: "b/1", format: "shelly" },
      ],
    });
    const topics = async (query: string) => {
      const { body } = await getJson(`/api/v1/quarantine?${query}`);
      return (body as { packets: { topic: string }[] }).packets.map(({ topic }) => topic);
    };
    expect(await topics("topic=a/%23")).toEqual(["a/2", "a/1"]);
    expect(await topics("format=shelly")).toEqual(["b/1", "a/1"]);
    expect(await topics("format=")).toEqual(["a/2"]);
    expect(await topics("before=3&limit=1")).toEqual(["a/2"]);
    expect(await topics("since=2")).toEqual(["b/1"]);
    for (const query of ["topic=a%23", "before=x", "since=-1", "before=1.5"]) {
      expect((await getJson(`/api/v1/quarantine?${query}`)).status).toBe(400);
    }
  });

  it("retries the quarantine on POST, for no page of another origin", async () => {
    const url = "/api/v1/quarantine/retry?limit=7&since=3&topic=a/%23&format=shelly";
    expect((await get(url, "POST")).status).toBe(200);
    expect((await get(url, "POST", { origin: "http://gw:8080", host: "gw:8080" })).status).toBe(200);
    expect((await get(url, "POST", { origin: "https://evil.example", host: "gw:8080" })).status).toBe(403);
    expect((await get(url, "POST", { origin: "null", host: "gw:8080" })).status).toBe(403);
    const reply = await get(url);
    expect([reply.status, reply.headers?.["allow"]]).toEqual([405, "POST"]);
    expect(retries).toEqual(
      Array(2).fill({
        limit: 7,
        query: { after: 3, filter: "a/#", format: "shelly", maxPageBytes: 1_048_576 },
      }),
    );
  });

  it("makes no backup of a log in memory, nor for a page of another origin, nor under any name", async () => {
    const { status, body } = await get("/api/v1/backup?name=x", "POST");
    expect([status, String(body)]).toEqual([409, expect.stringContaining("in memory only")]);
    const foreign = { origin: "https://evil.example", host: "gw:8080" };
    expect((await get("/api/v1/backup", "POST", foreign)).status).toBe(403);
    for (const name of ["..", "a/b", "", "a.db", "x".repeat(65)]) {
      const reply = await get(`/api/v1/backup?name=${encodeURIComponent(name)}`, "POST");
      expect([reply.status, String(reply.body)]).toEqual([400, expect.stringContaining("parameter name")]);
    }
  });

  it("says so when the store cannot be read", async () => {
    await log.close();
    expect(await getJson("/api/v1/quarantine")).toMatchObject({
      status: 503,
      body: { error: expect.any(String) },
    });
  });

  it("tells its figures to Prometheus", async () => {
    const text = String((await get("/metrics")).body);
    expect(text).toContain("fieldcast_things_total 7");
    expect(text).toContain('fieldcast_kinds{kind="b"} 2');
    expect(String((await get("/metrics")).body)).toContain("fieldcast_things_total 7");
  });

  it("serves the page with headers that keep foreign scripts out", async () => {
    const reply = await get("/");
    expect([reply.status, Buffer.from(reply.body as Uint8Array).toString()]).toEqual([
      200,
      "<title>page</title>",
    ]);
    expect(reply.headers?.["content-security-policy"]).toContain("default-src 'self'");
    expect(reply.headers?.["x-content-type-options"]).toBe("nosniff");
  });

  it.each(["/../package.json", "/%2e%2e/package.json", "/constructor", "/nothing", "//etc/passwd"])(
    "serves nothing that is not there: %s",
    async (path) => {
      const reply = await handler({ method: "GET", path, query: new URLSearchParams(), header: () => "" });
      expect(reply.status).toBe(404);
    },
  );

  it.each([
    ["GET", "/", "text/html"],
    ["GET", "/nothing", "text/plain"],
    ["GET", "/healthz", "application/json"],
    ["GET", "/metrics", "text/plain"],
    ["GET", "/api/v1/latest?filter=a%23", "application/json"],
    ["GET", "/api/v1/quarantine", "application/json"],
    ["GET", "/api/v1/quarantine/1", "application/json"],
    ["DELETE", "/healthz", "application/json"],
    ["GET", "/api/v1/quarantine/retry", "application/json"],
  ])("says what it answers with: %s %s", async (method, url, type) => {
    expect((await get(url, method)).headers?.["content-type"]).toContain(`${type}; `);
  });

  it("takes nothing but GET and HEAD", async () => {
    const reply = await get("/healthz", "POST");
    expect([reply.status, reply.headers?.["allow"]]).toEqual([405, "GET, HEAD"]);
  });
});
