import { isoTime } from "../src/model/reading.ts";
import type { Coordinates } from "./geo.ts";
import { roundTo } from "./geo.ts";
import type { Route, Stop } from "./lines.ts";
import { localOffsetMs } from "./localtime.ts";

/**
 * HFP event types (HSLdevcom/digitransit-site, high-frequency-positioning): position; sign-in and sign-out; in the
 * stop's radius, stopped, doors open, doors closed, left the radius; passed.
 */
export type HfpEvent = "vp" | "vja" | "vjout" | "arr" | "ars" | "doo" | "doc" | "dep" | "pas";

/** A vehicle on a trip, as it is just now. */
export interface HfpState {
  readonly route: Route;
  readonly vehicle: number;
  /** The timetable's departure of the trip, epoch ms. */
  readonly departAt: number;
  readonly place: Coordinates;
  readonly speedMs: number;
  readonly accelerationMs2: number;
  readonly courseDeg: number;
  /** Seconds, positive = late. */
  readonly delayS: number;
  readonly odometerM: number;
  readonly isDoorOpen: boolean;
  readonly occupancyPct: number;
  readonly nextStop: Stop | null;
}

/** The operating day ends at 04:30 local time. */
const dayChangeMs = 4.5 * 3_600_000;

/** `<operator>/<vehicle>`, as HFP writes them. */
export function hfpVehicle(operator: number, vehicle: number): string {
  return `${String(operator).padStart(4, "0")}/${String(vehicle).padStart(5, "0")}`;
}

/**
 * The topic of an event. `before` is the place of the vehicle's previous position: the geohash level says how much has
 * changed since.
 */
export function hfpTopic(event: HfpEvent, state: HfpState, before: Coordinates | null): string {
  const { route, place } = state;
  const levels = [
    `/hfp/v2/journey/ongoing/${event}/${route.mode}`,
    hfpVehicle(route.operator, state.vehicle),
    route.id,
    route.direction,
    route.headsign,
    startOf(state.departAt),
    state.nextStop?.id ?? "EOL",
    geohashLevel(place, before),
    ...geohash(place),
  ];
  return levels.join("/");
}

/** The payload of an event; `stop` is the stop it happens at. */
export function describeHfp(event: HfpEvent, state: HfpState, stop: Stop | null, time: number): object {
  const { route, place, departAt } = state;
  const body = {
    desi: route.designation,
    dir: String(route.direction),
    oper: route.operator,
    veh: state.vehicle,
    tst: isoTime(time),
    tsi: Math.floor(time / 1000),
    spd: roundTo(state.speedMs, 2),
    hdg: Math.round(state.courseDeg) % 360,
    lat: place.lat,
    long: place.lon,
    acc: roundTo(state.accelerationMs2, 2),
    // HFP counts the other way round: negative = late.
    dl: roundTo(-state.delayS, 0),
    odo: Math.round(state.odometerM),
    drst: state.isDoorOpen ? 1 : 0,
    oday: localDate(departAt - dayChangeMs),
    jrn: 1 + Math.floor((departAt / 60_000) % 1440),
    line: Number(route.id) % 1000,
    start: startOf(departAt),
    loc: "GPS",
    stop: stop?.id ?? null,
    route: route.id,
    occu: state.occupancyPct,
    ...(stop && event !== "vp" ? timesAt(stop, departAt) : {}),
  };
  return { [event.toUpperCase()]: body };
}

function timesAt(stop: Stop, departAt: number): object {
  return {
    ttarr: isoTime(departAt + stop.arriveS * 1000),
    ttdep: isoTime(departAt + stop.departS * 1000),
  };
}

function startOf(departAt: number): string {
  return isoTime(departAt + localOffsetMs(departAt)).slice(11, 16);
}

function localDate(time: number): string {
  return isoTime(time + localOffsetMs(time)).slice(0, 10);
}

/** `60;24`, then per level one decimal of the latitude and one of the longitude. */
function geohash({ lat, lon }: Coordinates): string[] {
  const [north, east] = [lat.toFixed(6), lon.toFixed(6)];
  const digit = (i: number): string => `${north.at(i + 3)}${east.at(i + 3)}`;
  return [`${Math.trunc(lat)};${Math.trunc(lon)}`, digit(0), digit(1), digit(2)];
}

/** The first decimal that has changed, 1 to 5; 0 if the whole degrees have or nothing was known before. */
function geohashLevel(place: Coordinates, before: Coordinates | null): number {
  if (!before) return 0;
  for (let level = 0; level < 5; level++) {
    const scale = 10 ** level;
    const isSame = (a: number, b: number): boolean => Math.trunc(a * scale) === Math.trunc(b * scale);
    if (!isSame(place.lat, before.lat) || !isSame(place.lon, before.lon)) return level;
  }
  return 5;
}
