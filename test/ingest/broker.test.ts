import { duplexPair } from "node:stream";
import { connect } from "mqtt";
import { expect, onTestFinished, test } from "vitest";
import {
  broker,
  Commits,
  connectPacket,
  publishPacket,
  RawClient,
  raw,
  roundTrip,
  session,
  subscribePacket,
  until,
} from "./harness.ts";

test("an MQTT.js client publishes and subscribes", async () => {
  const commits = new Commits();
  const to = await broker({ onPacket: commits.note });
  const client = connect(`mqtt://127.0.0.1:${to.port}`, { clientId: "js", reconnectPeriod: 0 });
  onTestFinished(() => void client.end(true));
  const received: string[] = [];
  client.on("message", (topic, payload) => received.push(`${topic} ${payload}`));
  await client.subscribeAsync("commands/#", { qos: 1 });
  for (const qos of [0, 1, 2] as const) await client.publishAsync("gps/1", "x", { qos });
  await to.publish("commands/1", "reboot", 1, false);
  await until(() => received.length === 1);
  expect(received).toEqual(["commands/1 reboot"]);
  expect(commits.topics).toEqual(["gps/1", "gps/1", "gps/1"]);
  await client.endAsync();
  await until(() => to.connections() === 0);
});

test("MQTT 3.1 and the bridges of mosquitto may connect", async () => {
  const to = await broker();
  const client = await raw(to);
  client.send({ ...connectPacket("old"), protocolId: "MQIsdp", protocolVersion: 3 } as ReturnType<
    typeof connectPacket
  >);
  await until(() => client.of("connack").length === 1);
  await roundTrip(client);
  const bridge = await raw(to);
  bridge.send(Object.assign(connectPacket("bridge"), { bridgeMode: true }));
  await until(() => bridge.of("connack").length === 1);
  await roundTrip(bridge);
});

test("a second client with the same id takes over", async () => {
  const to = await broker();
  const first = await session(to, "a");
  const second = await session(to, "a");
  await until(() => first.closed);
  await roundTrip(second);
  const third = await session(to, "a");
  await until(() => second.closed);
  await roundTrip(third);
  expect(to.connections()).toBe(1);
});

test("tells who came and who is gone; who takes over from itself is not gone, who never connected never came", async () => {
  const told: string[] = [];
  const to = await broker({ onConnection: (id, isOpen) => void told.push(`${id} ${isOpen}`) });
  await session(to, "a");
  const second = await session(to, "a");
  const stranger = await raw(to);
  stranger.socket.destroy();
  const other = await session(to, "b");
  await until(() => to.connections() === 2);
  other.socket.destroy();
  await until(() => to.connections() === 1);
  second.socket.destroy();
  await until(() => to.connections() === 0);
  expect(told).toEqual(["a true", "a true", "b true", "b false", "a false"]);
});

test("many clients fight for one id and one is left", async () => {
  const to = await broker();
  const clients = await Promise.all(Array.from({ length: 20 }, () => raw(to)));
  for (const [index, client] of clients.entries()) {
    client.send(connectPacket("same", index % 2 === 0));
    if (index % 3 === 0) client.socket.destroy();
  }
  await until(() => to.connections() <= 1);
  const last = await session(to, "same");
  await roundTrip(last);
  await until(() => to.connections() === 1);
});

test("one connection more than maxConnections is closed", async () => {
  const to = await broker({ limits: { maxConnections: 2 } });
  await session(to, "a");
  const second = await session(to, "b");
  const third = await raw(to);
  await until(() => third.closed);
  expect(to.stats().refused.connectionLimit).toBe(1);
  second.socket.destroy();
  await until(() => to.connections() === 1);
  await session(to, "c");
});

test.each([
  ["sends nothing", null, false],
  ["is never authenticated", connectPacket("a"), true],
])("a client that %s is closed after connectTimeoutMs", async (_name, packet, mute) => {
  const to = await broker({
    limits: { connectTimeoutMs: 50 },
    ...(mute ? { authenticate: () => new Promise<boolean>(() => {}) } : {}),
  });
  const client = await raw(to);
  if (packet) client.send(packet);
  await until(() => client.closed);
  expect(to.stats().refused.connectTimeout).toBe(1);
  expect(to.connections()).toBe(0);
});

test.each([
  ["turns the client down", 4, () => false],
  ["fails", 3, () => Promise.reject(new Error("directory is down"))],
])("an authentication that %s is answered with CONNACK %i", async (_name, returnCode, authenticate) => {
  const to = await broker({ authenticate });
  const client = await raw(to);
  client.send(connectPacket("a"));
  await until(() => client.closed);
  expect(client.of("connack")).toMatchObject([{ returnCode }]);
  expect(to.stats().loginsRefused).toBe(1);
});

