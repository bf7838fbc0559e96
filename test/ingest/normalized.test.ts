import { type Duplex, duplexPair } from "node:stream";
import type { IPublishPacket } from "mqtt-packet";
import { expect, onTestFinished, test } from "vitest";
import { readingSource } from "../../src/app/mqtt.ts";
import type { MqttBroker } from "../../src/ingest/broker.ts";
import type { MqttLimits } from "../../src/ingest/limits.ts";
import type { ReadingSource } from "../../src/ingest/normalized.ts";
import type { Log } from "../../src/log/contract.ts";
import type { Packet } from "../../src/model/packet.ts";
import { append, gpsReading, openTestLog } from "../support/log.ts";
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

interface Setting {
  readonly log: Log;
  readonly to: MqttBroker;
  /** Readings that were turned into JSON. */
  readonly encoded: () => number;
}

async function setting(
  limits: Partial<MqttLimits> = {},
  onPacket: (packet: Packet) => Promise<void> | null = () => null,
): Promise<Setting> {
  const log = await openTestLog();
  onTestFinished(() => log.close());
  const source = readingSource(log);
  let encoded = 0;
  const readings: ReadingSource = {
    ...source,
    toJson: (reading) => {
      encoded++;
      return source.toJson(reading);
    },
  };
  return { log, to: await broker({ limits, onPacket, readings }), encoded: () => encoded };
}

/** What a client got of readings. */
function readings(client: RawClient): { topic: string; retain: boolean; seq: number }[] {
  return (client.of("publish") as IPublishPacket[]).map(({ topic, retain, payload }) => {
    return { topic, retain, seq: JSON.parse(String(payload)).seq };
  });
}

async function subscribed(client: RawClient, ...filters: string[]): Promise<void> {
  const before = client.of("suback").length;
  client.send(subscribePacket(filters));
  await until(() => client.of("suback").length > before);
  // The walk begins in the turn after the SUBACK.
  await roundTrip(client);
}

/** The client's end of a connection. */
function memoryStream(to: MqttBroker): Duplex {
  const [near, far] = duplexPair();
  to.handle(far, "memory");
  return near;
}

/** A connected client that the test can freeze: nothing but the broker's own buffers lies between. */
async function memoryClient(to: MqttBroker, clientId: string): Promise<RawClient> {
  const client = new RawClient(memoryStream(to));
  client.send(connectPacket(clientId));
  await until(() => client.of("connack").length === 1);
  return client;
}

test("a subscriber gets what its topics show, retained, then each reading, in the words of the stream", async () => {
  const { log, to } = await setting();
  await append(log, gpsReading("van-7", { speedKmh: 30 }), gpsReading("van-8", {}));
  await append(log, {
    ...gpsReading("van-7", {}, Date.UTC(2026, 10, 22, 10, 1)),
    attrs: { note: "late" },
  });
  const client = await session(to, "a");
  await subscribed(client, "gps/#", "energy/+/L1");
  await until(() => client.of("publish").length === 2);
  await append(log, gpsReading("van-8", { lat: 61 }));
  await append(log, { domain: "energy", device: "m", channel: "L1", time: 0, values: { powerW: 1 } });
  await append(log, { domain: "energy", device: "m", channel: "L2", time: 0, values: { powerW: 2 } });
  await until(() => client.of("publish").length === 4);
  await roundTrip(client);
  expect(
    (client.of("publish") as IPublishPacket[]).map(({ topic, retain, qos, payload }) => {
      return { topic, retain, qos, payload: JSON.parse(String(payload)) };
    }),
  ).toEqual([
    {
      topic: "gps/van-7",
      retain: true,
      qos: 0,
      payload: {
        seq: 3,
        topic: "gps/van-7",
        time: "2026-11-22T10:01:00.000Z",
        values: { lat: 60.17, lon: 24.94, speedKmh: 30 },
        times: { speedKmh: "2026-11-22T10:00:00.000Z" },
        attrs: { note: "late" },
      },
    },
    {
      topic: "gps/van-8",
      retain: true,
      qos: 0,
      payload: {
        seq: 2,
        topic: "gps/van-8",
        time: "2026-11-22T10:00:00.000Z",
        values: { lat: 60.17, lon: 24.94 },
      },
    },
    {
      topic: "gps/van-8",
      retain: false,
      qos: 0,
      payload: {
        seq: 4,
        topic: "gps/van-8",
        time: "2026-11-22T10:00:00.000Z",
        values: { lat: 61, lon: 24.94 },
      },
    },
    {
      topic: "energy/m/L1",
      retain: false,
      qos: 0,
      payload: { seq: 5, topic: "energy/m/L1", time: "1970-01-01T00:00:00.000Z", values: { powerW: 1 } },
    },
  ]);
});

