import { expect, test } from "vitest";
import { LogUnavailable } from "../../src/log/contract.ts";
import type { Packet } from "../../src/model/packet.ts";
import {
  broker,
  Commits,
  connectPacket,
  publishPacket,
  raw,
  reset,
  roundTrip,
  session,
  subscribePacket,
  until,
} from "./harness.ts";

test("PUBACK leaves only after the commit", async () => {
  const commits = new Commits();
  const client = await session(await broker({ onPacket: commits.onPacket }), "a");
  client.send(publishPacket("gps/1", 1, 7, { payload: "hello" }));
  await until(() => commits.packets.length === 1);
  await roundTrip(client);
  expect(client.of("puback")).toEqual([]);
  expect(commits.packets[0]).toMatchObject({ topic: "gps/1", client: "a", payload: Buffer.from("hello") });
  commits.resolve(0);
  await until(() => client.ids("puback").length === 1);
  expect(client.ids("puback")).toEqual([7]);
});

test("PUBREC leaves only after the commit", async () => {
  const commits = new Commits();
  const client = await session(await broker({ onPacket: commits.onPacket }), "a");
  client.send(publishPacket("gps/1", 2, 7));
  await until(() => commits.packets.length === 1);
  await roundTrip(client);
  expect(client.of("pubrec")).toEqual([]);
  commits.resolve(0);
  await until(() => client.ids("pubrec").length === 1);
  client.send({ cmd: "pubrel", messageId: 7 });
  await until(() => client.ids("pubcomp").length === 1);
});

test("acknowledgements keep the order of the packets, whatever order the commits end in", async () => {
  const commits = new Commits();
  const onPacket = (packet: Packet) => (packet.topic === "now" ? null : commits.onPacket(packet));
  const client = await session(await broker({ onPacket }), "a");
  client.send(
    publishPacket("a", 1, 1),
    publishPacket("b", 1, 2),
    publishPacket("now", 1, 3),
    publishPacket("c", 1, 4),
  );
  await until(() => commits.packets.length === 3);
  commits.resolve(2);
  commits.resolve(1);
  await roundTrip(client);
  expect(client.of("puback")).toEqual([]);
  commits.resolve(0);
  await until(() => client.of("puback").length === 4);
  expect(client.ids("puback")).toEqual([1, 2, 3, 4]);
});

test("a QoS 2 message is given to the pipeline once, with DUP before and after the commit", async () => {
  const commits = new Commits();
  const to = await broker({ onPacket: commits.onPacket });
  const client = await session(to, "a");
  client.send(publishPacket("t", 2, 5), publishPacket("t", 2, 5, { dup: true }));
  await until(() => commits.packets.length === 1);
  await roundTrip(client);
  expect(client.of("pubrec")).toEqual([]);
  commits.resolve(0);
  await until(() => client.of("pubrec").length === 2);
  client.send(publishPacket("t", 2, 5, { dup: true }));
  await until(() => client.of("pubrec").length === 3);
  expect(commits.packets.length).toBe(1);
  client.send({ cmd: "pubrel", messageId: 5 });
  await until(() => client.of("pubcomp").length === 1);
  client.send(publishPacket("t", 2, 5));
  await until(() => commits.packets.length === 2);
  expect(to.stats().duplicates).toBe(2);
});

test("a QoS 2 message is given to the pipeline once across a reconnect, mid-commit too", async () => {
  const commits = new Commits();
  const to = await broker({ onPacket: commits.onPacket });
  const reader = await session(to, "reader");
  reader.send(subscribePacket(["t"]));
  await until(() => reader.of("suback").length === 1);
  const first = await session(to, "a", false);
  first.send(publishPacket("t", 2, 5));
  await until(() => commits.packets.length === 1);
  first.socket.destroy();
  const second = await session(to, "a", false);
  second.send(publishPacket("t", 2, 5, { dup: true }));
  await roundTrip(second);
  expect(second.of("pubrec")).toEqual([]);
  commits.resolve(0);
  await until(() => second.ids("pubrec").length === 1);
  second.socket.destroy();
  const third = await session(to, "a", false);
  third.send(publishPacket("t", 2, 5, { dup: true }));
  await until(() => third.ids("pubrec").length === 1);
  expect(commits.packets.length).toBe(1);
  await roundTrip(reader);
  expect(reader.of("publish").length).toBe(1);
});

test("a clean session begins without the packet ids of the one before", async () => {
  const commits = new Commits();
  const to = await broker({ onPacket: commits.note });
  const first = await session(to, "a", false);
  first.send(publishPacket("t/1", 2, 5));
  await until(() => first.of("pubrec").length === 1);
  first.socket.destroy();
  const second = await session(to, "a", true);
  second.send(publishPacket("t/2", 2, 5));
  await until(() => second.of("pubrec").length === 1);
  expect(commits.topics).toEqual(["t/1", "t/2"]);
});

test("QoS 2 messages without PUBREL are bounded: the next one closes the connection unacknowledged", async () => {
  const to = await broker({ limits: { maxUnreleasedPerClient: 3 } });
  const client = await session(to, "a");
  client.send(...[1, 2, 3, 4].map((id) => publishPacket("t", 2, id)));
  await until(() => client.closed);
  expect(to.stats()).toMatchObject({ packets: 3, unreleasedRefused: 1 });
});

