import { expect, it } from "vitest";
import { fencesOf, legsOf, speedingOf, trackedOf, visitsOf } from "../../../src/dashboard/views/tracking.ts";
import { at, row, rowsByTopic, start } from "./rows.ts";

const trips = [
  row("trips/city/van-1", {
    state: "moving",
    since: at(0),
    tripDistanceM: 840,
    tripMaxKmh: 51,
    totalDistanceM: 12_000,
    totalTrips: 3,
  }),
  row("trips/phone", {
    state: "stopped",
    since: at(9),
    tripDistanceM: null,
    totalDistanceM: 0,
    totalTrips: 0,
  }),
  row("trips/city/van-1/eta/depot", { state: "coming", arrivesAt: at(900), etaS: 880 }),
  row("trips/city/van-1/eta/station", { state: "coming", arrivesAt: at(300), etaS: 280 }),
  row("trips/phone/eta/station", { state: "away", arrivesAt: null, etaS: null }),
  row("trips/city/van-1/speeding", {
    isSpeeding: false,
    since: at(0),
    until: at(20),
    maxKmh: 82,
    limitKmh: 60,
  }),
  row("trips/phone/speeding", { isSpeeding: true, since: at(-50), until: null, maxKmh: 70, limitKmh: 60 }),
  row("trips/city/van-1/trail", { lat: 60, lon: 25, tripDistanceM: 10 }),
  row("trips/transit/bus-1", { state: "running", tripId: "t1" }),
];

it("lists the tracked devices, with the place that each will be at next", () => {
  const tracked = trackedOf(rowsByTopic(trips));
  expect(tracked.map(({ name, state }) => `${name} ${state}`)).toEqual([
    "city/van-1 moving",
    "phone stopped",
  ]);
  expect(tracked[0]).toMatchObject({
    tripDistanceM: 840,
    totalTrips: 3,
    eta: { place: "station", arrivesAt: start + 300_000 },
  });
  expect(tracked[1]).toMatchObject({ tripDistanceM: null, eta: null });
});

it("lists who drives too fast before who did", () => {
  expect(speedingOf(trips)).toMatchObject([
    { name: "phone", isNow: true, until: null, maxKmh: 70 },
    { name: "city/van-1", isNow: false, until: start + 20_000, limitKmh: 60 },
  ]);
});

it("knows who is in which fence, and what happened last", () => {
  const visits = visitsOf([
    row("geofence/depot/city/van-1", { event: "exit", inside: false, enteredAt: at(0), insideS: 60 }, 60),
    row("geofence/depot/phone", { event: "enter", inside: true, enteredAt: at(70), insideS: 0 }, 70),
    row("geofence/depot/car", { event: "dwell", inside: true, enteredAt: at(5), insideS: 60 }, 65),
    row("geofence/gone/phone", { event: "removed", inside: false, enteredAt: at(0), insideS: null }, 90),
    row("geofence/a%2Bb/phone", { event: "exit", inside: false, enteredAt: at(0), insideS: 3 }, 3),
  ]);
  expect(visits.map(({ name, event }) => `${name} ${event}`)).toEqual([
    "phone enter",
    "car dwell",
    "city/van-1 exit",
    "phone exit",
  ]);
  const inside = fencesOf(visits).map(({ fence, inside: all }) => [fence, all.map(({ name }) => name)]);
  expect(inside).toEqual([
    ["a+b", []],
    ["depot", ["car", "phone"]],
  ]);
});

it("lists trips and stops of the time that is shown, corrected ones once", () => {
  const told = [
    row("trips/a/trip", { start: at(0), end: at(60), durationS: 60, distanceM: 900, maxKmh: 50 }),
    row("trips/a/trip", { start: at(0), end: at(80), durationS: 80, distanceM: 990, maxKmh: 52 }),
    row("trips/a/stop", { arrived: at(80), left: at(140), durationS: 60, lat: 60, lon: 25 }),
    row("trips/a/trip", { start: at(140), end: at(400), durationS: 260, distanceM: 5_000, maxKmh: 60 }),
  ];
  expect(legsOf(told, start + 200_000)).toEqual([
    {
      kind: "stop",
      start: start + 80_000,
      end: start + 140_000,
      durationS: 60,
      distanceM: null,
      maxKmh: null,
    },
    { kind: "trip", start, end: start + 80_000, durationS: 80, distanceM: 990, maxKmh: 52 },
  ]);
});
