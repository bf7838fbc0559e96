import type { Latest } from "../log/contract.ts";
import { topicParts } from "../model/topic.ts";
import { type KnownVehicles, maxAgeMs, numberOf, posix, textOf, tripDescriptor } from "./realtime-trip.ts";
import type { ProtoObject } from "./write-proto.ts";

/** VehiclePosition.VehicleStopStatus. */
const stoppedAt = 1;
const inTransitTo = 2;

/** The vehicles that told their position lately, of the topics `transit/#`. */
export function vehicleEntities(
  rows: readonly Latest[],
  vehicles: KnownVehicles,
  now: number,
): ProtoObject[] {
  return rows.flatMap((row) => {
    const { device, channel } = topicParts(row.topic.name, row.topic.channelAt);
    const { lat, lon, event } = row.values;
    // Predictions stand in channels, and alerts have no position.
    if (channel !== undefined || event === "alert" || typeof lat !== "number" || typeof lon !== "number") {
      return [];
    }
    const seenAt = row.times?.["lat"] ?? row.time;
    if (now - seenAt > maxAgeMs) return [];
    const known = vehicles.get(device);
    const vehicle = {
      trip: tripDescriptor(known?.values ?? row.values),
      vehicle: { id: device },
      position: positionOf(row, lat, lon, seenAt),
      timestamp: posix(seenAt),
      ...(known && stopOf(known.values)),
    };
    return [{ id: device, vehicle }];
  });
}

/** Speed and course only if they are of the same moment as the position. */
function positionOf({ values, times, time }: Latest, lat: number, lon: number, seenAt: number): ProtoObject {
  const ofThen = (name: string) => ((times?.[name] ?? time) === seenAt ? numberOf(values[name]) : undefined);
  const speedKmh = ofThen("speedKmh");
  return {
    latitude: lat,
    longitude: lon,
    bearing: ofThen("courseDeg"),
    speed: speedKmh === undefined ? undefined : speedKmh / 3.6,
  };
}

function stopOf({ stopId, nextStopId, stopSequence }: Latest["values"]): ProtoObject {
  const here = textOf(stopId);
  const next = textOf(nextStopId);
  if (here === undefined && next === undefined) return {};
  return {
    current_stop_sequence: numberOf(stopSequence),
    stop_id: here ?? next,
    current_status: here === undefined ? inTransitTo : stoppedAt,
  };
}
