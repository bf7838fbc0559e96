import type { ContestantName } from "./contestants.ts";
import type { RunScenario, Scenario } from "./scenarios.ts";

/** One row of a scenario's table: what is run, with whom. */
export interface Row {
  readonly name: string;
  readonly scenario: RunScenario;
  readonly contestant: ContestantName;
}

/** The rows of a scenario with the contestants that take part; of a curve, the points of each contestant together. */
export function rowsOf(scenario: Scenario, contestants: readonly ContestantName[]): Row[] {
  if (scenario.kind !== "curve")
    return contestants.map((contestant) => ({ name: contestant, scenario, contestant }));
  return contestants.flatMap((contestant) =>
    scenario.points.map((point) => ({ name: `${contestant}, ${point.name}`, scenario: point, contestant })),
  );
}

/** The row that the others' ratio is to: of a curve its contestant's first point, else the second contestant. */
export function baselineOf(scenario: Scenario, rows: readonly Row[], row: Row): Row | undefined {
  if (scenario.kind === "curve") return rows.find(({ contestant }) => contestant === row.contestant);
  return rows.find(({ contestant }) => contestant === scenario.contestants[1]);
}
