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

/** The reading of `arrivals/<stop>/<trip>`. The second call at a stop has `/2` behind it, and so on. */
export function callReading(
  vehicle: string,
  run: Run,
  timetable: Timetable,
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
    ...(stop > 0 && endOf("arrival", scheduled(pattern.arriveS), arriveAt)),
    ...(!isLast && endOf("departure", scheduled(pattern.departS), departAt)),
  };
  const channel = visit === 0 ? tripChannel(run) : `${tripChannel(run)}/${visit + 1}`;
  return { domain: "arrivals", device: stopId, channel, time, values };
}

function endOf(end: "arrival" | "departure", scheduledAt: number, at: number | null): Values {
  const name = end === "arrival" ? "Arrival" : "Departure";
  return {
    [`scheduled${name}`]: isoTime(scheduledAt),
    [`expected${name}`]: at === null ? null : isoTime(at),
    [`${end}DelayS`]: at === null ? null : Math.round((at - scheduledAt) / 1_000),
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
  const next = calls.find((call) => call.state === "expected" || call.state === "arrived");
  const isHere = isAtStop && next?.state === "arrived";
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

function tripValues({ trip, day, startS }: Run, { routes }: Timetable): Values {
  const route = routes[trip.route];
  return {
    tripId: trip.id,
    routeId: route?.id ?? null,
    routeName: route?.name ?? null,
    headsign: trip.headsign,
    directionId: trip.direction,
    operatingDay: writeServiceDay(day),
    startTime: writeServiceTime(startS),
  };
}
