import { isoTime, type Reading, type Values } from "../model/reading.ts";
import type { Timetable } from "../model/timetable.ts";
import { writeServiceDay, writeServiceTime } from "./service-day.ts";
import type { Assessment, Call } from "./transit-assess.ts";
import type { Headway } from "./transit-headways.ts";
import type { Run } from "./transit-trips.ts";

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
 * @param slot what tells it apart from other trips of its route (transit-slots.ts)
 */
export function callReading(
  vehicle: string,
  { run, timetable, slot }: { readonly run: Run; readonly timetable: Timetable; readonly slot: number },
  call: Call,
  time: number,
): Reading {
  const { pattern, stopIds, startAt } = run;
  const { stop, state, arriveAt, departAt } = call;
  const stopId = stopIds[stop] as string;
  const visit = stopIds.slice(0, stop).filter((id) => id === stopId).length;
  const scheduled = (seconds: readonly number[]) => startAt + (seconds[stop] as number) * 1_000;
  const isLast = stop === stopIds.length - 1;
  const values: Values = {
    state,
    vehicle,
    ...tripValues(run, timetable),
    stopSequence: pattern.sequences[stop] as number,
    ...endOf("arrival", stop === 0 ? null : scheduled(pattern.arriveS), arriveAt),
    ...endOf("departure", isLast ? null : scheduled(pattern.departS), departAt),
  };
  const place = `${timetable.routes[run.trip.route]?.id ?? ""}/${slot}`;
  const channel = visit === 0 ? place : `${place}/${visit + 1}`;
  return { domain: "arrivals", device: stopId, channel, time, values };
}

/** @param scheduledAt null: it has no such end */
function endOf(end: "arrival" | "departure", scheduledAt: number | null, at: number | null): Values {
  const name = end === "arrival" ? "Arrival" : "Departure";
  const isKnown = scheduledAt !== null && at !== null;
  return {
    [`scheduled${name}`]: scheduledAt === null ? null : isoTime(scheduledAt),
    [`expected${name}`]: isKnown ? isoTime(at) : null,
    [`${end}DelayS`]: isKnown ? Math.round((at - scheduledAt) / 1_000) : null,
  };
}

/**
 * The reading of `trips/transit/<vehicle>`.
 * @param known null: it is on no trip of the timetable
 */
export function vehicleReading(vehicle: string, known: KnownVehicle | null, time: number): Reading {
  const values = known === null ? unmatched : vehicleValues(known);
  return { domain: "trips", device: `transit/${vehicle}`, time, values };
}

const unmatched: Values = {
  state: "unmatched",
  ...noTrip(),
};

function noTrip(): Values {
  const names = ["tripId", "routeId", "routeName", "headsign", "directionId", "operatingDay", "startTime"];
  const more = ["delayS", "stopId", "nextStopId", "stopSequence", "headwayS", "scheduledHeadwayS"];
  return Object.fromEntries([...names, ...more].map((name) => [name, null]));
}

function vehicleValues({ run, timetable, assessment, headway }: KnownVehicle): Values {
  const { state, isAtStop, delayS, calls } = assessment;
  const next = calls.find(({ state }) => state === "expected" || state === "arrived" || state === "ended");
  const isHere = isAtStop && next !== undefined && next.state !== "expected";
  const stopId = next ? (run.stopIds[next.stop] as string) : null;
  return {
    state: state === "running" && isHere ? "atStop" : state,
    ...tripValues(run, timetable),
    delayS,
    stopId: isHere ? stopId : null,
    nextStopId: isHere ? null : stopId,
    stopSequence: next ? (run.pattern.sequences[next.stop] as number) : null,
    headwayS: headway?.headwayS ?? null,
    scheduledHeadwayS: headway?.scheduledHeadwayS ?? null,
  };
}

/** What is the same for all calls of a run; made once of each. */
const valuesOfRuns = new WeakMap<Run, Values>();

function tripValues(run: Run, { routes }: Timetable): Values {
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
