import { readFileSync } from "node:fs";
import { connectAsync, type MqttClient } from "mqtt";
import { afterEach, expect, it } from "vitest";
import { openFilesLimit } from "../bench/cpu.ts";
import type { HerdState } from "../bench/load/herd.ts";
import { herdTopic } from "../bench/load/herd.ts";
import { GatewayProcess } from "../support/gateway-process.ts";
import { LoadProcess } from "../support/load-process.ts";
import { StreamClient } from "../support/stream-client.ts";

const members = Number(process.env["FIELDCAST_HERD_SIZE"] ?? 5_000);
const lines = 10;
const devices = 200;
const readingsPerSecond = 200;
const opened: { dispose(): unknown }[] = [];

afterEach(async () => {
  for (const thing of opened.splice(0).reverse()) await thing.dispose();
});

/** One connection a line, which publishes for the line's devices in turn and resends by itself what got no PUBACK. */
class Fleet {
  acknowledged = 0;
  private sent = 0;
  private readonly pending = new Set<Promise<unknown>>();
  private readonly clients: readonly MqttClient[];
  private timer: NodeJS.Timeout | null = null;
  private isDisposed = false;

  private constructor(clients: readonly MqttClient[]) {
    this.clients = clients;
  }

  static async open(port: number): Promise<Fleet> {
    const clients = await Promise.all(
      Array.from({ length: lines }, (_, line) =>
        connectAsync(`mqtt://127.0.0.1:${port}`, { reconnectPeriod: 100, clientId: `line-${line}` }),
      ),
    );
    for (const client of clients) client.on("error", () => {});
    return new Fleet(clients);
  }

  start(): void {
    const startedAt = performance.now();
    this.timer = setInterval(() => {
      const due = ((performance.now() - startedAt) / 1_000) * readingsPerSecond;
      while (this.sent < due) this.publishOne(this.sent++);
    }, 20);
  }

  /** Resolves when everything that was published is acknowledged. */
  async stop(): Promise<void> {
    if (this.timer) clearInterval(this.timer);
    await Promise.all(this.pending);
  }

  dispose(): void {
    this.isDisposed = true;
    if (this.timer) clearInterval(this.timer);
    for (const client of this.clients) client.end(true);
  }

  private publishOne(n: number): void {
    const line = n % lines;
    const topic = `telemetry/${herdTopic(n % devices, lines)}`;
    const payload = JSON.stringify({ lat: 60.17 + (n % 1_000) / 1e5, lon: 24.94, speedKmh: n % 80, n });
    const publishing = this.untilAcknowledged(this.clients[line] as MqttClient, topic, payload).finally(() =>
      this.pending.delete(publishing),
    );
    this.pending.add(publishing);
  }

  // MQTT.js gives up what was published while it resends, if the connection closes meanwhile; a device would not.
  private async untilAcknowledged(client: MqttClient, topic: string, payload: string): Promise<void> {
    while (!this.isDisposed) {
      try {
        await client.publishAsync(topic, payload, { qos: 1 });
        this.acknowledged++;
        return;
      } catch {
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
  }
}

/** Milliseconds until someone new has the snapshot of a line, and until the next reading. */
async function newcomer(port: number): Promise<{ snapshotMs: number; liveMs: number }> {
  const from = performance.now();
  const client = await StreamClient.open(port);
  client.send({ type: "subscribe", id: 1, filter: "gps/line-3/+", from: "latest" });
  const { snapshot } = await client.next("subscribed");
  expect(snapshot).toHaveLength(devices / lines);
  const snapshotMs = performance.now() - from;
  await client.untilReadings(1, 1);
  client.close();
  return { snapshotMs, liveMs: performance.now() - from };
}

async function headOf(gateway: GatewayProcess): Promise<number> {
  const ready = await fetch(`http://127.0.0.1:${gateway.httpPort}/readyz`);
  return ((await ready.json()) as { head: number }).head;
}

/** Waits until the whole herd is back and has what it missed, while newcomers come one after the other. */
async function recovery(gateway: GatewayProcess, herd: LoadProcess): Promise<string> {
  const head = await headOf(gateway);
  const waits: { snapshotMs: number; liveMs: number }[] = [];
  const deadline = performance.now() + 90_000;
  let state: HerdState;
  do {
    waits.push(await newcomer(gateway.httpPort));
    state = await herd.ask("herdState", head);
    if (performance.now() > deadline) throw new Error(`the herd is not back: ${JSON.stringify(state)}`);
  } while (state.subscribed < members || state.reached < members);
  const worst = (times: readonly number[]) => Math.round(Math.max(...times));
  const status = readFileSync(`/proc/${gateway.pid}/status`, "utf8");
  const peakMb = Math.round(Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1]) / 1_024);
  return (
    `all ${members} subscribed again after ${Math.round(state.subscribedMs)} ms; ${waits.length} newcomers waited at ` +
    `most ${worst(waits.map(({ snapshotMs }) => snapshotMs))} ms for the snapshot and ` +
    `${worst(waits.map(({ liveMs }) => liveMs))} ms for the first reading; peak ${peakMb} MB`
  );
}

it(`${members} subscribers that a restart drops at once all resume, each reading once`, async ({
  annotate,
}) => {
  const spareFiles = 300;
  expect(
    openFilesLimit(),
    `this needs ${members + spareFiles} open files a process: raise \`ulimit -n\`, or set FIELDCAST_HERD_SIZE lower`,
  ).toBeGreaterThan(members + spareFiles);
  const gateway = new GatewayProcess(["transport=uws"]);
  opened.push(gateway);
  await gateway.start();
  const fleet = await Fleet.open(gateway.mqttPort);
  opened.push(fleet);
  const herd = new LoadProcess();
  opened.push(herd);
  const { httpPort: port } = gateway;
  await herd.ask("openHerd", { port, members, devices, lines });
  fleet.start();
  await expect.poll(() => fleet.acknowledged, { timeout: 10_000 }).toBeGreaterThan(devices);
  const rounds = [
    { name: "kill -9, uws", transport: "uws", end: () => gateway.kill() },
    { name: "SIGTERM, uws to ws", transport: "ws", end: () => gateway.stop() },
    { name: "kill -9, ws", transport: "ws", end: () => gateway.kill() },
  ];
  for (const { name, transport, end } of rounds) {
    await end();
    gateway.settings = [`transport=${transport}`];
    await gateway.start();
    await annotate(`${name}: ${await recovery(gateway, herd)}`);
  }
  await fleet.stop();
  await expect
    .poll(() => herd.ask("herdVerdict", null), { timeout: 30_000, interval: 500 })
    .toMatchObject({ wrong: 0 });
  const verdict = await herd.ask("herdVerdict", null);
  expect(verdict).toMatchObject({ wrong: 0, faults: [] });
  expect(verdict.readingsInLog).toBeGreaterThanOrEqual(fleet.acknowledged);
}, 300_000);
