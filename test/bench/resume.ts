import { performance } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { cpuSecondsOfAll, peakResidentKb } from "./cpu.ts";
import type { Figures, Run } from "./measure.ts";
import type { ResumeScenario } from "./scenarios.ts";

const lines = 10;
/** Readings a second while the dashboards are away. */
const missedPerSecond = 1_000;
const returnMs = 120_000;

/**
 * The dashboards' gateway is killed; readings come while they are away; it is killed again, so that it knows nothing of
 * them but its file; then all dashboards return in the same moment. The figures are of that return.
 */
export async function measureResume(
  { dashboards: members, devices, missed }: ResumeScenario,
  run: Run,
): Promise<Figures> {
  const { contestant, dashboards } = run;
  const kind = contestant.dashboards === "topics" ? "echo" : "fieldcast";
  await dashboards.ask("openHerd", { port: run.server.webSocketPort, kind, members, devices, lines });
  await dashboards.ask("holdHerd", null);
  run.server = await run.server.restart();
  if (kind === "fieldcast") {
    await publishMissed(run, devices, missed);
    await dashboards.ask("readLog", null);
    run.server = await run.server.restart();
  }
  const { pids } = run.server;
  const cpuBefore = cpuSecondsOfAll(pids);
  await dashboards.ask("releaseHerd", null);
  const missing = await untilComplete(run);
  const cpu = cpuSecondsOfAll(pids) - cpuBefore;
  const { subscribedMs, readMs } = await dashboards.ask("herdState", 0);
  return {
    caughtUp: Math.max(subscribedMs, readMs) / 1_000,
    subscribed: subscribedMs / 1_000,
    cpuSeconds: cpu,
    peakRss: peakResidentKb(pids[0]) / 1_024,
    lost: missing,
  };
}

async function publishMissed({ server, devices: publishers }: Run, devices: number, missed: number) {
  const load = { qos: 1, devices, lines, readingsPerSecond: missedPerSecond, burst: 1 } as const;
  await publishers.ask("openDevices", { port: server.mqttPort, kind: "mqtt", ...load });
  await publishers.ask("startPublishing", null);
  await sleep((missed / missedPerSecond) * 1_000);
  const { sent } = await publishers.ask("stopPublishing", null);
  while ((await publishers.ask("publishCounts", null)).acked < sent) await sleep(20);
  // The gateway's end would take the process with it.
  await publishers.child.end("SIGKILL");
}

/** Members that are not back, or lack something, when all are complete or the time is over. */
async function untilComplete({ dashboards }: Run): Promise<number> {
  const deadline = performance.now() + returnMs;
  for (;;) {
    const missing = await dashboards.ask("incompleteHerd", null);
    if (missing === 0 || performance.now() > deadline) return missing;
    await sleep(50);
  }
}
