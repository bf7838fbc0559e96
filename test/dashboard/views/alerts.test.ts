import { expect, it } from "vitest";
import { alertsOf, firingOf } from "../../../src/dashboard/views/alerts.ts";
import { at, row, start } from "./rows.ts";

const jam = { state: "firing", outcome: null, severity: "warning" };
const rows = [
  row(
    "alerts/rules/load/energy/flat-1",
    {
      id: 7,
      state: "firing",
      severity: "warning",
      field: "powerW",
      value: 3_210,
      since: at(0),
      firedAt: at(20),
      acknowledgedBy: null,
    },
    20,
    { text: "More than 3 kW" },
  ),
  row("alerts/rules/load/energy/flat-2", {
    id: 8,
    state: "resolved",
    severity: "critical",
    field: "powerW",
    value: 10,
    since: at(5),
    firedAt: null,
    resolvedAt: at(15),
  }),
  row("alerts/rules/heat/energy/oven", { id: 9, state: "firing", severity: "critical", since: at(30) }),
  row("alerts/rules/door/gps/van%2B1", {
    id: 10,
    state: "acknowledged",
    severity: "info",
    since: at(1),
    acknowledgedBy: "Anna",
  }),
  row("alerts/rules/wait/gps/a", { id: 11, state: "pending", severity: "critical", since: at(2) }),
  row("alerts/jam/ring/east", { ...jam, id: 12, isHead: true, start: at(0), end: null, queueM: 1_240 }),
  row("alerts/jam/ring/east-2", { ...jam, id: 13, isHead: false, start: at(0), end: null, queueM: 400 }),
  row("alerts/jam/bridge", {
    ...jam,
    state: "resolved",
    outcome: "none",
    isHead: false,
    start: at(0),
    end: at(1),
  }),
  row(
    "alerts/transit/line/9004/delay/t1",
    { id: 14, state: "firing", severity: "info", kind: "delay", vehicle: "bus-7", since: at(40) },
    40,
    { text: "4: 3 min late" },
  ),
  row("alerts/acknowledgements", { alert: "rules/door", by: "Anna" }),
];

it("lists by state, then severity, then the newest first; jams once, at their heads", () => {
  const alerts = alertsOf(rows);
  expect(alerts.map(({ state, severity, text }) => `${state} ${severity} ${text}`)).toEqual([
    "firing critical heat",
    "firing warning More than 3 kW",
    "firing warning Traffic jam on ring/east",
    "firing info 4: 3 min late",
    "acknowledged info door",
    "pending critical wait",
    "resolved critical load",
  ]);
});

it("tells since when, about what, with which value, and what can be acknowledged", () => {
  const alerts = new Map(alertsOf(rows).map((alert) => [alert.topic, alert]));
  expect(alerts.get("alerts/rules/load/energy/flat-1")).toMatchObject({
    about: "energy/flat-1",
    value: "power 3.21 kW",
    since: start + 20_000,
    endedAt: null,
    id: 7,
  });
  expect(alerts.get("alerts/rules/load/energy/flat-2")).toMatchObject({
    value: "",
    since: start + 5_000,
    endedAt: start + 15_000,
  });
  expect(alerts.get("alerts/rules/door/gps/van%2B1")).toMatchObject({
    about: "gps/van+1",
    acknowledgedBy: "Anna",
  });
  expect(alerts.get("alerts/jam/ring/east")).toMatchObject({ value: "queue 1.2 km", id: 12 });
  expect(alerts.get("alerts/transit/line/9004/delay/t1")).toMatchObject({
    about: "delay · vehicle bus-7",
    id: 14,
  });
});

it("counts what fires and nobody has acknowledged", () => {
  expect(firingOf(rows)).toEqual({ count: 4, worst: "critical" });
  expect(firingOf(rows.filter(({ topic }) => topic.includes("/door/")))).toEqual({ count: 0, worst: null });
});
