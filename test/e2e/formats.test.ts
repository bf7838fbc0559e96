import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connectAsync } from "mqtt";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Gateway, startGateway } from "../../src/app/gateway.ts";
import { loadConfig } from "../../src/app/load-config.ts";
import { messagePayload, type ReadingRow } from "../../src/formats/decode-file.ts";
import { allFormats } from "../../src/formats/registry.ts";
import { silentLogger } from "../../src/observe/log.ts";
import type { WireReading } from "../../src/wire/messages.ts";
import { type FixtureMessage, fixtureFiles } from "../formats/fixtures.ts";
import { StreamClient } from "../support/stream-client.ts";

type Message = FixtureMessage & {
  readonly [key: string]: unknown;
  readonly group?: string;
  readonly step?: number;
};

/** Messages for one gateway, in the order in which they are published, and the contexts in its config. */
interface Run {
  readonly messages: readonly Message[];
  readonly contexts: readonly object[];
}

interface Quarantined {
  readonly id: number;
  readonly topic: string;
  readonly reason: string;
  readonly payloadBase64: string;
}

/** What came of one message: the readings that a subscriber got, and the packets that went to quarantine. */
interface Outcome {
  readonly readings: readonly WireReading[];
  readonly quarantined: readonly Quarantined[];
}

const configFolder = mkdtempSync(join(tmpdir(), "fieldcast-formats-"));
afterAll(() => rmSync(configFolder, { recursive: true }));

/**
 * Formats that keep something of a packet for those after it, such as a date, an id or a position that must not count twice:
 * here a message without a group would be read in the light of the one before, so it has a gateway of its own.
 */
const carriesOver: ReadonlySet<string> = new Set(["nmea", "meshtastic", "traccar"]);

/** One run for each group, and for each context of the messages without one. */
function runsOf(format: string, messages: readonly Message[]): Run[] {
  const byKey = new Map<string, Message[]>();
  for (const [at, message] of messages.entries()) {
    const alone = carriesOver.has(format) ? `message ${at}` : `context ${JSON.stringify(message.context)}`;
    const key = message.group ?? alone;
    byKey.set(key, [...(byKey.get(key) ?? []), message]);
  }
  return [...byKey.values()].map((together) => {
    const isGroup = together[0]?.group !== undefined;
    const sorted = isGroup ? together.toSorted((a, b) => (a.step ?? 0) - (b.step ?? 0)) : together;
    const context = Object.assign({}, ...sorted.map((message) => message.context));
    const topics = isGroup ? ["#"] : [...new Set(sorted.map(({ topic }) => topic))];
    const hasContext = Object.keys(context).length > 0;
    return { messages: sorted, contexts: hasContext ? topics.map((topic) => ({ ...context, topic })) : [] };
  });
}

/** The topic that the contract gives a reading; written out here so that the test does not ask the code it tests. */
function expectedTopic({ domain, device, channel }: ReadingRow): string {
  const encode = (id: string) => id.replace(/[%+#\p{Cc}]/gu, encodeURIComponent);
  return [domain, encode(device), ...(channel === undefined ? [] : [encode(channel)])].join("/");
}

async function startFor({ contexts }: Run, name: string, time: { readonly now: number }): Promise<Gateway> {
  const file = join(configFolder, `${name}.yaml`);
  const settings = {
    mqtt: { port: 0 },
    http: { port: 0 },
    ring: { engine: "memory", maxAgeHours: 1_000_000, recentReadings: 0 },
    stream: { batchMs: 0 },
    // Only what the formats make.
    insights: { presence: { enabled: false } },
    contexts,
  };
  writeFileSync(file, JSON.stringify(settings));
  const config = loadConfig({ flags: {}, env: {}, file });
  return startGateway(config, { logger: silentLogger, clock: { now: () => time.now } });
}

/** Publishes the messages one after the other, each at its own instant, and sorts out what came of each. */
async function publishAll(run: Run, name: string): Promise<Map<Message, Outcome>> {
  const time = { now: 0 };
  const gateway = await startFor(run, name, time);
  const device = await connectAsync(`mqtt://127.0.0.1:${gateway.mqttPort}`, { clientId: "fixtures" });
  const client = await StreamClient.open(gateway.httpPort, "fieldcast.v1.json");
  client.send({ type: "subscribe", id: 1, filter: "#", from: "now" });
  await client.next("subscribed", 1);
  const ends: { message: Message; head: number; packetId: number }[] = [];
  for (const message of run.messages) {
    time.now = Date.parse(message.receivedAt);
    await device.publishAsync(message.topic, payloadOf(message), { qos: 1 });
    const { head } = await getJson<{ head: number }>(gateway, "/readyz");
    const [newest] = await quarantine(gateway, "limit=1");
    ends.push({ message, head, packetId: newest?.id ?? 0 });
  }
  const readings = await client.untilReadings(1, ends.at(-1)?.head ?? 0);
  const outcomes = new Map<Message, Outcome>();
  let [fromSeq, fromId] = [0, 0];
  for (const { message, head, packetId } of ends) {
    const own = packetId > fromId ? `since=${fromId}&before=${packetId + 1}` : null;
    const quarantined = own === null ? [] : await whole(gateway, await quarantine(gateway, own));
    outcomes.set(message, { readings: readings.slice(fromSeq, head), quarantined });
    [fromSeq, fromId] = [head, packetId];
  }
  client.close();
  await device.endAsync();
  await gateway.close();
  return outcomes;
}

function payloadOf(message: Message): Buffer {
  const payload = messagePayload(message);
  if (typeof payload === "string") throw new Error(`${message.name}: ${payload}`);
  return Buffer.from(payload);
}

async function getJson<Body>(gateway: Gateway, path: string): Promise<Body> {
  return (await (await fetch(`http://127.0.0.1:${gateway.httpPort}${path}`)).json()) as Body;
}

/** Newest first. */
async function quarantine(gateway: Gateway, query: string): Promise<readonly Quarantined[]> {
  const { packets } = await getJson<{ packets: Quarantined[] }>(gateway, `/api/v1/quarantine?${query}`);
  return packets;
}

/** With whole payloads, of which a list has the beginnings. */
function whole(gateway: Gateway, packets: readonly Quarantined[]): Promise<Quarantined[]> {
  return Promise.all(packets.map(({ id }) => getJson<Quarantined>(gateway, `/api/v1/quarantine/${id}`)));
}

describe.each(allFormats.map(({ name }) => name))("%s over MQTT to a WebSocket", (format) => {
  const messages = fixtureFiles(format).flatMap((file) => file.messages as readonly Message[]);
  const outcomes = new Map<Message, Outcome>();

  beforeAll(async () => {
    const done = await Promise.all(
      runsOf(format, messages).map((run, at) => publishAll(run, `${format}-${at}`)),
    );
    for (const [message, outcome] of done.flatMap((one) => [...one])) outcomes.set(message, outcome);
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
