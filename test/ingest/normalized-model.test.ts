import { type Duplex, duplexPair } from "node:stream";
import fc from "fast-check";
import type { IPublishPacket } from "mqtt-packet";
import { expect, test } from "vitest";
import { readingSource } from "../../src/app/mqtt.ts";
import { type MqttBroker, startBroker } from "../../src/ingest/broker.ts";
import { defaultMqttLimits } from "../../src/ingest/limits.ts";
import { systemClock } from "../../src/model/clock.ts";
import { matchesFilter } from "../../src/model/filter.ts";
import { silentLogger } from "../../src/observe/log.ts";
import { append, gpsReading, openTestLog } from "../support/log.ts";
import { connectPacket, RawClient, roundTrip, subscribePacket, until } from "./harness.ts";

const topics = 300;
const clients = 2;
const filters = ["#", "gps/#", "gps/+", "gps/van-1/#", "gps/van-7", "gps/other/+"];

type Step =
  | { readonly kind: "commit"; readonly from: number; readonly count: number }
  | { readonly kind: "subscribe" | "unsubscribe"; readonly client: number; readonly filter: number }
  | { readonly kind: "stall" | "read"; readonly client: number };

const client = fc.nat(clients - 1);
const filter = fc.nat(filters.length - 1);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({ kind: fc.constant("commit"), from: fc.nat(topics), count: fc.nat(150) }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("subscribe"), client, filter }) },
  { arbitrary: fc.record({ kind: fc.constant("unsubscribe"), client, filter }), weight: 1 },
  { arbitrary: fc.record({ kind: fc.constantFrom("stall", "read"), client }), weight: 2 },
) as fc.Arbitrary<Step>;

/** A client that notes what it was told of each topic, and checks the order. */
class Model {
  readonly raw: RawClient;
  readonly filters = new Set<string>();
  readonly last = new Map<string, number>();
  #read = 0;
  #nextId = 0;

  constructor(stream: Duplex) {
    this.raw = new RawClient(stream);
  }

  /** Takes what has come; per topic nothing older comes after something newer. */
  take(): void {
    const received = this.raw.of("publish") as IPublishPacket[];
    for (; this.#read < received.length; this.#read++) {
      const { topic, payload } = received[this.#read] as IPublishPacket;
      const { seq } = JSON.parse(String(payload)) as { seq: number };
      expect(seq).toBeGreaterThanOrEqual(this.last.get(topic) ?? 0);
      this.last.set(topic, seq);
    }
  }

  subscribe(wanted: string): void {
    this.filters.add(wanted);
    this.raw.send(subscribePacket([wanted], 0, ++this.#nextId));
  }

  unsubscribe(unwanted: string): void {
    this.filters.delete(unwanted);
    this.raw.send({ cmd: "unsubscribe", messageId: ++this.#nextId, unsubscriptions: [unwanted] });
  }
}

async function join(to: MqttBroker, index: number): Promise<Model> {
  const [near, far] = duplexPair();
  to.handle(far, "memory");
  const model = new Model(near);
  model.raw.send(connectPacket(`client-${index}`));
  await until(() => model.raw.of("connack").length === 1);
  return model;
}

async function play(steps: readonly Step[]): Promise<void> {
  const log = await openTestLog();
  const to = await startBroker({
    host: "127.0.0.1",
    port: 0,
    clock: systemClock,
    logger: silentLogger,
    onPacket: () => null,
    limits: { ...defaultMqttLimits, maxClientBufferBytes: 200_000 },
    readings: readingSource(log),
  });
  try {
    const models = await Promise.all(Array.from({ length: clients }, (_, index) => join(to, index)));
    const note = "x".repeat(1_000);
    const commit = (from: number, count: number) => {
      const devices = Array.from({ length: count }, (_, i) => `van-${(from + i) % topics}`);
      return append(log, ...devices.map((device) => gpsReading(device, { note })));
    };
    for (const one of steps) {
      if (one.kind === "commit") await commit(one.from, one.count);
      else {
        const model = models[one.client] as Model;
        if (one.kind === "subscribe") model.subscribe(filters[one.filter] as string);
        else if (one.kind === "unsubscribe") model.unsubscribe(filters[one.filter] as string);
        else if (one.kind === "stall") model.raw.socket.pause();
        else model.raw.socket.resume();
      }
    }
    const shown = log.latest("#");
    for (const model of models) {
      model.raw.socket.resume();
      await roundTrip(model.raw);
      const wanted = shown.filter(({ topic }) =>
        [...model.filters].some((one) => matchesFilter(one, topic.name)),
      );
      await until(() => {
        model.take();
        return wanted.every(({ topic, seq }) => model.last.get(topic.name) === seq);
      });
    }
    expect(to.stats().refused.slowReader).toBe(0);
    expect(to.connections()).toBe(clients);
  } finally {
    await to.close(0);
    await log.close();
  }
}

test("whoever subscribes, stalls and comes back ends on what the topics show, in order per topic", async () => {
  await fc.assert(fc.asyncProperty(fc.array(step, { maxLength: 30 }), play), { numRuns: 60 });
}, 120_000);
