import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadConfig } from "../../src/app/load-config.ts";
import { allInsights } from "../../src/insights/registry.ts";
import type { Log } from "../../src/log/contract.ts";
import { SqliteEngine } from "../../src/log/engines/sqlite.ts";
import { openLog } from "../../src/log/log.ts";
import { matchesFilter } from "../../src/model/filter.ts";
import type { Reading } from "../../src/model/reading.ts";
import { silentLogger } from "../../src/observe/log.ts";
import { startInsights } from "../../src/pipeline/insight-runner.ts";

/** Seen from where `tsc` puts this file. */
const exampleFile = join(import.meta.dirname, "../../../config/insights.yaml");
const devices = 1_000;
const intervalMs = 60_000;
const dayMs = 24 * 3_600_000;
const began = Date.UTC(2026, 10, 22);

/**
 * How long insights take over a day of 1,000 devices, one reading a minute each, from SQLite: as after a start without a
 * saved state. Measured are those that read positions, with the settings of config/insights.yaml.
 * @returns one line of JSON per figure
 */
export async function benchInsights(): Promise<string[]> {
  const folder = await mkdtemp(join(tmpdir(), "fieldcast-bench-"));
  const clock = { time: began, now: () => clock.time };
  const open = () => openLog(new SqliteEngine({ path: join(folder, "log.db") }), {}, clock, silentLogger);
  const lines: string[] = [];
  try {
    const log = await open();
    await fill(log, clock);
    for (const { insight, settings } of measured()) {
      const { head } = log;
      const cpuBefore = process.cpuUsage();
      const start = performance.now();
      const context = { timezone: null, files: new Map() };
      const runner = startInsights([{ insight, settings, context }], log, silentLogger, { tickMs: 20 });
      while ((runner.figures()[0]?.seq ?? 0) < head) await new Promise((resolve) => setTimeout(resolve, 20));
      const seconds = (performance.now() - start) / 1_000;
      const { user, system } = process.cpuUsage(cpuBefore);
      const { read = 0, made = 0 } = runner.figures()[0] ?? {};
      const cpuMicrosPerReading = (user + system) / Math.max(1, read);
      lines.push(
        JSON.stringify({
          bench: "insights",
          insight: insight.name,
          read,
          made,
          seconds,
          cpuMicrosPerReading,
        }),
      );
      await runner.close();
    }
    await log.close();
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  return lines;
}

function measured() {
  const { insights } = loadConfig({ flags: {}, env: {}, file: exampleFile });
  return allInsights
    .map((insight) => {
      const { enabled: _, ...settings } = insights[insight.name] ?? { enabled: false };
      return { insight, settings };
    })
    .filter(({ insight, settings }) => {
      return insight.reads(settings).some((filter) => matchesFilter(filter, "gps/van-0"));
    });
}

/** Every device at its own second of the minute, committed second by second. */
async function fill(log: Log, clock: { time: number }): Promise<void> {
  for (let time = began; time < began + dayMs; time += intervalMs) {
    clock.time = time;
    const readings = Array.from({ length: devices }, (_, n) => readingOf(n, time));
    await log.append({ readings });
  }
}

function readingOf(device: number, time: number): Reading {
  const minute = (time - began) / intervalMs;
  const angle = minute / 100 + device;
  return {
    domain: "gps",
    device: `van-${device}`,
    time: time - (device % 60) * 1_000,
    values: {
      lat: 60 + Math.round(1e5 * Math.sin(angle)) / 1e6,
      lon: 25 + Math.round(1e5 * Math.cos(angle)) / 1e6,
      speedKmh: Math.round(500 * (1 + Math.sin(angle * 7))) / 10,
    },
  };
}
