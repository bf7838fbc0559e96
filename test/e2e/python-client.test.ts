import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { connect as connectMqtt, type MqttClient } from "mqtt";
import { afterEach, describe, expect, it } from "vitest";
import { pythonArgs, pythonPath } from "../python/python.ts";
import { GatewayProcess } from "../support/gateway-process.ts";
import { StreamClient } from "../support/stream-client.ts";
import { TcpProxy } from "../support/tcp-proxy.ts";

const total = 3_000;
const start = Date.UTC(2026, 10, 22, 10);
const opened: { dispose(): unknown }[] = [];

afterEach(async () => {
  for (const thing of opened.splice(0).reverse()) await thing.dispose();
});

interface PrintedReading {
  readonly seq: number;
  readonly topic: string;
  readonly time: string;
  readonly values: Readonly<Record<string, unknown>>;
}

interface PrintedLine extends Partial<PrintedReading> {
  readonly snapshot?: readonly PrintedReading[];
  readonly gap?: { readonly reason: string; readonly from: number | null; readonly to: number | null };
}

/** `follow.py` as a process: what it printed, and what it said on standard error. */
class Follower {
  readonly lines: PrintedLine[] = [];
  readonly remarks: string[] = [];
  private readonly child: ChildProcess;

  constructor(port: number, ...args: readonly string[]) {
    this.child = spawn(pythonPath(), pythonArgs("follow.py", "--port", String(port), ...args), {
      stdio: ["ignore", "pipe", "pipe"],
    });
    const { stdout, stderr } = this.child;
    if (stdout) {
      createInterface({ input: stdout }).on("line", (line) =>
        this.lines.push(JSON.parse(line) as PrintedLine),
      );
    }
    if (stderr) createInterface({ input: stderr }).on("line", (line) => this.remarks.push(line));
    opened.push(this);
  }

  get readings(): PrintedReading[] {
    return this.lines.filter((line): line is PrintedReading => line.seq !== undefined);
  }

  heard(type: string): number {
    return this.remarks.filter((remark) => remark === `message ${type}`).length;
  }

  /** Resolves to the exit code. */
  async untilEnded(): Promise<number | null> {
    if (this.child.exitCode === null) await once(this.child, "close");
    return this.child.exitCode;
  }

  async dispose(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    this.child.kill("SIGKILL");
    await once(this.child, "exit");
  }
}

async function startGateway(...settings: readonly string[]): Promise<GatewayProcess> {
  const gateway = new GatewayProcess(settings);
  opened.push(gateway);
  await gateway.start();
  return gateway;
}

function startDevice(gateway: GatewayProcess): MqttClient {
  const device = connectMqtt(`mqtt://127.0.0.1:${gateway.mqttPort}`, {
    reconnectPeriod: 100,
    clientId: "device",
  });
  device.on("error", () => {});
  opened.push({ dispose: () => device.endAsync(true) });
  return device;
}

async function publish(device: MqttClient, n: number, van: number): Promise<void> {
  // Speeds with two decimals and with more, so that both spellings of a scaled number are met.
  const values = {
    lat: 60.17 + n / 1e6,
    lon: -24.94,
    speedKmh: n / 7,
    doors: n % 2 === 0,
    note: "käynnissä",
  };
  const time = new Date(start + n).toISOString();
  const payload = JSON.stringify({ ...values, n, time });
  await device.publishAsync(`telemetry/gps/van-${van}`, payload, { qos: 1 });
}

