import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { LoadProcess } from "./child.ts";
import { residentKbOfAll } from "./cpu.ts";
import type { Figures, Run } from "./measure.ts";
import type { StalledScenario } from "./scenarios.ts";
import { median } from "./table.ts";

/** Readings in the log that the stalled ones ask for, over and over, so that each is filled in a moment. */
const storedReadings = 30_000;
const storedPerSecond = 10_000;
const subscriptions = 60;
const cycles = 3;
const stalledCounts = [0, 1, 10] as const;

/**
 * Healthy dashboards' latencies without stalled ones beside them, with one and with ten, in turn, several times over. The
 * windows begin with the moment in which the stalled ones come.
 */
export async function measureStalled(scenario: StalledScenario, run: Run): Promise<Figures> {
  const { server, devices, dashboards, windows } = run;
  const port = server.webSocketPort;
  await store(run);
  const load = { qos: 0, devices: scenario.devices, readingsPerSecond: scenario.readingsPerSecond } as const;
  await devices.ask("openDevices", { port: server.mqttPort, kind: "mqtt", burst: 1, ...load });
  const healthy = { dashboards: scenario.dashboards, devices: scenario.devices, aged: 50 };
  await dashboards.ask("openDashboards", { port, kind: "fieldcast", watch: "everything", ...healthy });
  await devices.ask("startPublishing", null);
  await sleep(windows.warmUpMs);
  const ready = (await (await fetch(`http://127.0.0.1:${port}/readyz`)).json()) as { epoch: string };
  const p50s = stalledCounts.map((): number[] => []);
  const p99s = stalledCounts.map((): number[] => []);
  const residents = stalledCounts.map((): number[] => []);
  const kernel: number[] = [];
  for (let cycle = 0; cycle < cycles; cycle++) {
    for (const [index, count] of stalledCounts.entries()) {
      await dashboards.ask("startAging", null);
      await dashboards.ask("openStalled", { port, count, subscriptions, epoch: ready.epoch });
      await sleep(windows.measuredMs);
      const { p50Ms, p99Ms } = await dashboards.ask("stopAging", null);
      p50s[index]?.push(p50Ms);
      p99s[index]?.push(p99Ms);
      residents[index]?.push(residentKbOfAll(server.pids));
      if (count === 10) kernel.push(unreadBytes(port) / count / 1_024);
      await dashboards.ask("dropStalled", null);
    }
  }
  const [p99 = 0, p99One = 0, p99Ten = 0] = p99s.map(median);
  const [p50 = 0, , p50Ten = 0] = p50s.map(median);
  const [residentNone = 0, , residentTen = 0] = residents.map(median);
  const { sentByDevice } = await devices.ask("stopPublishing", null);
  await sleep(windows.settleMs);
  const { lost, extra } = await dashboards.ask("verdict", sentByDevice);
  return {
    ratioTen: p99Ten / p99,
    ratioOne: p99One / p99,
    p50,
    p99,
    p50Ten,
    p99Ten,
    residentPerStalled: (residentTen - residentNone) / 10,
    kernelPerStalled: median(kernel),
    lost,
    extra,
  };
}

async function store({ server }: Run): Promise<void> {
  const devices = new LoadProcess();
  const load = { qos: 1, devices: 20, readingsPerSecond: storedPerSecond, burst: 10 } as const;
  await devices.ask("openDevices", { port: server.mqttPort, kind: "mqtt", ...load });
  await devices.ask("startPublishing", null);
  await sleep((storedReadings / storedPerSecond) * 1_000);
  const { sent } = await devices.ask("stopPublishing", null);
  while ((await devices.ask("publishCounts", null)).acked < sent) await sleep(20);
  await devices.child.end("SIGKILL");
}

/** Bytes that the kernel holds for connections of this port and nobody has acknowledged (`man 5 proc`, /proc/net/tcp). */
function unreadBytes(port: number): number {
  const local = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  let bytes = 0;
  for (const table of ["/proc/net/tcp", "/proc/net/tcp6"]) {
    for (const line of readFileSync(table, "utf8").split("\n").slice(1)) {
      const [, own = "", , , queues = ""] = line.trim().split(/\s+/);
      if (own.endsWith(local)) bytes += Number.parseInt(queues.split(":", 1)[0] ?? "", 16) || 0;
    }
  }
  return bytes;
}
