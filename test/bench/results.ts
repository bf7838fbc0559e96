import { availableParallelism } from "node:os";
import type { ContestantName } from "./contestants.ts";
import { type Figures, units } from "./measure.ts";
import type { Scenario } from "./scenarios.ts";
import { formatNumber, formatTable, median } from "./table.ts";

/** The runs of a scenario, by contestant. */
export type Runs = ReadonlyMap<ContestantName, readonly Figures[]>;

/** Figures that a single bad run must show in. */
const worstOf = new Set(["lost", "extra"]);

/** What one contestant's runs come to: medians, and of losses the worst. */
function summarize(runs: readonly Figures[]): Figures {
  const names = Object.keys(runs[0] ?? {});
  return Object.fromEntries(
    names.map((name) => {
      const values = runs.map((figures) => figures[name] as number);
      return [name, worstOf.has(name) ? Math.max(...values) : median(values)];
    }),
  );
}

/** The scenario's table: medians, the range of the main figure, and its ratio to the baseline's. */
export function resultTable(scenario: Scenario, runs: Runs): string {
  const baseline = scenario.contestants[1] as ContestantName;
  const names = Object.keys([...runs.values()][0]?.[0] ?? {});
  const [main = ""] = names;
  const baselineRuns = runs.get(baseline);
  const unit = baselineRuns ? median(baselineRuns.map((figures) => figures[main] as number)) : Number.NaN;
  const header = [
    "",
    units[main]?.column ?? main,
    "from–to",
    `× ${baseline}`,
    ...names.slice(1).map((name) => units[name]?.column ?? name),
  ];
  const rows = [...runs].map(([name, figures]) => {
    const summary = summarize(figures);
    const all = figures.map((run) => run[main] as number);
    const range = `${formatNumber(Math.min(...all))}–${formatNumber(Math.max(...all))}`;
    const ratio = (summary[main] as number) / unit;
    const rest = names.slice(1).map((figure) => formatNumber(summary[figure] as number));
    return [name, formatNumber(summary[main] as number), range, formatNumber(ratio), ...rest];
  });
  return formatTable(header, rows);
}

/** One line of JSON per figure, for machines. */
export function resultLines(scenario: Scenario, runs: Runs): string[] {
  return [...runs].flatMap(([contestant, figures]) =>
    Object.entries(summarize(figures)).map(([name, value]) =>
      JSON.stringify({
        bench: scenario.name,
        contestant,
        value: Number.isFinite(value) ? Number(value.toPrecision(5)) : null,
        unit: units[name]?.unit ?? name,
        [worstOf.has(name) ? "worst of" : "median of"]: figures.length,
        node: process.versions.node,
        cores: availableParallelism(),
      }),
    ),
  );
}
