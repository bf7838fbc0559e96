import { spawn } from "node:child_process";
import { once } from "node:events";
import { describe, expect, it } from "vitest";
import {
  cpuSeconds,
  residentKb,
  residentKbOfAll,
  threadCpuSeconds,
  tickSeconds,
  withChildren,
} from "../bench/cpu.ts";
import { type Plan, readPlan } from "../bench/plan.ts";
import { baselineOf, type Row, rowsOf } from "../bench/rows.ts";
import {
  type CurveScenario,
  fitToOpenFiles,
  type Scenario,
  scenarios,
  socketsOf,
} from "../bench/scenarios.ts";
import { formatNumber, formatTable, median } from "../bench/table.ts";

describe("CPU time", () => {
  it("agrees with the process's own account and with the system's ticks", () => {
    const before = {
      fine: cpuSeconds(process.pid),
      ticks: tickSeconds(process.pid),
      own: process.cpuUsage(),
    };
    const stopAt = performance.now() + 300;
    while (performance.now() < stopAt);
    const own = process.cpuUsage(before.own);
    const ownSeconds = (own.user + own.system) / 1e6;
    expect(Math.abs(cpuSeconds(process.pid) - before.fine - ownSeconds)).toBeLessThan(0.05);
    expect(Math.abs(tickSeconds(process.pid) - before.ticks - ownSeconds)).toBeLessThan(0.07);
  });

  it("knows threads apart, and the processes that a process has started", async () => {
    const threads = threadCpuSeconds(process.pid);
    expect(threads.get(process.pid)).toBeGreaterThan(0);
    const sum = [...threads.values()].reduce((all, seconds) => all + seconds, 0);
    expect(Math.abs(sum - cpuSeconds(process.pid))).toBeLessThan(0.5);
    const child = spawn("sleep", ["60"]);
    await once(child, "spawn");
    expect(withChildren([process.pid])).toContain(child.pid);
    expect(residentKbOfAll([process.pid])).toBeGreaterThan(residentKb(child.pid as number));
    child.kill();
  });

  it("finds the memory", () => {
    expect(residentKb(process.pid)).toBeGreaterThan(10_000);
  });
});

describe("scenarios", () => {
  it("have a name each, and Fieldcast first", () => {
    expect(new Set(scenarios.map(({ name }) => name)).size).toBe(scenarios.length);
    for (const { contestants } of scenarios) expect(contestants[0]).toBe("fieldcast");
  });

  it("shrink aloud where too few files may be open", () => {
    for (const scenario of scenarios) {
      expect(fitToOpenFiles(scenario, 20_000)).toBe(scenario);
      const small = fitToOpenFiles(scenario, 210);
      expect(small.title).toContain("SCALED");
      expect(socketsOf(small)).toBeLessThanOrEqual(11);
    }
  });

  it("keep the points of a curve that fit", () => {
    const curve = scenarios.find(({ name }) => name === "more-devices") as CurveScenario;
    const small = fitToOpenFiles(curve, 4_096);
    expect(small.points).toEqual(curve.points.slice(0, 2));
  });
});

describe("rows", () => {
  const rowOf = (name: string, scenario: Scenario, rows: readonly Row[]) =>
    baselineOf(scenario, rows, rows.find((row) => row.name === name) as Row)?.name;

  it("are the contestants, held against the second", () => {
    const scenario = scenarios.find(({ name }) => name === "all-to-50") as Scenario;
    const rows = rowsOf(scenario, ["fieldcast", "nats", "aedes-uws"]);
    expect(rows.map(({ name }) => name)).toEqual(["fieldcast", "nats", "aedes-uws"]);
    expect(rowOf("nats", scenario, rows)).toBe("aedes-uws");
    expect(rowOf("nats", scenario, rows.slice(0, 2))).toBeUndefined();
  });

  it("of a curve are its points, held against the first of the same contestant", () => {
    const scenario = scenarios.find(({ name }) => name === "more-devices") as Scenario;
    const rows = rowsOf(scenario, ["fieldcast", "aedes-uws"]);
    expect(rows).toHaveLength(6);
    expect(rowOf("aedes-uws, 10,000 devices", scenario, rows)).toBe("aedes-uws, 1,000 devices");
  });
});

describe("plans", () => {
  const plan = (...args: string[]) => readPlan(args) as Plan;

  it("are all scenarios, or those that are named", () => {
    expect(plan().scenarios.map(({ scenario }) => scenario.name)).toEqual(scenarios.map(({ name }) => name));
    const named = plan("--only", "storage", "--only", "idle", "--with", "nats");
    expect(named.scenarios.map(({ contestants }) => contestants)).toEqual([["nats"]]);
    expect([named.storage, named.formatRounds, named.hasInsights]).toEqual(["whole", 0, false]);
  });

  it("with --quick leave out much and say so", () => {
    const quick = plan("--quick");
    expect(quick.leftOut).toContain("resume-5000");
    expect(quick.scenarios.map(({ scenario }) => scenario.name)).not.toContain("resume-5000");
    expect(plan("--quick", "--only", "resume-5000").scenarios).toHaveLength(1);
  });

  it("refuse what is not there in words", () => {
    expect(readPlan(["--only", "nothing"])).toContain("there is no scenario nothing");
    expect(readPlan(["--with", "nobody"])).toContain("there is no contestant nobody");
    expect(readPlan(["--repetitions", "0"])).toContain("whole number");
    expect(readPlan(["--what"])).toContain("--what");
  });
});

describe("tables", () => {
  it("line up", () => {
    expect(
      formatTable(
        ["", "value"],
        [
          ["a", "1"],
          ["long", "1,000"],
        ],
      ),
    ).toBe("      value\n────  ─────\na         1\nlong  1,000");
  });

  it("take medians and write numbers briefly", () => {
    expect([median([3, 1, 2]), median([4, 1, 2, 3])]).toEqual([2, 2.5]);
    expect([0.734, 7, 12.34, 1234.5, Number.NaN].map(formatNumber)).toEqual([
      "0.73",
      "7",
      "12.3",
      "1,235",
      "–",
    ]);
  });
});
