import { generate } from "mqtt-packet";
import { expect, test } from "vitest";
import type { RefusalReason } from "../../src/ingest/stats.ts";
import {
  broker,
  Commits,
  connectPacket,
  publishPacket,
  raw,
  roundTrip,
  session,
  subscribePacket,
  until,
} from "./harness.ts";

/** A packet from its first byte and body, its length filled in. */
function packet(first: number, ...body: (number | string | Buffer)[]): Buffer {
  const bytes = Buffer.concat(
    body.map((part) => (typeof part === "number" ? Buffer.from([part]) : Buffer.from(part as string))),
  );
  const length: number[] = [];
  let rest = bytes.length;
  do {
    length.push((rest & 0x7f) | (rest > 127 ? 0x80 : 0));
    rest >>= 7;
  } while (rest > 0);
  return Buffer.concat([Buffer.from([first, ...length]), bytes]);
}

function text(value: string | Buffer): Buffer {
  const bytes = Buffer.from(value as string);
  return Buffer.concat([Buffer.from([bytes.length >> 8, bytes.length & 0xff]), bytes]);
}

const id = Buffer.from([0, 1]);
const head = Buffer.concat([text("MQTT"), Buffer.from([4])]);
const alive = Buffer.from([0, 0]);

const refusedAfterConnect: [string, RefusalReason, Buffer][] = [
  ["an announced length above the limit", "packetTooLarge", Buffer.from([0x30, 0xff, 0xff, 0xff, 0x7f])],
  ["a control packet above its limit", "packetTooLarge", Buffer.from([0x82, 0x80, 0x80, 0x40])],
  ["a fifth length byte", "malformed", Buffer.from([0x30, 0x80, 0x80, 0x80, 0x80, 0x01])],
  ["type 0", "reservedType", Buffer.from([0x00, 0])],
  ["type 15", "reservedType", Buffer.from([0xf0, 0])],
  ["a server's packet", "reservedType", Buffer.from([0x20, 2, 0, 0])],
  ["SUBSCRIBE without its flags", "reservedFlags", packet(0x80, id, text("a"), 0)],
  ["PINGREQ with flags", "reservedFlags", Buffer.from([0xc1, 0])],
  ["PUBLISH with QoS 3", "qos3", packet(0x36, text("a"), id)],
  ["packet id 0 in PUBLISH", "packetIdZero", packet(0x32, text("a"), 0, 0)],
  ["packet id 0 in PUBREL", "packetIdZero", packet(0x62, 0, 0)],
  ["packet id 0 in SUBSCRIBE", "packetIdZero", packet(0x82, 0, 0, text("a"), 0)],
  ["a topic that is not UTF-8", "badUtf8", packet(0x30, text(Buffer.from([0x61, 0xc3, 0x28])))],
  ["a surrogate in a topic", "badUtf8", packet(0x30, text(Buffer.from([0xed, 0xa0, 0x80])))],
  ["a null character in a topic", "badTopic", packet(0x30, text("a\u0000b"))],
  ["# in a topic", "badTopic", packet(0x30, text("a/#"))],
  ["+ in a topic", "badTopic", packet(0x30, text("a/+/b"))],
  ["an empty topic", "badTopic", packet(0x30, text(""))],
  ["a topic of 101 levels", "badTopic", packet(0x30, text("/".repeat(100)))],
  ["$SYS", "sysTopic", packet(0x30, text("$SYS/x"))],
  ["a topic longer than its packet", "malformed", packet(0x30, 0, 9, "abc")],
  ["the filter a#", "badFilter", packet(0x82, id, text("a#"), 0)],
  ["an empty filter", "badFilter", packet(0x82, id, text(""), 0)],
  ["a null character in a filter", "badFilter", packet(0x82, id, text("a\u0000"), 0)],
  ["a filter that is not UTF-8", "badUtf8", packet(0x82, id, text(Buffer.from([0xff])), 0)],
  ["SUBSCRIBE with QoS 3", "qos3", packet(0x82, id, text("a"), 3)],
  ["SUBSCRIBE without filters", "malformed", packet(0x82, id)],
  ["UNSUBSCRIBE from a#", "badFilter", packet(0xa2, id, text("a#"))],
  [
    "5,000 filters",
    "tooManyFilters",
    generate(subscribePacket(Array.from({ length: 5_000 }, (_, i) => `f/${i}`))),
  ],
  ["a PUBACK of three bytes", "malformed", packet(0x40, 0, 1, 0)],
  ["a second CONNECT", "protocolOrder", generate(connectPacket("again"))],
];