test("authentication sees the name, the password and the address", async () => {
  const logins: unknown[] = [];
  const to = await broker({ authenticate: (login) => logins.push(login) > 0 });
  const client = await raw(to);
  client.send({ ...connectPacket("a"), username: "u", password: Buffer.from("p") } as ReturnType<
    typeof connectPacket
  >);
  await until(() => client.of("connack").length === 1);
  expect(logins).toEqual([{ clientId: "a", username: "u", password: Buffer.from("p"), peer: "127.0.0.1" }]);
});

test("nobody may subscribe to $SYS, and wildcards do not show it", async () => {
  const to = await broker();
  const client = await session(to, "a", false);
  client.send(subscribePacket(["$SYS/#", "#", "+/+/new/clients"]));
  await until(() => client.of("suback").length === 1);
  expect(client.of("suback")).toMatchObject([{ granted: [128, 0, 0] }]);
  await session(to, "b");
  await roundTrip(client);
  expect(client.of("publish")).toEqual([]);
});

test("subscriptions of a client are bounded, and unsubscribing makes room", async () => {
  const to = await broker({ limits: { maxSubscriptionsPerClient: 2 } });
  const client = await session(to, "a", false);
  client.send(subscribePacket(["a", "b", "c"], 1, 1), subscribePacket(["a"], 1, 2));
  await until(() => client.of("suback").length === 2);
  expect(client.of("suback")).toMatchObject([
    { messageId: 2, granted: [1] },
    { messageId: 1, granted: [1, 1, 128] },
  ]);
  client.send({ cmd: "unsubscribe", messageId: 3, unsubscriptions: ["a"] });
  await until(() => client.of("unsuback").length === 1);
  client.send(subscribePacket(["c"], 1, 4));
  await until(() => client.of("suback").length === 3);
  expect(client.of("suback")[2]).toMatchObject({ granted: [1] });
});

test("an MQTT subscriber that does not read stalls nobody and is closed at its buffer limit", async () => {
  const to = await broker({ limits: { maxClientBufferBytes: 256 * 1024 } });
  const frozen = await session(to, "frozen");
  frozen.send(subscribePacket(["t"]));
  const reader = await session(to, "reader");
  reader.send(subscribePacket(["t"]));
  await until(() => frozen.of("suback").length === 1 && reader.of("suback").length === 1);
  frozen.socket.pause();
  const publisher = await session(to, "p");
  const payload = Buffer.alloc(50_000);
  for (let i = 1; i <= 400; i++) {
    publisher.send(publishPacket("t", 1, i, { payload }));
    await until(() => publisher.of("puback").length === i);
  }
  await until(() => reader.of("publish").length === 400);
  expect(to.stats().refused.slowReader).toBe(1);
  expect(to.connections()).toBe(2);
});

test("a publisher that does not read its PUBACKs is closed at its buffer limit", async () => {
  const to = await broker({ limits: { maxClientBufferBytes: 1024 } });
  // A pair in memory, because a kernel would buffer megabytes of PUBACKs.
  const [near, far] = duplexPair();
  to.handle(far, "memory");
  const client = new RawClient(near);
  client.send(connectPacket("a"));
  await until(() => client.of("connack").length === 1);
  near.pause();
  const packets = Array.from({ length: 10_000 }, (_, i) => publishPacket("t", 1, i + 1));
  client.send(...packets);
  await until(() => to.stats().refused.slowReader === 1);
  await until(() => to.connections() === 0);
  expect(to.stats().acks).toBeLessThan(10_000);
});

test("many retained messages reach a slow subscriber, one drain at a time", async () => {
  const to = await broker({ limits: { maxClientBufferBytes: 128 * 1024 } });
  const publisher = await session(to, "p");
  const payload = Buffer.alloc(10_000);
  for (let i = 1; i <= 1_000; i++) publisher.send(publishPacket(`r/${i}`, 1, i, { payload, retain: true }));
  await until(() => publisher.of("puback").length === 1_000);
  const reader = await session(to, "reader");
  reader.send(subscribePacket(["r/#"]));
  await until(() => reader.of("suback").length === 1);
  reader.socket.pause();
  for (let i = 0; i < 20; i++) await roundTrip(publisher);
  reader.socket.resume();
  await until(() => reader.of("publish").length === 1_000);
  expect(to.stats().refused.slowReader).toBe(0);
});
