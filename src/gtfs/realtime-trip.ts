import type { Latest } from "../log/contract.ts";
import type { Value, Values } from "../model/reading.ts";
import { topicParts } from "../model/topic.ts";
import type { ProtoObject } from "./write-proto.ts";

/** What was told longer ago is in no feed. Milliseconds. */
export const maxAgeMs = 900_000;

/** A vehicle on a trip, as src/insights/TRANSIT.md tells it. */
export interface KnownVehicle {
  readonly values: Values;
  /** Epoch milliseconds. */
  readonly time: number;
}

/** By vehicle. */
export type KnownVehicles = ReadonlyMap<string, KnownVehicle>;

const underWay: ReadonlySet<Value | undefined> = new Set(["running", "atStop", "away"]);

/** The vehicles that are on a trip, of the topics `trips/transit/#`. */
export function knownVehicles(rows: readonly Latest[]): KnownVehicles {
  const known = new Map<string, KnownVehicle>();
  for (const { topic, values, time } of rows) {
    const device = topicParts(topic.name, topic.channelAt).device.slice("transit/".length);
    if (underWay.has(values["state"])) known.set(device, { values, time });
  }
  return known;
}

/** Names a trip on its day: what these values have in common. */
export function runOf({ tripId, operatingDay, startTime }: Values): string {
  return JSON.stringify([tripId, operatingDay, startTime]);
}

/** TripDescriptor; null without an id. Texts in other forms than GTFS has them are left out. */
export function tripDescriptor(values: Values): ProtoObject | null {
  const { tripId, routeId, directionId, startTime, operatingDay } = values;
  if (typeof tripId !== "string") return null;
  const isTime = typeof startTime === "string" && /^\d\d+:\d\d:\d\d$/.test(startTime);
  const isDay = typeof operatingDay === "string" && /^\d{4}-\d\d-\d\d$/.test(operatingDay);
  return {
    trip_id: tripId,
    route_id: textOf(routeId),
    direction_id: directionId === 0 || directionId === 1 ? directionId : undefined,
    start_time: isTime ? startTime : undefined,
    start_date: isDay ? operatingDay.replaceAll("-", "") : undefined,
  };
}

export function textOf(value: Value | undefined): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

export function numberOf(value: Value | undefined): number | undefined {
  return typeof value === "number" ? value : undefined;
}

/** POSIX seconds, as all times of a feed are. */
export function posix(time: number): number {
  return Math.floor(time / 1_000);
}
