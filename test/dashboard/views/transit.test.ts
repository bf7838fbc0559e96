import { expect, it } from "vitest";
import { boardOf, busiestStop, linesOf, noticesOf, stopsOf } from "../../../src/dashboard/views/transit.ts";
import type { Values } from "../../../src/model/reading.ts";
import { at, row, start } from "./rows.ts";

function call(stop: string, trip: string, state: string, values: Values) {
  return row(`arrivals/${stop}/${trip}`, {
    state,
    routeId: "9004",
    routeName: "4",
    headsign: "Gate",
    ...values,
  });
}

const arrivals = [
  call("s1", "late", "expected", {
    scheduledArrival: at(60),
    expectedArrival: at(300),
    arrivalDelayS: 240,
    scheduledDeparture: at(70),
  }),
  call("s1", "early", "expected", {
    scheduledArrival: at(200),
    expectedArrival: at(110),
    arrivalDelayS: -90,
    scheduledDeparture: at(210),
  }),
  call("s1", "there", "arrived", {
    scheduledArrival: at(-400),
    expectedArrival: at(-390),
    arrivalDelayS: 10,
    scheduledDeparture: at(5),
  }),
  call("s1", "ended", "arrived", {
    scheduledArrival: at(-400),
    expectedArrival: at(-390),
    arrivalDelayS: 10,
  }),
  call("s1", "gone", "departed", {
    scheduledDeparture: at(-90),
    expectedDeparture: at(-80),
    departureDelayS: 10,
  }),
  call("s1", "just", "departed", {
    scheduledDeparture: at(-40),
    expectedDeparture: at(-30),
    departureDelayS: 10,
  }),
  call("s1", "round", "skipped", { scheduledArrival: at(20), expectedArrival: null, arrivalDelayS: null }),
  call("s10", "late", "expected", {
    scheduledArrival: at(400),
    expectedArrival: at(640),
    arrivalDelayS: 240,
  }),
  call("s9", "ended", "departed", { scheduledDeparture: at(-900), expectedDeparture: at(-880) }),
];

it("makes a stop's board by the time that is predicted, with what has just left and what is skipped", () => {
  const board = boardOf(arrivals, "s1", start);
  expect(board.map(({ topic }) => topic.split("/")[2])).toEqual(["there", "just", "round", "early", "late"]);
  expect(board.at(-1)).toMatchObject({
    line: "4",
    headsign: "Gate",
    scheduled: start + 60_000,
    predicted: start + 300_000,
    delayS: 240,
  });
  expect(board[2]).toMatchObject({ state: "skipped", predicted: null, delayS: null });
});

it("knows the stops, and the one with the most to come", () => {
  const stops = stopsOf(arrivals);
  expect(stops).toEqual([
    { id: "s1", name: "Stop s1", expected: 2 },
    { id: "s9", name: "Stop s9", expected: 0 },
    { id: "s10", name: "Stop s10", expected: 1 },
  ]);
  expect(busiestStop(stops)).toBe("s1");
  expect(busiestStop([])).toBeNull();
});

it("calls stops by their names, with their ids where two have the same", () => {
  const named = (id: string, stopName: string) => call(id, "1", "departed", { stopName });
  const stops = stopsOf([
    named("12", "Market"),
    named("7", "Harbour"),
    named("3", "Market"),
    call("9", "1", "departed", {}),
    call("12", "2", "departed", {}),
    named("Gate", "Gate"),
  ]);
  expect(stops.map(({ name }) => name)).toEqual([
    "Gate",
    "Harbour",
    "Market, stop 3",
    "Market, stop 12",
    "Stop 9",
  ]);
});

it("puts notices to their lines, those that are over last", () => {
  const notices = noticesOf([
    row("alerts/transit/line/9004/delay/t1", {
      state: "resolved",
      kind: "delay",
      routeId: "9004",
      since: at(9),
    }),
    row(
      "alerts/transit/line/9004/bunching/t2",
      { state: "acknowledged", kind: "bunching", routeId: "9004", since: at(2) },
      2,
      { text: "4: two at once" },
    ),
    row("alerts/transit/stop/s1/skipped/t3", {
      state: "firing",
      kind: "skipped",
      routeId: "9016",
      since: at(5),
    }),
    row("alerts/jam/a", { state: "firing", isHead: true }),
  ]);
  expect(notices.map(({ kind, isOver }) => `${kind} ${isOver}`)).toEqual([
    "skipped false",
    "bunching false",
    "delay true",
  ]);
  const trip = (vehicle: string, values: Values) => row(`trips/transit/${vehicle}`, values);
  const lines = linesOf(
    [
      trip("a", { state: "running", routeId: "9016", routeName: "16", headsign: "Market", delayS: null }),
      trip("b", { state: "running", routeId: "9004", routeName: "4", headsign: "Gate", delayS: 60 }),
      trip("c", { state: "atStop", routeId: "9004", routeName: "4", headsign: "Harbour", delayS: 180 }),
      trip("d", { state: "ended", routeId: "9004", routeName: "4", headsign: "Gate", delayS: 900 }),
      row("trips/van-7", { state: "moving", totalTrips: 1 }),
    ],
    notices,
  );
  expect(lines).toMatchObject([
    { name: "4", headsigns: ["Gate", "Harbour"], vehicles: 2, delayS: 120, notices: [{ kind: "bunching" }] },
    { name: "16", vehicles: 1, delayS: null, notices: [{ kind: "skipped" }] },
  ]);
});