test("overlapping filters give a reading once, and subscribing again gives what the topic shows again", async () => {
  const { log, to } = await setting();
  const client = await session(to, "a");
  await subscribed(client, "#", "gps/+", "gps/van-7");
  await append(log, gpsReading("van-7", {}));
  await until(() => client.of("publish").length === 1);
  await subscribed(client, "gps/van-7");
  await until(() => client.of("publish").length === 2);
  await append(log, gpsReading("van-7", {}));
  await until(() => client.of("publish").length === 3);
  await roundTrip(client);
  expect(readings(client)).toEqual([
    { topic: "gps/van-7", retain: false, seq: 1 },
    { topic: "gps/van-7", retain: true, seq: 1 },
    { topic: "gps/van-7", retain: false, seq: 2 },
  ]);
});

test("nothing is done for readings that nobody subscribed to", async () => {
  const { log, to, encoded } = await setting();
  await append(log, gpsReading("a", {}));
  const client = await session(to, "a");
  await subscribed(client, "energy/#", "tele/#", "$SYS/#", "gps/b");
  await append(log, gpsReading("a", {}));
  await subscribed(client, "gps/a");
  await until(() => client.of("publish").length === 1);
  client.send({ cmd: "unsubscribe", messageId: 9, unsubscriptions: ["gps/a"] });
  await until(() => client.of("unsuback").length === 1);
  await append(log, gpsReading("a", {}));
  client.socket.destroy();
  await until(() => to.connections() === 0);
  await append(log, gpsReading("b", {}), { domain: "energy", device: "m", time: 0, values: { powerW: 1 } });
  expect(encoded()).toBe(1);
});

test("a session that goes on gets what is new", async () => {
  const { log, to } = await setting();
  const first = await session(to, "a", false);
  await subscribed(first, "gps/#");
  first.socket.destroy();
  await until(() => to.connections() === 0);
  await append(log, gpsReading("x", {}));
  const second = await session(to, "a", false);
  await append(log, gpsReading("x", {}));
  await until(() => second.of("publish").length === 1);
  expect(readings(second)).toEqual([{ topic: "gps/x", retain: false, seq: 2 }]);
});

test.each([0, 1, 2] as const)(
  "a packet of QoS %i at a reading's topic reaches the gateway only",
  async (qos) => {
    const commits = new Commits();
    const { to } = await setting({}, commits.note);
    const subscriber = await session(to, "s", false);
    subscriber.send(subscribePacket(["#"], 2));
    const away = await session(to, "away", false);
    away.send(subscribePacket(["#"], 2));
    await until(() => away.of("suback").length === 1 && subscriber.of("suback").length === 1);
    away.socket.destroy();
    await until(() => to.connections() === 1);
    const device = await session(to, "d");
    device.send(publishPacket("gps/van-7", qos, qos === 0 ? undefined : 1, { retain: true }));
    device.send(publishPacket("tele/van-7", qos, qos === 0 ? undefined : 2));
    await until(() => subscriber.of("publish").length === 1);
    const back = await session(to, "away", false);
    if (qos > 0) await until(() => back.of("publish").length === 1);
    const late = await session(to, "late");
    late.send(subscribePacket(["#"]));
    await roundTrip(late);
    await roundTrip(back);
    await roundTrip(subscriber);
    expect(commits.topics).toEqual(["gps/van-7", "tele/van-7"]);
    expect(subscriber.of("publish")).toMatchObject([{ topic: "tele/van-7" }]);
    expect(back.of("publish")).toMatchObject(qos > 0 ? [{ topic: "tele/van-7" }] : []);
    expect(late.of("publish")).toEqual([]);
    expect(to.stats().unrouted).toBe(1);
  },
);

test("a last will at a reading's topic reaches the gateway only", async () => {
  const commits = new Commits();
  const { to } = await setting({}, commits.note);
  const subscriber = await session(to, "s");
  await subscribed(subscriber, "#");
  for (const topic of ["gps/van-7", "tele/van-7"]) {
    const dying = await raw(to);
    const will = { topic, payload: Buffer.from("x"), qos: 0 as const, retain: false };
    dying.send({ ...connectPacket(`dying-${topic}`), will } as ReturnType<typeof connectPacket>);
    await until(() => dying.of("connack").length === 1);
    dying.socket.destroy();
  }
  await until(() => subscriber.of("publish").length === 1);
  expect(subscriber.of("publish")).toMatchObject([{ topic: "tele/van-7" }]);
  expect(commits.topics).toEqual(["gps/van-7", "tele/van-7"]);
});

