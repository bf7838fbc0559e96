import { Agent, request as httpRequest } from "node:http";
import { connect } from "node:net";
import { encode } from "@msgpack/msgpack";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Log, LogUnavailable } from "../../src/log/contract.ts";
import { systemClock } from "../../src/model/clock.ts";
import type { Packet } from "../../src/model/packet.ts";
import type { Values } from "../../src/model/reading.ts";
import { silentLogger } from "../../src/observe/log.ts";
import { defaultStreamOptions, type StreamOptions } from "../../src/stream/options.ts";
import { type OnPublish, type StreamServer, startStream } from "../../src/stream/stream.ts";
import type { Socket, StartTransport } from "../../src/stream/transport.ts";
import { type Subprotocol, subprotocols } from "../../src/wire/messages.ts";
import { append, gpsReading, openTestLog } from "../support/log.ts";
import { StreamClient } from "../support/stream-client.ts";

const time = Date.UTC(2026, 10, 22, 10);

/** Every promise of a session, on one transport and both subprotocols. */
export function sessionSuite(name: string, start: StartTransport): void {
  describe.each(subprotocols)(`${name}, %s`, (subprotocol) => {
    const opened: { close(): unknown }[] = [];
    /** The server's side of every connection. */
    const sockets: Socket[] = [];
    /** What clients published, and what comes of it. */
    const published: Packet[] = [];
    let onPublish: OnPublish;
    beforeEach(() => {
      published.length = 0;
      onPublish = async () => null;
    });
    afterEach(async () => {
      for (const thing of opened.splice(0).reverse()) await thing.close();
      sockets.length = 0;
    });

    async function serve(
      options: Partial<StreamOptions> = {},
      log?: Log,
    ): Promise<{ log: Log; server: StreamServer }> {
      const used = log ?? (await openTestLog());
      const spied: StartTransport = (transportOptions) =>
        start({
          ...transportOptions,
          accept: (socket) => {
            sockets.push(socket);
            return transportOptions.accept(socket);
          },
        });
      const server = await startStream(spied, {
        log: used,
        clock: systemClock,
        logger: silentLogger,
        http: async ({ path, query }) => {
          if (path === "/broken") throw new Error("a fault");
          return {
            status: 200,
            headers: { "content-type": "text/plain" },
            body: `${path} ${query.get("a") ?? ""}`,
          };
        },
        onPublish: (packet) => {
          published.push(packet);
          return onPublish(packet);
        },
        options: { ...defaultStreamOptions, batchMs: 5, ...options },
        host: "127.0.0.1",
        port: 0,
      });
      if (!log) opened.push(used);
      opened.push({ close: () => server.close(500) });
      return { log: used, server };
    }

    async function join(
      server: StreamServer,
      offer: Subprotocol | null = subprotocol,
    ): Promise<StreamClient> {
      const client = await StreamClient.open(server.port, offer);
      opened.push(client);
      return client;
    }

    it("welcomes with the epoch and the heartbeat", async () => {
      const { log, server } = await serve();
      const client = await join(server);
      expect(await client.next("welcome")).toEqual({
        type: "welcome",
        epoch: log.epoch,
        heartbeatMs: 10_000,
      });
      expect(client.socket.protocol).toBe(subprotocol);
    });

    it("gives a snapshot, then what is new, with values and times untouched", async () => {
      const { log, server } = await serve();
      await append(log, gpsReading("van-7", { speedKmh: 31.5, note: "ä€😀" }, time));
      const client = await join(server);
      client.send({ type: "subscribe", id: 1, filter: "gps/#", from: "latest" });
      const { snapshot } = await client.next("subscribed", 1);
      const values = { lat: 60.17, lon: 24.94, speedKmh: 31.5, note: "ä€😀" };
      expect(snapshot).toEqual([{ seq: 1, topic: "gps/van-7", time, values }]);
      await append(
        log,
        gpsReading("van-7", { speedKmh: 1 / 3 }, time + 1_000),
        gpsReading("van-8", {}, time),
      );
      expect(await client.untilReadings(1, 2)).toEqual([
        {
          seq: 2,
          topic: "gps/van-7",
          time: time + 1_000,
          values: { lat: 60.17, lon: 24.94, speedKmh: 1 / 3 },
        },
        { seq: 3, topic: "gps/van-8", time, values: { lat: 60.17, lon: 24.94 } },
      ]);
      expect(client.cursor(1)).toBe(`${log.epoch}:3`);
    });

    it("says in a snapshot which values are older", async () => {
      const { log, server } = await serve();
      await append(log, { domain: "energy", device: "m", time, values: { powerW: 5, voltageV: 230 } });
      await append(log, { domain: "energy", device: "m", time: time + 2_000, values: { powerW: 6 } });
      const client = await join(server);
      client.send({ type: "subscribe", id: 7, filter: "energy/m" });
      const { snapshot } = await client.next("subscribed", 7);
      expect(snapshot).toEqual([
        {
          seq: 2,
          topic: "energy/m",
          time: time + 2_000,
          values: { powerW: 6, voltageV: 230 },
          times: { voltageV: time },
        },
      ]);
    });

    it("starts from now without a snapshot", async () => {
      const { log, server } = await serve();
      await append(log, gpsReading("a", {}));
      const client = await join(server);
      client.send({ type: "subscribe", id: 1, filter: "#", from: "now" });
      expect(await client.next("subscribed", 1)).toEqual({
        type: "subscribed",
        id: 1,
        cursor: `${log.epoch}:1`,
      });
      await append(log, gpsReading("b", {}));
      expect((await client.untilReadings(1, 1)).map(({ topic }) => topic)).toEqual(["gps/b"]);
    });

    it("matches wildcards and exact filters, several on one connection", async () => {
      const { log, server } = await serve();
      const client = await join(server);
      const filters = ["gps/+", "gps/a/b", "energy/#", "+/a/#", "#"];
      for (const [id, filter] of filters.entries())
        client.send({ type: "subscribe", id, filter, from: "now" });
      for (const id of filters.keys()) await client.next("subscribed", id);
      await append(
        log,
        gpsReading("a", {}),
        gpsReading("a/b", {}),
        { domain: "energy", device: "a", time, values: { powerW: 1 } },
        gpsReading("z", {}),
      );
      await client.untilReadings(4, 4);
      const seqs = [...filters.keys()].map((id) => client.readings(id).map(({ seq }) => seq));
      expect(seqs).toEqual([[1, 4], [2], [3], [1, 2, 3], [1, 2, 3, 4]]);
    });

    it("resumes from a cursor: each reading once, in order, across connections", async () => {
      const { log, server } = await serve();
      const first = await join(server);
      first.send({ type: "subscribe", id: 1, filter: "gps/+", from: "now" });
      await first.next("subscribed", 1);
      for (let i = 0; i < 50; i++) await append(log, gpsReading(`d${i % 5}`, { n: i }));
      await first.untilReadings(1, 50);
      const cursor = first.cursor(1);
      first.close();
      for (let i = 50; i < 2_000; i++) await append(log, gpsReading(`d${i % 5}`, { n: i }));
      const second = await join(server);
      second.send({ type: "subscribe", id: 9, filter: "gps/+", from: { cursor } });
      expect((await second.next("subscribed", 9)).snapshot).toBeUndefined();
      for (let i = 2_000; i < 2_100; i++) await append(log, gpsReading(`d${i % 5}`, { n: i }));
      const readings = await second.untilReadings(9, 2_050);
      expect(readings.map(({ values }) => values["n"])).toEqual(
        Array.from({ length: 2_050 }, (_, i) => i + 50),
      );
    });

    it("resumes thousands of readings that only the store holds, then goes live without a seam", async () => {
      const log = await openTestLog({ tailRecords: 100 });
      opened.push(log);
      const { server } = await serve({ maxFrameBytes: 4_096 }, log);
      for (let i = 0; i < 5_000; i += 50) {
        await append(log, ...Array.from({ length: 50 }, (_, k) => gpsReading(`d${k % 7}`, { n: i + k })));
      }
      const client = await join(server);
      client.send({ type: "subscribe", id: 1, filter: "gps/#", from: { cursor: `${log.epoch}:0` } });
      await client.next("readings", 1);
      for (let i = 5_000; i < 5_200; i++) await append(log, gpsReading("live", { n: i }));
      const readings = await client.untilReadings(1, 5_200);
      expect(readings.map(({ seq }) => seq)).toEqual(Array.from({ length: 5_200 }, (_, i) => i + 1));
    });

    it("tells of a gap when the ring no longer has it, then gives a fresh snapshot and goes on", async () => {
      const log = await openTestLog({ tailRecords: 50, latestCheckpointBytes: 4_096 }, { maxBytes: 8_192 });
      opened.push(log);
      const { server } = await serve({}, log);
      for (let i = 0; i < 1_000; i++) await append(log, gpsReading(`d${i % 3}`, { n: i }));
      expect(log.oldest).toBeGreaterThan(1);
      const client = await join(server);
      client.send({ type: "subscribe", id: 1, filter: "gps/#", from: { cursor: `${log.epoch}:5` } });
      const gap = await client.next("gap", 1);
      expect(gap).toMatchObject({ reason: "evicted", from: 6 });
      expect(gap.to).toBeGreaterThanOrEqual(6);
      const { snapshot, cursor } = await client.next("subscribed", 1);
      expect(snapshot?.map(({ topic, values }) => [topic, values["n"]])).toEqual([
        ["gps/d0", 999],
        ["gps/d1", 997],
        ["gps/d2", 998],
      ]);
      expect(cursor).toBe(`${log.epoch}:1000`);
      await append(log, gpsReading("d0", { n: 1_000 }));
      expect((await client.untilReadings(1, 1))[0]?.seq).toBe(1_001);
    });

    it("tells of a gap when the cursor is of another log or lies beyond this one", async () => {
      const { log, server } = await serve();
      await append(log, gpsReading("a", {}));
      const client = await join(server);
      client.send({ type: "subscribe", id: 1, filter: "#", from: { cursor: "anotherepoch:12" } });
      client.send({ type: "subscribe", id: 2, filter: "#", from: { cursor: `${log.epoch}:99` } });
      expect(await client.next("gap", 1)).toEqual({
        type: "gap",
        id: 1,
        reason: "epoch",
        from: null,
        to: null,
      });
      expect(await client.next("gap", 2)).toEqual({
        type: "gap",
        id: 2,
        reason: "ahead",
        from: null,
        to: null,
      });
      expect((await client.next("subscribed", 2)).snapshot).toHaveLength(1);
    });

    it("ends a subscription on request, and frees its id", async () => {
      const { log, server } = await serve();
      const client = await join(server);
      client.send({ type: "subscribe", id: 1, filter: "#", from: "now" });
      await client.next("subscribed", 1);
      client.send({ type: "unsubscribe", id: 1 });
      await client.next("ack", 1);
      await append(log, gpsReading("a", {}));
      client.send({ type: "subscribe", id: 1, filter: "#", from: "now" });
      await client.next("subscribed", 1, 1);
      await append(log, gpsReading("b", {}));
      expect((await client.untilReadings(1, 1)).map(({ topic }) => topic)).toEqual(["gps/b"]);
    });

    it("answers what it cannot carry out with a code and what to do", async () => {
      const { server } = await serve({ maxSubscriptions: 1 });
      const client = await join(server);
      const wrong: [object, string, RegExp][] = [
        [{ type: "subscribe", id: 1, filter: "gps/a#" }, "bad-filter", /last level/],
        [{ type: "subscribe", id: 1, filter: "" }, "bad-filter", /empty/],
        [{ type: "subscribe", id: 1 }, "bad-filter", /missing/],
        [{ type: "subscribe", id: -1, filter: "#" }, "bad-id", /0 to 65535/],
        [{ type: "subscribe", id: 1, filter: "#", from: "yesterday" }, "bad-from", /yesterday/],
        [
          { type: "subscribe", id: 1, filter: "#", from: { cursor: "junk" } },
          "bad-from",
          /not one that this gateway/,
        ],
        [{ type: "subscribe", id: 1, filter: "#", speed: 1 }, "not-supported", /speed/],
        [{ type: "subscribe", id: 1, filter: "#", rate: 0 }, "bad-option", /rate/],
        [{ type: "subscribe", id: 1, filter: "#", bbox: [1, 2, 3] }, "bad-option", /bbox/],
        [{ type: "subscribe", id: 1, filter: "#", bbox: [1, 9, 3, 2] }, "bad-option", /south first/],
        [
          { type: "subscribe", id: 1, filter: "#", where: [{ field: "a", op: "~", value: 1 }] },
          "bad-option",
          /where\[0\]/,
        ],
        [{ type: "subscribe", id: 1, filter: "#", fields: [] }, "bad-option", /fields/],
        [{ type: "update", id: 3, rate: 1 }, "unknown-id", /no subscription 3/],
        [{ type: "command", id: 4 }, "not-supported", /command/],
        [{ type: "publish", id: 4, payload: "x" }, "bad-topic", /missing/],
        [{ type: "publish", id: 4, topic: "", payload: "x" }, "bad-topic", /empty/],
        [{ type: "publish", id: 4, topic: "a/#", payload: "x" }, "bad-topic", /wildcard/],
        [{ type: "publish", id: 4, topic: "$SYS/a", payload: "x" }, "bad-topic", /begins with/],
        [{ type: "publish", id: 4, topic: "a" }, "bad-payload", /nothing/],
        [{ type: "publish", id: 4, topic: "a", payload: 5 }, "bad-payload", /5/],
        [{ type: "publish", topic: "a", payload: "x" }, "bad-id", /nothing/],
        [{ type: "dance" }, "unknown-type", /dance/],
        [{ type: "unsubscribe", id: 3 }, "unknown-id", /no subscription 3/],
        [[1, 2], "bad-message", /not an object/],
      ];
      for (const [index, [message, code, words]] of wrong.entries()) {
        client.send(message);
        const error = await client.next("error", undefined, index);
        expect(error.code).toBe(code);
        expect(error.message).toMatch(words);
      }
      client.send({ type: "subscribe", id: 1, filter: "#" });
      await client.next("subscribed", 1);
      client.send({ type: "subscribe", id: 1, filter: "#" });
      client.send({ type: "subscribe", id: 2, filter: "#" });
      expect((await client.next("error", 1, 11)).code).toBe("bad-id");
      expect((await client.next("error", 2)).code).toBe("too-many-subscriptions");
    });

    it("hands what is published to the pipeline, and acknowledges after the commit", async () => {
      const { server } = await serve();
      let commit = () => {};
      onPublish = () => new Promise((resolve) => (commit = () => resolve(null)));
      const client = await join(server);
      const payload = { lat: 60.17, note: "ä", deep: { list: [1, 2] } };
      client.send({ type: "publish", id: 5, topic: "telemetry/gps/phone", payload });
      await client.until(() => published.length === 1, "the packet");
      // A subscribe is answered after the publish was read.
      client.send({ type: "subscribe", id: 1, filter: "#" });
      await client.next("subscribed", 1);
      expect(client.messages.some(({ type }) => type === "ack")).toBe(false);
      commit();
      expect(await client.next("ack", 5)).toEqual({ type: "ack", id: 5 });
      const [packet] = published;
      expect(packet).toMatchObject({
        topic: "telemetry/gps/phone",
        client: expect.stringMatching(/^ws:.*127\.0\.0\.1$/),
      });
      expect(JSON.parse(Buffer.from(packet?.payload ?? []).toString())).toEqual(payload);
      expect(Math.abs((packet?.receivedAt ?? 0) - Date.now())).toBeLessThan(60_000);
    });

    it("takes text, and in MessagePack bytes, as they are", async () => {
      const { server } = await serve();
      const client = await join(server);
      client.send({ type: "publish", id: 1, topic: "a", payload: "plain ä" });
      await client.next("ack", 1);
      if (subprotocol === "fieldcast.v1.msgpack") {
        client.send({ type: "publish", id: 1, topic: "b", payload: Uint8Array.of(0, 255, 1) });
        await client.next("ack", 1, 1);
        expect([...(published[1]?.payload ?? [])]).toEqual([0, 255, 1]);
      }
      expect(Buffer.from(published[0]?.payload ?? []).toString()).toBe("plain ä");
    });

    it("answers a publish that was rejected, that was not stored, and one too many", async () => {
      const { server } = await serve({ maxInflightPublishes: 2 });
      const client = await join(server);
      onPublish = async () => "lat: 95 is outside -90..90";
      client.send({ type: "publish", id: 1, topic: "a", payload: {} });
      expect(await client.next("error", 1)).toMatchObject({
        code: "rejected",
        message: expect.stringContaining("lat: 95"),
      });
      onPublish = () => Promise.reject(new LogUnavailable("disk full"));
      client.send({ type: "publish", id: 1, topic: "a", payload: {} });
      const failed = await client.next("error", 1, 1);
      expect([failed.code, failed.message]).toEqual([
        "log-unavailable",
        expect.stringContaining("disk full"),
      ]);
      onPublish = () => new Promise(() => {});
      for (const id of [1, 2, 3]) client.send({ type: "publish", id, topic: "a", payload: {} });
      expect((await client.next("error", 3)).code).toBe("too-many-publishes");
      client.send({ type: "publish", id: 1, topic: "a", payload: {} });
      expect((await client.next("error", 1, 2)).code).toBe("bad-id");
      client.send({ type: "subscribe", id: 2, filter: "#" });
      expect((await client.next("error", 2)).code).toBe("bad-id");
    });

    it("survives a payload that is nested absurdly deep", async () => {
      const { server } = await serve();
      const client = await join(server);
      const depth = 30_000;
      client.sendRaw(
        subprotocol === "fieldcast.v1.json"
          ? `{"type":"publish","id":1,"topic":"a","payload":${"[".repeat(depth)}${"]".repeat(depth)}}`
          : Buffer.concat([
              Buffer.from(encode({ type: "publish", id: 1, topic: "a", payload: [] })).subarray(0, -1),
              Buffer.alloc(depth, 0x91),
              Buffer.of(0x90),
            ]),
      );
      await client.until(
        () => client.messages.some(({ type }) => type === "error" || type === "ack"),
        "an answer",
      );
      client.send({ type: "subscribe", id: 2, filter: "#" });
      await client.next("subscribed", 2);
    });

    it("survives a client that leaves before its publish is stored", async () => {
      const { server } = await serve();
      let commit = () => {};
      onPublish = () => new Promise((resolve) => (commit = () => resolve(null)));
      const client = await join(server);
      client.send({ type: "publish", id: 1, topic: "a", payload: {} });
      await client.until(() => published.length === 1, "the packet");
      client.close();
      const other = await join(server);
      await other.until(() => server.connections() === 1, "the close");
      commit();
      other.send({ type: "subscribe", id: 2, filter: "#" });
      await other.next("subscribed", 2);
    });

    it("sends only what the conditions and the wanted fields let through", async () => {
      const { log, server } = await serve();
      await append(
        log,
        gpsReading("slow", { speedKmh: 10 }),
        gpsReading("fast", { speedKmh: 90, note: "n" }),
      );
      const client = await join(server);
      const where = [{ field: "speedKmh", op: ">=", value: 50 }];
      client.send({ type: "subscribe", id: 1, filter: "gps/#", where, fields: ["speedKmh", "note"] });
      const { snapshot } = await client.next("subscribed", 1);
      expect(snapshot?.map(({ topic, values }) => [topic, values])).toEqual([
        ["gps/fast", { speedKmh: 90, note: "n" }],
      ]);
      await append(
        log,
        gpsReading("slow", { speedKmh: 49.9 }),
        gpsReading("fast", {}),
        gpsReading("slow", { speedKmh: 50 }),
      );
      const [reading] = await client.untilReadings(1, 1);
      expect(reading).toMatchObject({ seq: 5, topic: "gps/slow", values: { speedKmh: 50 } });
      client.send({ type: "update", id: 1, where: null, fields: ["lat"] });
      await client.next("ack", 1);
      await append(log, gpsReading("slow", {}));
      expect((await client.untilReadings(1, 2))[1]).toMatchObject({ seq: 6, values: { lat: 60.17 } });
    });

    it("tells exactly what comes into a box and leaves it, and moves the box", async () => {
      const { log, server } = await serve();
      const at = (device: string, lat: number, lon: number, more: Values = {}) => ({
        domain: "gps" as const,
        device,
        time: time + log.head * 1_000,
        values: { lat, lon, ...more },
      });
      await append(log, at("in", 60.5, 24.5, { batteryPct: 80 }), at("out", 50, 10));
      const client = await join(server);
      client.send({ type: "subscribe", id: 1, filter: "gps/#", bbox: [24, 60, 25, 61] });
      const { snapshot } = await client.next("subscribed", 1);
      expect(snapshot?.map(({ topic }) => topic)).toEqual(["gps/in"]);
      await append(log, at("out", 60.1, 24.1));
      const entered = await client.next("view", 1);
      expect(entered.entered.map(({ topic }) => topic)).toEqual(["gps/out"]);
      expect(entered.left).toEqual([]);
      await append(log, at("in", 61.5, 24.5));
      expect(await client.next("view", 1, 1)).toMatchObject({ entered: [], left: ["gps/in"] });
      client.send({ type: "update", id: 1, bbox: [24, 61, 25, 62] });
      const moved = await client.next("view", 1, 2);
      expect(moved.left).toEqual(["gps/out"]);
      expect(moved.entered).toMatchObject([
        { topic: "gps/in", values: { lat: 61.5, lon: 24.5, batteryPct: 80 } },
      ]);
      await append(log, at("out", 60.1, 24.2), at("in", 61.6, 24.5));
      expect((await client.untilReadings(1, 2)).map(({ topic }) => topic)).toEqual(["gps/out", "gps/in"]);
    });

    it("goes on with a box from a cursor, and says afresh what is in it", async () => {
      const { log, server } = await serve();
      const at = (device: string, lat: number) => ({
        domain: "gps" as const,
        device,
        time: time + log.head,
        values: { lat, lon: 1 },
      });
      await append(log, at("a", 5), at("b", 5));
      await append(log, at("a", 50));
      const client = await join(server);
      client.send({
        type: "subscribe",
        id: 1,
        filter: "gps/#",
        bbox: [0, 0, 10, 10],
        from: { cursor: `${log.epoch}:2` },
      });
      const view = await client.next("view", 1);
      expect(view).toMatchObject({ reset: true, left: [] });
      expect(view.entered.map(({ topic }) => topic)).toEqual(["gps/b"]);
    });

    it("conflates to a rate, and always ends on the latest value", async () => {
      const { log, server } = await serve();
      const client = await join(server);
      client.send({ type: "subscribe", id: 1, filter: "gps/#", rate: 10, from: "now" });
      await client.next("subscribed", 1);
      const started = performance.now();
      for (let n = 0; n < 300; n++) {
        await append(log, gpsReading("a", { n }, time + n), gpsReading("b", { n }, time + n));
      }
      const seen = (topic: string) => client.readings(1).filter((reading) => reading.topic === topic);
      await client.until(
        () => seen("gps/a").at(-1)?.values["n"] === 299 && seen("gps/b").at(-1)?.values["n"] === 299,
        "the latest values",
      );
      const periods = (performance.now() - started) / 100;
      expect(seen("gps/a").length).toBeLessThanOrEqual(periods + 2);
      const seqs = client.readings(1).map(({ seq }) => seq);
      expect(seqs).toEqual(seqs.toSorted((one, other) => one - other));
      const late = {
        domain: "gps" as const,
        device: "a",
        time: time - 60_000,
        values: { lat: 1, lon: 1, n: -1 },
      };
      await append(log, late, gpsReading("c", {}));
      await client.until(() => seen("gps/c").length > 0, "another topic");
      expect(seen("gps/a").at(-1)?.values["n"]).toBe(299);
    });

    it("gives a conflated subscription that comes back only what changed, as it is now", async () => {
      const { log, server } = await serve();
      for (let n = 0; n < 100; n++) await append(log, gpsReading(n < 50 ? "early" : "a", { n }, time + n));
      const client = await join(server);
      client.send({
        type: "subscribe",
        id: 1,
        filter: "gps/#",
        rate: 5,
        from: { cursor: `${log.epoch}:60` },
      });
      expect(await client.untilReadings(1, 1)).toMatchObject([
        { seq: 100, topic: "gps/a", values: { n: 99 } },
      ]);
      expect(client.cursor(1)).toBe(`${log.epoch}:100`);
    });

    it("survives frames that are no messages, and closes on who sends nothing else", async () => {
      const { server } = await serve();
      const client = await join(server);
      const junk =
        subprotocol === "fieldcast.v1.json" ? "{oops" : Uint8Array.of(0xdd, 0x00, 0xff, 0xff, 0xff);
      client.sendRaw(junk);
      expect((await client.next("error")).code).toBe("bad-message");
      for (let i = 0; i < 150; i++) void client.sendRaw(junk);
      expect(await client.untilClosed()).toBe(4501);
      await join(server);
    });

    it("survives a request that is nested deep enough to exhaust the stack", async () => {
      const { server } = await serve();
      const client = await join(server);
      const depth = 20_000;
      const isJson = subprotocol === "fieldcast.v1.json";
      const deep = (key: string) =>
        isJson
          ? `{"type":"subscribe","${key}":${"[".repeat(depth)}${"]".repeat(depth)}}`
          : Buffer.concat([
              encode({ type: "subscribe", [key]: 0 }).slice(0, -1),
              Buffer.alloc(depth, 0x91),
              Buffer.of(0xc0),
            ]);
      for (const key of ["type", "id", "filter", "from", "where"]) await client.sendRaw(deep(key));
      await client.next("error", undefined, 4);
      client.send({ type: "subscribe", id: 1, filter: "#" });
      await client.next("subscribed", 1);
    });

    it("survives an upgrade that is refused to someone who is gone", async () => {
      const { server } = await serve();
      for (let i = 0; i < 20; i++) {
        const socket = connect(server.port, "127.0.0.1");
        socket.on("error", () => {});
        await new Promise((resolve) => socket.once("connect", resolve));
        socket.write(
          "GET /nope HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n" +
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        );
        socket.resetAndDestroy();
      }
      const client = await join(server);
      expect((await client.next("welcome")).type).toBe("welcome");
    });

    it("gives a large snapshot in parts, whose cost to a slow connection is bounded", async () => {
      const { log, server } = await serve({ maxBufferBytes: 32_768, maxFrameBytes: 16_384 });
      const devices = Array.from({ length: 30_000 }, (_, i) =>
        gpsReading(`device-${i}`, { n: i, text: "x".repeat(100) }),
      );
      for (let i = 0; i < devices.length; i += 1_000) await append(log, ...devices.slice(i, i + 1_000));
      const client = await join(server);
      client.socket.pause();
      for (const id of [1, 2, 3]) client.send({ type: "subscribe", id, filter: "gps/#" });
      const full = () => (sockets[0]?.bufferedBytes() ?? 0) > 32_768;
      await expect.poll(full, { timeout: 10_000 }).toBe(true);
      expect(sockets[0]?.bufferedBytes()).toBeLessThan(32_768 + 4 * 40_000);
      // Asking for more meanwhile is no reason to be dropped.
      for (let i = 0; i < 50; i++) client.send({ type: "subscribe", id: 100 + i, filter: "gps/device-1" });
      client.socket.resume();
      const parts = (id: number) =>
        client.messages.flatMap((message) =>
          (message.type === "subscribed" || message.type === "snapshot") && message.id === id
            ? [message]
            : [],
        );
      for (const id of [1, 2, 3]) {
        await client.until(
          () => parts(id).length > 0 && !parts(id).at(-1)?.more,
          `the whole snapshot of ${id}`,
        );
        const topics = parts(id).flatMap(({ snapshot }) => snapshot?.map(({ topic }) => topic) ?? []);
        expect(new Set(topics).size).toBe(30_000);
        expect(topics).toHaveLength(30_000);
      }
      await client.next("subscribed", 149);
      expect(client.closeCode).toBeNull();
      await append(log, gpsReading("device-7", { n: -7 }));
      expect(await client.untilReadings(1, 1)).toMatchObject([{ topic: "gps/device-7" }]);
    });

    it("answers HTTP when a handler fails, and HEAD without ending the connection", async () => {
      const { server } = await serve();
      expect((await fetch(`http://127.0.0.1:${server.port}/broken`)).status).toBe(500);
      const agent = new Agent({ keepAlive: true, maxSockets: 1 });
      const ask = (method: string) =>
        new Promise<number | undefined>((resolve, reject) => {
          const options = { port: server.port, host: "127.0.0.1", method, path: "/x", agent };
          const request = httpRequest(options, (response) => {
            response.resume().on("end", () => resolve(response.statusCode));
          });
          request.on("error", reject).end();
        });
      for (const method of ["HEAD", "GET", "HEAD", "HEAD", "GET"]) expect(await ask(method)).toBe(200);
      agent.destroy();
    });

    it("closes on a message larger than it takes, and serves the others on", async () => {
      const { server } = await serve({ maxMessageBytes: 1_024 });
      const client = await join(server);
      const other = await join(server);
      client.sendRaw(Buffer.alloc(5_000));
      expect([1006, 1009]).toContain(await client.untilClosed());
      other.send({ type: "subscribe", id: 1, filter: "#" });
      await other.next("subscribed", 1);
    });

    it("beats the heart with a cursor, so that a quiet subscription never grows old", async () => {
      const { log, server } = await serve({ heartbeatMs: 160 });
      const client = await join(server);
      client.send({ type: "subscribe", id: 1, filter: "energy/#", from: "now" });
      await client.next("subscribed", 1);
      await append(log, gpsReading("a", {}));
      const heartbeat = await client.until(
        () =>
          client.messages.find((message) => message.type === "heartbeat" && message.cursor?.endsWith(":1")),
        "a heartbeat at position 1",
      );
      expect(heartbeat).toEqual({ type: "heartbeat", cursor: `${log.epoch}:1` });
    });

    it("drops a connection that answers no ping", async () => {
      const { server } = await serve({ heartbeatMs: 160, silentMs: 400 });
      const silent = connect(server.port, "127.0.0.1");
      opened.push({ close: () => silent.destroy() });
      silent.write(
        "GET /stream HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n" +
          `Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: ${subprotocol}\r\n\r\n`,
      );
      const healthy = await join(server);
      silent.resume();
      await new Promise((resolve) => silent.once("close", resolve));
      await healthy.until(() => server.connections() === 1, "only the healthy connection");
      expect(healthy.closeCode).toBeNull();
    });

    it("never drops or loses a slow reader, bounds what it costs, and lets it catch up", async () => {
      const { log, server } = await serve({ maxBufferBytes: 32_768, heartbeatMs: 160, silentMs: 1_000 });
      const slow = await join(server);
      const healthy = await join(server);
      for (const client of [slow, healthy]) {
        client.send({ type: "subscribe", id: 1, filter: "gps/#", from: "now" });
        await client.next("subscribed", 1);
      }
      slow.socket.pause();
      const text = "x".repeat(2_000);
      const count = 12_000;
      for (let i = 0; i < count; i += 100) {
        await append(log, ...Array.from({ length: 100 }, (_, k) => gpsReading("d", { n: i + k, text })));
      }
      await healthy.untilReadings(1, count);
      // The buffer's limit, plus the one frame that went over it.
      const maxUnsentBytes = 32_768 + 65_536 + 4_096;
      expect(sockets[0]?.bufferedBytes()).toBeGreaterThan(32_768);
      expect(sockets[0]?.bufferedBytes()).toBeLessThan(maxUnsentBytes);
      expect(slow.closeCode).toBeNull();
      slow.socket.resume();
      const readings = await slow.untilReadings(1, count);
      expect(readings.map(({ values }) => values["n"])).toEqual(Array.from({ length: count }, (_, i) => i));
    });

    it("tells everyone to come back when it goes down", async () => {
      const { server } = await serve();
      const client = await join(server);
      await server.close(500);
      expect(await client.untilClosed()).toBe(4000);
    });

    it("refuses more connections than allowed, other paths and other subprotocols", async () => {
      const { server } = await serve({ maxConnections: 1 });
      await expect(StreamClient.open(server.port, "nonsense" as Subprotocol)).rejects.toThrow(/400/);
      await join(server);
      await expect(StreamClient.open(server.port, subprotocol)).rejects.toThrow(/503/);
    });

    it("serves plain HTTP beside the stream", async () => {
      const { server } = await serve();
      const response = await fetch(`http://127.0.0.1:${server.port}/some/path?a=b%20c`);
      expect([response.status, await response.text()]).toEqual([200, "/some/path b c"]);
      const head = await fetch(`http://127.0.0.1:${server.port}/x`, { method: "HEAD" });
      expect([head.status, await head.text()]).toEqual([200, ""]);
    });

    it("says so when the port is taken", async () => {
      const { log, server } = await serve();
      const again = startStream(start, {
        log,
        clock: systemClock,
        logger: silentLogger,
        http: async () => ({ status: 200 }),
        onPublish: async () => null,
        options: defaultStreamOptions,
        host: "127.0.0.1",
        port: server.port,
      });
      await expect(again).rejects.toThrow(/EADDRINUSE/);
    });
  });

  it(`${name} speaks MessagePack to who offers no subprotocol`, async () => {
    const log = await openTestLog();
    const server = await startStream(start, {
      log,
      clock: systemClock,
      logger: silentLogger,
      http: async () => ({ status: 200 }),
      onPublish: async () => null,
      options: defaultStreamOptions,
      host: "127.0.0.1",
      port: 0,
    });
    const client = await StreamClient.open(server.port, null);
    expect((await client.next("welcome")).epoch).toBe(log.epoch);
    expect(client.socket.protocol).toBe("");
    client.close();
    await server.close(100);
    await log.close();
  });
}
