import { connectAsync } from "mqtt";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { LogUnavailable } from "../../src/log/contract.ts";
import { Mosquitto } from "../support/mosquitto.ts";
import { bridge, sourceAt } from "./bridge-harness.ts";
import { Commits, until } from "./harness.ts";

let mosquitto: Mosquitto;
beforeAll(async () => {
  mosquitto = await Mosquitto.start();
});
afterAll(() => mosquitto.stop());

async function device() {
  const client = await connectAsync(mosquitto.url("mqtt"));
  onTestFinished(() => client.endAsync(true));
  return client;
}

describe.each([4, 5] as const)("from Mosquitto, MQTT version %i", (protocolVersion) => {
  test.each([0, 1, 2] as const)("QoS %i: a thousand messages arrive once, in order", async (qos) => {
    const commits = new Commits();
    const topic = `thousand/${protocolVersion}/${qos}`;
    const source = sourceAt(mosquitto.url("mqtt"), {
      protocolVersion,
      qos,
      topics: [topic],
      clientId: topic,
    });
    const onPacket = (packet: Parameters<typeof commits.note>[0]) => {
      commits.note(packet);
      return new Promise<void>((resolve) => setImmediate(resolve));
    };
    const bridged = bridge(source, { onPacket });
    await until(() => bridged.isUp());
    const from = await device();
    // In turns, because Mosquitto queues no more than a thousand for one client.
    for (let n = 0; n < 1_000; n += 100) {
      const turn = Array.from({ length: 100 }, (_, k) => from.publishAsync(topic, String(n + k), { qos }));
      await Promise.all(turn);
      await until(() => commits.packets.length === n + 100);
    }
    const payloads = commits.packets.map(({ payload }) => Number(Buffer.from(payload).toString()));
    expect(payloads).toEqual(Array.from({ length: 1_000 }, (_, n) => n));
    if (qos > 0) await until(() => bridged.stats().acks === 1_000);
  });

  test.each([1, 2] as const)("QoS %i: a message that was not stored comes again", async (qos) => {
    const commits = new Commits();
    const topic = `again/${protocolVersion}/${qos}`;
    const source = sourceAt(mosquitto.url("mqtt"), {
      protocolVersion,
      qos,
      topics: [topic],
      clientId: topic,
    });
    const bridged = bridge(source, { onPacket: commits.onPacket });
    await until(() => bridged.isUp());
    await (await device()).publishAsync(topic, "1", { qos });
    await until(() => commits.packets.length === 1);
    commits.reject(0, new LogUnavailable("disk full"));
    await until(() => commits.packets.length === 2);
    commits.resolve(1);
    await until(() => bridged.stats().acks === 1);
    expect(commits.packets[1]?.payload.toString()).toBe("1");
  });

  test("what was published while the gateway was away is delivered when it is back", async () => {
    const topic = `away/${protocolVersion}`;
    const options = { protocolVersion, qos: 1, topics: [topic], clientId: topic } as const;
    const first = bridge(sourceAt(mosquitto.url("mqtt"), options));
    await until(() => first.isUp());
    await first.close(1_000);
    await (await device()).publishAsync(topic, "meanwhile", { qos: 1 });
    const commits = new Commits();
    bridge(sourceAt(mosquitto.url("mqtt"), options), { onPacket: commits.note });
    await until(() => commits.packets.length === 1);
  });

  test("over TLS with its own certificate authority, and never without knowing it", async () => {
    const commits = new Commits();
    const topic = `tls/${protocolVersion}`;
    const options = { protocolVersion, topics: [topic], clientId: topic };
    const trusting = sourceAt(mosquitto.url("mqtts"), {
      ...options,
      tls: { ca: mosquitto.ca, rejectUnauthorized: true },
    });
    const bridged = bridge(trusting, { onPacket: commits.note });
    await until(() => bridged.isUp());
    await (await device()).publishAsync(topic, "1");
    await until(() => commits.packets.length === 1);
    const wary = bridge(sourceAt(mosquitto.url("mqtts"), { ...options, clientId: `${topic}/wary` }));
    await until(() => /self.signed/.test(wary.problem() ?? ""));
    expect(wary.stats().connections).toBe(0);
  });

  test("over WebSocket", async () => {
    const commits = new Commits();
    const topic = `websocket/${protocolVersion}`;
    const options = { protocolVersion, qos: 1, topics: [topic], clientId: topic } as const;
    const bridged = bridge(sourceAt(mosquitto.url("ws"), options), { onPacket: commits.note });
    await until(() => bridged.isUp());
    await (await device()).publishAsync(topic, "1", { qos: 1 });
    await until(() => bridged.stats().acks === 1);
  });
});

test("a shared subscription divides the messages between two gateways", async () => {
  const commits = [new Commits(), new Commits()];
  const gateways = commits.map(({ note }, index) => {
    const options = { protocolVersion: 5, topics: ["$share/gateways/shared/#"], qos: 1 } as const;
    return bridge(sourceAt(mosquitto.url("mqtt"), { ...options, clientId: `shared-${index}` }), {
      onPacket: note,
    });
  });
  await until(() => gateways.every((gateway) => gateway.isUp()));
  const from = await device();
  for (let n = 0; n < 20; n++) await from.publishAsync(`shared/${n}`, "x", { qos: 1 });
  const topics = () => commits.flatMap((one) => one.topics);
  await until(() => topics().length === 20);
  expect(new Set(topics()).size).toBe(20);
  for (const one of commits) expect(one.packets.length).toBeGreaterThan(0);
});
