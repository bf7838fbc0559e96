import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { connect as connectMqtt, type MqttClient } from "mqtt";
import { describe, it, type TestContext } from "vitest";
import { pythonArgs, pythonPath } from "../python/python.ts";
import { GatewayProcess } from "../support/gateway-process.ts";
import { StreamClient } from "../support/stream-client.ts";
import { TcpProxy } from "../support/tcp-proxy.ts";

/** How often the client is cut off in each of the ways. */
const rounds = 3;
const start = Date.UTC(2026, 10, 22, 10);

/** Takes what is to be ended with a test: tests run side by side. */
type Finished = TestContext["onTestFinished"];

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

  constructor(finished: Finished, port: number, ...args: readonly string[]) {
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
    finished(() => this.dispose());
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

async function startGateway(finished: Finished, ...settings: readonly string[]): Promise<GatewayProcess> {
  const gateway = new GatewayProcess(settings);
  finished(() => gateway.dispose());
  await gateway.start();
  return gateway;
}

function startDevice(finished: Finished, gateway: GatewayProcess): MqttClient {
  const device = connectMqtt(`mqtt://127.0.0.1:${gateway.mqttPort}`, {
    reconnectPeriod: 100,
    clientId: "device",
  });
  device.on("error", () => {});
  finished(() => device.endAsync(true));
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

interface Publishing {
  isDone: boolean;
  /** Readings that are acknowledged. */
  count: number;
}

/** Publishes numbered readings until it is done, and waits for their acknowledgements. */
async function publishOn(device: MqttClient, publishing: Publishing): Promise<void> {
  const perStep = 10;
  for (let n = 0; !publishing.isDone; n += perStep) {
    await Promise.all(Array.from({ length: perStep }, (_, k) => publish(device, n + k, k)));
    publishing.count += perStep;
    await pause(25);
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Kills the gateway, cuts the wire and lets it go dead, over and over, and lets readings be published in between. */
async function harass(gateway: GatewayProcess, proxy: TcpProxy, publishing: Publishing): Promise<void> {
  for (let round = 0; round < rounds; round++) {
    const before = publishing.count;
    while (publishing.count === before) await pause(10);
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
  }
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

describe.concurrent.each(combinations)(
  "the Python client, $protocol over $transport",
  ({ transport, protocol }) => {
    it("prints each reading once and in order while the gateway is killed and the wire is cut", async ({
      expect,
      onTestFinished,
    }) => {
      const gateway = await startGateway(onTestFinished, `transport=${transport}`, "stream.heartbeatMs=300");
      const proxy = await TcpProxy.open(() => gateway.httpPort);
      onTestFinished(() => proxy.close());
      const { epoch } = await readiness(gateway);
      const args = ["--filter", "gps/+", "--protocol", protocol, "--cursor", `${epoch}:0`];
      const follower = new Follower(
        onTestFinished,
        proxy.port,
        ...args,
        "--max-backoff-s",
        "0.5",
        "--timeout-s",
        "1",
      );
      const device = startDevice(onTestFinished, gateway);
      const publishing = { isDone: false, count: 0 };
      const published = publishOn(device, publishing);
      await harass(gateway, proxy, publishing).finally(() => {
        publishing.isDone = true;
      });
      await published;
      const log = await wholeLog(gateway);
      await expect
        .poll(() => follower.readings.length, { timeout: 30_000 })
        .toBeGreaterThanOrEqual(log.length);
      expect(follower.lines).toEqual(log);
      // What got no PUBACK is sent again, so a number may stand in the log twice, but none may lack.
      expect(new Set(log.map(({ values }) => values["n"])).size).toBe(publishing.count);
      expect(follower.remarks.filter((remark) => remark.includes("again from")).length).toBeGreaterThan(
        rounds,
      );
    });

    it("puts a snapshot of several parts together, stays through pings, and is live behind it", async ({
      expect,
      onTestFinished,
    }) => {
      const settings = ["stream.heartbeatMs=1000", "stream.silentMs=2000"];
      const gateway = await startGateway(onTestFinished, `transport=${transport}`, ...settings);
      const device = startDevice(onTestFinished, gateway);
      const vans = Array.from({ length: 1_500 }, (_, van) => van);
      await Promise.all(vans.map((van) => publish(device, van, van)));
      const follower = new Follower(onTestFinished, gateway.httpPort, "--protocol", protocol, "--trace");
      await expect.poll(() => follower.lines.length, { timeout: 10_000 }).toBe(1);
      const topics = follower.lines[0]?.snapshot?.map(({ topic }) => topic);
      expect(topics?.sort()).toEqual(vans.map((van) => `gps/van-${van}`).sort());
      expect(follower.heard("snapshot")).toBeGreaterThan(1);
      // More than twice as long as the gateway keeps who answers no ping.
      const before = follower.heard("heartbeat");
      await expect.poll(() => follower.heard("heartbeat"), { timeout: 20_000 }).toBeGreaterThan(before + 4);
      await publish(device, 77, 3);
      await expect
        .poll(() => follower.readings.map(({ values }) => values["n"]), { timeout: 10_000 })
        .toEqual([77]);
      expect(follower.remarks.filter((remark) => remark.includes("again from"))).toEqual([]);
    });
  },
);

describe.concurrent("the Python client", () => {
  it("prints the gap of a log that was lost, then the snapshot that fills it", async ({
    expect,
    onTestFinished,
  }) => {
    const gateway = await startGateway(onTestFinished);
    await publish(startDevice(onTestFinished, gateway), 5, 1);
    const follower = new Follower(onTestFinished, gateway.httpPort, "--cursor", "anotherlife:12");
    await expect.poll(() => follower.lines.length, { timeout: 10_000 }).toBe(2);
    expect(follower.lines[0]).toEqual({ gap: { reason: "epoch", from: null, to: null } });
    expect(follower.lines[1]?.snapshot?.map(({ values }) => values["n"])).toEqual([5]);
  });

  it("gives up when the gateway says that trying again would fail again", async ({
    expect,
    onTestFinished,
  }) => {
    const gateway = await startGateway(onTestFinished);
    const follower = new Follower(onTestFinished, gateway.httpPort, "--filter", "gps/#/x");
    expect(await follower.untilEnded()).toBe(1);
    expect(follower.remarks.join("\n")).toContain("given up: bad-filter: ");
  });
});
