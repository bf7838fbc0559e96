import { expect, it } from "vitest";
import type { Reading } from "../../src/model/reading.ts";
import { append, gpsReading } from "../support/log.ts";
import { describeStream } from "./served.ts";

const minute = 60_000;

describeStream(({ serve, join }) => {
  it("shows the fleet as of a time, plays on at a speed and goes on into live without a seam", async () => {
    const { log, server } = await serve();
    const start = Date.now() - 10 * minute;
    const at = (n: number): Reading => gpsReading(`van-${n % 3}`, { n }, start + n * 1_000);
    await append(log, ...Array.from({ length: 300 }, (_, n) => at(n)));
    const client = await join(server);
    const from = { time: new Date(start + 200_000).toISOString() };
    client.send({ type: "subscribe", id: 1, filter: "gps/#", from, speed: 100 });
    const { time, snapshot } = await client.next("subscribed", 1);
    expect(time).toBe(start + 200_000);
    expect(snapshot?.map(({ values }) => values["n"])).toEqual([198, 199, 200]);
    await client.until(() => client.readings(1).length > 0, "the first readings of the replay");
    await append(log, at(300));
    await client.until(
      () => client.messages.some((message) => message.type === "replay" && message.state === "live"),
      "the end of the replay",
    );
    await append(log, at(301));
    const readings = await client.untilReadings(1, 101);
    expect(readings.map(({ values }) => values["n"])).toEqual(Array.from({ length: 101 }, (_, i) => 201 + i));
  });

  it("resumes a replay that was cut off, at its speed, each reading once", async () => {
    const { log, server } = await serve();
    const start = Date.now() - 10 * minute;
    const readings = Array.from({ length: 100 }, (_, n) => gpsReading("a", { n }, start + n * 1_000));
    await append(log, ...readings);
    const first = await join(server);
    first.send({ type: "subscribe", id: 1, filter: "#", from: { time: start }, speed: 100 });
    await first.untilReadings(1, 20);
    first.close();
    const got = first.readings(1);
    const second = await join(server);
    second.send({ type: "subscribe", id: 1, filter: "#", from: { cursor: first.cursor(1) }, speed: 1_000 });
    const rest = await second.untilReadings(1, 99 - got.length);
    expect([...got, ...rest].map(({ seq }) => seq)).toEqual(Array.from({ length: 99 }, (_, i) => i + 2));
  });

  it("gives the last of each topic over the wire, and holds still while paused", async () => {
    const { log, server } = await serve();
    await append(log, ...Array.from({ length: 50 }, (_, n) => gpsReading(`d${n % 2}`, { n }, n * 1_000)));
    const client = await join(server);
    client.send({ type: "subscribe", id: 1, filter: "gps/#", from: { last: 3 }, paused: true });
    await client.next("subscribed", 1);
    client.send({ type: "update", id: 1, paused: false });
    await client.next("ack", 1);
    expect((await client.untilReadings(1, 6)).map(({ seq }) => seq)).toEqual([45, 46, 47, 48, 49, 50]);
    const order = client.messages.map(({ type }) => type);
    expect(order.indexOf("readings")).toBeGreaterThan(order.indexOf("ack"));
  });
});