test("QoS 2 messages without PUBREL are bounded for all clients: the absent are forgotten, then new ones refused", async () => {
  const commits = new Commits();
  const to = await broker({ onPacket: commits.note, limits: { maxUnreleased: 3 } });
  const first = await session(to, "a", false);
  first.send(publishPacket("a", 2, 1), publishPacket("a", 2, 2));
  await until(() => first.of("pubrec").length === 2);
  first.socket.destroy();
  await until(() => to.connections() === 0);
  const second = await session(to, "b", false);
  second.send(publishPacket("b", 2, 1), publishPacket("b", 2, 2), publishPacket("b", 2, 3));
  await until(() => second.of("pubrec").length === 3);
  expect(to.stats()).toMatchObject({ packets: 5, unreleasedForgotten: 2, unreleasedRefused: 0 });
  second.send(publishPacket("b", 2, 4));
  await until(() => second.closed);
  expect(to.stats()).toMatchObject({ packets: 5, unreleasedRefused: 1 });
});

test("a QoS 2 message whose commit failed gets another try", async () => {
  const commits = new Commits();
  const to = await broker({ onPacket: commits.onPacket });
  const first = await session(to, "a", false);
  first.send(publishPacket("t", 2, 5));
  await until(() => commits.packets.length === 1);
  commits.reject(0, new LogUnavailable("disk full"));
  await until(() => first.closed);
  const second = await session(to, "a", false);
  second.send(publishPacket("t", 2, 5, { dup: true }));
  await until(() => commits.packets.length === 2);
  commits.resolve(1);
  await until(() => second.ids("pubrec").length === 1);
});

test("DISCONNECT right behind a PUBLISH does not cost its acknowledgement", async () => {
  const commits = new Commits();
  const client = await session(await broker({ onPacket: commits.onPacket }), "a");
  client.send(publishPacket("t", 1, 1), { cmd: "disconnect" });
  await until(() => commits.packets.length === 1);
  commits.resolve(0);
  await until(() => client.closed);
  expect(client.ids("puback")).toEqual([1]);
});

test("a client that leaves mid-commit harms nothing", async () => {
  const commits = new Commits();
  const to = await broker({ onPacket: commits.onPacket });
  const client = await session(to, "a");
  client.send(publishPacket("t", 1, 1), publishPacket("t", 2, 2), publishPacket("t", 0));
  await until(() => commits.packets.length === 3);
  reset(client);
  await until(() => to.connections() === 0);
  for (const index of [0, 1, 2]) commits.resolve(index);
  const next = await session(to, "a");
  await roundTrip(next);
});

test("LogUnavailable: QoS 1 is not acknowledged and the connection closes, QoS 0 is dropped", async () => {
  const to = await broker({ onPacket: () => Promise.reject(new LogUnavailable("disk full")) });
  const reader = await session(to, "reader");
  reader.send(subscribePacket(["#"]));
  await until(() => reader.of("suback").length === 1);
  const client = await session(to, "a");
  client.send(publishPacket("t", 0, undefined, { retain: true }));
  await until(() => to.stats().unavailable === 1);
  await roundTrip(client);
  client.send(publishPacket("t", 1, 9));
  await until(() => client.closed);
  expect(client.of("puback")).toEqual([]);
  await roundTrip(reader);
  expect(reader.of("publish")).toEqual([]);
});

test.each([
  [
    "throws",
    () => {
      throw new Error("bug");
    },
  ],
  ["rejects", () => Promise.reject(new Error("bug"))],
])("a pipeline that %s is survived and nothing is acknowledged", async (_name, onPacket) => {
  const to = await broker({ onPacket });
  const client = await session(to, "a");
  client.send(publishPacket("t", 0), publishPacket("t", 0));
  await roundTrip(client);
  client.send(publishPacket("t", 2, 9));
  await until(() => client.closed);
  expect(client.of("pubrec")).toEqual([]);
  const next = await session(to, "a");
  await roundTrip(next);
  expect(to.stats()).toMatchObject({ failed: 3, acks: 0 });
});

test("a last will goes through the pipeline, and its failure is survived", async () => {
  const packets: Packet[] = [];
  const to = await broker({
    onPacket: (packet) => {
      packets.push(packet);
      return Promise.reject(new Error("bug"));
    },
  });
  const client = await raw(to);
  const will = { topic: "state/a", payload: Buffer.from("gone"), qos: 1, retain: true } as const;
  client.send({ ...connectPacket("a"), will } as Parameters<typeof client.send>[0]);
  await until(() => client.of("connack").length === 1);
  client.socket.destroy();
  await until(() => packets.length === 1);
  expect(packets[0]).toMatchObject({ topic: "state/a", client: null });
  await roundTrip(await session(to, "b"));
});

test("close acknowledges what is under way, takes nothing new and sends no wills", async () => {
  const commits = new Commits();
  const to = await broker({ onPacket: commits.onPacket });
  const client = await raw(to);
  const will = { topic: "state/a", payload: Buffer.from("gone"), qos: 1, retain: false } as const;
  client.send({ ...connectPacket("a"), will } as Parameters<typeof client.send>[0]);
  client.send(publishPacket("t", 1, 1), publishPacket("t", 2, 2));
  await until(() => commits.packets.length === 2);
  const closed = to.close(5_000);
  client.send(publishPacket("t", 1, 3));
  commits.resolve(0);
  commits.resolve(1);
  await closed;
  await until(() => client.closed);
  expect(client.ids("puback")).toEqual([1]);
  expect(client.ids("pubrec")).toEqual([2]);
  expect(commits.packets.length).toBe(2);
});

test("close gives up on commits that do not end", async () => {
  const commits = new Commits();
  const to = await broker({ onPacket: commits.onPacket });
  const client = await session(to, "a");
  client.send(publishPacket("t", 1, 1));
  await until(() => commits.packets.length === 1);
  await to.close(20);
  await until(() => client.closed);
  expect(client.of("puback")).toEqual([]);
});
