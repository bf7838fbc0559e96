import { performance } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { LoadProcess } from "./child.ts";
import type { Contestant, Server } from "./contestants.ts";
import { cpuSeconds, cpuSecondsOfAll, residentKbOfAll, threadCpuSeconds } from "./cpu.ts";
import { measureResume } from "./resume.ts";
import type { FanoutScenario, IdleScenario, IngestScenario, RunScenario } from "./scenarios.ts";
import { measureStalled } from "./stalled.ts";

/** How long a run takes. */
export interface Windows {
  /** Between the start of the load and of the measurement. */
  readonly warmUpMs: number;
  readonly measuredMs: number;
  /** Given to memory to settle. */
  readonly settleMs: number;
}

/** Where runs at the same time wait for each other, so that they measure the same seconds. */
export class StartLine {
  #awaited: number;
  #start = () => {};
  readonly #started = new Promise<void>((resolve) => {
    this.#start = resolve;
  });

  /** @param runners how many there are */
  constructor(runners: number) {
    this.#awaited = runners;
  }

  /** Resolves when all have come. */
  come(): Promise<void> {
    if (--this.#awaited === 0) this.#start();
    return this.#started;
  }
}

/** Figures of one run, by the names of `units`. */
export type Figures = Readonly<Record<string, number>>;

/** Each figure's column, and what it is counted in as it stands in the JSON lines. */
export const units: Readonly<Record<string, { readonly column: string; readonly unit: string }>> = {
  cpuPerReading: { column: "µs CPU/reading", unit: "µs CPU/reading" },
  cpuPerDelivery: { column: "µs CPU/delivery", unit: "µs CPU/delivery" },
  caughtUp: { column: "s to catch up", unit: "s until all have caught up" },
  subscribed: { column: "s to subscribe", unit: "s until all are subscribed again" },
  cpuSeconds: { column: "CPU s", unit: "s CPU for the return" },
  peakRss: { column: "peak MB", unit: "MB peak resident memory" },
  ratioTen: { column: "p99 × with 10", unit: "p99 with ten stalled / p99 without" },
  ratioOne: { column: "with 1", unit: "p99 with one stalled / p99 without" },
  p50Ten: { column: "p50, 10", unit: "ms latency p50 with ten stalled" },
  p99Ten: { column: "p99, 10", unit: "ms latency p99 with ten stalled" },
  residentPerStalled: { column: "KB/stalled", unit: "KB resident memory/stalled dashboard" },
  kernelPerStalled: { column: "kernel KB", unit: "KB in the kernel's send buffer/stalled dashboard" },
  idle: { column: "KB/dashboard", unit: "KB/idle dashboard" },
  idleSome: { column: "of the first", unit: "KB/idle dashboard, of the first 1,000" },
  bytesPerDelivery: { column: "bytes", unit: "bytes on the wire/delivery" },
  framesPerDelivery: { column: "frames", unit: "frames/delivery" },
  p50: { column: "p50 ms", unit: "ms latency p50" },
  p99: { column: "p99 ms", unit: "ms latency p99" },
  held: { column: "held %", unit: "% of the rate held" },
  lost: { column: "lost", unit: "readings lost" },
  extra: { column: "extra", unit: "readings too many" },
  serverLoad: { column: "server %", unit: "% of a core, server" },
  mainLoad: { column: "main %", unit: "% of a core, the server's main thread" },
  nextLoad: { column: "next %", unit: "% of a core, the busiest other thread of the server" },
  generatorLoad: { column: "load %", unit: "% of a core, busiest load process" },
};

/** How long the first readings may take to arrive, and the last after the load has stopped. */
const arrivalMs = 15_000;

/** One run: a fresh server process, the load, the figures. Everything that it started has ended when it resolves. */
export async function measure(
  scenario: RunScenario,
  contestant: Contestant,
  windows: Windows,
  startLine = new StartLine(1),
): Promise<Figures> {
  const server = await contestant.start();
  const devices = new LoadProcess();
  const dashboards = new LoadProcess();
  const run = { server, contestant, windows, startLine, devices, dashboards };
  try {
    if (scenario.kind === "ingest") return await measureIngest(scenario, run);
    if (scenario.kind === "fanout") return await measureFanout(scenario, run);
    if (scenario.kind === "stalled") return await measureStalled(scenario, run);
    if (scenario.kind === "resume") return await measureResume(scenario, run);
    return await measureIdle(scenario, run);
  } finally {
    // The load first: it takes a server that hangs up for a failure.
    await Promise.all([devices.child.end("SIGKILL"), dashboards.child.end("SIGKILL")]);
    await run.server.stop();
  }
}

export interface Run {
  /** The one that runs now: a scenario may restart it. */
  server: Server;
  readonly contestant: Contestant;
  readonly windows: Windows;
  readonly startLine: StartLine;
  readonly devices: LoadProcess;
  readonly dashboards: LoadProcess;
}

async function measureIngest(scenario: IngestScenario, run: Run): Promise<Figures> {
  const { server, devices, windows, startLine } = run;
  await openDevices(scenario, run);
  await devices.ask("startPublishing", null);
  await sleep(windows.warmUpMs);
  await startLine.come();
  const before = await server.ingested();
  const clock = startClocks(run);
  await sleep(windows.measuredMs);
  const ingested = (await server.ingested()) - before;
  const { seconds, cpu, ...loads } = clock();
  const { sent } = await devices.ask("stopPublishing", null);
  const lost = await untilNone(async () => {
    const acked = scenario.qos === 0 ? sent : (await devices.ask("publishCounts", null)).acked;
    return sent - Math.min(acked, await server.ingested());
  });
  return {
    cpuPerReading: (cpu * 1e6) / ingested,
    held: held(ingested, scenario.readingsPerSecond, seconds),
    lost,
    ...loads,
  };
}

