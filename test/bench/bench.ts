import { cpus, loadavg, tmpdir } from "node:os";
import { parseArgs } from "node:util";
import { loadUws } from "../../src/stream/transports/uws.ts";
import { type ContestantName, contestant } from "./contestants.ts";
import { accountingProblem, openFilesLimit } from "./cpu.ts";
import { benchFormats } from "./formats-report.ts";
import { benchInsights } from "./insights.ts";
import { type Figures, measure, type Windows } from "./measure.ts";
import { resultLines, resultTable } from "./results.ts";
import { fitToOpenFiles, type Scenario, scenarios } from "./scenarios.ts";
import { benchStorage } from "./storage/report.ts";

const usage = `npm run bench -- [--quick] [--only <scenario>] [--repetitions <n>] [--cpu-prof <folder>]

  --quick        shorter windows, one run each: about two minutes in all
  --only         only this scenario; may be repeated. One of:
                 ${scenarios.map(({ name }) => name).join(", ")}, formats, storage, insights
  --repetitions  runs of each contestant in each scenario (3)
  --cpu-prof     run Fieldcast alone and write V8's CPU profiles to this folder
`;

interface Plan {
  readonly scenarios: readonly Scenario[];
  /** How often each message of the formats is measured; 0 for not at all. */
  readonly formatRounds: number;
  /** How much of the storage is measured, null for nothing. */
  readonly storage: "quick" | "whole" | null;
  readonly hasInsights: boolean;
  readonly repetitions: number;
  readonly windows: Windows;
  readonly profileDir: string | null;
}

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
  const missing = plan.scenarios.length > 0 ? missingLibrary() : new Set<ContestantName>();
  const lines: string[] = [];
  let hasLost = false;
  for (const scenario of plan.scenarios) {
    const runs = await runScenario(scenario, plan, missing);
    process.stdout.write(`${resultTable(scenario, runs)}\n`);
    lines.push(...resultLines(scenario, runs));
    const ours = [...(runs.get("fieldcast") ?? []), ...(runs.get("fieldcast-ws") ?? [])];
    hasLost ||= ours.some(({ lost = 0, extra = 0 }) => lost + extra > 0);
  }
  if (plan.formatRounds > 0) lines.push(...(await benchFormats(plan.formatRounds, plan.profileDir)));
  if (plan.storage !== null) lines.push(...(await benchStorage(plan.storage === "quick")));
  if (plan.hasInsights) lines.push(...(await benchInsights()));
  process.stdout.write(`\n${lines.join("\n")}\n`);
  if (hasLost)
    process.stderr.write("Fieldcast lost or repeated readings: see the columns `lost` and `extra`\n");
  return hasLost ? 1 : 0;
}

function readPlan(args: readonly string[]): Plan | string {
  const options = {
    quick: { type: "boolean", default: false },
    only: { type: "string", multiple: true, default: [] as string[] },
    repetitions: { type: "string" },
    "cpu-prof": { type: "string" },
  } as const;
  try {
    const { values } = parseArgs({ args: [...args], options });
    const known = ["formats", "storage", "insights", ...scenarios.map(({ name }) => name)];
    const unknown = values.only.find((name) => !known.includes(name));
    if (unknown !== undefined) return `there is no scenario ${unknown}\n\n${usage}`;
    const repetitions = Number(values.repetitions ?? (values.quick ? 1 : 3));
    if (!(Number.isInteger(repetitions) && repetitions > 0))
      return `--repetitions must be a whole number from 1\n\n${usage}`;
    const isChosen = (name: string) => values.only.length === 0 || values.only.includes(name);
    const chosen = scenarios.filter(({ name }) => isChosen(name));
    const openFiles = openFilesLimit();
    return {
      scenarios: chosen.map((scenario) => fitToOpenFiles(scenario, openFiles)),
      hasInsights: isChosen("insights"),
      formatRounds: isChosen("formats") ? repetitions * 7 : 0,
      storage: !isChosen("storage") ? null : values.quick ? "quick" : "whole",
      repetitions,
      windows: values.quick
        ? { warmUpMs: 1_000, measuredMs: 1_000, settleMs: 500 }
        : { warmUpMs: 1_500, measuredMs: 2_500, settleMs: 2_000 },
      profileDir: values["cpu-prof"] ?? null,
    };
  } catch (error) {
    return `${(error as Error).message}\n\n${usage}`;
  }
}

function printMachine({ repetitions, windows }: Plan): void {
  const [first] = cpus();
  process.stdout.write(
    `Node.js ${process.versions.node}, ${cpus().length} × ${first?.model ?? "unknown CPU"}, load ${loadavg()
      .map((load) => load.toFixed(1))
      .join(" ")}, log in ${tmpdir()}\n` +
      `${repetitions} run(s) each, ${windows.measuredMs / 1_000} s measured after ${windows.warmUpMs / 1_000} s of warm-up\n`,
  );
}

/** The contestants that need the native library where it does not load. */
function missingLibrary(): ReadonlySet<ContestantName> {
  try {
    loadUws();
    return new Set();
  } catch (error) {
    const reason = (error as Error).message.split("\n", 1)[0];
    process.stdout.write(
      `uWebSockets.js does not load here (${reason}): no run of aedes-uws, uws and uws-batched; Fieldcast serves with ws\n`,
    );
    return new Set(["aedes-uws", "uws", "uws-batched"]);
  }
}

/** Contestants take turns, each repetition in another order, so that what disturbs the machine disturbs all alike. */
async function runScenario(
  scenario: Scenario,
  { repetitions, windows, profileDir }: Plan,
  missing: ReadonlySet<ContestantName>,
): Promise<Map<ContestantName, Figures[]>> {
  process.stdout.write(`\n── ${scenario.name}: ${scenario.title}\n`);
  const able = scenario.contestants.filter((name) => !missing.has(name));
  const names = profileDir === null ? able : able.slice(0, 1);
  const runs = new Map<ContestantName, Figures[]>(names.map((name) => [name, []]));
  for (let repetition = 0; repetition < repetitions; repetition++) {
    const order = [...names.slice(repetition % names.length), ...names.slice(0, repetition % names.length)];
    for (const name of order) {
      runs.get(name)?.push(await measure(scenario, contestant(name, profileDir), windows));
    }
  }
  return runs;
}
