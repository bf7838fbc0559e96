import { describe, expect, it } from "vitest";
import type { ContestantName } from "../bench/contestants.ts";
import { goalLines, goals, goalTable, judge } from "../bench/goals.ts";
import { type Figures, units } from "../bench/measure.ts";
import { drawPicture, panelsOf } from "../bench/picture.ts";
import { doubtfulRows, type Runs, resultLines, resultTable } from "../bench/results.ts";
import { type Row, rowsOf } from "../bench/rows.ts";
import { type Scenario, scenarios } from "../bench/scenarios.ts";

function find(name: string): Scenario {
  return scenarios.find((scenario) => scenario.name === name) as Scenario;
}

/** Runs of a scenario whose contestants had these CPU times. */
function runsOf(name: string, cpu: Partial<Record<ContestantName, readonly number[]>>): Runs {
  const rows = rowsOf(find(name), Object.keys(cpu) as ContestantName[]);
  const runs = (row: Row): Figures[] =>
    (cpu[row.contestant] ?? []).map((cpuPerDelivery) => ({
      cpuPerDelivery,
      bytesPerDelivery: 77,
      p99: 61,
      held: 50,
      generatorLoad: 90,
    }));
  return new Map(rows.map((row) => [row, runs(row)]));
}

describe("goals", () => {
  it("name scenarios, figures and contestants that there are", () => {
    for (const { scenario, figure, most } of goals) {
      expect(units).toHaveProperty(figure);
      const { contestants } = find(scenario);
      if (typeof most !== "number" && most.of !== "first") expect(contestants).toContain(most.of);
    }
  });

  it("are held against the median, and only where the other ran too", () => {
    const outcomes = judge(
      new Map([
        ["all-to-50", runsOf("all-to-50", { fieldcast: [1.9, 1.8, 9] })],
        ["each-its-own", runsOf("each-its-own", { fieldcast: [50], "aedes-uws": [40] })],
      ]),
    );
    expect(outcomes.map(({ goal, most, isReached }) => [goal.figure, most, isReached])).toEqual([
      ["cpuPerDelivery", 2, true],
      ["bytesPerDelivery", 77, true],
      ["p99", 60, false],
      ["cpuPerDelivery", 40, false],
    ]);
    expect(goalTable(outcomes)).toContain("1 × aedes-uws");
    expect(JSON.parse(goalLines(outcomes)[0] as string)).toMatchObject({ goal: "all-to-50", reached: true });
  });

  it("hold each run against the other's run beside it", () => {
    const runs = runsOf("each-its-own", { fieldcast: [9, 20, 33], "aedes-uws": [10, 20, 30] });
    expect(judge(new Map([["each-its-own", runs]]))).toMatchObject([
      { measured: 20, most: 20, isReached: true },
    ]);
    const slower = runsOf("each-its-own", { fieldcast: [11, 22, 31], "aedes-uws": [10, 20, 40] });
    expect(judge(new Map([["each-its-own", slower]]))).toMatchObject([
      { measured: 22, most: 20, isReached: false },
    ]);
  });

  it("say when a row that they rest on is in doubt", () => {
    const rows = rowsOf(find("each-its-own"), ["fieldcast", "aedes-uws", "nats"]);
    const runs = new Map(
      rows.map((row) => [row, [{ cpuPerDelivery: 50, held: row.contestant === "nats" ? 50 : 100 }]]),
    );
    const outcomes = judge(new Map([["each-its-own", runs]]));
    expect(outcomes.map(({ isReached, isDoubtful }) => [isReached, isDoubtful])).toEqual([
      [true, false],
      [true, true],
    ]);
    expect(goalTable(outcomes)).toContain("yes, in doubt");
    expect(JSON.parse(goalLines(outcomes)[1] as string)).toMatchObject({ reached: true, doubtful: true });
  });

  it("of a curve are held against its first point", () => {
    const runs = runsOf("more-devices", { fieldcast: [1] });
    const grown = new Map([...runs].map(([row], index) => [row, [{ cpuPerDelivery: 1 + index }]]));
    const [outcome] = judge(new Map([["more-devices", grown]]));
    expect(outcome).toMatchObject({ measured: 3, most: 1.1, isReached: false });
  });
});

describe("results", () => {
  const scenario = find("all-to-50");
  const runs = runsOf("all-to-50", { fieldcast: [2, 4, 3], "aedes-uws": [6, 6, 12] });

  it("show medians, ranges, and the middle one of the repetitions' ratios", () => {
    expect(resultTable(scenario, runs).split("\n")[2]).toMatch(/^fieldcast\s+3\s+2–4\s+0\.33/);
    expect(JSON.parse(resultLines(scenario, runs)[0] as string)).toMatchObject({
      bench: "all-to-50",
      contestant: "fieldcast",
      value: 3,
      from: 2,
      to: 4,
      "median of": 3,
    });
  });

  it("name the rows that are not to be trusted", () => {
    expect(doubtfulRows("all-to-50", runs)[0]).toBe(
      "all-to-50, fieldcast: a load process used 90 % of a core, 50 % of the rate",
    );
  });
});

describe("the picture", () => {
  it("has the cheapest on top, and says where a rate was not held", () => {
    const panels = panelsOf(new Map([["all-to-50", runsOf("all-to-50", { nats: [11], fieldcast: [1.5] })]]));
    expect(panels[0]?.bars.map(({ name }) => name)).toEqual(["Fieldcast", "NATS"]);
    const svg = drawPicture(panels, "a < b & c");
    expect(svg).toContain("a &lt; b &amp; c");
    expect(svg).toContain("11 (50 %)");
    expect(svg.match(/<rect/g)).toHaveLength(2);
    expect(svg).not.toMatch(/NaN|undefined|Infinity/);
  });

  it("leaves out what was not measured", () => {
    const runs = runsOf("all-to-50", { nats: [Number.NaN], fieldcast: [1.5] });
    expect(panelsOf(new Map([["all-to-50", runs]]))[0]?.bars).toHaveLength(1);
    expect(panelsOf(new Map())).toEqual([]);
  });
});
