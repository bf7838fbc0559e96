import type { Latest } from "../log/contract.ts";
import type { Value } from "../model/reading.ts";
import { posix, textOf, tripDescriptor } from "./realtime-trip.ts";
import type { ProtoObject } from "./write-proto.ts";

/** A notice that has been firing longer than this was forgotten by whoever told it. */
const maxFiringMs = 24 * 3_600_000;

/** Alert.Cause: nobody knows why. */
const unknownCause = 1;

/** Alert.Effect by kind of notice (src/insights/TRANSIT.md). */
const effects: ReadonlyMap<Value | undefined, number> = new Map<Value | undefined, number>([
  ["delay", 3], // SIGNIFICANT_DELAYS
  ["detour", 4], // DETOUR
  ["skipped", 6], // MODIFIED_SERVICE
]);
const otherEffect = 7;

/** What is firing, of the topics `alerts/transit/#`. */
export function alertEntities(rows: readonly Latest[], now: number): ProtoObject[] {
  return rows.flatMap(({ topic, values, attrs, time }) => {
    const { state, kind, since } = values;
    const route = textOf(values["routeId"]);
    if (state !== "firing" || route === undefined || now - time > maxFiringMs) return [];
    const startAt = typeof since === "string" ? Date.parse(since) : time;
    const informed = { route_id: route, trip: tripDescriptor(values), stop_id: textOf(values["stopId"]) };
    const text = textOf(attrs?.["text"]) ?? String(kind);
    const alert = {
      active_period: [{ start: posix(startAt) }],
      informed_entity: [informed],
      cause: unknownCause,
      effect: effects.get(kind) ?? otherEffect,
      header_text: { translation: [{ text, language: "en" }] },
    };
    return [{ id: topic.name.slice("alerts/transit/".length), alert }];
  });
}
