import { connect } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import type { Log } from "../../src/log/contract.ts";
import { EventSocket } from "../../src/stream/event-socket.ts";
import { defaultStreamOptions, type StreamOptions } from "../../src/stream/options.ts";
import { type StreamServer, startStream } from "../../src/stream/stream.ts";
import type { StartTransport } from "../../src/stream/transport.ts";
import { EventClient } from "../support/event-client.ts";
import { append, gpsReading, openTestLog } from "../support/log.ts";
import { StreamClient } from "../support/stream-client.ts";
import { dependencies, transports } from "./served.ts";

describe.each(transports)("$name, events", ({ start }) => {
  const opened: { close(): unknown }[] = [];
  /** The server's side of every stream. */
  const sockets: EventSocket[] = [];
  afterEach(async () => {
    for (const thing of opened.splice(0).reverse()) await thing.close();
    sockets.length = 0;
  });

  async function serve(options: Partial<StreamOptions> = {}, log?: Log) {
    const used = log ?? (await openTestLog());
    const spied: StartTransport = (transportOptions) =>
      start({
        ...transportOptions,
        http: async (request) => {
          const reply = await transportOptions.http(request);
          if (reply.body instanceof EventSocket) sockets.push(reply.body);
          return reply;
        },
      });
    const all = dependencies(used, { ...defaultStreamOptions, batchMs: 5, ...options });
    const server = await startStream(spied, all);
    if (!log) opened.push(used);
    opened.push({ close: () => server.close(200) });
    return { log: used, server };
  }

  async function follow({ port }: StreamServer, query: string, lastEventId = ""): Promise<EventClient> {
    const client = await EventClient.open(port, query, lastEventId);
    opened.push(client);
    return client;
  }

  const ask = ({ port }: StreamServer, query: string, init?: RequestInit) =>
    fetch(`http://127.0.0.1:${port}/api/v1/events?${query}`, init);

  it("gives a snapshot, then what is new, each with the place to resume from", async () => {
    const { log, server } = await serve();
    await append(log, gpsReading("van-7", { note: "ä€😀\nnext" }));
    const client = await follow(server, "filter=gps/%23");
    expect(client.response.headers).toMatchObject({
      "content-type": "text/event-stream",
      "cache-control": "no-store",
    });
    const snapshot = await client.next("subscribed");
    expect(snapshot.lastEventId).toBe(`${log.epoch}:1`);
    expect(snapshot.message).toMatchObject({
      snapshot: [{ topic: "gps/van-7", values: { note: "ä€😀\nnext" } }],
    });
    expect((await client.next("welcome")).message).toMatchObject({
      epoch: log.epoch,
      heartbeatMs: defaultStreamOptions.heartbeatMs,
    });
    expect(client.retryMs).toBeGreaterThanOrEqual(1_000);
    await append(log, gpsReading("van-7", { n: 1 }), gpsReading("van-8", { n: 2 }));
    const readings = await client.untilReadings(2);
    expect(readings.map(({ seq, topic, values }) => [seq, topic, values["n"]])).toEqual([
      [2, "gps/van-7", 1],
      [3, "gps/van-8", 2],
    ]);
    expect(client.lastEventId).toBe(`${log.epoch}:3`);
    expect(server.connections()).toBe(1);
    client.close();
    await expect.poll(() => server.connections()).toBe(0);
  });

  it("resumes from an id, by header and by parameter: each reading once, in order", async () => {
    const { log, server } = await serve();
    let client = await follow(server, "filter=gps/%23&from=now");
    const seen: unknown[] = [];
    for (let round = 0; round < 20; round++) {
      for (let i = 0; i < 50; i++) await append(log, gpsReading(`d${i % 5}`, { n: round * 50 + i }));
      // Cut off wherever it happens to be.
      await client.untilReadings(1 + ((round * 7) % 20));
      client.close();
      await client.untilEnded();
      seen.push(...client.readings().map(({ seq }) => seq));
      const id = client.lastEventId;
      client =
        round % 2 === 0
          ? await follow(server, "filter=gps/%23&from=now&lastEventId=oldepoch:1", id)
          : await follow(server, `filter=gps/%23&lastEventId=${id}`);
    }
    const rest = await client.untilReadings(1_000 - seen.length);
    seen.push(...rest.map(({ seq }) => seq));
    expect(seen).toEqual(Array.from({ length: 1_000 }, (_, index) => index + 1));
  });

  it("takes the options of a subscription, in the words of a query", async () => {
    const { log, server } = await serve();
    const client = await follow(
      server,
      "filter=gps/+/a&from=now&bbox=24,60,25,61&fields=speedKmh,door&fields=n&where=speedKmh%3E=50&where=door=open&where=n",
    );
    await client.next("subscribed");
    await append(
      log,
      gpsReading("x/a", { speedKmh: 50, door: "open", n: 1 }),
      gpsReading("x/a", { speedKmh: 49, door: "open", n: 2 }),
      gpsReading("x/a", { speedKmh: 90, door: "shut", n: 3 }),
      gpsReading("x/a", { speedKmh: 90, door: "open" }),
      gpsReading("x/b", { speedKmh: 90, door: "open", n: 5 }),
      gpsReading("y/a", { speedKmh: 90, door: "open", n: 6, lat: 10 }),
      gpsReading("y/a", { speedKmh: 90, door: "open", n: 7 }),
    );
    const readings = await client.untilReadings(2);
    expect(readings.map(({ values }) => values)).toEqual([
      { speedKmh: 50, door: "open", n: 1 },
      { speedKmh: 90, door: "open", n: 7 },
    ]);
    const view = await client.next("view");
    expect(view.type).toBe(view.message.type);
  });

  it("conflates to a rate, and ends on the latest value", async () => {
    const { log, server } = await serve();
    const client = await follow(server, "filter=gps/a&rate=10&from=now");
    await client.next("subscribed");
    for (let n = 0; n < 300; n++) await append(log, gpsReading("a", { n }));
    await client.until(() => client.readings().at(-1)?.values["n"] === 299, "the latest value");
    expect(client.readings().length).toBeLessThan(200);
  });

  it("answers what it cannot carry out with 400, the parameter and the remedy", async () => {
    const { server } = await serve();
    const wrong: [string, RegExp][] = [
      ["filter=gps/a%23", /^parameter filter: .*last level/],
      ["filter=gps/", /^parameter filter: .*%23/],
      ["filter=", /^parameter filter: .*%23/],
      ["filter=%FF", /^parameter filter: .*UTF-8/],
      ["filter=a&filter=b", /^parameter filter: .*one filter/],
      ["from=yesterday", /^parameter from: .*2026-11-22T14:05:00Z/],
      ["from=2026-11-22", /^parameter from: .*offset/],
      ["from=now&last=5", /from and last exclude/],
      ["last=0", /^parameter last: .*1 to/],
      ["rate=fast", /`rate` must be a number/],
      ["rate=1&rate=2", /^parameter rate: .*once/],
      ["bbox=1,2,3", /`bbox` must be \[west, south, east, north\]/],
      ["bbox=1,2,,4", /`bbox` must be/],
      ["speed=-1", /`speed` must be/],
      ["where=%3E5", /^parameter where: .*speedKmh>50/],
      ["where=speedKmh%3E", /^parameter where: .*speedKmh>50/],
      ["fields=", /`fields` must be a list/],
      ["lastEventId=junk", /lastEventId: "junk" is not an id/],
      ["fliter=a", /no parameter fliter; there are filter, from/],
    ];
    for (const [query, words] of wrong) {
      const response = await ask(server, query);
      const { error } = (await response.json()) as { error: string };
      expect([response.status, error], query).toEqual([400, expect.stringMatching(words)]);
    }
    expect((await ask(server, "", { method: "POST" })).status).toBe(405);
    const head = await ask(server, "filter=a", { method: "HEAD" });
    expect([head.status, head.headers.get("content-type")]).toEqual([200, "text/event-stream"]);
    await expect.poll(() => server.connections()).toBe(0);
  });

  it("tells of a gap, then goes on", async () => {
    const log = await openTestLog({ tailRecords: 50, latestCheckpointBytes: 4_096 }, { maxBytes: 8_192 });
    opened.push(log);
    const { server } = await serve({}, log);
    for (let i = 0; i < 1_000; i++) await append(log, gpsReading(`d${i % 3}`, { n: i }));
    const id = `${log.epoch}:5`;
    const client = await follow(server, "filter=gps/%23", id);
    const gap = await client.next("gap");
    expect(gap.message).toMatchObject({ reason: "evicted", from: 6 });
    // Whoever is cut off before the snapshot is told of the gap again.
    expect(gap.lastEventId).toBe(id);
    const { message, lastEventId } = await client.next("subscribed");
    expect(message).toMatchObject({ snapshot: expect.arrayContaining([]) });
    expect(lastEventId).not.toBe(id);
    await append(log, gpsReading("d0", { n: 1_000 }));
    await client.until(() => client.readings().at(-1)?.seq === 1_001, "the newest reading");
    const other = await follow(server, "filter=gps/%23", "anotherepoch:12");
    expect((await other.next("gap")).message).toMatchObject({ reason: "epoch" });
  });

  it("gives an id to the last part of a large snapshot only", async () => {
    const { log, server } = await serve({ maxFrameBytes: 4_096 });
    await append(log, ...Array.from({ length: 200 }, (_, i) => gpsReading(`d${i}`, {})));
    const client = await follow(server, "filter=gps/%23");
    const parts = () => client.events.filter(({ type }) => type === "subscribed" || type === "snapshot");
    const isWhole = () => {
      const last = parts().at(-1)?.message;
      return last !== undefined && !("more" in last && last.more);
    };
    await client.until(isWhole, "the whole snapshot");
    expect(parts().length).toBeGreaterThan(3);
    expect(
      parts()
        .slice(0, -1)
        .every(({ lastEventId }) => lastEventId === ""),
    ).toBe(true);
    expect(parts().at(-1)?.lastEventId).toBe(`${log.epoch}:200`);
  });

  it("moves the place on a quiet subscription with comments that are no events", async () => {
    const { log, server } = await serve({ heartbeatMs: 160, silentMs: 500 });
    const client = await follow(server, "filter=energy/%23&from=now");
    await client.next("subscribed");
    await append(log, gpsReading("a", {}));
    await client.until(() => client.lastEventId === `${log.epoch}:1`, "the place after the reading");
    expect(client.comments).toContain("heartbeat");
    // Longer than silence is borne on a WebSocket.
    const before = client.comments.length;
    await client.until(() => client.comments.length > before + 8, "more heartbeats");
    expect(client.events.map(({ type }) => type)).toEqual(["welcome", "subscribed"]);
  });

  it("lets in pages of allowed origins only, and says so to the browser", async () => {
    const { server } = await serve({ allowedOrigins: ["https://board.example"] });
    const foreign = await ask(server, "", { headers: { origin: "https://evil.example" } });
    expect([foreign.status, await foreign.text()]).toEqual([403, expect.stringContaining("allowedOrigins")]);
    expect(foreign.headers.get("access-control-allow-origin")).toBeNull();
    const abort = new AbortController();
    const allowed = await ask(server, "filter=a", {
      headers: { origin: "https://board.example" },
      signal: abort.signal,
    });
    expect([allowed.status, allowed.headers.get("access-control-allow-origin")]).toEqual([
      200,
      "https://board.example",
    ]);
    expect(allowed.headers.get("vary")).toBe("origin");
    abort.abort();
    const own = await ask(server, "rate=x", { headers: { origin: `http://127.0.0.1:${server.port}` } });
    expect(own.status).toBe(400);
    const preflight = await ask(server, "", {
      method: "OPTIONS",
      headers: { origin: "https://board.example" },
    });
    expect([preflight.status, preflight.headers.get("access-control-allow-headers")]).toEqual([
      204,
      expect.stringContaining("last-event-id"),
    ]);
  });

  it("counts connections together with WebSockets, and not as long replies", async () => {
    const { server } = await serve({ maxConnections: 3, maxStreamingReplies: 1 });
    const clients = [await follow(server, "filter=a"), await follow(server, "filter=b")];
    opened.push(await StreamClient.open(server.port));
    const refused = await ask(server, "filter=a");
    expect([refused.status, await refused.text()]).toEqual([503, expect.stringContaining("3 connections")]);
    await expect(StreamClient.open(server.port)).rejects.toThrow(/503/);
    clients[0]?.close();
    await expect.poll(() => server.connections()).toBe(2);
    await follow(server, "filter=a");
  });

  it("never drops or loses a slow reader, bounds what it costs, and lets it catch up", async () => {
    const { log, server } = await serve({ maxBufferBytes: 32_768, heartbeatMs: 160, silentMs: 1_000 });
    const slow = await follow(server, "filter=gps/%23&from=now");
    const healthy = await follow(server, "filter=gps/%23&from=now");
    for (const client of [slow, healthy]) await client.next("subscribed");
    slow.response.pause();
    const text = "x".repeat(2_000);
    const count = 12_000;
    for (let i = 0; i < count; i += 100) {
      await append(log, ...Array.from({ length: 100 }, (_, k) => gpsReading("d", { n: i + k, text })));
    }
    await healthy.untilReadings(count);
    // The buffer's limit, plus the one frame that went over it.
    expect(sockets[0]?.bufferedBytes()).toBeGreaterThan(32_768);
    expect(sockets[0]?.bufferedBytes()).toBeLessThan(32_768 + 65_536 + 4_096);
    expect(slow.ended).toBe(false);
    slow.response.resume();
    const readings = await slow.untilReadings(count);
    expect(readings.map(({ values }) => values["n"])).toEqual(Array.from({ length: count }, (_, i) => i));
  });

  it("survives clients that leave at any moment", async () => {
    const { log, server } = await serve();
    await append(log, gpsReading("a", {}));
    for (let i = 0; i < 30; i++) {
      const socket = connect(server.port, "127.0.0.1");
      socket.on("error", () => {});
      await new Promise((resolve) => socket.once("connect", resolve));
      socket.write("GET /api/v1/events?filter=gps/%23 HTTP/1.1\r\nHost: x\r\n\r\n");
      if (i % 3 === 1) await new Promise((resolve) => setImmediate(resolve));
      if (i % 3 === 2) await new Promise((resolve) => socket.once("data", resolve));
      socket.resetAndDestroy();
    }
    await expect.poll(() => server.connections()).toBe(0);
    const client = await follow(server, "filter=gps/%23");
    await client.next("subscribed");
  });

  it("ends every stream when it goes down, so that an EventSource comes back", async () => {
    const { log, server } = await serve();
    const client = await follow(server, "filter=gps/%23");
    await append(log, gpsReading("a", {}));
    await client.untilReadings(1);
    const started = performance.now();
    await server.close(5_000);
    await client.untilEnded();
    expect(client.response.complete).toBe(true);
    expect(performance.now() - started).toBeLessThan(2_500);
  });
});
