import type { Latest } from "../log/contract.ts";
import type { Values } from "../model/reading.ts";
import { topicParts } from "../model/topic.ts";
import {
  type KnownVehicle,
  type KnownVehicles,
  numberOf,
  posix,
  runOf,
  textOf,
  tripDescriptor,
} from "./realtime-trip.ts";
import type { ProtoObject } from "./write-proto.ts";

/** StopTimeUpdate.ScheduleRelationship. */
const skipped = 1;
const noData = 2;

/** A call of `arrivals/<stop>/<route>/<slot>`. */
interface CallRow {
  readonly stopId: string;
  readonly sequence: number;
  readonly time: number;
  readonly values: Values;
}

/** The trips that vehicles are on now, of the topics `arrivals/#`. */
export function tripUpdateEntities(
  rows: readonly Latest[],
  vehicles: KnownVehicles,
  now: number,
): ProtoObject[] {
  const byVehicle = new Map<string, Map<number, CallRow>>();
  for (const { topic, values, time } of rows) {
    const { vehicle, stopSequence } = values;
    if (typeof vehicle !== "string" || typeof stopSequence !== "number") continue;
    const known = vehicles.get(vehicle);
    // Topics show calls of trips that are over until another trip takes its turn.
    if (!known || runOf(known.values) !== runOf(values)) continue;
    const stopId = topicParts(topic.name, topic.channelAt).device;
    const calls = byVehicle.get(vehicle) ?? new Map<number, CallRow>();
    byVehicle.set(vehicle, calls);
    // With a new timetable a trip may have taken another turn, and its old topics show it too.
    const other = calls.get(stopSequence);
    if (other && other.time > time) continue;
    calls.set(stopSequence, { stopId, sequence: stopSequence, time, values });
  }
  return [...byVehicle].flatMap(([vehicle, calls]) => {
    const entity = updateOf(vehicle, vehicles.get(vehicle) as KnownVehicle, [...calls.values()], now);
    return entity === null ? [] : [entity];
  });
}

function updateOf(
  vehicle: string,
  { values, time }: KnownVehicle,
  calls: readonly CallRow[],
  now: number,
): ProtoObject | null {
  const trip = tripDescriptor(values);
  const updates = stopTimeUpdates(calls);
  if (trip === null || updates.length === 0) return null;
  // A vehicle's clock may be ahead.
  const newest = Math.min(now, Math.max(time, ...calls.map((call) => call.time)));
  const tripUpdate = {
    trip,
    vehicle: { id: vehicle },
    stop_time_update: updates,
    timestamp: posix(newest),
    delay: numberOf(values["delayS"]),
  };
  return { id: `${String(trip["trip_id"])}/${vehicle}`, trip_update: tripUpdate };
}

/** In the order of the trip, with times that only grow: what was observed is not exact to the second. */
function stopTimeUpdates(calls: readonly CallRow[]): ProtoObject[] {
  const updates: ProtoObject[] = [];
  let earliest = 0;
  for (const { stopId, sequence, values } of [...calls].sort((a, b) => a.sequence - b.sequence)) {
    const place = { stop_sequence: sequence, stop_id: stopId };
    if (values["state"] === "skipped") updates.push({ ...place, schedule_relationship: skipped });
    else if (values["state"] === "unknown") updates.push({ ...place, schedule_relationship: noData });
    else {
      const arrival = eventOf(values, "Arrival", earliest);
      const departure = eventOf(values, "Departure", arrival?.time ?? earliest);
      if (!arrival && !departure) continue;
      earliest = ((departure ?? arrival)?.time ?? earliest) + 1;
      updates.push({ ...place, arrival, departure });
    }
  }
  return updates;
}

function eventOf(values: Values, end: "Arrival" | "Departure", earliest: number) {
  const expected = textOf(values[`expected${end}`]);
  const scheduled = textOf(values[`scheduled${end}`]);
  if (expected === undefined) return undefined;
  const time = Math.max(earliest, posix(Date.parse(expected)));
  return { time, delay: scheduled === undefined ? undefined : time - posix(Date.parse(scheduled)) };
}
