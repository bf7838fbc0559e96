import { writeFileSync } from "node:fs";
import { cpus, loadavg, tmpdir } from "node:os";
import { loadUws } from "../../src/stream/transports/uws.ts";
import { type ContestantName, contestant } from "./contestants.ts";
import { accountingProblem } from "./cpu.ts";
import { benchFormats } from "./formats-report.ts";
import { goalLines, goalTable, judge } from "./goals.ts";
import { benchInsights } from "./insights.ts";
import { findProgram, type Installed, programs } from "./installed.ts";
import { type Figures, measure, StartLine } from "./measure.ts";
import { drawPicture, panelsOf } from "./picture.ts";
import { type Plan, type PlannedScenario, readPlan } from "./plan.ts";
import { doubtfulRows, type Runs, resultLines, resultTable } from "./results.ts";
import { type Row, rowsOf } from "./rows.ts";
import { benchBlocking } from "./storage/blocking.ts";
import { benchStorage } from "./storage/report.ts";
import { benchStart } from "./storage/start.ts";

/** Runs the bench as `args` ask. Returns the exit code: 0 done, 1 Fieldcast lost readings, 2 wrong use or system. */
export async function runBench(args: readonly string[]): Promise<number> {
  const plan = readPlan(args);
  const problem = typeof plan === "string" ? plan : plan.scenarios.length > 0 ? accountingProblem() : null;
  if (typeof plan === "string" || problem !== null) {
    process.stderr.write(`${problem}\n`);
    return 2;
  }
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => process.exit(130));
  printMachine(plan);
  const missing = missingContestants(plan);
  const lines: string[] = [];
  const results = new Map<string, Runs>();
  for (const planned of plan.scenarios) {
    const { scenario } = planned;
    const runs = await runScenario(planned, plan, missing);
    process.stdout.write(`${resultTable(scenario, runs)}\n`);
    lines.push(...resultLines(scenario, runs));
    results.set(scenario.name, runs);
  }
  if (plan.formatRounds > 0) lines.push(...(await benchFormats(plan.formatRounds, plan.profileDir)));
  if (plan.storage !== null) lines.push(...(await benchStorage(plan.storage === "quick")));
  if (plan.blockingMs > 0) lines.push(...(await benchBlocking(plan.blockingMs)));
  if (plan.start !== null) lines.push(...(await benchStart(plan.start === "quick")));
  if (plan.hasInsights) lines.push(...(await benchInsights(plan.profileDir)));
  const outcomes = judge(results);
  lines.push(...goalLines(outcomes));
  process.stdout.write(`\n${lines.join("\n")}\n`);
  if (outcomes.length > 0) process.stdout.write(`\n${goalTable(outcomes)}\n`);
  if (plan.svgFile !== null) writePicture(plan.svgFile, plan, results);
  return printDoubts(plan, results) ? 1 : 0;
}

/** Prints what must be known of the figures. Returns whether Fieldcast has lost readings, or repeated some. */
function printDoubts(plan: Plan, results: ReadonlyMap<string, Runs>): boolean {
  const doubts = [...results].flatMap(([name, runs]) => doubtfulRows(name, runs));
  if (doubts.length > 0) process.stdout.write(`\nDoubt these rows:\n${doubts.join("\n")}\n`);
  if (plan.leftOut.length > 0) process.stdout.write(`\nLeft out by --quick: ${plan.leftOut.join("; ")}\n`);
  const hasLost = [...results.values()].some((runs) =>
    [...runs].some(
      ([{ contestant: name }, figures]) =>
        name.startsWith("fieldcast") && figures.some(({ lost = 0, extra = 0 }) => lost + extra > 0),
    ),
  );
  if (hasLost)
    process.stderr.write("Fieldcast lost or repeated readings: see the columns `lost` and `extra`\n");
  return hasLost;
}

function writePicture(file: string, { repetitions }: Plan, results: ReadonlyMap<string, Runs>): void {
  const panels = panelsOf(results);
  if (panels.length === 0) {
    process.stdout.write("\nno picture: none of its scenarios was measured\n");
    return;
  }
  const [first] = cpus();
  const of = repetitions === 1 ? "one run" : `medians of ${repetitions} runs`;
  const machine = `Node.js ${process.versions.node}, ${cpus().length} × ${first?.model ?? "CPU"}`;
  const note = `${of}, ${machine}. Fieldcast stores, normalizes and replays; the others do not.`;
  writeFileSync(file, drawPicture(panels, note));
}

function printMachine({ repetitions, windows, areTogether }: Plan): void {
  const [first] = cpus();
  process.stdout.write(
    `Node.js ${process.versions.node}, ${cpus().length} × ${first?.model ?? "unknown CPU"}, load ${loadavg()
      .map((load) => load.toFixed(1))
      .join(" ")}, log in ${tmpdir()}\n` +
      `${repetitions} run(s) each, ${windows.measuredMs / 1_000} s measured after ${windows.warmUpMs / 1_000} s of warm-up${areTogether ? ", the contestants of a scenario at the same time" : ""}\n`,
  );
}

/** The planned contestants that cannot run here; says why. */
function missingContestants({ scenarios }: Plan): ReadonlySet<ContestantName> {
  const missing = new Set<ContestantName>();
  const planned = new Set(scenarios.flatMap(({ contestants }) => contestants));
  const leaveOut = (reason: string, names: readonly ContestantName[]) => {
    const absent = names.filter((name) => planned.has(name));
    for (const name of absent) missing.add(name);
    if (absent.length > 0) process.stdout.write(`left out: ${absent.join(", ")} (${reason})\n`);
  };
  for (const name of Object.keys(programs) as Installed[]) {
    const program = programs[name];
    if (findProgram(name) === null)
      leaveOut(`${program} is not installed; Debian: apt-get install ${program}`, [name]);
  }
  try {
    loadUws();
  } catch (error) {
    const reason = (error as Error).message.split("\n", 1)[0];
    leaveOut(`uWebSockets.js does not load: ${reason}`, ["aedes-uws", "uws", "uws-batched"]);
  }
  return missing;
}

/**
 * Rows take turns, each repetition in another order, so that what disturbs the machine disturbs all alike; or those of one scenario run
 * together.
 */
async function runScenario(
  { scenario, contestants }: PlannedScenario,
  { repetitions, windows, areTogether, profileDir, settings }: Plan,
  missing: ReadonlySet<ContestantName>,
): Promise<Runs> {
  process.stdout.write(`\n── ${scenario.name}: ${scenario.title}\n`);
  const able = contestants.filter((name) => !missing.has(name));
  const rows = rowsOf(scenario, able);
  const runs = new Map(rows.map((row) => [row, [] as Figures[]]));
  const options = { settings: [...(scenario.settings ?? []), ...settings], profileDir };
  for (let repetition = 0; repetition < repetitions; repetition++) {
    const first = repetition % Math.max(1, rows.length);
    const inOrder = [...rows.slice(first), ...rows.slice(0, first)];
    for (const together of areTogether ? sameScenario(inOrder) : inOrder.map((row) => [row])) {
      const startLine = new StartLine(together.length);
      const measured = together.map(async (row) => {
        const figures = await measure(row.scenario, contestant(row.contestant, options), windows, startLine);
        runs.get(row)?.push(figures);
      });
      await Promise.all(measured);
    }
  }
  return runs;
}

/** Rows by what is run: of a curve each point is a scenario. */
function sameScenario(rows: readonly Row[]): Row[][] {
  return [...new Set(rows.map(({ scenario }) => scenario))].map((scenario) =>
    rows.filter((row) => row.scenario === scenario),
  );
}
