import { Duplex } from "node:stream";
import { generate } from "mqtt-packet";
import { expect, test } from "vitest";
import {
  broker,
  connectPacket,
  publishPacket,
  raw,
  roundTrip,
  session,
  subscribePacket,
  until,
} from "./harness.ts";

test("a session gets what came while its client was away, and only once", async () => {
  const to = await broker();
  const first = await session(to, "a", false);
  first.send(subscribePacket(["t/#", "t/+"], 1));
  await until(() => first.of("suback").length === 1);
  first.socket.destroy();
  await until(() => to.connections() === 0);
  for (const n of [1, 2, 3]) await to.publish(`t/${n}`, "x", 1, false);
  const second = await session(to, "a", false);
  await until(() => second.of("publish").length === 3);
  expect(second.of("connack")).toMatchObject([{ sessionPresent: true }]);
  for (const id of second.ids("publish")) second.send({ cmd: "puback", messageId: id as number });
  await roundTrip(second);
  second.socket.destroy();
  await until(() => to.connections() === 0);
  const third = await session(to, "a", false);
  await roundTrip(third);
  expect(third.of("publish")).toEqual([]);
});

test("what is published while a session comes back is sent once, and not ahead of CONNACK", async () => {
  const to = await broker();
  const first = await session(to, "a", false);
  first.send(subscribePacket(["t/#"], 2));
  await until(() => first.of("suback").length === 1);
  first.socket.destroy();
  await until(() => to.connections() === 0);
  for (let round = 0, n = 0; round < 20; round++) {
    const client = await raw(to);
    client.send(connectPacket("a", false));
    // In every turn of the loop, until the session is there.
    while (client.received.length === 0) {
      await Promise.all([1, 2, 3].map(() => to.publish(`t/${n++}`, "x", 2, false)));
      await new Promise(setImmediate);
    }
    await roundTrip(client);
    expect(client.received[0]?.cmd).toBe("connack");
    const topics = client.of("publish").map((packet) => ("topic" in packet ? packet.topic : ""));
    expect(new Set(topics).size).toBe(topics.length);
    for (const messageId of client.ids("publish"))
      client.send({ cmd: "pubrec", messageId: messageId as number });
    await until(() => client.of("pubrel").length === topics.length);
    for (const messageId of client.ids("publish"))
      client.send({ cmd: "pubcomp", messageId: messageId as number });
    await roundTrip(client);
    client.socket.destroy();
    await until(() => to.connections() === 0);
  }
});

test.each([1, 2] as const)(
  "what is published while a session comes back follows what is queued, QoS %i",
  async (qos) => {
    const to = await broker();
    const first = await session(to, "a", false);
    first.send(subscribePacket(["t"], qos));
    await until(() => first.of("suback").length === 1);
    first.socket.destroy();
    await until(() => to.connections() === 0);
    let count = 0;
    const publish = () => to.publish("t", String(count++), qos, false);
    for (let i = 0; i < 300; i++) await publish();
    const second = await raw(to);
    second.send(connectPacket("a", false));
    while (second.of("publish").length < 300) {
      await publish();
      await new Promise(setImmediate);
    }
    await until(() => second.of("publish").length >= count);
    const payloads = second
      .of("publish")
      .map((packet) => ("payload" in packet ? Number(packet.payload) : null));
    expect(payloads).toEqual(Array.from({ length: count }, (_, n) => n));
  },
);

test("a session that goes on gives no packet id that is still in use", async () => {
  const to = await broker();
  const first = await session(to, "a", false);
  first.send(subscribePacket(["t"], 1));
  await until(() => first.of("suback").length === 1);
  for (let i = 0; i < 3; i++) await to.publish("t", "sent", 1, false);
  await until(() => first.of("publish").length === 3);
  first.socket.destroy();
  await until(() => to.connections() === 0);
  await to.publish("t", "queued", 1, false);
  const second = await session(to, "a", false);
  await to.publish("t", "live", 1, false);
  await until(() => second.of("publish").length === 5);
  const ids = second.ids("publish") as number[];
  expect(ids.slice(0, 3)).toEqual(first.ids("publish"));
  expect(ids).toEqual(ids.map((_, i) => (((ids[0] as number) + i - 1) % 65_535) + 1));
});

test("a QoS 2 delivery goes on after a reconnect with its PUBREL", async () => {
  const to = await broker();
  const first = await session(to, "a", false);
  first.send(subscribePacket(["t"], 2));
  await until(() => first.of("suback").length === 1);
  await to.publish("t", "x", 2, false);
  await until(() => first.of("publish").length === 1);
  first.send({ cmd: "pubrec", messageId: first.ids("publish")[0] as number });
  await until(() => first.of("pubrel").length === 1);
  first.socket.destroy();
  const second = await session(to, "a", false);
  await until(() => second.of("pubrel").length === 1);
  expect(second.of("publish")).toEqual([]);
});

test("the queue of a session drops its oldest at its limits", async () => {
  const to = await broker({ limits: { maxQueuedMessagesPerClient: 3, maxQueuedBytesPerClient: 1_000 } });
  const first = await session(to, "a", false);
  first.send(subscribePacket(["#"], 1));
  await until(() => first.of("suback").length === 1);
  first.socket.destroy();
  await until(() => to.connections() === 0);
  for (let i = 1; i <= 5; i++) await to.publish(`t/${i}`, "x", 1, false);
  await to.publish("t/6", Buffer.alloc(991), 1, false);
  await to.publish("t/7", Buffer.alloc(5_000), 1, false);
  expect(to.stats().queueDropped).toBe(7);
  const second = await session(to, "a", false);
  await roundTrip(second);
  expect(second.of("publish")).toEqual([]);
});

