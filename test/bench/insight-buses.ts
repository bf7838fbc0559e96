import { transit } from "../../src/insights/transit.ts";
import type { Reading } from "../../src/model/reading.ts";
import type { Timetable, TimetableTrip } from "../../src/model/timetable.ts";
import {
  dayStart,
  degreeM,
  each,
  hourMs,
  type InsightDay,
  minuteMs,
  rounded,
  secondMs,
  told,
} from "./insight-day.ts";

const lines = 50;
const stopsOfLine = 20;
const serviceFrom = 5 * hourMs;
const serviceTo = 23 * hourMs;
const tripMs = 54 * minuteMs;
const turnMs = hourMs;

/** 50 lines of 20 stops 500 m apart, an hour from turn to turn, ten vehicles each way. */
function timetable(): Timetable {
  const stops = Array.from({ length: lines * stopsOfLine }, (_, n) => {
    const id = `stop-${n}`;
    const lat = 60 + ((n % stopsOfLine) * 500) / degreeM;
    return { id, name: id, lat, lon: 25 + Math.floor(n / stopsOfLine) / 50 };
  });
  const places = (pattern: number) => {
    const ahead = Array.from({ length: stopsOfLine }, (_, at) => (pattern >> 1) * stopsOfLine + at);
    return pattern % 2 === 0 ? ahead : ahead.reverse();
  };
  const seconds = Array.from(
    { length: stopsOfLine },
    (_, at) => (at * tripMs) / secondMs / (stopsOfLine - 1),
  );
  const patterns = Array.from({ length: 2 * lines }, (_, pattern) => ({
    stops: places(pattern),
    sequences: seconds.map((_, at) => at + 1),
    arriveS: seconds.map(Math.floor),
    departS: seconds.map((s, at) => Math.floor(s) + (at % 4 === 2 ? 20 : 0)),
  }));
  return {
    timezone: "UTC",
    stops,
    routes: Array.from({ length: lines }, (_, n) => ({ id: `line-${n}`, name: String(n) })),
    services: [{ weekdays: 127, from: 0, to: 1e6, added: new Set<number>(), removed: new Set<number>() }],
    patterns,
    shapes: [],
    trips: each.flatMap(tripsOf),
  };
}

/** The trips of a vehicle's day, forth and back. */
function tripsOf(vehicle: number): TimetableTrip[] {
  return Array.from({ length: (serviceTo - serviceFrom) / turnMs }, (_, turn) => {
    const direction = ((turn + vehicle) % 2) as 0 | 1;
    return {
      id: `${vehicle}-${turn}`,
      route: vehicle % lines,
      service: 0,
      pattern: 2 * (vehicle % lines) + direction,
      shape: null,
      direction,
      headsign: "there",
      startS: startOf(vehicle, turn) / secondMs,
      frequencies: null,
    };
  });
}

/** Milliseconds after midnight; the twenty vehicles of a line are six minutes apart, each way. */
function startOf(vehicle: number, turn: number): number {
  return serviceFrom + turn * turnMs + Math.floor(vehicle / lines / 2) * 6 * minuteMs;
}

function busAt(vehicle: number, time: number): Reading {
  const since = time - dayStart - startOf(vehicle, 0);
  const turn = Math.max(0, Math.min((serviceTo - serviceFrom) / turnMs - 1, Math.floor(since / turnMs)));
  // Up to five minutes late at the end, more in the rush hours of some lines.
  const lateMs = Math.max(0, Math.sin(time / hourMs + vehicle)) * 300_000 * ((vehicle % 5) / 4);
  const driven = Math.max(0, Math.min(1, (since - turn * turnMs) / (tripMs + lateMs)));
  const isBack = (turn + vehicle) % 2 === 1;
  const lengthM = (stopsOfLine - 1) * 500;
  const values = {
    event: "position",
    tripId: `${vehicle}-${turn}`,
    lat: rounded(60 + ((isBack ? 1 - driven : driven) * lengthM) / degreeM, 6),
    lon: 25 + (vehicle % lines) / 50,
    speedKmh: 20,
  };
  return { domain: "transit", device: `bus-${vehicle}`, time, values };
}

export const buses: InsightDay = {
  name: "transit",
  rhythm: "1,000 buses of 50 lines, a position each 30 seconds from 5 to 23 h",
  insights: [{ insight: transit, settings: { gtfs: "city" } }],
  context: {
    get timetables() {
      return new Map([["city", timetable()]]);
    },
  },
  commits: () => told(dayStart + serviceFrom, dayStart + serviceTo, 30 * secondMs, busAt),
};
