import fc from "fast-check";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Log } from "../../src/log/contract.ts";
import { systemClock } from "../../src/model/clock.ts";
import type { Reading, Values } from "../../src/model/reading.ts";
import { Hub } from "../../src/stream/hub.ts";
import { defaultStreamOptions } from "../../src/stream/options.ts";
import type { Bbox, PlayOptions, ServerMessage, ViewOptions } from "../../src/wire/messages.ts";
import type { Start } from "../../src/wire/requests.ts";
import { openTestLog } from "../support/log.ts";
import { ModelSubscription } from "./model-client.ts";
import { Oracle } from "./model-oracle.ts";
import { ModelSocket } from "./model-socket.ts";

// setImmediate stays real: the log and the hub use it to take turns, and a test can wait for it.
beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval", "Date"] });
});
afterEach(() => {
  vi.useRealTimers();
});

const devices = ["a", "b", "c/1", "d"];
const filters = ["#", "gps/#", "gps/+", "gps/a", "energy/#"];
const boxes: Bbox[] = [
  [0, 0, 5, 5],
  [3, 3, 9, 9],
  [8, 0, 2, 9],
];
const small = { maxBufferBytes: 512, maxFrameBytes: 256 };
/** A frame that went over the limit, one more with what came into view, and the announcements of both. */
const maxOverBytes = 3 * 2_048;

const cell = fc.integer({ min: 0, max: 9 });
const reading = fc.record({
  device: fc.nat({ max: devices.length }),
  position: fc.option(fc.tuple(cell, cell), { freq: 3, nil: null }),
  n: fc.option(fc.integer({ min: 0, max: 9 }), { nil: null }),
  ageMs: fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, fc.integer({ min: 0, max: 2_000 })),
});
type Drawn = typeof reading extends fc.Arbitrary<infer T> ? T : never;

const options = {
  rate: fc.constantFrom(2, 10, 50),
  bbox: fc.constantFrom(...boxes),
  where: fc.constantFrom(
    [{ field: "n", op: ">", value: 4 } as const],
    [{ field: "lat", op: "exists" } as const],
  ),
  fields: fc.constantFrom(["n"], ["lat", "n"]),
};
const view = fc.oneof(
  { weight: 1, arbitrary: fc.constant({}) },
  { weight: 4, arbitrary: fc.record(options, { requiredKeys: [] }) },
) as fc.Arbitrary<ViewOptions>;
const changes = fc.record(
  Object.fromEntries(
    Object.entries(options).map(([name, value]) => [name, fc.option<unknown>(value, { nil: null })]),
  ),
  { requiredKeys: [] },
);
const from = fc.oneof(
  { weight: 3, arbitrary: fc.constant("latest" as const) },
  { weight: 1, arbitrary: fc.constant("now" as const) },
  { weight: 1, arbitrary: fc.record({ back: fc.nat({ max: 40 }) }) },
  { weight: 2, arbitrary: fc.record({ agoMs: fc.integer({ min: -100, max: 4_000 }) }) },
  { weight: 1, arbitrary: fc.record({ last: fc.integer({ min: 1, max: 6 }) }) },
);
type DrawnFrom = typeof from extends fc.Arbitrary<infer T> ? T : never;
const play = {
  speed: fc.constantFrom(0, 0.5, 2, 20, 1_000),
  paused: fc.boolean(),
};
const playOptions = fc.oneof(
  { weight: 3, arbitrary: fc.constant({}) },
  { weight: 1, arbitrary: fc.record(play, { requiredKeys: [] }) },
) as fc.Arbitrary<PlayOptions>;
const client = fc.nat({ max: 2 });
const id = fc.integer({ min: 1, max: 2 });
const filter = fc.constantFrom(...filters);

