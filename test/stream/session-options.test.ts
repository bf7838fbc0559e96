import { expect, it } from "vitest";
import type { Values } from "../../src/model/reading.ts";
import { append, gpsReading } from "../support/log.ts";
import { describeStream } from "./served.ts";

const time = Date.UTC(2026, 10, 22, 10);

describeStream((served) => {
  const { serve, join } = served;

  it("sends only what the conditions and the wanted fields let through", async () => {
    const { log, server } = await serve();
    await append(log, gpsReading("slow", { speedKmh: 10 }), gpsReading("fast", { speedKmh: 90, note: "n" }));
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
    expect(await client.untilReadings(1, 1)).toMatchObject([{ seq: 100, topic: "gps/a", values: { n: 99 } }]);
    expect(client.cursor(1)).toBe(`${log.epoch}:100`);
  });
});
