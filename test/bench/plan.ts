import { parseArgs } from "node:util";
import type { ContestantName } from "./contestants.ts";
import { openFilesLimit } from "./cpu.ts";
import type { Windows } from "./measure.ts";
import { fitToOpenFiles, type Scenario, scenarios } from "./scenarios.ts";

const apart = ["formats", "storage", "storage-blocking", "storage-start", "insights"] as const;

const usage = `npm run bench -- [--quick] [--only <scenario>] [--with <contestant>] [--repetitions <n>] [--svg <file>]
                 [--warm-up <seconds>] [--together] [--set <key>=<value>] [--cpu-prof <folder>]

  --quick        shorter windows, one run each, fewer scenarios and contestants: about two minutes in all
  --only         only this scenario; may be repeated. One of:
                 ${[...scenarios.map(({ name }) => name), ...apart].join(", ")}
  --with         only this contestant; may be repeated
  --repetitions  runs of each contestant in each scenario (3)
  --warm-up      seconds of load before the measurement (20; with --quick 6)
  --together     all contestants of a scenario at the same time, each with its own load: for ratios of two
  --svg          draw the main scenarios into this file
  --set          a setting of Fieldcast, as \`fieldcast serve\` takes it; may be repeated
  --cpu-prof     run Fieldcast alone and write V8's CPU profiles to this folder
`;

export interface PlannedScenario {
  readonly scenario: Scenario;
  /** Those of its contestants that run. */
  readonly contestants: readonly ContestantName[];
}

/** What a run of the bench does. */
export interface Plan {
  readonly scenarios: readonly PlannedScenario[];
  /** How often each message of the formats is measured; 0 for not at all. */
  readonly formatRounds: number;
  /** How much of the storage is measured, null for nothing. */
  readonly storage: "quick" | "whole" | null;
  /** How long each thing beside a gateway's load goes on while its main thread is watched, milliseconds; 0 for not at all. */
  readonly blockingMs: number;
  /** Fills disks: only by name. */
  readonly start: "quick" | "whole" | null;
  readonly hasInsights: boolean;
  readonly repetitions: number;
  readonly windows: Windows;
  /** The contestants of a scenario run at the same time, not in turn. */
  readonly areTogether: boolean;
  /** Of Fieldcast, beside those of a scenario. */
  readonly settings: readonly string[];
  readonly profileDir: string | null;
  readonly svgFile: string | null;
  /** What `--quick` leaves out, in words. */
  readonly leftOut: readonly string[];
}

const options = {
  quick: { type: "boolean", default: false },
  only: { type: "string", multiple: true, default: [] as string[] },
  with: { type: "string", multiple: true, default: [] as string[] },
  set: { type: "string", multiple: true, default: [] as string[] },
  repetitions: { type: "string" },
  "warm-up": { type: "string" },
  together: { type: "boolean", default: false },
  svg: { type: "string" },
  "cpu-prof": { type: "string" },
} as const;

/** The plan that `args` ask for, or in words why there is none. */
export function readPlan(args: readonly string[]): Plan | string {
  try {
    const { values } = parseArgs({ args: [...args], options });
    const { quick, only } = values;
    const known: readonly string[] = [...apart, ...scenarios.map(({ name }) => name)];
    const unknown = only.find((name) => !known.includes(name));
    if (unknown !== undefined) return `there is no scenario ${unknown}\n\n${usage}`;
    const repetitions = Number(values.repetitions ?? (quick ? 1 : 3));
    if (!(Number.isInteger(repetitions) && repetitions > 0))
      return `--repetitions must be a whole number from 1\n\n${usage}`;
    const warmUpMs = Number(values["warm-up"] ?? (quick ? 6 : 20)) * 1_000;
    // Sooner than that, not every device has been heard.
    if (!(warmUpMs >= 2_000)) return `--warm-up must be 2 seconds or more\n\n${usage}`;
    const names = new Set<string>(scenarios.flatMap(({ contestants }) => contestants));
    const stranger = values.with.find((name) => !names.has(name));
    if (stranger !== undefined)
      return `there is no contestant ${stranger}, only ${[...names].join(", ")}\n\n${usage}`;
    const profileDir = values["cpu-prof"] ?? null;
    const wanted = profileDir === null ? values.with : ["fieldcast"];
    const isChosen = (name: string) =>
      only.length === 0 ? !quick || name === "formats" : only.includes(name);
    return {
      scenarios: choose(only, wanted, quick, openFilesLimit()),
      hasInsights: isChosen("insights"),
      formatRounds: isChosen("formats") ? repetitions * 7 : 0,
      storage: !isChosen("storage") ? null : quick ? "quick" : "whole",
      blockingMs: !isChosen("storage-blocking") ? 0 : quick ? 4_000 : 10_000,
      start: !only.includes("storage-start") ? null : quick ? "quick" : "whole",
      repetitions,
      windows: quick
        ? { warmUpMs, measuredMs: 2_000, settleMs: 500 }
        : { warmUpMs, measuredMs: 5_000, settleMs: 2_000 },
      areTogether: values.together,
      settings: values.set,
      profileDir,
      svgFile: values.svg ?? null,
      leftOut: quick && only.length === 0 ? leftOutByQuick() : [],
    };
  } catch (error) {
    return `${(error as Error).message}\n\n${usage}`;
  }
}

/** The scenarios that run. One that is asked for by name runs with `--quick` too. */
function choose(
  only: readonly string[],
  wanted: readonly string[],
  quick: boolean,
  openFiles: number,
): PlannedScenario[] {
  return scenarios.flatMap((scenario) => {
    const isNamed = only.includes(scenario.name);
    if (only.length > 0 ? !isNamed : quick && scenario.quick.length === 0) return [];
    const few = scenario.quick.length > 0 ? scenario.quick : scenario.contestants;
    const asked = quick && wanted.length === 0 ? few : scenario.contestants;
    const contestants = asked.filter((name) => wanted.length === 0 || wanted.includes(name));
    if (contestants.length === 0) return [];
    const fitting = fitToOpenFiles(scenario, openFiles);
    return [{ scenario: quick ? withEndsOnly(fitting) : fitting, contestants }];
  });
}

function withEndsOnly(scenario: Scenario): Scenario {
  if (scenario.kind !== "curve" || scenario.points.length < 3) return scenario;
  return { ...scenario, points: [...scenario.points.slice(0, 1), ...scenario.points.slice(-1)] };
}

function leftOutByQuick(): string[] {
  const whole = scenarios.filter(({ quick }) => quick.length === 0).map(({ name }) => name);
  const some = scenarios.flatMap(({ name, quick, contestants }) => {
    const absent = contestants.filter((one) => !quick.includes(one));
    return quick.length > 0 && absent.length > 0 ? [`of ${name} ${absent.join(", ")}`] : [];
  });
  return [...whole, "storage", "storage-blocking", "insights", ...some];
}