const step = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant("publish" as const),
      readings: fc.array(reading, { minLength: 1, maxLength: 12, size: "max" }),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant("wait" as const), ms: fc.constantFrom(1, 5, 20, 100, 500) }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("turn" as const), turns: fc.nat({ max: 3 }) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant("subscribe" as const),
      client,
      id,
      filter,
      view,
      from,
      play: playOptions,
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("seek" as const), client, id, from }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("play" as const),
      client,
      id,
      changes: fc.record(play, { requiredKeys: [] }) as fc.Arbitrary<PlayOptions>,
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("unsubscribe" as const), client, id }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("update" as const), client, id, changes }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("stall" as const), client }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("drain" as const),
      client,
      bytes: fc.integer({ min: 1, max: 3_000 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("resume" as const), client }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("disconnect" as const), client }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("heartbeat" as const), client }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("quiet" as const) }) },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

const world = fc.record({
  batchMs: fc.constantFrom(0, 50),
  hasSmallRing: fc.boolean(),
  steps: fc.array(step, { minLength: 5, maxLength: 60, size: "max" }),
});

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** One client program: a connection that is made again whenever it is lost, and its subscriptions. */
class ModelClient {
  readonly subscriptions = new Map<number, ModelSubscription>();
  socket: ModelSocket;
  private readonly hub: Hub;
  private readonly isBinary: boolean;
  /** What was wrong with messages so far. */
  readonly failures: unknown[] = [];

  constructor(hub: Hub, isBinary: boolean) {
    this.hub = hub;
    this.isBinary = isBinary;
    this.socket = this.connect();
  }

  reconnect(): void {
    this.checkBounded();
    this.socket.close();
    this.socket = this.connect();
    for (const subscription of this.subscriptions.values()) this.socket.request(subscription.request());
  }

  checkBounded(): void {
    expect(this.socket.maxBufferedBytes).toBeLessThanOrEqual(small.maxBufferBytes + maxOverBytes);
  }

  private connect(): ModelSocket {
    return new ModelSocket(
      this.hub,
      this.isBinary ? "fieldcast.v1.msgpack" : "fieldcast.v1.json",
      (message) => this.check(() => this.of(message)?.sent(message)),
      (message) => this.check(() => this.receive(message)),
    );
  }

  // Thrown where the hub sends, it would be lost or end the run.
  private check(step: () => void): void {
    try {
      step();
    } catch (error) {
      this.failures.push(error);
    }
  }

  private receive(message: ServerMessage): void {
    if (message.type !== "heartbeat") this.of(message)?.receive(message);
    else if (message.cursor !== undefined) {
      for (const subscription of this.subscriptions.values()) subscription.heartbeat(message.cursor);
    }
  }

  private of(message: ServerMessage): ModelSubscription | undefined {
    return "id" in message && message.id !== null ? this.subscriptions.get(message.id) : undefined;
  }
}

class World {
  readonly log: Log;
  readonly hub: Hub;
  readonly clients: ModelClient[];
  private readonly oracle: Oracle;

  constructor(log: Log, batchMs: number) {
    this.log = log;
    this.oracle = new Oracle(log);
    this.hub = new Hub(log, { ...defaultStreamOptions, ...small, batchMs }, systemClock);
    this.clients = [true, true, false].map((isBinary) => new ModelClient(this.hub, isBinary));
  }

  async run(step: Step): Promise<void> {
    if (step.kind === "publish") await this.log.append({ readings: step.readings.map(readingOf) });
    else if (step.kind === "wait") vi.advanceTimersByTime(step.ms);
    else if (step.kind === "turn") for (let i = 0; i < step.turns; i++) await turn();
    else if (step.kind === "quiet") await this.checkQuiet();
    else await this.runOn(this.clients[step.client] as ModelClient, step);
  }

  private async runOn(client: ModelClient, step: Extract<Step, { client: number }>): Promise<void> {
    const { socket, subscriptions } = client;
    if (step.kind === "subscribe") {
      if (subscriptions.has(step.id)) return;
      const { id, filter, view, play } = step;
      const options = { ...view, ...play };
      const subscription = new ModelSubscription(id, filter, options, this.fromOf(step.from), this.oracle);
      subscriptions.set(id, subscription);
      socket.request(subscription.request());
    } else if (step.kind === "unsubscribe") {
      if (!subscriptions.delete(step.id)) return;
      socket.resume();
      socket.request({ type: "unsubscribe", id: step.id });
    } else if (step.kind === "update") {
      const subscription = subscriptions.get(step.id);
      if (subscription) socket.request(subscription.update(step.changes, false));
    } else if (step.kind === "seek") {
      const subscription = subscriptions.get(step.id);
      if (subscription) socket.request(subscription.seek(this.fromOf(step.from)));
    } else if (step.kind === "play") {
      const subscription = subscriptions.get(step.id);
      if (subscription) socket.request(subscription.changePlay(step.changes));
    } else if (step.kind === "stall") socket.isStalled = true;
    else if (step.kind === "drain") socket.drain(step.bytes);
    else if (step.kind === "resume") socket.resume();
    else if (step.kind === "disconnect") client.reconnect();
    else socket.session.lookAfter();
  }

