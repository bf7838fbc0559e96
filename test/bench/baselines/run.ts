import { startAedes } from "./aedes.ts";
import { startWsEcho } from "./echo.ts";
import { batched, everything, type Fanout, type OnFeed } from "./fanout.ts";
import { connectRedis } from "./redis.ts";

/** What a baseline prints on stdout, as one line of JSON, when it is ready. */
export interface BaselineReady {
  readonly mqttPort: number;
  readonly webSocketPort: number;
}

export const baselines = [
  "aedes",
  "aedes-uws",
  "aedes-ws",
  "redis-ws",
  "uws",
  "uws-batched",
  "ws-echo",
] as const;
export type Baseline = (typeof baselines)[number];

const windowMs = 50;

/**
 * Runs a baseline in this process until its parent is gone. It answers every message with the readings it got.
 *
 * @param port where `ws-echo` listens, 0 for any; for `redis-ws` that of Redis
 */
export async function runBaseline(name: Baseline, port: number): Promise<void> {
  let ingested = 0;
  process.on("message", () => process.send?.({ answer: ingested }));
  process.on("disconnect", () => process.exit(0));
  let fanout: Fanout | null = null;
  const giveOut: OnFeed = (topic, payload) => {
    const frame = name === "aedes-ws" ? withTopic(topic, payload) : payload;
    fanout?.publish(topic, frame);
    fanout?.publish(everything, frame);
  };
  const forward = name === "redis-ws" ? connectRedis(port, giveOut).publish : giveOut;
  const take: OnFeed = (topic, payload) => {
    ingested++;
    forward(topic, payload);
  };
  fanout = await startFanout(name, take);
  const hasBroker = name.startsWith("aedes") || name === "redis-ws";
  const mqttPort = hasBroker ? await startAedes(take) : 0;
  const webSocketPort = name === "ws-echo" ? await startWsEcho(port) : (fanout?.port ?? 0);
  const ready: BaselineReady = { mqttPort, webSocketPort };
  process.stdout.write(`${JSON.stringify(ready)}\n`);
}

/** What a first version does: parse, put the topic in, write it as JSON again. */
function withTopic(topic: string, payload: Buffer): Buffer {
  const reading = JSON.parse(payload.toString()) as object;
  return Buffer.from(JSON.stringify({ topic, ...reading }));
}

async function startFanout(name: Baseline, onFeed: OnFeed): Promise<Fanout | null> {
  if (name === "aedes" || name === "ws-echo") return null;
  if (name.endsWith("-ws")) {
    const { startWsFanout } = await import("./ws.ts");
    return startWsFanout();
  }
  const { startUwsFanout } = await import("./uws.ts");
  const fanout = await startUwsFanout(onFeed);
  return name === "uws-batched" ? batched(fanout, windowMs) : fanout;
}
