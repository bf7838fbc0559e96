import { startAedes } from "./aedes.ts";
import { startWsEcho } from "./echo.ts";
import { batched, everything, type Fanout, type OnFeed } from "./fanout.ts";

/** What a baseline prints on stdout, as one line of JSON, when it is ready. */
export interface BaselineReady {
  readonly mqttPort: number;
  readonly webSocketPort: number;
}

export const baselines = ["aedes", "aedes-uws", "uws", "uws-batched", "ws", "ws-batched", "ws-echo"] as const;
export type Baseline = (typeof baselines)[number];

const windowMs = 50;

/**
 * Runs a baseline in this process until its parent is gone. It answers every message with the readings it got.
 *
 * @param port where `ws-echo` listens, 0 for any
 */
export async function runBaseline(name: Baseline, port: number): Promise<void> {
  let ingested = 0;
  process.on("message", () => process.send?.({ answer: ingested }));
  process.on("disconnect", () => process.exit(0));
  let fanout: Fanout | null = null;
  const take: OnFeed = (topic, payload) => {
    ingested++;
    fanout?.publish(topic, payload);
    fanout?.publish(everything, payload);
  };
  fanout = await startFanout(name, take);
  const mqttPort = name.startsWith("aedes") ? await startAedes(take) : 0;
  const webSocketPort = name === "ws-echo" ? await startWsEcho(port) : (fanout?.port ?? 0);
  const ready: BaselineReady = { mqttPort, webSocketPort };
  process.stdout.write(`${JSON.stringify(ready)}\n`);
}

async function startFanout(name: Baseline, onFeed: OnFeed): Promise<Fanout | null> {
  if (name === "aedes" || name === "ws-echo") return null;
  if (name.startsWith("ws")) {
    const { startWsFanout } = await import("./ws.ts");
    const fanout = await startWsFanout(onFeed);
    return name === "ws" ? fanout : batched(fanout, windowMs);
  }
  const { startUwsFanout } = await import("./uws.ts");
  const fanout = await startUwsFanout(onFeed);
  return name === "uws-batched" ? batched(fanout, windowMs) : fanout;
}
