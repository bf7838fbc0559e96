import { describe, expect, test } from "vitest";
import type { BridgeParts } from "../../src/ingest/bridge.ts";
import { LogUnavailable } from "../../src/log/contract.ts";
import { silentLogger } from "../../src/observe/log.ts";
import { bridge, sourceAt } from "./bridge-harness.ts";
import { broker, Commits, publishPacket, session, until } from "./harness.ts";
import { OutsideBroker } from "./outside-broker.ts";

describe.each([4, 5] as const)("MQTT version %i", (protocolVersion) => {
  async function connected(onPacket: BridgeParts["onPacket"], parts: Partial<BridgeParts> = {}) {
    const outside = await OutsideBroker.start();
    const bridged = bridge(sourceAt(outside.url, { protocolVersion }), { onPacket, ...parts });
    await until(() => bridged.isUp());
    return { outside, bridged };
  }

  test("packets come with the source's name, topic and bytes", async () => {
    const commits = new Commits();
    const outside = await OutsideBroker.start();
    const source = sourceAt(outside.url, { protocolVersion, topicPrefix: "site-a/", qos: 0 });
    const bridged = bridge(source, { onPacket: commits.note });
    await until(() => bridged.isUp());
    outside.publish("t/1", 0, 0, "hällo");
    await until(() => commits.packets.length === 1);
    expect(commits.packets[0]).toMatchObject({
      topic: "site-a/t/1",
      payload: Buffer.from("hällo"),
      client: "source:out",
    });
    expect(outside.of("subscribe")[0]).toMatchObject({ subscriptions: [{ topic: "t/#", qos: 0 }] });
    expect(outside.connects[0]).toMatchObject({ clientId: "gateway", clean: false, protocolVersion });
    expect(bridged.stats()).toMatchObject({ connections: 1, packets: 1, bytes: 6, acks: 0 });
  });

  test("PUBACK leaves after the commit, in order, and does not hold up what follows", async () => {
    const commits = new Commits();
    const { outside, bridged } = await connected(commits.onPacket);
    for (const id of [1, 2, 3]) outside.publish(`t/${id}`, 1, id);
    await until(() => commits.packets.length === 3);
    commits.resolve(2);
    commits.resolve(1);
    outside.publish("t/4", 0);
    await until(() => commits.packets.length === 4);
    expect(outside.of("puback")).toEqual([]);
    commits.resolve(0);
    await until(() => outside.of("puback").length === 3);
    expect(outside.ids("puback")).toEqual([1, 2, 3]);
    expect(bridged.stats().acks).toBe(3);
  });

  test("PUBREC leaves after the commit, in order, and does not hold up what follows", async () => {
    const commits = new Commits();
    const { outside } = await connected(commits.onPacket);
    for (const id of [1, 2]) outside.publish(`t/${id}`, 2, id);
    outside.publish("t/3", 1, 3);
    await until(() => commits.packets.length === 3);
    for (const index of [2, 1]) commits.resolve(index);
    outside.publish("t/4", 0);
    await until(() => commits.packets.length === 4);
    expect([...outside.of("puback"), ...outside.of("pubrec")]).toEqual([]);
    commits.resolve(0);
    await until(() => outside.of("puback").length === 1);
    expect(outside.ids("pubrec")).toEqual([1, 2]);
  });

  test("PUBREC leaves after the commit, and the exchange ends", async () => {
    const commits = new Commits();
    const { outside } = await connected(commits.onPacket);
    outside.publish("t/1", 2, 7);
    await until(() => commits.packets.length === 1);
    expect(outside.of("pubrec")).toEqual([]);
    commits.resolve(0);
    await until(() => outside.of("pubrec").length === 1);
    outside.send({ cmd: "pubrel", messageId: 7 });
    await until(() => outside.ids("pubcomp").includes(7));
    outside.publish("t/2", 2, 7);
    await until(() => commits.packets.length === 2);
    expect(commits.topics).toEqual(["t/1", "t/2"]);
  });

  test("a QoS 2 message that is resent is stored once, over a lost connection and mid-commit too", async () => {
    const commits = new Commits();
    const { outside, bridged } = await connected(commits.onPacket);
    outside.publish("t/1", 2, 7);
    await until(() => commits.packets.length === 1);
    outside.hasSession = true;
    outside.drop();
    await until(() => bridged.stats().connections === 2);
    outside.publish("t/1", 2, 7, "x", true);
    await until(() => bridged.stats().duplicates === 1);
    commits.resolve(0);
    await until(() => outside.ids("pubrec").includes(7));
    outside.drop();
    await until(() => bridged.stats().connections === 3);
    outside.publish("t/1", 2, 7, "x", true);
    await until(() => outside.ids("pubrec").length === 2);
    expect(commits.packets.length).toBe(1);
  });

  test("a new session begins without the packet ids of the one before", async () => {
    const commits = new Commits();
    const { outside, bridged } = await connected(commits.note);
    outside.publish("t/1", 2, 7);
    await until(() => outside.of("pubrec").length === 1);
    outside.drop();
    await until(() => bridged.stats().connections === 2);
    outside.publish("t/2", 2, 7);
    await until(() => commits.packets.length === 2);
  });

  test.each([1, 2] as const)(
    "QoS %i: what the log does not take is not acknowledged and comes again",
    async (qos) => {
      const commits = new Commits();
      const { outside, bridged } = await connected(commits.onPacket);
      outside.hasSession = true;
      outside.publish("t/1", qos, 7);
      await until(() => commits.packets.length === 1);
      commits.reject(0, new LogUnavailable("disk full"));
      await until(() => bridged.stats().connections === 2);
      outside.publish("t/1", qos, 7, "x", true);
      await until(() => commits.packets.length === 2);
      expect([...outside.of("puback"), ...outside.of("pubrec")]).toEqual([]);
      commits.resolve(1);
      await until(() => outside.ids(qos === 1 ? "puback" : "pubrec").includes(7));
      expect(bridged.stats()).toMatchObject({ unavailable: 1, failed: 0 });
    },
  );

  test("a commit that ends after the connection acknowledges nothing on the next one", async () => {
    const commits = new Commits();
    const { outside, bridged } = await connected(commits.onPacket);
    outside.publish("t/1", 1, 7);
    await until(() => commits.packets.length === 1);
    outside.drop();
    await until(() => bridged.stats().connections === 2);
    outside.publish("t/2", 1, 7);
    await until(() => commits.packets.length === 2);
    commits.resolve(0);
    outside.publish("t/3", 0);
    await until(() => commits.packets.length === 3);
    expect(outside.of("puback")).toEqual([]);
    commits.resolve(1);
    await until(() => outside.ids("puback").length === 1);
  });

  test.each([0, 1, 2] as const)(
    "QoS %i: no more is under way than allowed; the rest waits unread",
    async (qos) => {
      const commits = new Commits();
      const { outside } = await connected(commits.onPacket, { limits: { maxInflightPublishes: 3 } });
      for (let id = 1; id <= 10; id++) outside.publish(`t/${id}`, qos, qos === 0 ? 0 : id);
      await until(() => commits.packets.length === 3);
      for (let index = 0; index < 10; index++) {
        await until(() => commits.packets.length === Math.min(10, index + 3));
        commits.resolve(index);
      }
      expect(commits.topics).toEqual(Array.from({ length: 10 }, (_, index) => `t/${index + 1}`));
      if (qos > 0) await until(() => outside.of(qos === 1 ? "puback" : "pubrec").length === 10);
    },
  );

  test("close acknowledges what is under way, takes nothing new and says goodbye", async () => {
    const commits = new Commits();
    const { outside, bridged } = await connected(commits.onPacket);
    outside.publish("t/1", 1, 1);
    await until(() => commits.packets.length === 1);
    const closed = bridged.close(5_000);
    outside.publish("t/2", 1, 2);
    commits.resolve(0);
    await closed;
    await until(() => outside.of("disconnect").length === 1);
    expect(outside.ids("puback")).toEqual([1]);
    expect(commits.packets.length).toBe(1);
    await until(() => !outside.isConnected);
    expect(outside.connects.length).toBe(1);
  });

  test("subscribes anew when the session is lost, and not when it was kept", async () => {
    const { outside, bridged } = await connected(() => null);
    outside.hasSession = true;
    outside.drop();
    await until(() => bridged.stats().connections === 2 && bridged.isUp());
    expect(outside.of("subscribe").length).toBe(1);
    outside.hasSession = false;
    outside.drop();
    await until(() => outside.of("subscribe").length === 2);
  });

  test("says why nothing comes, and goes on trying", async () => {
    const outside = await OutsideBroker.start();
    outside.connack = protocolVersion === 5 ? 135 : 5;
    const bridged = bridge(sourceAt(outside.url, { protocolVersion }));
    await until(() => outside.connects.length === 3);
    expect(bridged.problem()).toMatch(/not authorized/i);
    outside.connack = 0;
    await until(() => bridged.isUp());
    expect(bridged.problem()).toBeNull();
    outside.drop();
    outside.grant = 128;
    await until(() => bridged.isUp() && bridged.problem() !== null);
    expect(bridged.problem()).toMatch(/refused the filter t\/#/);
  });
});

test("MQTT 5: the session's life and the number of messages under way are agreed on", async () => {
  const outside = await OutsideBroker.start();
  const bridged = bridge(sourceAt(outside.url, { protocolVersion: 5 }), {
    limits: { maxInflightPublishes: 9 },
  });
  await until(() => bridged.isUp());
  expect(outside.connects[0]?.properties).toMatchObject({ sessionExpiryInterval: 3_600, receiveMaximum: 9 });
});

test("a broker that cannot be reached is a problem, not a crash", async () => {
  const bridged = bridge(sourceAt("mqtt://127.0.0.1:1"));
  await until(() => /ECONNREFUSED/.test(bridged.problem() ?? ""));
  expect(bridged.isUp()).toBe(false);
});

test("a source that was up for long is soon tried again, also when the clock was set back", async () => {
  const outside = await OutsideBroker.start();
  const clock = { now: () => 10_000_000 - Date.now() };
  const delays: number[] = [];
  const logger = {
    ...silentLogger,
    warn: (context: { delayMs?: number }) => void (context.delayMs && delays.push(context.delayMs)),
  };
  const backoff = { firstDelayMs: 4, maxDelayMs: 60_000, stableMs: 5 };
  const bridged = bridge(sourceAt(outside.url), { clock, backoff, logger: logger as never });
  for (let drops = 0; drops < 4; drops++) {
    await until(() => bridged.isUp());
    const upAt = Date.now();
    await until(() => Date.now() - upAt > 50);
    outside.drop();
    await until(() => delays.length === drops + 1);
  }
  expect(delays).toEqual([4, 4, 4, 4]);
});

test("a throwing pipeline costs the connection, not the process", async () => {
  const outside = await OutsideBroker.start();
  const bridged = bridge(sourceAt(outside.url), {
    onPacket: () => {
      throw new Error("bug");
    },
  });
  await until(() => bridged.isUp());
  outside.publish("t/1", 0);
  outside.publish("t/1", 1, 1);
  await until(() => bridged.stats().connections === 2);
  expect(bridged.stats()).toMatchObject({ failed: 2, acks: 0 });
});

test.each([1, 2] as const)(
  "from a real MQTT 3.1.1 broker, QoS %i: what was not stored comes again",
  async (qos) => {
    const outside = await broker();
    const commits = new Commits();
    const bridged = bridge(sourceAt(`mqtt://127.0.0.1:${outside.port}`, { qos }), {
      onPacket: commits.onPacket,
    });
    await until(() => bridged.isUp());
    const device = await session(outside, "device");
    device.send(publishPacket("t/a", qos, 1, { payload: "1" }));
    if (qos === 2) device.send({ cmd: "pubrel", messageId: 1 });
    await until(() => commits.packets.length === 1);
    commits.reject(0, new LogUnavailable("disk full"));
    await until(() => commits.packets.length === 2);
    commits.resolve(1);
    await until(() => bridged.stats().acks === 1);
    expect(commits.packets[1]).toMatchObject({ topic: "t/a", payload: Buffer.from("1") });
  },
);
