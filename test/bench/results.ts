import { availableParallelism } from "node:os";
import { type Figures, units } from "./measure.ts";
import { baselineOf, type Row } from "./rows.ts";
import type { Scenario } from "./scenarios.ts";
import { formatNumber, formatTable, median } from "./table.ts";

/** A scenario's rows, each with its runs. */
export type Runs = ReadonlyMap<Row, readonly Figures[]>;

/** Figures that a single bad run must show in. */
const worstOf = new Set(["lost", "extra"]);

/** What one row's runs come to: medians, and of losses the worst. */
export function summarize(runs: readonly Figures[]): Figures {
  const names = Object.keys(runs[0] ?? {});
  return Object.fromEntries(
    names.map((name) => {
      const values = runs.map((figures) => figures[name] as number);
      return [name, worstOf.has(name) ? Math.max(...values) : median(values)];
    }),
  );
}

/**
 * How many times another row's figure a row's is: the median over the repetitions, whose runs lie close together in time, or are the same
 * seconds. NaN if there is nothing to compare.
 */
export function ratioOf(runs: readonly Figures[], other: readonly Figures[], name: string): number {
  const ratios = runs.map(
    (figures, index) => (figures[name] as number) / (other[index]?.[name] ?? Number.NaN),
  );
  return ratios.some(Number.isNaN) || ratios.length === 0 ? Number.NaN : median(ratios);
}

/** The scenario's table: medians, the range of the main figure, and its ratio to the baseline's. */
export function resultTable(scenario: Scenario, runs: Runs): string {
  const names = Object.keys([...runs.values()][0]?.[0] ?? {});
  const [main = ""] = names;
  const header = [
    "",
    units[main]?.column ?? main,
    "from–to",
    scenario.kind === "curve" ? "× first" : `× ${scenario.contestants[1]}`,
    ...names.slice(1).map((name) => units[name]?.column ?? name),
  ];
  const rows = [...runs.keys()];
  const lines = [...runs].map(([row, figures]) => {
    const summary = summarize(figures);
    const all = figures.map((run) => run[main] as number);
    const range = `${formatNumber(Math.min(...all))}–${formatNumber(Math.max(...all))}`;
    const baseline = baselineOf(scenario, rows, row);
    const ratio = ratioOf(figures, (baseline && runs.get(baseline)) ?? [], main);
    const rest = names.slice(1).map((figure) => formatNumber(summary[figure] as number));
    return [row.name, formatNumber(summary[main] as number), range, formatNumber(ratio), ...rest];
  });
  return formatTable(header, lines);
}

/** One line of JSON per figure, for machines. */
export function resultLines(scenario: Scenario, runs: Runs): string[] {
  return [...runs].flatMap(([row, figures]) =>
    Object.entries(summarize(figures)).map(([name, value]) =>
      JSON.stringify({
        bench: scenario.name,
        contestant: row.contestant,
        ...(scenario.kind === "curve" ? { at: row.scenario.name } : {}),
        value: Number.isFinite(value) ? Number(value.toPrecision(5)) : null,
        unit: units[name]?.unit ?? name,
        ...(worstOf.has(name) ? {} : rangeOf(figures, name)),
        [worstOf.has(name) ? "worst of" : "median of"]: figures.length,
        node: process.versions.node,
        cores: availableParallelism(),
      }),
    ),
  );
}

function rangeOf(figures: readonly Figures[], name: string): { from: number; to: number } {
  const values = figures.map((run) => Number((run[name] as number).toPrecision(5)));
  return { from: Math.min(...values), to: Math.max(...values) };
}

/** A load process this busy makes latency of its own and joins frames. */
const busyPercent = 85;

/** Beyond these a row is the cost of another rate. */
const [heldFrom, heldTo] = [90, 110] as const;

/** In words, why a row is not to be trusted; empty if it is. */
export function doubtsOf({ generatorLoad = 0, held = 100 }: Figures): string[] {
  return [
    ...(generatorLoad < busyPercent
      ? []
      : [`a load process used ${formatNumber(generatorLoad)} % of a core`]),
    ...(held >= heldFrom && held <= heldTo ? [] : [`${formatNumber(held)} % of the rate`]),
  ];
}

/** In words, the rows that are not to be trusted, and why; empty if there are none. */
export function doubtfulRows(scenario: string, runs: Runs): string[] {
  return [...runs].flatMap(([row, figures]) => {
    const reasons = doubtsOf(summarize(figures));
    return reasons.length === 0 ? [] : [`${scenario}, ${row.name}: ${reasons.join(", ")}`];
  });
}