async function publishAll(device: MqttClient): Promise<void> {
  const perStep = 10;
  for (let n = 0; n < total; n += perStep) {
    await Promise.all(Array.from({ length: perStep }, (_, k) => publish(device, n + k, k)));
    await pause(25);
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Kills the gateway, cuts the wire and lets it go dead, over and over until `done`. Returns how many rounds there were. */
async function harass(gateway: GatewayProcess, proxy: TcpProxy, done: () => boolean): Promise<number> {
  let rounds = 0;
  while (!done()) {
    await gateway.kill();
    await gateway.start();
    await pause(300);
    proxy.cut();
    await pause(300);
    proxy.goSilent();
    // Longer than the client believes in a silent connection.
    await pause(900);
    proxy.recover();
    await pause(300);
    rounds++;
  }
  return rounds;
}

/** Every reading in the log, as a client of ours reads it in one go. */
async function wholeLog(gateway: GatewayProcess): Promise<PrintedReading[]> {
  const { head, epoch } = await readiness(gateway);
  const client = await StreamClient.open(gateway.httpPort);
  client.send({ type: "subscribe", id: 1, filter: "gps/#", from: { cursor: `${epoch}:0` } });
  const readings = await client.untilReadings(1, head);
  client.close();
  return readings.map((reading) => ({ ...reading, time: new Date(reading.time).toISOString() }));
}

async function readiness(gateway: GatewayProcess): Promise<{ head: number; epoch: string }> {
  const answer = await fetch(`http://127.0.0.1:${gateway.httpPort}/readyz`);
  return (await answer.json()) as { head: number; epoch: string };
}

const combinations = ["uws", "ws"].flatMap((transport) =>
  ["msgpack", "json"].map((protocol) => ({ transport, protocol })),
);

describe.each(combinations)("the Python client, $protocol over $transport", ({ transport, protocol }) => {
  it("prints each reading once and in order while the gateway is killed and the wire is cut", async () => {
    const gateway = await startGateway(`transport=${transport}`, "stream.heartbeatMs=300");
    const proxy = await TcpProxy.open(() => gateway.httpPort);
    opened.push({ dispose: () => proxy.close() });
    const { epoch } = await readiness(gateway);
    const args = ["--filter", "gps/+", "--protocol", protocol, "--cursor", `${epoch}:0`];
    const follower = new Follower(proxy.port, ...args, "--max-backoff-s", "0.5", "--timeout-s", "1");
    const device = startDevice(gateway);
    let published = false;
    const publishing = publishAll(device).finally(() => {
      published = true;
    });
    const rounds = await harass(gateway, proxy, () => published);
    await publishing;
    const log = await wholeLog(gateway);
    await expect.poll(() => follower.readings.length, { timeout: 30_000 }).toBeGreaterThanOrEqual(log.length);
    expect(follower.lines).toEqual(log);
    // What got no PUBACK is sent again, so a number may stand in the log twice, but none may lack.
    expect(new Set(log.map(({ values }) => values["n"])).size).toBe(total);
    expect(rounds).toBeGreaterThan(1);
    expect(follower.remarks.filter((remark) => remark.includes("again from")).length).toBeGreaterThan(rounds);
  });

  it("puts a snapshot of several parts together, stays through pings, and is live behind it", async () => {
    const settings = ["stream.heartbeatMs=500", "stream.silentMs=1500"];
    const gateway = await startGateway(`transport=${transport}`, ...settings);
    const device = startDevice(gateway);
    const vans = Array.from({ length: 1_500 }, (_, van) => van);
    await Promise.all(vans.map((van) => publish(device, van, van)));
    const follower = new Follower(gateway.httpPort, "--protocol", protocol, "--trace");
    await expect.poll(() => follower.lines.length, { timeout: 10_000 }).toBe(1);
    const topics = follower.lines[0]?.snapshot?.map(({ topic }) => topic);
    expect(topics?.sort()).toEqual(vans.map((van) => `gps/van-${van}`).sort());
    expect(follower.heard("snapshot")).toBeGreaterThan(1);
    // More than twice as long as the gateway keeps who answers no ping.
    const before = follower.heard("heartbeat");
    await expect.poll(() => follower.heard("heartbeat"), { timeout: 20_000 }).toBeGreaterThan(before + 8);
    await publish(device, 77, 3);
    await expect
      .poll(() => follower.readings.map(({ values }) => values["n"]), { timeout: 10_000 })
      .toEqual([77]);
    expect(follower.remarks.filter((remark) => remark.includes("again from"))).toEqual([]);
  });
});

describe("the Python client", () => {
  it("prints the gap of a log that was lost, then the snapshot that fills it", async () => {
    const gateway = await startGateway();
    await publish(startDevice(gateway), 5, 1);
    const follower = new Follower(gateway.httpPort, "--cursor", "anotherlife:12");
    await expect.poll(() => follower.lines.length, { timeout: 10_000 }).toBe(2);
    expect(follower.lines[0]).toEqual({ gap: { reason: "epoch", from: null, to: null } });
    expect(follower.lines[1]?.snapshot?.map(({ values }) => values["n"])).toEqual([5]);
  });

  it("gives up when the gateway says that trying again would fail again", async () => {
    const gateway = await startGateway();
    const follower = new Follower(gateway.httpPort, "--filter", "gps/#/x");
    expect(await follower.untilEnded()).toBe(1);
    expect(follower.remarks.join("\n")).toContain("given up: bad-filter: ");
  });
});
