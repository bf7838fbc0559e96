import { connect } from "node:net";
import { encode } from "@msgpack/msgpack";
import { expect, it } from "vitest";
import type { Subprotocol } from "../../src/wire/messages.ts";
import { StreamClient } from "../support/stream-client.ts";
import { describeStream } from "./served.ts";

describeStream((served) => {
  const { serve, join, keep, subprotocol } = served;

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
      [{ type: "subscribe", id: 1, filter: "#", speed: -1 }, "bad-option", /speed/],
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
      [{ type: "command", id: 4 }, "bad-command", /`topic` is missing/],
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

  it("survives frames that are no messages, and closes on who sends nothing else", async () => {
    const { server } = await serve();
    const client = await join(server);
    const junk = subprotocol === "fieldcast.v1.json" ? "{oops" : Uint8Array.of(0xdd, 0x00, 0xff, 0xff, 0xff);
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

  it("closes on a message larger than it takes, and serves the others on", async () => {
    const { server } = await serve({ maxMessageBytes: 1_024 });
    const client = await join(server);
    const other = await join(server);
    client.sendRaw(Buffer.alloc(5_000));
    expect([1006, 1009]).toContain(await client.untilClosed());
    other.send({ type: "subscribe", id: 1, filter: "#" });
    await other.next("subscribed", 1);
  });

  it("drops a connection that answers no ping", async () => {
    const { server } = await serve({ heartbeatMs: 160, silentMs: 400 });
    const silent = connect(server.port, "127.0.0.1");
    keep({ close: () => silent.destroy() });
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

  it("refuses more connections than allowed, other paths and other subprotocols", async () => {
    const { server } = await serve({ maxConnections: 1 });
    await expect(StreamClient.open(server.port, "nonsense" as Subprotocol)).rejects.toThrow(/400/);
    await join(server);
    await expect(StreamClient.open(server.port, subprotocol)).rejects.toThrow(/503/);
  });
});
