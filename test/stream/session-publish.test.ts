import { encode } from "@msgpack/msgpack";
import { expect, it } from "vitest";
import { LogUnavailable } from "../../src/log/contract.ts";
import { describeStream } from "./served.ts";

describeStream((served) => {
  const { serve, join, published, subprotocol } = served;

  it("hands what is published to the pipeline, and acknowledges after the commit", async () => {
    const { server } = await serve();
    let commit = () => {};
    served.onPublish = () => new Promise((resolve) => (commit = () => resolve(null)));
    const client = await join(server);
    const payload = { lat: 60.17, note: "ä", deep: { list: [1, 2] } };
    client.send({ type: "publish", id: 5, topic: "telemetry/gps/phone", payload });
    await expect.poll(() => published.length, { interval: 5 }).toBe(1);
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
    served.onPublish = async () => "lat: 95 is outside -90..90";
    client.send({ type: "publish", id: 1, topic: "a", payload: {} });
    expect(await client.next("error", 1)).toMatchObject({
      code: "rejected",
      message: expect.stringContaining("lat: 95"),
    });
    served.onPublish = () => Promise.reject(new LogUnavailable("disk full"));
    client.send({ type: "publish", id: 1, topic: "a", payload: {} });
    const failed = await client.next("error", 1, 1);
    expect([failed.code, failed.message]).toEqual(["log-unavailable", expect.stringContaining("disk full")]);
    served.onPublish = () => new Promise(() => {});
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
    served.onPublish = () => new Promise((resolve) => (commit = () => resolve(null)));
    const client = await join(server);
    client.send({ type: "publish", id: 1, topic: "a", payload: {} });
    await expect.poll(() => published.length, { interval: 5 }).toBe(1);
    client.close();
    const other = await join(server);
    await other.until(() => server.connections() === 1, "the close");
    commit();
    other.send({ type: "subscribe", id: 2, filter: "#" });
    await other.next("subscribed", 2);
  });
});
