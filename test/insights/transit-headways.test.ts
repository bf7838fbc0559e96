import { describe, expect, it } from "vitest";
import { createRandom } from "../../firmware-sim/random.ts";
import { transit } from "../../src/insights/transit.ts";
import type { Reading } from "../../src/model/reading.ts";
import type { Timetable } from "../../src/model/timetable.ts";
import { type Arrival, play } from "./fixtures.ts";

const startAt = Date.UTC(2026, 10, 22, 8);
const everyS = 300;
const stops = Array.from({ length: 12 }, (_, n) => ({
  id: `s${n}`,
  name: `s${n}`,
  lat: 60 + n * 0.01,
  lon: 25,
}));
const times = stops.map((_, n) => n * 120);
const places = stops.map((_, n) => n);
const buses = Array.from({ length: 12 }, (_, n) => n);

/** A bus every five minutes over twelve stops, two minutes apart. */
function timetableOf(calls: readonly number[]): Timetable {
  return {
    timezone: "UTC",
    stops,
    routes: [{ id: "l", name: "L" }],
    services: [{ weekdays: 127, from: 0, to: 1e6, added: new Set(), removed: new Set() }],
    patterns: [
      { stops: [...calls], sequences: calls.map((_, n) => n + 1), arriveS: [...times], departS: [...times] },
    ],
    shapes: [],
    trips: buses.map((bus) => ({
      id: `t${bus}`,
      route: 0,
      service: 0,
      pattern: 0,
      shape: null,
      direction: 0,
      headsign: "",
      startS: 8 * 3_600 + bus * everyS,
      frequencies: null,
    })),
  };
}

const settings = transit.settings.parse({ gtfs: "l", bunchedRatio: 0.5, delayNoticeS: 3_000, settleS: 0 });
const contextOf = (calls: readonly number[]) => ({
  timezone: null,
  files: new Map(),
  timetables: new Map([["l", timetableOf(calls)]]),
});

/** What a bus says as it leaves its stops. @param lateS how late it is at each call, seconds */
function drive(bus: number, lateS: (call: number) => number, calls: readonly number[] = places): Arrival[] {
  return calls.map((stop, call) => {
    const time = startAt + 1_000 * (bus * everyS + call * 120 + lateS(call));
    const values = { event: "depart", stopId: `s${stop}`, tripId: `t${bus}` };
    return { at: time, reading: { domain: "transit", device: `bus-${bus}`, time, values } };
  });
}

const byTime = (arrivals: Arrival[]) => arrivals.sort((one, other) => one.at - other.at);
const notices = (told: readonly Reading[]) =>
  told
    .filter(({ domain, values }) => domain === "alerts" && values["kind"] === "bunching")
    .map(({ channel, values: { state, since, headwayS } }) => ({ channel, state, since, headwayS }));

/** Bus 1 is 200 s late, and bus 2 behind it is bunched up to its seventh stop, where it waits; all others are on time. */
function bunched(): Arrival[] {
  const late = (bus: number, stop: number) => (bus === 1 || (bus === 2 && stop > 6) ? 200 : 0);
  return byTime(buses.flatMap((bus) => drive(bus, (stop) => late(bus, stop))));
}

describe("headways where more vehicles pass than are remembered", () => {
  const context = contextOf(places);
  const until = startAt + 3 * 3_600_000;
  const run = (arrivals: readonly Arrival[], restarts: ReadonlySet<number> = new Set()) =>
    play(transit, settings, context, { arrivals, until, restarts });
  const since = new Date(startAt + 2_000 * everyS).toISOString();

  it("tells a bunching since when it began, however many pass later", () => {
    const own = notices(run(bunched())).filter(({ channel }) => channel === "bunching/t2");
    expect(own).toEqual([
      { channel: "bunching/t2", state: "firing", since, headwayS: 100 },
      { channel: "bunching/t2", state: "resolved", since, headwayS: 100 },
    ]);
  });

  it("tells the same whenever the gateway is restarted", () => {
    const arrivals = bunched();
    const whole = run(arrivals);
    const all = new Set(arrivals.keys());
    expect(run(arrivals, all)).toEqual(whole);
  });

  it("tells the same after a restart when readings of the bunched vehicle come late, and come twice", () => {
    for (const seed of [1, 2, 3, 4, 5, 6, 7, 8]) {
      const random = createRandom(seed).next;
      const late = bunched().flatMap(({ at, reading }) => {
        const comes = { at: at + (random() < 0.2 ? Math.round(random() * 2_400_000) : 0), reading };
        return random() < 0.1 ? [comes, { at: comes.at + 60_000, reading }] : [comes];
      });
      const arrivals = byTime(late);
      const restarts = new Set([...arrivals.keys()].filter(() => random() < 0.2));
      expect(run(arrivals, restarts)).toEqual(run(arrivals));
    }
  });
});

it("measures the second call of a loop behind the second call of the one ahead", () => {
  const calls = [...places.slice(0, 6), 0, ...places.slice(7)];
  const arrivals = byTime(buses.flatMap((bus) => drive(bus, () => 0, calls)));
  const told = play(transit, settings, contextOf(calls), { arrivals, until: startAt + 3 * 3_600_000 });
  const headways = told.flatMap(({ domain, values }) => (domain === "trips" ? [values["headwayS"]] : []));
  expect(new Set(headways)).toEqual(new Set([null, everyS]));
});

it("tells of a detour at once that it began later, with and without a restart", () => {
  const seen = (atS: number, comesS: number, lat: number, lon = 25): Arrival => {
    const values = { event: "position", lat, lon, tripId: "t0" };
    const time = startAt + 1_000 * atS;
    return { at: startAt + 1_000 * comesS, reading: { domain: "transit", device: "bus-0", time, values } };
  };
  const way = [
    seen(0, 0, 60),
    seen(60, 60, 60.005),
    seen(140, 140, 60.01, 25.1),
    seen(200, 200, 60.01, 25.1),
  ];
  // It had gone on a little before it left its way; that comes late.
  const arrivals = [...way, seen(70, 205, 60.006), seen(210, 210, 60.01, 25.1)];
  const until = startAt + 220_000;
  const whole = play(transit, settings, contextOf(places), { arrivals, until });
  const detours = whole
    .filter(({ values }) => values["kind"] === "detour")
    .map(({ values }) => values["since"]);
  expect(detours).toEqual([60, 70].map((atS) => new Date(startAt + 1_000 * atS).toISOString()));
  for (const at of arrivals.keys()) {
    const restarts = new Set([at]);
    expect(play(transit, settings, contextOf(places), { arrivals, until, restarts })).toEqual(whole);
  }
});
