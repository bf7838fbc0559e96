import { expect, test } from "vitest";
import type { MqttBroker } from "../../src/ingest/broker.ts";
import {
  broker,
  Commits,
  publishPacket,
  type RawClient,
  reset,
  session,
  subscribePacket,
  until,
} from "./harness.ts";

/** Longer than any test may run: what was taken was not taken by the timer. */
const forever = 3_600_000;

/** A device whose first packet has been taken, so that what follows gathers. */
async function gathering(
  commits: Commits,
  onPacket = commits.note as (typeof commits)["onPacket" | "note"],
): Promise<{ to: MqttBroker; device: RawClient }> {
  const to = await broker({ onPacket, gather: { qos0Ms: forever, qos1Ms: 0 } });
  const device = await session(to, "device");
  device.send(publishPacket("first", 0));
  await until(() => commits.packets.length === 1);
  return { to, device };
}

/** Waits until the broker has read everything that the device sent. */
async function read(device: RawClient): Promise<void> {
  const before = device.of("pingresp").length;
  device.send({ cmd: "pingreq" });
  await until(() => device.of("pingresp").length > before);
}

test("the first packet after a pause is taken at once, with what arrived beside it; what follows gathers", async () => {
  const commits = new Commits();
  const to = await broker({ onPacket: commits.note, gather: { qos0Ms: forever, qos1Ms: forever } });
  const device = await session(to, "device");
  device.send(publishPacket("a", 0), publishPacket("b", 1, 1));
  await until(() => commits.packets.length === 2);
  device.send(publishPacket("c", 0), publishPacket("d", 0));
  await read(device);
  expect(commits.topics).toEqual(["a", "b"]);
  await to.close(1_000);
  expect(commits.topics).toEqual(["a", "b", "c", "d"]);
});

test("what gathers is taken by itself in the end", async () => {
  const commits = new Commits();
  const to = await broker({ onPacket: commits.note, gather: { qos0Ms: 20, qos1Ms: 20 } });
  const device = await session(to, "device");
  for (const topic of ["a", "b", "c"]) {
    device.send(publishPacket(topic, 0));
    await read(device);
  }
  await until(() => commits.packets.length === 3);
});

test("what somebody waits for takes along what gathers, in order", async () => {
  const commits = new Commits();
  const { to, device } = await gathering(commits);
  const other = await session(to, "other");
  device.send(publishPacket("a", 0), publishPacket("b", 0));
  await read(device);
  expect(commits.topics).toEqual(["first"]);
  device.send(publishPacket("c", 1, 7));
  await until(() => device.of("puback").length === 1);
  expect(commits.topics).toEqual(["first", "a", "b", "c"]);
  device.send(publishPacket("d", 0));
  await read(device);
  other.send(publishPacket("e", 2, 8));
  await until(() => other.of("pubrec").length === 1);
  expect(commits.topics).toEqual(["first", "a", "b", "c", "d", "e"]);
});

test("a packet that goes another way, to a subscriber, does not overtake what gathers", async () => {
  const commits = new Commits();
  const { to, device } = await gathering(commits);
  const dashboard = await session(to, "dashboard");
  dashboard.send(subscribePacket(["wanted/#"]));
  await until(() => dashboard.of("suback").length === 1);
  device.send(publishPacket("a", 0), publishPacket("wanted/b", 0), publishPacket("c", 0));
  await until(() => dashboard.of("publish").length === 1);
  await until(() => commits.packets.length === 4);
  expect(commits.topics).toEqual(["first", "a", "wanted/b", "c"]);
});

test("a device's answer to a command is not held up", async () => {
  const commits = new Commits();
  const { device } = await gathering(commits);
  device.send(publishPacket("a", 0), publishPacket("answer/gps/van/1", 0));
  await until(() => commits.packets.length === 3);
});

test("so many packets, or bytes, are taken without waiting", async () => {
  const commits = new Commits();
  const { device } = await gathering(commits);
  for (let n = 0; n < 150; n++) device.send(publishPacket(`n/${n}`, 0));
  await until(() => commits.packets.length > 100);
  const before = commits.packets.length;
  const large = "x".repeat(200_000);
  device.send(publishPacket("large", 0, undefined, { payload: large }));
  await until(() => commits.packets.length === 152);
  expect(before).toBeLessThan(152);
  expect(commits.packets.at(-1)?.payload.toString()).toBe(large);
  expect(commits.topics.slice(1, 151)).toEqual(Array.from({ length: 150 }, (_, n) => `n/${n}`));
});

test("what a device sent before it went is taken, whether it says goodbye or not", async () => {
  const commits = new Commits();
  const { device } = await gathering(commits);
  device.send(publishPacket("a", 0));
  await read(device);
  reset(device);
  await until(() => commits.packets.length === 2);
  const to = await broker({ onPacket: commits.note, gather: { qos0Ms: 20, qos1Ms: 20 } });
  const other = await session(to, "other");
  other.send(publishPacket("b", 0), publishPacket("c", 0), { cmd: "disconnect" });
  await until(() => other.closed);
  expect(commits.topics).toEqual(["first", "a", "b", "c"]);
});

test("a packet came when it was read, not when it was taken", async () => {
  const commits = new Commits();
  let now = 1_000;
  const clock = { now: () => now };
  const to = await broker({ onPacket: commits.note, clock, gather: { qos0Ms: 500, qos1Ms: 500 } });
  const device = await session(to, "device");
  device.send(publishPacket("a", 0));
  await until(() => commits.packets.length === 1);
  now = 1_200;
  device.send(publishPacket("b", 0));
  await read(device);
  now = 1_600;
  device.send(publishPacket("c", 0));
  await until(() => commits.packets.length === 3);
  expect(commits.packets.map(({ receivedAt }) => receivedAt)).toEqual([1_000, 1_200, 1_600]);
});

test("QoS 0 packets that share a commit are answered with it, stored or not", async () => {
  const commits = new Commits();
  let share = Promise.resolve();
  let settle = { resolve: () => {}, reject: (_: Error) => {} };
  const onPacket = (packet: Parameters<Commits["note"]>[0]) => {
    commits.note(packet);
    return share;
  };
  const to = await broker({
    onPacket,
    gather: { qos0Ms: 10, qos1Ms: 0 },
    limits: { maxInflightPublishes: 4 },
  });
  const device = await session(to, "device");
  for (const isStored of [true, false, true]) {
    share = new Promise<void>((resolve, reject) => {
      settle = { resolve, reject };
    });
    const before = commits.packets.length;
    // More than may be under way: the rest is read when these are answered.
    device.send(...Array.from({ length: 6 }, (_, n) => publishPacket(`t/${n}`, 0)));
    await until(() => commits.packets.length === before + 4);
    if (isStored) settle.resolve();
    else settle.reject(Object.assign(new Error("full"), { name: "LogUnavailable" }));
    await until(() => commits.packets.length === before + 6);
  }
  expect(to.stats().unavailable).toBe(6);
  expect(device.closed).toBe(false);
});