test("a client that acknowledges nothing keeps its connection when its queue overflows", async () => {
  const to = await broker({ limits: { maxQueuedMessagesPerClient: 5 } });
  const client = await session(to, "a", false);
  client.send(subscribePacket(["t"], 1));
  await until(() => client.of("suback").length === 1);
  for (let i = 0; i < 20; i++) await to.publish("t", "x", 1, false);
  await until(() => client.of("publish").length === 20);
  for (const id of client.ids("publish")) client.send({ cmd: "puback", messageId: id as number });
  await roundTrip(client);
  expect(to.stats().queueDropped).toBe(15);
});

test("the session that was left longest ago is forgotten first", async () => {
  const to = await broker({ limits: { maxAbsentSessions: 2 } });
  for (const id of ["a", "b", "c"]) {
    const client = await session(to, id, false);
    client.send(subscribePacket(["t"], 1));
    await until(() => client.of("suback").length === 1);
    client.socket.destroy();
    await until(() => to.connections() === 0);
  }
  expect(to.stats().sessionsForgotten).toBe(1);
  await to.publish("t", "x", 1, false);
  for (const [id, sessionPresent] of [
    ["b", true],
    ["c", true],
    ["a", false],
  ] as const) {
    const client = await session(to, id, false);
    expect(client.of("connack")).toMatchObject([{ sessionPresent }]);
    await roundTrip(client);
    expect(client.of("publish").length).toBe(sessionPresent ? 1 : 0);
    client.socket.destroy();
    await until(() => to.connections() === 0);
  }
});

test("a refused subscription is not stored with the session", async () => {
  const to = await broker({ limits: { maxSubscriptionsPerClient: 1 } });
  const first = await session(to, "a", false);
  first.send(subscribePacket(["t", "u"], 1));
  await until(() => first.of("suback").length === 1);
  first.socket.destroy();
  await until(() => to.connections() === 0);
  await to.publish("u", "x", 1, false);
  await to.publish("t", "x", 1, false);
  const second = await session(to, "a", false);
  await until(() => second.of("publish").length === 1);
  expect(second.of("publish")).toMatchObject([{ topic: "t" }]);
});

test("retained messages are bounded by number and bytes, replaced and cleared", async () => {
  const to = await broker({ limits: { maxRetainedMessages: 2, maxRetainedBytes: 100 } });
  const client = await session(to, "a");
  const retain = (topic: string, payload: string) =>
    publishPacket(topic, 0, undefined, { retain: true, payload });
  client.send(retain("r/1", "old"), retain("r/2", "2"), retain("r/3", "too many"), retain("r/1", "new"));
  await roundTrip(client);
  expect(to.stats().retainRefused).toBe(1);
  client.send(retain("r/2", ""), retain("r/4", "x".repeat(200)), retain("r/5", "5"));
  await roundTrip(client);
  expect(to.stats().retainRefused).toBe(2);
  client.send(subscribePacket(["r/+", "r/5"]));
  await until(() => client.of("publish").length === 3);
  const got = client
    .of("publish")
    .map((packet) => (packet.cmd === "publish" ? `${packet.topic} ${packet.payload}` : ""));
  expect(got).toEqual(["r/1 new", "r/5 5", "r/5 5"]);
});

test("what was queued is not marked as retained, and as a repetition only if it was sent before", async () => {
  const to = await broker();
  const first = await session(to, "a", false);
  first.send(subscribePacket(["t"], 2));
  await until(() => first.of("suback").length === 1);
  const publisher = await session(to, "p");
  publisher.send(publishPacket("t", 2, 1, { dup: true, retain: true }));
  await until(() => first.of("publish").length === 1);
  first.socket.destroy();
  await until(() => to.connections() === 1);
  publisher.send(publishPacket("t", 1, 2, { dup: true, retain: true }));
  await until(() => publisher.of("puback").length === 1);
  const second = await session(to, "a", false);
  await until(() => second.of("publish").length === 2);
  expect(first.of("publish")).toMatchObject([{ qos: 2, dup: false, retain: false }]);
  expect(second.of("publish")).toMatchObject([
    { qos: 2, dup: true, retain: false },
    { qos: 1, dup: false, retain: false },
  ]);
});

test("a short message that waits for its subscriber holds on to no more memory than it needs", async () => {
  const to = await broker();
  const written: Buffer[] = [];
  const stream = new Duplex({
    read() {},
    write(chunk: Buffer, _encoding, done) {
      written.push(chunk);
      done();
    },
  });
  to.handle(stream, "here");
  stream.push(generate(connectPacket("slow")));
  stream.push(generate(subscribePacket(["t"])));
  await until(() => written.some((chunk) => chunk[0] === 0x90));
  const publisher = await session(to, "p");
  publisher.send(publishPacket("t", 0, undefined, { payload: "a short message" }));
  await until(() => written.some((chunk) => chunk.includes("a short message")));
  const payload = written.find((chunk) => chunk.includes("a short message"));
  expect(payload?.buffer.byteLength).toBeLessThan(100);
});