async function measureFanout(scenario: FanoutScenario, run: Run): Promise<Figures> {
  const { server, contestant, devices, dashboards, windows, startLine } = run;
  const { watch, aged, filters } = scenario;
  const kind = contestant.dashboards;
  const port = server.webSocketPort;
  await openDevices(scenario, run);
  const watching = { devices: scenario.devices, dashboards: scenario.dashboards, watch, aged };
  await dashboards.ask("openDashboards", { port, kind, ...watching, ...(filters ? { filters } : {}) });
  await devices.ask("startPublishing", null);
  await sleep(windows.warmUpMs);
  await firstReadings(scenario, run);
  await startLine.come();
  await dashboards.ask("startAging", null);
  const before = await dashboards.ask("readCounts", null);
  const clock = startClocks(run);
  await sleep(windows.measuredMs);
  const after = await dashboards.ask("readCounts", null);
  const { seconds, cpu, ...loads } = clock();
  const { p50Ms, p99Ms } = await dashboards.ask("stopAging", null);
  const { sent, sentByDevice } = await devices.ask("stopPublishing", null);
  let extra = 0;
  const lost = await untilNone(async () => {
    const acked = scenario.qos === 0 ? sent : (await devices.ask("publishCounts", null)).acked;
    const verdict = await dashboards.ask("verdict", sentByDevice);
    extra = verdict.extra;
    return verdict.lost + (sent - acked);
  });
  const deliveries = after.readings - before.readings;
  return {
    cpuPerDelivery: (cpu * 1e6) / deliveries,
    bytesPerDelivery: (after.bytes - before.bytes) / deliveries,
    framesPerDelivery: (after.frames - before.frames) / deliveries,
    p50: p50Ms,
    p99: p99Ms,
    held: held(deliveries, scenario.readingsPerSecond * receivers(scenario), seconds),
    lost,
    extra,
    ...loads,
  };
}

/** Dashboards that a reading goes to, on average. */
function receivers({ watch, dashboards, devices }: FanoutScenario): number {
  return watch === "device" ? dashboards / devices : dashboards;
}

/** A device's first readings say more than later ones: its topic's name, that it is there, and how often it is heard. */
const firstOfEach = 2;

/** Waits until as much has come as the first readings of all devices make. */
async function firstReadings(scenario: FanoutScenario, { dashboards }: Run): Promise<void> {
  const wanted = firstOfEach * scenario.devices * receivers(scenario);
  await untilNone(async () => Math.max(0, wanted - (await dashboards.ask("readCounts", null)).readings));
}

async function measureIdle({ some, dashboards: many }: IdleScenario, run: Run): Promise<Figures> {
  const { server, contestant, dashboards, windows } = run;
  const { dashboards: kind } = contestant;
  const few = { dashboards: 100, watch: "everything", devices: 1, aged: 1 } as const;
  const resident = async () => {
    await sleep(windows.settleMs);
    return residentKbOfAll(server.pids);
  };
  // The first ones pay for code and pools that the rest share.
  await dashboards.ask("openDashboards", { port: server.webSocketPort, kind, ...few });
  const before = await resident();
  await dashboards.ask("moreDashboards", some);
  const withSome = await resident();
  await dashboards.ask("moreDashboards", many - some);
  return { idle: ((await resident()) - before) / many, idleSome: (withSome - before) / some };
}

async function openDevices(scenario: IngestScenario | FanoutScenario, run: Run): Promise<void> {
  const { server, contestant, devices } = run;
  const { qos, readingsPerSecond, burst } = scenario;
  const port = contestant.feed === "mqtt" ? server.mqttPort : server.webSocketPort;
  const deep = scenario.kind === "fanout" && scenario.watch === "wild";
  const load = { qos, devices: scenario.devices, readingsPerSecond, burst, deep };
  await devices.ask("openDevices", { port, kind: contestant.feed, ...load });
}

/**
 * Starts the measured window; what it returns ends the window. Both are called right behind a count, so that the delay
 * of its answer cancels out.
 */
function startClocks({ server, devices, dashboards }: Run) {
  const generators = [devices.child.pid, dashboards.child.pid];
  const startedAt = performance.now();
  const cpuBefore = cpuSecondsOfAll(server.pids);
  const threadsBefore = threadCpuSeconds(server.pids[0]);
  const loadBefore = generators.map(cpuSeconds);
  return () => {
    const cpu = cpuSecondsOfAll(server.pids) - cpuBefore;
    const threads = threadCpuSeconds(server.pids[0]);
    const load = generators.map((pid, index) => cpuSeconds(pid) - (loadBefore[index] as number));
    const seconds = (performance.now() - startedAt) / 1_000;
    const used = (thread: number) => (threads.get(thread) ?? 0) - (threadsBefore.get(thread) ?? 0);
    const others = [...threads.keys()].filter((thread) => thread !== server.pids[0]);
    return {
      seconds,
      cpu,
      serverLoad: (100 * cpu) / seconds,
      mainLoad: (100 * used(server.pids[0])) / seconds,
      nextLoad: (100 * Math.max(0, ...others.map(used))) / seconds,
      generatorLoad: (100 * Math.max(...load)) / seconds,
    };
  };
}

function held(count: number, perSecond: number, seconds: number): number {
  return (100 * count) / (perSecond * seconds);
}

/** Asks until nothing is missing or the time is over; returns what is missing then. */
async function untilNone(missing: () => Promise<number>): Promise<number> {
  const deadline = performance.now() + arrivalMs;
  for (;;) {
    const count = await missing();
    if (count === 0 || performance.now() > deadline) return count;
    await sleep(20);
  }
}