test.each(refusedAfterConnect)("refuses %s (%s)", async (_name, reason, bytes) => {
  const to = await broker();
  const client = await session(to, "a");
  const bystander = await session(to, "b");
  client.send(bytes);
  await until(() => client.closed);
  expect(to.stats().refused[reason]).toBe(1);
  await roundTrip(bystander);
});

const refusedAtConnect: [string, RefusalReason, number | null, Buffer][] = [
  ["anything before CONNECT", "protocolOrder", null, generate({ cmd: "pingreq" })],
  ["TLS on the plain port", "reservedFlags", null, Buffer.from([0x16, 3, 1, 2, 0, 1])],
  ["an empty client id with clean=0", "emptyClientId", 2, packet(0x10, head, 0, alive, text(""))],
  ["a long client id", "clientIdTooLong", 2, generate(connectPacket("x".repeat(300)))],
  ["a client id that is not UTF-8", "badUtf8", null, packet(0x10, head, 2, alive, text(Buffer.from([0xff])))],
  [
    "MQTT 5",
    "protocolVersion",
    1,
    generate({ ...connectPacket("a"), protocolVersion: 5 } as ReturnType<typeof connectPacket>),
  ],
  ["a foreign protocol", "malformed", null, packet(0x10, text("HTTP"), 4, 2, alive, text("a"))],
  ["the reserved flag", "reservedFlags", null, packet(0x10, head, 3, alive, text("a"))],
  ["a will to a/#", "badWill", null, packet(0x10, head, 6, alive, text("a"), text("a/#"), text("x"))],
  ["a will to $SYS", "sysTopic", null, packet(0x10, head, 6, alive, text("a"), text("$SYS/a"), text("x"))],
  ["a will QoS without a will", "badWill", null, packet(0x10, head, 0x0a, alive, text("a"))],
  ["a password without a name", "malformed", null, packet(0x10, head, 0x42, alive, text("a"), text("p"))],
  ["bytes after the payload", "malformed", null, packet(0x10, head, 2, alive, text("a"), 1)],
];

test.each(refusedAtConnect)("refuses %s (%s, CONNACK %s)", async (_name, reason, returnCode, bytes) => {
  const to = await broker();
  const client = await raw(to);
  client.send(bytes);
  await until(() => client.closed);
  expect(to.stats().refused[reason]).toBe(1);
  expect(client.of("connack")).toMatchObject(returnCode === null ? [] : [{ returnCode }]);
  expect(to.connections()).toBe(0);
});

test("268 MB announced costs no memory", async () => {
  const to = await broker();
  const client = await session(to, "a");
  const before = process.memoryUsage().rss;
  client.send(Buffer.from([0x30, 0xff, 0xff, 0xff, 0x7f]), Buffer.alloc(1024 * 1024));
  await until(() => client.closed);
  expect(process.memoryUsage().rss - before).toBeLessThan(32 * 1024 * 1024);
});

test("good packets pass at every way of splitting them", async () => {
  const commits = new Commits();
  const to = await broker({ onPacket: commits.note });
  const bytes = Buffer.concat([
    generate(connectPacket("a")),
    generate(publishPacket("température/1", 1, 1, { payload: "one" })),
    generate(subscribePacket(["x/+", "y/#"])),
    generate(publishPacket("b", 0, undefined, { payload: "" })),
    generate(publishPacket("c", 2, 2, { payload: Buffer.alloc(200, "z") })),
    generate({ cmd: "pubrel", messageId: 2 }),
    generate({ cmd: "pingreq" }),
  ]);
  for (const size of [1, 2, 3, 7, 64, bytes.length]) {
    commits.packets.length = 0;
    const client = await raw(to);
    for (let at = 0; at < bytes.length; at += size) {
      client.socket.write(bytes.subarray(at, at + size));
      await new Promise((resolve) => setImmediate(resolve));
    }
    await until(() => client.of("pingresp").length === 1 && client.of("pubcomp").length === 1);
    expect(commits.topics).toEqual(["température/1", "b", "c"]);
    expect(commits.packets.map(({ payload }) => payload.length)).toEqual([3, 0, 200]);
    client.socket.destroy();
  }
});

