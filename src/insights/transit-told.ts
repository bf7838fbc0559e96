import { isoTime, type Reading, type Values } from "../model/reading.ts";
import type { Timetable } from "../model/timetable.ts";
import { writeServiceDay, writeServiceTime } from "./service-day.ts";
import { type Assessment, type Call, nextStop } from "./transit-assess.ts";
import type { Headway } from "./transit-headways.ts";
import type { Run } from "./transit-trips.ts";

/** Below it are vehicles (`trips/transit/<vehicle>`) and notices (`alerts/transit/…`). */
export const vehicleLevel = "transit/";

/** A vehicle on a run, as it is known now. */
export interface KnownVehicle {
  readonly run: Run;
  readonly timetable: Timetable;
  readonly assessment: Assessment;
  readonly headway: Headway | null;
}

/** A trip's own level in topics: its id, and its start where one id stands for many (frequencies.txt). */
export function tripChannel({ trip, startS }: Run): string {
  return trip.frequencies === null ? trip.id : `${trip.id}@${writeServiceTime(startS)}`;
}

/**
 * The reading of `arrivals/<stop>/<route>/<slot>`. The second call at a stop has `/2` behind it, and so on. All values are told each
 * time, since the topic showed another trip before.
 * @param slotOf what tells it apart from other trips of its route (transit-slots.ts)
 */
export function callReading(
  vehicle: string,
  run: Run,
  timetable: Timetable,
  slotOf: (run: Run) => number,
  { stop, state, arriveAt, departAt }: Call,
  time: number,
): Reading {
  const { trip, calls } = wordsOf(run, timetable, slotOf);
  const { stopId, stopName, stopSequence, channel, arrival, departure } = calls[stop] as CallWords;
  const isArrival = arrival !== null && arriveAt !== null;
  const isDeparture = departure !== null && departAt !== null;
  const values: Values = {
    state,
    vehicle,
    // Each by its name: copied together they would cost several times as much.
    tripId: trip.tripId,
    routeId: trip.routeId,
    routeName: trip.routeName,
    headsign: trip.headsign,
    directionId: trip.directionId,
    operatingDay: trip.operatingDay,
    startTime: trip.startTime,
    stopName,
    stopSequence,
    scheduledArrival: arrival?.text ?? null,
    expectedArrival: isArrival ? isoTime(arriveAt) : null,
    arrivalDelayS: isArrival ? Math.round((arriveAt - arrival.at) / 1_000) : null,
    scheduledDeparture: departure?.text ?? null,
    expectedDeparture: isDeparture ? isoTime(departAt) : null,
    departureDelayS: isDeparture ? Math.round((departAt - departure.at) / 1_000) : null,
  };
  return { domain: "arrivals", device: stopId, channel, time, values };
}

/** A time of the timetable, epoch milliseconds, and as it is written. */
interface Scheduled {
  readonly at: number;
  readonly text: string;
}

/** What is told of a call each time. Null: the first stop has no arrival, the last no departure. */
interface CallWords {
  readonly stopId: string;
  readonly stopName: string;
  readonly stopSequence: number;
  readonly channel: string;
  readonly arrival: Scheduled | null;
  readonly departure: Scheduled | null;
}

/** What is told of a trip each time. */
interface TripWords {
  readonly tripId: string;
  readonly routeId: string | null;
  readonly routeName: string | null;
  readonly headsign: string | null;
  readonly directionId: number | null;
  readonly operatingDay: string;
  readonly startTime: string;
}

interface RunWords {
  readonly trip: TripWords;
  readonly calls: readonly CallWords[];
}

/** Made once of each run: a call is told several times. */
const wordsOfRuns = new WeakMap<Run, RunWords>();

function wordsOf(run: Run, timetable: Timetable, slotOf: (run: Run) => number): RunWords {
  const made = wordsOfRuns.get(run);
  if (made !== undefined) return made;
  const place = `${timetable.routes[run.trip.route]?.id ?? ""}/${slotOf(run)}`;
  const calls = run.stopIds.map((_, stop) => callWords(run, timetable, place, stop));
  const words = { trip: tripValues(run, timetable), calls };
  wordsOfRuns.set(run, words);
  return words;
}

function callWords(
  { pattern, stopIds, startAt }: Run,
  { stops }: Timetable,
  place: string,
  stop: number,
): CallWords {
  const stopId = stopIds[stop] as string;
  const visit = stopIds.slice(0, stop).filter((id) => id === stopId).length;
  const scheduled = (seconds: readonly number[]) => {
    const at = startAt + (seconds[stop] as number) * 1_000;
    return { at, text: isoTime(at) };
  };
  return {
    stopId,
    stopName: stops[pattern.stops[stop] as number]?.name ?? stopId,
    stopSequence: pattern.sequences[stop] as number,
    channel: visit === 0 ? place : `${place}/${visit + 1}`,
    arrival: stop === 0 ? null : scheduled(pattern.arriveS),
    departure: stop === stopIds.length - 1 ? null : scheduled(pattern.departS),
  };
}

/**
 * The reading of `trips/transit/<vehicle>`.
 * @param known null: it is on no trip of the timetable
 */
export function vehicleReading(vehicle: string, known: KnownVehicle | null, time: number): Reading {
  const values = known === null ? unmatched : vehicleValues(known);
  return { domain: "trips", device: `${vehicleLevel}${vehicle}`, time, values };
}

export const unmatched: Values = {
  state: "unmatched",
  ...noTrip(),
};

function noTrip(): Values {
  const names = ["tripId", "routeId", "routeName", "headsign", "directionId", "operatingDay", "startTime"];
  const more = ["delayS", "stopId", "nextStopId", "stopSequence", "headwayS", "scheduledHeadwayS"];
  return Object.fromEntries([...names, ...more].map((name) => [name, null]));
}

function vehicleValues({ run, timetable, assessment, headway }: KnownVehicle): Values {
  const { state, zone, delayS } = assessment;
  const trip = tripValues(run, timetable);
  const next = nextStop(assessment);
  const isHere = next !== null && zone === 2 * next;
  const stopId = next === null ? null : (run.stopIds[next] as string);
  const [headwayS, scheduledHeadwayS] = headway ?? [null, null];
  return {
    state: state === "running" && isHere ? "atStop" : state,
    tripId: trip.tripId,
    routeId: trip.routeId,
    routeName: trip.routeName,
    headsign: trip.headsign,
    directionId: trip.directionId,
    operatingDay: trip.operatingDay,
    startTime: trip.startTime,
    delayS,
    stopId: isHere ? stopId : null,
    nextStopId: isHere ? null : stopId,
    stopSequence: next === null ? null : (run.pattern.sequences[next] as number),
    headwayS,
    scheduledHeadwayS,
  };
}

/** What is the same for all calls of a run; made once of each. */
const valuesOfRuns = new WeakMap<Run, TripWords>();

function tripValues(run: Run, { routes }: Timetable): TripWords {
  const made = valuesOfRuns.get(run);
  if (made !== undefined) return made;
  const { trip, day, startS } = run;
  const route = routes[trip.route];
  const values = {
    tripId: trip.id,
    routeId: route?.id ?? null,
    routeName: route?.name ?? null,
    headsign: trip.headsign,
    directionId: trip.direction,
    operatingDay: writeServiceDay(day),
    startTime: writeServiceTime(startS),
  };
  valuesOfRuns.set(run, values);
  return values;
}
