import { expect, test } from "vitest";
import {
  broker,
  Commits,
  connectPacket,
  publishPacket,
  raw,
  session,
  subscribePacket,
  until,
} from "./harness.ts";

/** What a client got of a topic, as text. */
function payloads(client: Awaited<ReturnType<typeof session>>): string[] {
  return client.of("publish").map((packet) => String("payload" in packet ? packet.payload : ""));
}

test("QoS 1 packets that nobody subscribes to are acknowledged after their commits, in order", async () => {
  const commits = new Commits();
  const to = await broker({ onPacket: commits.onPacket });
  const device = await session(to, "device");
  device.send(publishPacket("a", 1, 7), publishPacket("b", 1, 8), publishPacket("c", 0));
  await until(() => commits.packets.length === 3);
  commits.resolve(1);
  expect(device.ids("puback")).toEqual([]);
  commits.resolve(0);
  await until(() => device.of("puback").length === 2);
  expect(device.ids("puback")).toEqual([7, 8]);
  expect(to.stats().acks).toBe(2);
});

test("a QoS 1 packet that was not stored closes the connection, one of QoS 0 does not", async () => {
  const commits = new Commits();
  const to = await broker({ onPacket: commits.onPacket });
  const device = await session(to, "device");
  device.send(publishPacket("a", 0), publishPacket("b", 1, 7));
  await until(() => commits.packets.length === 2);
  commits.reject(0, Object.assign(new Error("full"), { name: "LogUnavailable" }));
  commits.reject(1, Object.assign(new Error("full"), { name: "LogUnavailable" }));
  await until(() => device.closed);
  expect(device.of("puback")).toEqual([]);
  expect(to.stats().unavailable).toBe(2);
});

test("what a client subscribes to reaches it, its own publishes in the same write too", async () => {
  const to = await broker();
  const client = await session(to, "client");
  client.send(
    publishPacket("a/1", 0, undefined, { payload: "before" }),
    subscribePacket(["a/+"]),
    publishPacket("a/1", 0, undefined, { payload: "first" }),
    publishPacket("a/2", 1, 9, { payload: "second" }),
    publishPacket("b/1", 0, undefined, { payload: "unwanted" }),
    publishPacket("a/1", 0, undefined, { payload: "third" }),
  );
  await until(() => payloads(client).length === 3);
  // MQTT keeps the order of one topic and QoS (3.1.1, 4.6).
  expect(payloads(client).filter((text) => text !== "second")).toEqual(["first", "third"]);
  expect(payloads(client)).toContain("second");
});

test("packets of one client enter the pipeline in order, whichever way they go", async () => {
  const commits = new Commits();
  const to = await broker({ onPacket: commits.note });
  const watcher = await session(to, "watcher");
  watcher.send(subscribePacket(["watched/#"]));
  await until(() => watcher.of("suback").length === 1);
  const device = await session(to, "device");
  const topics: string[] = [];
  for (let i = 1; i <= 300; i++) {
    const topic = i % 3 === 0 ? `watched/${i}` : `plain/${i}`;
    topics.push(topic);
    const qos = (i % 5) % 3;
    device.send(publishPacket(topic, qos as 0 | 1 | 2, qos === 0 ? undefined : i));
  }
  await until(() => commits.packets.length === 300);
  expect(commits.topics).toEqual(topics);
  await until(() => watcher.of("publish").length === 100);
});

test("a session that lasts gets what was published while its client was away", async () => {
  const to = await broker();
  const away = await session(to, "away", false);
  away.send(subscribePacket(["news"], 1));
  await until(() => away.of("suback").length === 1);
  away.socket.end();
  await until(() => away.closed);
  const device = await session(to, "device");
  device.send(publishPacket("news", 1, 5, { payload: "kept" }));
  await until(() => device.of("puback").length === 1);
  const back = await session(to, "away", false);
  await until(() => payloads(back).length === 1);
  expect(payloads(back)).toEqual(["kept"]);
});

test("a retained packet is kept for who subscribes later", async () => {
  const to = await broker();
  const device = await session(to, "device");
  device.send(
    publishPacket("state", 0, undefined, { payload: "on", retain: true }),
    publishPacket("x", 1, 2),
  );
  await until(() => device.of("puback").length === 1);
  const late = await session(to, "late");
  late.send(subscribePacket(["state"]));
  await until(() => payloads(late).length === 1);
  expect(payloads(late)).toEqual(["on"]);
});

test("a client that is silent for longer than its keepalive allows is closed, and its last will is taken", async () => {
  const commits = new Commits();
  const to = await broker({ onPacket: commits.note });
  const silent = await raw(to);
  silent.send({
    ...connectPacket("silent"),
    keepalive: 1,
    will: { topic: "gone", payload: Buffer.from("x"), qos: 0, retain: false },
  });
  const busy = await raw(to);
  busy.send({ ...connectPacket("busy"), keepalive: 1 });
  await until(() => silent.of("connack").length === 1 && busy.of("connack").length === 1);
  const beat = setInterval(() => busy.send(publishPacket("alive", 0)), 300);
  await until(() => commits.topics.includes("gone"));
  clearInterval(beat);
  // Its last words leave first.
  await until(() => silent.closed);
  expect(busy.closed).toBe(false);
});