test("a payload above 1 MiB reaches the pipeline whole", async () => {
  const commits = new Commits();
  const client = await session(await broker({ onPacket: commits.note }), "a");
  client.send(
    publishPacket("big", 1, 1, { payload: Buffer.alloc(1_500_000, "b") }),
    publishPacket("next", 1, 2),
  );
  await until(() => client.of("puback").length === 2);
  expect(commits.packets.map(({ payload }) => payload.length)).toEqual([1_500_000, 1]);
});

test("at most maxInflightPublishes are under way, and the rest follows", async () => {
  const commits = new Commits();
  const to = await broker({ onPacket: commits.onPacket, limits: { maxInflightPublishes: 50 } });
  const client = await session(to, "a");
  const bystander = await session(to, "b");
  for (let i = 1; i <= 5_000; i++) client.send(publishPacket("t", 1, i));
  await until(() => commits.packets.length === 50);
  for (let i = 0; i < 5; i++) await roundTrip(bystander);
  expect(commits.packets.length).toBe(50);
  for (let i = 0; i < 5_000; i++) {
    await until(() => commits.packets.length > i);
    commits.resolve(i);
  }
  await until(() => client.of("puback").length === 5_000);
  expect(client.ids("puback")).toEqual(Array.from({ length: 5_000 }, (_, i) => i + 1));
});

test("the bytes under way are bounded too", async () => {
  const commits = new Commits();
  const to = await broker({ onPacket: commits.onPacket, limits: { maxInflightBytes: 100_000 } });
  const client = await session(to, "a");
  const bystander = await session(to, "b");
  for (let i = 1; i <= 20; i++) client.send(publishPacket("t", 1, i, { payload: Buffer.alloc(40_000) }));
  await until(() => commits.packets.length === 2);
  for (let i = 0; i < 5; i++) await roundTrip(bystander);
  expect(commits.packets.length).toBe(2);
});

test("what is pipelined behind CONNECT waits for CONNACK and is not lost", async () => {
  const commits = new Commits();
  let allow: ((yes: boolean) => void) | undefined;
  const to = await broker({
    onPacket: commits.note,
    authenticate: () =>
      new Promise<boolean>((resolve) => {
        allow = resolve;
      }),
  });
  const client = await raw(to);
  const packets = Array.from({ length: 500 }, (_, i) => publishPacket("t", 1, i + 1));
  client.send(connectPacket("a"), ...packets);
  await until(() => allow !== undefined);
  expect(commits.packets).toEqual([]);
  allow?.(true);
  await until(() => client.of("puback").length === 500);
  expect(client.received[0]?.cmd).toBe("connack");
  expect(commits.packets.length).toBe(500);
});

test("QoS 0 packets before DISCONNECT and FIN are all taken", async () => {
  let count = 0;
  const to = await broker({
    onPacket: () => {
      count++;
      return new Promise((resolve) => setImmediate(resolve));
    },
  });
  const client = await raw(to);
  const packets = Array.from({ length: 2_000 }, () => publishPacket("t", 0));
  client.send(connectPacket("a"), ...packets, { cmd: "disconnect" });
  client.socket.end();
  await until(() => client.closed);
  expect(count).toBe(2_000);
});

test("a rate limit slows a client down and drops nothing", async () => {
  const time = { ms: 1_000_000 };
  let count = 0;
  const to = await broker({
    clock: { now: () => time.ms },
    limits: { maxPublishesPerSecond: 100 },
    onPacket: () => {
      count++;
      return null;
    },
  });
  const client = await session(to, "a");
  const bystander = await session(to, "b");
  for (let i = 0; i < 250; i++) client.send(publishPacket("t", 0));
  await until(() => count === 100);
  for (let i = 0; i < 5; i++) await roundTrip(bystander);
  expect(count).toBe(100);
  time.ms += 1_000;
  await until(() => count === 200);
  time.ms += 1_000;
  await until(() => count === 250);
});