test("a frozen subscriber costs bounded memory, holds up nobody, and ends on what the topics show", async () => {
  const maxClientBufferBytes = 256 * 1024;
  const running: { log: Log | null } = { log: null };
  const { log, to } = await setting({ maxClientBufferBytes }, ({ payload }) => {
    const note = "x".repeat(1_000);
    const device = `van-${Number(String(payload)) % 50}`;
    return (
      running.log?.append({ readings: [gpsReading(device, { n: Number(String(payload)), note })] }) ?? null
    );
  });
  running.log = log;
  const frozen = await memoryClient(to, "frozen");
  await subscribed(frozen, "gps/#");
  const healthy = await session(to, "healthy");
  await subscribed(healthy, "gps/+");
  const device = await session(to, "device");
  frozen.socket.pause();
  for (let n = 1; n <= 1_000; n++) {
    device.send(publishPacket("t", 1, n, { payload: String(n) }));
    if (n % 20 === 0) await until(() => device.of("puback").length === n);
  }
  await until(() => healthy.of("publish").length === 1_000);
  expect(readings(healthy).map(({ seq }) => seq)).toEqual(Array.from({ length: 1_000 }, (_, i) => i + 1));
  expect(to.stats()).toMatchObject({ refused: { slowReader: 0 } });
  expect(to.stats().readingsSkipped).toBeGreaterThan(0);
  frozen.socket.resume();
  const shown = () => new Map(readings(frozen).map(({ topic, seq }) => [topic, seq]));
  await until(
    () => Math.min(...Array.from({ length: 50 }, (_, i) => shown().get(`gps/van-${i}`) ?? 0)) > 950,
  );
  const skippedBefore = to.stats().readingsSkipped;
  await roundTrip(frozen);
  await append(log, gpsReading("van-0", {}));
  await until(() => shown().get("gps/van-0") === 1_001);
  expect(to.stats().readingsSkipped).toBe(skippedBefore);
  expect(readings(frozen).every(({ retain }) => !retain)).toBe(true);
  inOrder(frozen);
});

/** Per topic, seq only grows. */
function inOrder(client: RawClient): void {
  const last = new Map<string, number>();
  for (const { topic, seq } of readings(client)) {
    expect(seq).toBeGreaterThan(last.get(topic) ?? 0);
    last.set(topic, seq);
  }
}

test("who subscribes under load misses nothing after the retained message of a topic", async () => {
  const { log, to } = await setting();
  const topics = 1_000;
  let count = 0;
  const commit = (size: number) =>
    append(
      log,
      ...Array.from({ length: size }, () => gpsReading(`van-${(count++ * 7919) % topics}`, { n: count })),
    );
  await commit(topics);
  const clients = await Promise.all(
    Array.from({ length: 5 }, (_, i) => (i % 2 ? memoryClient(to, `c${i}`) : session(to, `c${i}`))),
  );
  for (const [index, client] of clients.entries()) {
    client.send(subscribePacket(index === 0 ? ["#"] : ["gps/#"]));
    for (let i = 0; i < 5; i++) await commit(100);
  }
  await commit(topics);
  const end = count;
  for (const client of clients) {
    await until(() => readings(client).filter(({ seq }) => seq > end - topics).length >= topics);
    inOrder(client);
    const got = readings(client);
    const begun = new Map<string, number>();
    for (const { topic, seq, retain } of got) if (!begun.has(topic)) begun.set(topic, retain ? seq : -1);
    expect(begun.size).toBe(topics);
    expect([...begun.values()].filter((seq) => seq < 0)).toEqual([]);
    const seen = new Set(got.map(({ seq }) => seq));
    for (let seq = 1; seq <= end; seq++) {
      const topic = `gps/van-${((seq - 1) * 7919) % topics}`;
      if (seq > (begun.get(topic) as number) && !seen.has(seq))
        throw new Error(`${seq} of ${topic} is missing`);
    }
  }
  expect(to.stats().readingsSkipped).toBe(0);
});

test("what many topics show reaches a slow subscriber in slices, and others are served meanwhile", async () => {
  const { log, to } = await setting();
  const count = 20_000;
  for (let at = 0; at < count; at += 1_000) {
    await append(log, ...Array.from({ length: 1_000 }, (_, i) => gpsReading(`van-${at + i}`, {})));
  }
  const slow = await memoryClient(to, "slow");
  slow.send(subscribePacket(["+/+"]));
  await until(() => slow.of("suback").length === 1);
  slow.socket.pause();
  const other = await session(to, "other");
  for (let i = 0; i < 20; i++) await roundTrip(other);
  const paused = slow.of("publish").length;
  expect(paused).toBeLessThan(count);
  slow.socket.resume();
  await until(() => slow.of("publish").length === count);
  expect(new Set(readings(slow).map(({ topic }) => topic)).size).toBe(count);
  expect(to.stats().refused.slowReader).toBe(0);
});
