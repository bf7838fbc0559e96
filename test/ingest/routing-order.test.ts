import { generate } from "mqtt-packet";
import { expect, test } from "vitest";
import {
  broker,
  Commits,
  connectPacket,
  publishPacket,
  type RawClient,
  raw,
  reset,
  roundTrip,
  session,
  subscribePacket,
  until,
} from "./harness.ts";

/** What a client got, as `topic payload`, and it answers what it must answer. */
function got(client: RawClient): string[] {
  return client.of("publish").map((packet) => ("topic" in packet ? `${packet.topic} ${packet.payload}` : ""));
}

/** A pipeline that stores what comes within some milliseconds in one commit, as the log does. */
function batchedCommits(): () => Promise<void> {
  let commit: Promise<void> | null = null;
  return () => {
    commit ??= new Promise((resolve) =>
      setTimeout(() => {
        commit = null;
        resolve();
      }, 3),
    );
    return commit;
  };
}

for (const filter of ["#", "a/+"]) {
  for (const qos of [0, 1, 2] as const) {
    test(`a QoS ${qos} subscriber of ${filter} gets all packets of a commit, retained or not, at each QoS`, async () => {
      const to = await broker({ onPacket: batchedCommits() });
      const lasting = await session(to, "lasting", false);
      lasting.send(subscribePacket([filter], qos));
      const watcher = await session(to, "watcher");
      watcher.send(subscribePacket([filter], qos));
      await until(() => watcher.of("suback").length === 1 && lasting.of("suback").length === 1);
      const devices = await Promise.all(["d0", "d1", "d2"].map((id) => session(to, id)));
      const sent: string[] = [];
      for (let n = 0; n < 120; n++) {
        // Each topic has one sender and one QoS: what comes there must come in order.
        const which = n % 12;
        const topic = `a/${which}`;
        sent.push(`${topic} ${n}`);
        const retain = which % 2 === 0;
        const sentQos = (which % 3) as 0 | 1 | 2;
        const id = sentQos === 0 ? undefined : n + 1;
        devices[which % 3]?.send(publishPacket(topic, sentQos, id, { retain, payload: String(n) }));
      }
      for (const client of [watcher, lasting]) {
        await until(() => client.of("publish").length >= sent.length);
        expect(got(client).toSorted()).toEqual(sent.toSorted());
        for (let which = 0; which < 12; which++) {
          const isOfTopic = (text: string) => text.startsWith(`a/${which} `);
          expect(got(client).filter(isOfTopic)).toEqual(sent.filter(isOfTopic));
        }
      }
    });
  }
}

test("the last wills of clients that die together all reach a subscriber of everything, whatever else comes", async () => {
  const to = await broker({ onPacket: batchedCommits() });
  const watcher = await session(to, "watcher");
  watcher.send(subscribePacket(["#"], 1));
  const device = await session(to, "device");
  await until(() => watcher.of("suback").length === 1);
  const wills: string[] = [];
  const dying: RawClient[] = [];
  for (let n = 0; n < 200; n++) {
    const client = await raw(to);
    const will = {
      topic: `state/${n}`,
      payload: Buffer.from("gone"),
      qos: (n % 3) as 0 | 1 | 2,
      retain: n % 2 === 0,
    };
    client.send({ ...connectPacket(`dying-${n}`), will });
    wills.push(`state/${n} gone`);
    dying.push(client);
  }
  await until(() => dying.every((client) => client.of("connack").length === 1));
  const fleet = setInterval(() => device.send(publishPacket("fleet", 0)), 1);
  for (const { socket } of dying) socket.destroy();
  await until(() => got(watcher).filter((text) => text.startsWith("state/")).length === wills.length);
  clearInterval(fleet);
  expect(
    got(watcher)
      .filter((text) => text.startsWith("state/"))
      .toSorted(),
  ).toEqual(wills.toSorted());
});

test("what the gateway publishes itself is not lost among packets that are being released", async () => {
  const commits = new Commits();
  const to = await broker({ onPacket: commits.onPacket });
  const watcher = await session(to, "watcher");
  watcher.send(subscribePacket(["#"]));
  const device = await session(to, "device");
  await until(() => watcher.of("suback").length === 1);
  device.send(publishPacket("one", 0, undefined, { retain: true }), publishPacket("two", 0));
  await until(() => commits.packets.length === 2);
  commits.resolve(0);
  commits.resolve(1);
  await Promise.all([to.publish("three", "x", 1, true), to.publish("four", "x", 0, false)]);
  await until(() => watcher.of("publish").length === 4);
  expect(got(watcher).toSorted()).toEqual(["four x", "one x", "three x", "two x"]);
});

test("what one client publishes to a topic keeps its order at a subscriber, whatever QoS and size it has", async () => {
  const to = await broker({ onPacket: batchedCommits(), gather: { qos0Ms: 5, qos1Ms: 2 } });
  const watcher = await session(to, "watcher");
  const device = await session(to, "device");
  watcher.send(subscribePacket(["t"], 2));
  await until(() => watcher.of("suback").length === 1);
  const sent: string[] = [];
  for (let n = 1; n <= 150; n++) {
    const payload = n % 20 === 0 ? `${n} ${"x".repeat(150_000)}` : `${n}`;
    const qos = (n % 7) % 3;
    const more = { payload, retain: n % 5 === 0 };
    device.send(publishPacket("t", qos as 0 | 1 | 2, qos === 0 ? undefined : n, more));
    sent.push(`t ${payload}`);
  }
  await until(() => watcher.of("publish").length === sent.length);
  expect(got(watcher).map((text) => Number.parseInt(text.slice(2), 10))).toEqual(
    sent.map((_, index) => index + 1),
  );
  expect(got(watcher)).toEqual(sent);
});

test("what was stored reaches subscribers, though its sender broke off before the commit", async () => {
  const commits = new Commits();
  const to = await broker({ onPacket: commits.onPacket });
  const watcher = await session(to, "watcher");
  watcher.send(subscribePacket(["#"], 1));
  const device = await session(to, "device");
  await until(() => watcher.of("suback").length === 1);
  device.send(publishPacket("t", 1, 1), publishPacket("r", 1, 2, { retain: true }), publishPacket("z", 0));
  await until(() => commits.packets.length === 3);
  reset(device);
  await until(() => to.connections() === 1);
  for (const index of [0, 1, 2]) commits.resolve(index);
  await until(() => watcher.of("publish").length === 3);
  expect(got(watcher)).toEqual(["t x", "r x", "z x"]);
});

test("a packet on its way byte by byte is taken whole, and others pass it", async () => {
  const commits = new Commits();
  const to = await broker({ onPacket: commits.note });
  const slow = await session(to, "slow");
  const quick = await session(to, "quick");
  const bytes = generate(publishPacket("slow", 1, 1, { payload: "0123456789".repeat(5) }));
  for (const byte of bytes.subarray(0, -1)) {
    slow.send(Buffer.of(byte));
    await roundTrip(quick);
  }
  expect(commits.topics).toEqual([]);
  slow.send(bytes.subarray(-1));
  await until(() => slow.ids("puback").length === 1);
  expect(commits.packets[0]?.payload.toString()).toBe("0123456789".repeat(5));
});