  checkMessages(): void {
    for (const { failures } of this.clients) if (failures.length > 0) throw failures[0];
  }

  /** Waits until nothing is under way any more, not even what a rate holds back, and looks at everything. */
  async checkQuiet(): Promise<void> {
    for (const { socket, subscriptions } of this.clients) {
      socket.resume();
      for (const subscription of subscriptions.values()) {
        const update = subscription.hurry();
        if (update) socket.request(update);
      }
    }
    for (let ms = 0; ms < 1_200; ms += 100) {
      await this.settle();
      vi.advanceTimersByTime(100);
    }
    await this.settle();
    this.checkMessages();
    for (const client of this.clients) {
      client.checkBounded();
      for (const subscription of client.subscriptions.values()) subscription.checkQuiet();
    }
  }

  /** Ends all connections; the hub must have forgotten them. */
  async close(): Promise<void> {
    for (const { socket } of this.clients) socket.close();
    await turn();
    for (const name of ["groups", "exactGroups", "matchers", "turns", "early"]) {
      const { size } = Reflect.get(this.hub, name) as ReadonlySet<unknown>;
      expect(size, `the hub's ${name}`).toBe(0);
    }
    expect(Reflect.get(this.hub, "wildcardGroups")).toEqual([]);
    const { metronome, lookUps, replayMemory } = this.hub;
    expect([metronome.size, lookUps.size, replayMemory.used], "left of replays").toEqual([0, 0, 0]);
  }

  // A subscription far behind takes many turns in which nothing is sent.
  private async settle(): Promise<void> {
    const frames = () => this.clients.reduce((sum, { socket }) => sum + socket.frames, 0);
    for (let idle = 0, seen = frames(); idle < 20; idle++) {
      await turn();
      if (frames() !== seen) idle = 0;
      seen = frames();
    }
  }

  private fromOf(drawn: DrawnFrom): Start {
    if (typeof drawn === "string" || "last" in drawn) return drawn;
    if ("agoMs" in drawn) return { time: Date.now() - drawn.agoMs };
    return { cursor: `${this.log.epoch}:${Math.max(0, this.log.head - drawn.back)}` };
  }
}

function readingOf({ device, position, n, ageMs }: Drawn): Reading {
  const values: Values = {};
  const name = devices[device];
  if (position && name !== undefined) Object.assign(values, { lat: position[0], lon: position[1] });
  if (n !== null) values["n"] = n;
  if (Object.keys(values).length === 0) values["batteryPct"] = 50;
  const time = Date.now() - ageMs;
  return name === undefined
    ? { domain: "energy", device: "m", time, values }
    : { domain: "gps", device: name, time, values };
}

const numRuns = Number(process.env["FIELDCAST_MODEL_RUNS"] ?? 400);
const seed = Number(process.env["FIELDCAST_MODEL_SEED"] ?? 20_261_122);

test(
  "whatever subscribers ask and however they read, each gets what the protocol promises",
  async () => {
    await fc.assert(
      fc.asyncProperty(world, async ({ batchMs, hasSmallRing, steps }) => {
        const log = hasSmallRing
          ? await openTestLog({ tailRecords: 12, latestCheckpointBytes: 200 }, { maxBytes: 800 })
          : await openTestLog();
        const model = new World(log, batchMs);
        try {
          for (const step of steps) {
            await model.run(step);
            model.checkMessages();
          }
          await model.checkQuiet();
          await model.close();
        } finally {
          model.hub.close();
          await log.close();
        }
      }),
      { numRuns, seed },
    );
  },
  numRuns * 1_000,
);
