import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import type { Insight, InsightContext } from "../../src/insights/insight.ts";
import type { Log } from "../../src/log/contract.ts";
import { SqliteEngine } from "../../src/log/engines/sqlite.ts";
import { openLog } from "../../src/log/log.ts";
import { silentLogger } from "../../src/observe/log.ts";
import { startInsights } from "../../src/pipeline/insight-runner.ts";
import { Child, roleArgs } from "./child.ts";
import { dayStart, type InsightDay } from "./insight-day.ts";
import { insightDays } from "./insight-days.ts";
import { formatNumber, formatTable } from "./table.ts";

/** Longer than any of the days, of which some are weeks, and room for all that insights make: nothing is to be evicted. */
const ring = { maxAgeMs: 100 * 86_400_000, maxBytes: 32 * 1024 ** 3 };

/** What an insight took for a day. */
interface InsightCost {
  readonly insight: string;
  readonly read: number;
  readonly made: number;
  /** Of all threads, and by the clock on the wall. */
  readonly cpuSeconds: number;
  readonly seconds: number;
}

/**
 * Measures how long insights take over a day of 1,000 devices, from SQLite, as after a start without a saved state; beside
 * it, what reading that log takes alone. Each day in a process of its own.
 * @param profileDir where V8's CPU profiles go, null for none
 * @returns one line of JSON per insight
 */
export async function benchInsights(profileDir: string | null): Promise<string[]> {
  process.stdout.write("\n── insights: a day of 1,000 devices from the log, without a saved state\n");
  const lines: string[] = [];
  for (const { name, rhythm } of insightDays) {
    const profile = profileDir === null ? [] : ["--cpu-prof", `--cpu-prof-dir=${profileDir}`];
    const child = new Child([...profile, ...roleArgs("insights")]);
    const costs = (await child.request({ day: name })) as InsightCost[];
    await child.ended();
    process.stdout.write(`\n${name}: ${rhythm}\n${costTable(costs)}\n`);
    lines.push(...costs.map((cost) => JSON.stringify({ bench: "insights", day: name, ...cost })));
  }
  return lines;
}

function costTable(costs: readonly InsightCost[]): string {
  const header = ["", "readings", "made", "CPU s", "µs CPU/reading", "s"];
  const rows = costs.map(({ insight, read, made, cpuSeconds, seconds }) => [
    insight,
    formatNumber(read),
    formatNumber(made),
    formatNumber(cpuSeconds),
    formatNumber((1e6 * cpuSeconds) / read),
    formatNumber(seconds),
  ]);
  return formatTable(header, rows);
}

/** Answers with the costs of the day it is asked for, and ends. */
export function runInsightsWorker(): void {
  process.on("message", async ({ day }: { day: string }) => {
    const known = insightDays.find(({ name }) => name === day);
    if (!known) throw new Error(`there is no day ${day}`);
    process.send?.({ answer: await measureDay(known) });
    process.disconnect();
  });
}

async function measureDay(day: InsightDay): Promise<InsightCost[]> {
  const folder = await mkdtemp(join(tmpdir(), "fieldcast-bench-"));
  // It goes on while an insight reads: one that stands still would have each commit wait for the next.
  const clock = new DayClock();
  const costs: InsightCost[] = [];
  try {
    const engine = new SqliteEngine({ path: join(folder, "log.db"), ...ring });
    const log = await openLog(engine, {}, clock, silentLogger);
    for (const { at, readings } of day.commits()) {
      clock.set(at);
      await log.append({ readings });
    }
    const { head } = log;
    const context = { timezone: null, files: new Map(), ...day.context };
    const filters = day.insights.flatMap(({ insight, settings }) => insight.reads(parse(insight, settings)));
    costs.push(await measure(log, head, nothing(filters), {}, context));
    for (const { insight, settings } of day.insights) {
      costs.push(await measure(log, head, insight, parse(insight, settings), context));
    }
    await log.close();
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  return costs;
}

/** Stands at the hour that it was set to, and goes on from there. */
class DayClock {
  #time = dayStart;
  #setAt = performance.now();

  now(): number {
    return this.#time + Math.floor(performance.now() - this.#setAt);
  }

  set(time: number): void {
    this.#time = time;
    this.#setAt = performance.now();
  }
}

function parse(insight: Insight, settings: object): unknown {
  const parsed = insight.settings.parse(settings);
  const problem = insight.problem?.(parsed) ?? null;
  if (problem !== null) throw new Error(`${insight.name}: ${problem}`);
  return parsed;
}

/** What reading the log takes alone. */
function nothing(filters: readonly string[]): Insight {
  return {
    name: "(the log alone)",
    description: "",
    onByDefault: false,
    settings: z.strictObject({}),
    writes: [],
    stateVersion: 1,
    reads: () => filters,
    start: () => null,
    create: () => ({ reduce: () => {} }),
  };
}

async function measure(
  log: Log,
  head: number,
  insight: Insight,
  settings: unknown,
  context: InsightContext,
): Promise<InsightCost> {
  const cpuBefore = process.cpuUsage();
  const start = performance.now();
  const runner = startInsights([{ insight, settings, context }], log, silentLogger, { tickMs: 20 });
  while ((runner.figures()[0]?.seq ?? 0) < head) await new Promise((resolve) => setTimeout(resolve, 20));
  // All that it made is stored then.
  await runner.close();
  const seconds = (performance.now() - start) / 1_000;
  const { user, system } = process.cpuUsage(cpuBefore);
  const { read = 0, made = 0, missed = 0, runs = false } = runner.figures()[0] ?? {};
  if (!runs || missed > 0) throw new Error(`${missed} missed\n${runner.warnings().join("\n")}`);
  return { insight: insight.name, read, made, seconds, cpuSeconds: (user + system) / 1e6 };
}
