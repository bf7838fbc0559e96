import { expect, it } from "vitest";
import { defaultStreamOptions } from "../../src/stream/options.ts";
import { append, gpsReading } from "../support/log.ts";
import { describeStream } from "./served.ts";

const time = Date.UTC(2026, 10, 22, 10);

describeStream((served) => {
  const { serve, join, subprotocol } = served;

  it("welcomes with the epoch and the heartbeat", async () => {
    const { log, server } = await serve();
    const client = await join(server);
    expect(await client.next("welcome")).toEqual({
      type: "welcome",
      epoch: log.epoch,
      heartbeatMs: defaultStreamOptions.heartbeatMs,
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
    await append(log, gpsReading("van-7", { speedKmh: 1 / 3 }, time + 1_000), gpsReading("van-8", {}, time));
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
    for (const [id, filter] of filters.entries()) client.send({ type: "subscribe", id, filter, from: "now" });
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

  it("beats the heart with a cursor, so that a quiet subscription never grows old", async () => {
    const { log, server } = await serve({ heartbeatMs: 160 });
    const client = await join(server);
    client.send({ type: "subscribe", id: 1, filter: "energy/#", from: "now" });
    await client.next("subscribed", 1);
    await append(log, gpsReading("a", {}));
    const heartbeat = await client.until(
      () => client.messages.find((message) => message.type === "heartbeat" && message.cursor?.endsWith(":1")),
      "a heartbeat at position 1",
    );
    expect(heartbeat).toEqual({ type: "heartbeat", cursor: `${log.epoch}:1` });
  });

  it("tells everyone to come back when it goes down", async () => {
    const { server } = await serve();
    const client = await join(server);
    await server.close(500);
    expect(await client.untilClosed()).toBe(4000);
  });

  it("speaks MessagePack to who offers no subprotocol", async () => {
    const { log, server } = await serve();
    const client = await join(server, null);
    expect((await client.next("welcome")).epoch).toBe(log.epoch);
    expect(client.socket.protocol).toBe("");
  });
});
