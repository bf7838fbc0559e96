import { describe, expect, it } from "vitest";
import { cpuSeconds, residentKb, tickSeconds } from "../bench/cpu.ts";
import { fitToOpenFiles, scenarios } from "../bench/scenarios.ts";
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
      const devices = small.kind === "idle" || small.kind === "resume" ? 0 : small.devices;
      const dashboards = small.kind === "ingest" ? 0 : small.dashboards;
      expect(devices + dashboards).toBeLessThanOrEqual(11);
    }
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
