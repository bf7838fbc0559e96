import { type City, type Leg, legsAlong } from "./city.ts";

/** A stop on a route. Times are seconds after the trip's departure, by the timetable. */
export interface Stop {
  readonly id: number;
  readonly atM: number;
  readonly arriveS: number;
  readonly departS: number;
}

/** One direction of a transit line, from its first stop to its last. Distances count from the start of the first leg. */
export interface Route {
  /** HSL's route id: `9016`. */
  readonly id: string;
  /** The number on the front: `16`. */
  readonly designation: string;
  readonly mode: "bus" | "tram";
  /** 1 or 2, as HFP counts them. */
  readonly direction: 1 | 2;
  readonly headsign: string;
  readonly operator: number;
  readonly legs: readonly Leg[];
  /** Where each leg starts. */
  readonly legStartM: readonly number[];
  readonly stops: readonly Stop[];
}

interface Line {
  readonly designation: string;
  readonly mode: "bus" | "tram";
  readonly operator: number;
  readonly ends: readonly [string, string];
  readonly through: readonly string[];
}

const lines: readonly Line[] = [
  {
    designation: "4",
    mode: "tram",
    operator: 40,
    ends: ["Harbour", "North Gate"],
    through: ["c3r0", "c3r1", "c3r2", "c3r3", "c3r4", "c3r5"],
  },
  {
    designation: "16",
    mode: "bus",
    operator: 22,
    ends: ["West Shore", "East Market"],
    through: ["c0r0", "c0r1", "c0r2", "c1r2", "c2r2", "c3r2", "c4r2", "c5r2", "c6r2"],
  },
  {
    designation: "9",
    mode: "tram",
    operator: 40,
    ends: ["Mill Hill", "Fish Market"],
    through: ["c1r5", "c2r5", "c3r5", "c4r5", "c4r4", "c4r3", "c4r2", "c5r2", "c5r1", "c5r0"],
  },
  {
    designation: "23",
    mode: "bus",
    operator: 22,
    ends: ["East Side", "University"],
    through: ["c6r0", "c6r1", "c6r2", "c6r3", "c5r3", "c4r3", "c3r3", "c3r4", "c2r4", "c1r4", "c0r4"],
  },
  {
    designation: "550",
    mode: "bus",
    operator: 18,
    ends: ["West Ring", "East Ring"],
    through: [
      "c0r1",
      "ring0",
      "ring1",
      "ring2",
      "ring3",
      "ring4",
      "ring5",
      "ring6",
      "ring7",
      "ring8",
      "c6r1",
    ],
  },
];

/** The timetable's speed over the limit; what is left pays for lights and slow days. */
const timetableRatio = 0.68;
export const dwellS = 18;

/** The routes of all lines: first all in direction 1, then all in direction 2. */
export function createRoutes(city: City): Route[] {
  const forward = lines.map((line) => routeOf(line, 1, legsAlong(city, line.through)));
  const backward = lines.map((line) => routeOf(line, 2, legsAlong(city, line.through.toReversed())));
  return [...forward, ...backward];
}

/** The same line in the other direction. */
export function oppositeOf(routes: readonly Route[], route: Route): Route {
  const opposite = routes.find((other) => other.id === route.id && other.direction !== route.direction);
  if (!opposite) throw new Error(`route ${route.id} has no direction back`);
  return opposite;
}

function routeOf(line: Line, direction: 1 | 2, legs: Leg[]): Route {
  const legStartM: number[] = [];
  const stops: Stop[] = [];
  let startM = 0;
  let clockS = 0;
  let lastM = 0;
  for (const [i, leg] of legs.entries()) {
    legStartM.push(startM);
    // In the middle of its leg, so that a vehicle turns at the terminus without moving.
    const atM = startM + leg.edge.lengthM / 2;
    const previous = legs[i - 1];
    if (previous) {
      clockS += secondsOn(previous, startM - lastM) + secondsOn(leg, atM - startM);
    }
    const departS = i === 0 ? 0 : Math.round(clockS + dwellS);
    stops.push({ id: stopId(leg), atM, arriveS: Math.round(clockS), departS });
    clockS = departS;
    lastM = atM;
    startM += leg.edge.lengthM;
  }
  return {
    id: `9${line.designation.padStart(3, "0")}`,
    designation: line.designation,
    mode: line.mode,
    direction,
    headsign: line.ends[direction === 1 ? 1 : 0],
    operator: line.operator,
    legs,
    legStartM,
    stops,
  };
}

function secondsOn(leg: Leg, lengthM: number): number {
  return lengthM / ((leg.edge.limitKmh / 3.6) * timetableRatio);
}

/** Lines that share a street share its stops. */
function stopId(leg: Leg): number {
  return 9_100_001 + leg.edge.id * 2 + (leg.isForward ? 0 : 1);
}

/** The timetable's second for a place on the route; at a stop, its departure. */
export function scheduledS(route: Route, atM: number): number {
  const next = route.stops.findIndex((stop) => stop.atM > atM);
  if (next === 0) return 0;
  const from = route.stops.at(next === -1 ? -1 : next - 1) as Stop;
  const to = route.stops[next];
  if (next === -1 || !to) return from.departS;
  return from.departS + ((to.arriveS - from.departS) * (atM - from.atM)) / (to.atM - from.atM);
}

/** The place where the timetable sees the vehicle `seconds` after departure. */
export function scheduledPlaceM(route: Route, seconds: number): number {
  const next = route.stops.findIndex((stop) => stop.arriveS > seconds);
  if (next <= 0) return (route.stops.at(next === 0 ? 0 : -1) as Stop).atM;
  const from = route.stops[next - 1] as Stop;
  const to = route.stops[next] as Stop;
  const part = Math.max(0, (seconds - from.departS) / (to.arriveS - from.departS));
  return from.atM + (to.atM - from.atM) * part;
}

/** The leg that covers a place on the route. */
export function legIndexAt(route: Route, atM: number): number {
  return Math.max(
    0,
    route.legStartM.findLastIndex((startM) => startM <= atM),
  );
}
