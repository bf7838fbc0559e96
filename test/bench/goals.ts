import type { ContestantName } from "./contestants.ts";
import type { Figures } from "./measure.ts";
import { doubtsOf, type Runs, ratioOf, summarize } from "./results.ts";
import { formatNumber, formatTable } from "./table.ts";

/** The bench's own mark in a reading is 16 letters and their header, and no part of what is promised. */
const markerBytes = 17;

/** What counts as no growth: less would be lost in the noise of two runs. */
const growth = 1.1;

/** What Fieldcast is to reach in a scenario. */
export interface Goal {
  readonly scenario: string;
  readonly figure: "cpuPerDelivery" | "cpuPerReading" | "bytesPerDelivery" | "p99" | "idle";
  /** The most it may be: a number, or so many times what another has in the same run, or the first point of the curve. */
  readonly most: number | { readonly times: number; readonly of: ContestantName | "first" };
}

const ingests = ["ingest-qos0", "ingest-qos1", "ingest-qos0-pipelined", "ingest-qos1-pipelined"] as const;

export const goals: readonly Goal[] = [
  ...ingests.map((scenario) => cpu(scenario, { times: 2, of: "aedes" }, "cpuPerReading")),
  cpu("all-to-50", 2),
  { scenario: "all-to-50", figure: "bytesPerDelivery", most: 60 + markerBytes },
  { scenario: "all-to-50", figure: "p99", most: 60 },
  cpu("all-to-50-qos1", 2.8),
  cpu("all-to-50-now", { times: 1.2, of: "aedes-uws" }),
  { scenario: "all-to-50-now", figure: "p99", most: 3 },
  cpu("fast-one-to-1000", 1),
  cpu("one-to-1000", 8),
  cpu("one-to-1000", { times: 1.1, of: "uws" }),
  cpu("each-its-own", { times: 1, of: "aedes-uws" }),
  cpu("each-its-own", { times: 1, of: "nats" }),
  { scenario: "idle", figure: "idle", most: 4 },
  cpu("more-devices", { times: growth, of: "first" }),
  cpu("more-filters", { times: growth, of: "first" }),
];

function cpu(scenario: string, most: Goal["most"], figure: Goal["figure"] = "cpuPerDelivery"): Goal {
  return { scenario, figure, most };
}

const words: Readonly<Record<Goal["figure"], string>> = {
  cpuPerDelivery: "µs CPU/delivery",
  cpuPerReading: "µs CPU/reading",
  bytesPerDelivery: `bytes/delivery (${markerBytes} are the bench's mark)`,
  p99: "ms p99",
  idle: "KB/dashboard",
};

/** A goal held against a run. */
export interface Outcome {
  readonly goal: Goal;
  readonly measured: number;
  readonly most: number;
  readonly isReached: boolean;
  /** A row that it rests on is to be doubted: it says nothing either way. */
  readonly isDoubtful: boolean;
}

/** The goals that the runs say something about, by scenario name. */
export function judge(results: ReadonlyMap<string, Runs>): Outcome[] {
  return goals.flatMap((goal) => {
    const rows = [...(results.get(goal.scenario) ?? [])].map(([{ contestant }, runs]) => {
      const figures = summarize(runs);
      const isDoubtful = doubtsOf(figures).length > 0;
      return { contestant, runs, value: figures[goal.figure] ?? Number.NaN, isDoubtful };
    });
    const ours = rows.filter(({ contestant }) => contestant === "fieldcast").at(-1);
    if (ours === undefined || Number.isNaN(ours.value)) return [];
    const limit = limitOf(goal, ours, rows);
    if (Number.isNaN(limit.value)) return [];
    const { value: measured } = ours;
    const most = limit.value;
    return [
      { goal, measured, most, isReached: measured <= most, isDoubtful: ours.isDoubtful || limit.isDoubtful },
    ];
  });
}

interface Measured {
  readonly contestant: ContestantName;
  readonly runs: readonly Figures[];
  readonly value: number;
  readonly isDoubtful: boolean;
}

/** The value is NaN where there is nothing to hold it against. */
function limitOf(
  { most, figure }: Goal,
  ours: Measured,
  rows: readonly Measured[],
): Pick<Measured, "value" | "isDoubtful"> {
  if (typeof most === "number") return { value: most, isDoubtful: false };
  const other = rows.find((row) => (most.of === "first" ? isFirst(row, ours) : row.contestant === most.of));
  // What the other would have had in the middle one of our runs.
  const unit = ours.value / ratioOf(ours.runs, other?.runs ?? [], figure);
  return { value: most.times * unit, isDoubtful: other?.isDoubtful ?? false };
}

function isFirst(row: Measured, ours: Measured): boolean {
  return row.contestant === ours.contestant && row !== ours;
}

/** The outcomes as a table. */
export function goalTable(outcomes: readonly Outcome[]): string {
  const rows = outcomes.map(({ goal, measured, most, isReached, isDoubtful }) => [
    goal.scenario,
    words[goal.figure],
    formatNumber(measured),
    formatNumber(most),
    typeof goal.most === "number" ? "" : `${goal.most.times} × ${goal.most.of}`,
    `${isReached ? "yes" : "NO"}${isDoubtful ? ", in doubt" : ""}`,
  ]);
  return formatTable(["goal", "", "measured", "at most", "", "reached"], rows);
}

/** One line of JSON per outcome, for machines. */
export function goalLines(outcomes: readonly Outcome[]): string[] {
  return outcomes.map(({ goal, measured, most, isReached, isDoubtful }) =>
    JSON.stringify({
      goal: goal.scenario,
      unit: words[goal.figure],
      value: Number(measured.toPrecision(5)),
      "at most": Number(most.toPrecision(5)),
      reached: isReached,
      ...(isDoubtful && { doubtful: true }),
    }),
  );
}
