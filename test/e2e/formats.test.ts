import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { connectAsync, type MqttClient } from "mqtt";
import { beforeAll, describe, expect, it } from "vitest";
import { type Gateway, startGateway } from "../../src/app/gateway.ts";
import { loadConfig } from "../../src/app/load-config.ts";
import { messagePayload } from "../../src/formats/decode-file.ts";
import { allFormats } from "../../src/formats/registry.ts";
import { silentLogger } from "../../src/observe/log.ts";
import type { WireReading } from "../../src/wire/messages.ts";
import { StreamClient } from "../support/stream-client.ts";

interface ExpectedReading {
  readonly domain: string;
  readonly device: string;
  readonly channel?: string;
  readonly time: string;
  readonly values: Readonly<Record<string, unknown>>;
}

interface Message {
  readonly [key: string]: unknown;
  readonly name: string;
  readonly topic: string;
  readonly receivedAt: string;
  readonly context?: { readonly timezone?: string };
  readonly expected: { readonly readings: readonly ExpectedReading[]; readonly rejected: string | null };
}

interface Quarantined {
  readonly topic: string;
  readonly reason: string;
  readonly payloadBase64: string;
}

/** What came of one message: the readings that a subscriber got, and the packets that went to quarantine. */
interface Outcome {
  readonly readings: readonly WireReading[];
  readonly quarantined: readonly Quarantined[];
}

const folder = join(import.meta.dirname, "../fixtures/formats");

function messagesOf(format: string): Message[] {
  return readdirSync(join(folder, format))
    .filter((file) => file.endsWith(".json"))
    .flatMap((file) => JSON.parse(readFileSync(join(folder, format, file), "utf8")) as Message[]);
}

/** The topic that the contract gives a reading; written out here so that the test does not ask the code it tests. */
function expectedTopic({ domain, device, channel }: ExpectedReading): string {
  const encode = (id: string) => id.replace(/[%+#\p{Cc}]/gu, encodeURIComponent);
  return [domain, encode(device), ...(channel === undefined ? [] : [encode(channel)])].join("/");
}

/** Publishes the messages one after the other, each at its own instant, and sorts out what came of each. */
async function publishAll(
  messages: readonly Message[],
  timezone: string | undefined,
): Promise<Map<Message, Outcome>> {
  const time = { now: 0 };
  const flags = {
    "mqtt.port": "0",
    "http.port": "0",
    "ring.engine": "memory",
    "ring.maxAgeHours": "1000000",
    ...(timezone !== undefined && { timezone }),
  };
  const config = loadConfig({ flags, env: {}, file: null });
  const gateway = await startGateway(config, { logger: silentLogger, clock: { now: () => time.now } });
  const device = await connectAsync(`mqtt://127.0.0.1:${gateway.mqttPort}`, { clientId: "fixtures" });
  const client = await StreamClient.open(gateway.httpPort, "fieldcast.v1.json");
  client.send({ type: "subscribe", id: 1, filter: "#", from: "now" });
  await client.next("subscribed", 1);
  const ends: { message: Message; head: number; packets: number }[] = [];
  for (const message of messages) {
    time.now = Date.parse(message.receivedAt);
    await publish(device, message);
    ends.push({ message, ...(await counts(gateway)) });
  }
  const readings = await client.untilReadings(1, ends.at(-1)?.head ?? 0);
  const quarantined = await quarantine(gateway);
  client.close();
  await device.endAsync();
  await gateway.close();
  const outcomes = new Map<Message, Outcome>();
  let [fromSeq, fromPacket] = [0, 0];
  for (const { message, head, packets } of ends) {
    outcomes.set(message, {
      readings: readings.slice(fromSeq, head),
      quarantined: quarantined.slice(fromPacket, packets),
    });
    [fromSeq, fromPacket] = [head, packets];
  }
  return outcomes;
}

async function publish(device: MqttClient, message: Message): Promise<void> {
  await device.publishAsync(message.topic, payloadOf(message), { qos: 1 });
}

function payloadOf(message: Message): Buffer {
  const payload = messagePayload(message);
  if (typeof payload === "string") throw new Error(`${message.name}: ${payload}`);
  return Buffer.from(payload);
}

async function counts(gateway: Gateway): Promise<{ head: number; packets: number }> {
  const ready = await fetch(`http://127.0.0.1:${gateway.httpPort}/readyz`);
  const { head } = (await ready.json()) as { head: number };
  return { head, packets: (await quarantine(gateway)).length };
}

/** Oldest first. */
async function quarantine(gateway: Gateway): Promise<Quarantined[]> {
  const response = await fetch(`http://127.0.0.1:${gateway.httpPort}/api/v1/quarantine?limit=1000`);
  return ((await response.json()) as { packets: Quarantined[] }).packets.reverse();
}

describe.each(allFormats.map(({ name }) => name))("%s over MQTT to a WebSocket", (format) => {
  const messages = messagesOf(format);
  const outcomes = new Map<Message, Outcome>();

  beforeAll(async () => {
    const zones = new Set(messages.map(({ context }) => context?.timezone));
    for (const zone of zones) {
      const ofZone = messages.filter(({ context }) => context?.timezone === zone);
      for (const [message, outcome] of await publishAll(ofZone, zone)) outcomes.set(message, outcome);
    }
  });

  it.each(messages.map((message) => [message.name, message] as const))("%s", (_name, message) => {
    const { readings, quarantined } = outcomes.get(message) as Outcome;
    // A quarantined packet shows up as a notice as well (at most ten a second), with the packet or right after it.
    const own = readings.filter(({ topic }) => !topic.startsWith("quarantine/"));
    const got = own.map(({ topic, time, values }) => ({
      topic,
      time: new Date(time).toISOString(),
      values,
    }));
    const wanted = message.expected.readings.map((reading) => ({
      topic: expectedTopic(reading),
      time: reading.time,
      values: reading.values,
    }));
    const byTopic = (a: { topic: string; time: string }, b: { topic: string; time: string }) =>
      a.topic < b.topic || (a.topic === b.topic && a.time < b.time) ? -1 : 1;
    expect(got.sort(byTopic)).toEqual(wanted.sort(byTopic));
    if (message.expected.rejected === null) expect(quarantined).toEqual([]);
    else {
      expect(quarantined).toHaveLength(1);
      expect(quarantined[0]?.reason).toContain(message.expected.rejected);
      expect(quarantined[0]?.topic).toBe(message.topic);
      const payload = payloadOf(message).toString("base64");
      expect(quarantined[0]?.payloadBase64 === payload).toBe(true);
    }
  });
});
