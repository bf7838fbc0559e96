import { alertEffects } from "../formats/gtfs-rt-messages.ts";
import type { Latest } from "../log/contract.ts";
import type { Value, Values } from "../model/reading.ts";
import { numberOf, posix, textOf, tripDescriptor } from "./realtime-trip.ts";
import type { ProtoObject } from "./write-proto.ts";

/** What was told longer ago was forgotten by whoever told it. */
const maxAgeMs = 24 * 3_600_000;

/** Alert.Cause: nobody knows why. */
const unknownCause = 1;

/** Alert.Effect by kind of notice (src/insights/TRANSIT.md). */
const effects: ReadonlyMap<Value | undefined, number> = new Map<Value | undefined, number>([
  ["delay", 3], // SIGNIFICANT_DELAYS
  ["detour", 4], // DETOUR
  ["skipped", 6], // MODIFIED_SERVICE
]);
const otherEffect = 7;
const unknownEffect = 8;

const effectNumbers: ReadonlyMap<Value | undefined, unknown> = new Map(
  [...alertEffects].map(([number, name]) => [name, number]),
);

/** What is so now, whether somebody acknowledged it or not, of the topics `alerts/transit/#`. */
export function alertEntities(rows: readonly Latest[], now: number): ProtoObject[] {
  return rows.flatMap(({ topic, values, attrs, time }) => {
    const { state, kind, since } = values;
    const route = textOf(values["routeId"]);
    if ((state !== "firing" && state !== "acknowledged") || route === undefined || now - time > maxAgeMs)
      return [];
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

/**
 * What others tell, of the topics `transit/alert/#` (formats/gtfs-rt-alert.ts; over the native topic the remarks are values), until
 * its last period is over. What names nothing that it is about, or has no words, is no alert by the specification and left out.
 */
export function foreignAlertEntities(rows: readonly Latest[], now: number): ProtoObject[] {
  return rows.flatMap(({ topic, values, attrs, time }) => {
    if (values["event"] !== "alert" || now - time > maxAgeMs) return [];
    const remarks = { ...values, ...attrs };
    const text = textOf(remarks["headerText"]) ?? textOf(remarks["descriptionText"]);
    const informed = informedOf(remarks).flatMap(entitySelector);
    const periods = periodsOf(remarks);
    if (text === undefined || informed.length === 0 || !periods.some(({ end = now }) => end >= now))
      return [];
    const description = textOf(remarks["descriptionText"]);
    const alert = {
      // One without a bound may not be written: that none is there says the same.
      active_period: periods
        .filter(({ start, end }) => start !== undefined || end !== undefined)
        .map(({ start, end }) => ({ start: start && posix(start), end: end && posix(end) })),
      informed_entity: informed,
      cause: unknownCause,
      effect: Number(effectNumbers.get(remarks["effect"]) ?? unknownEffect),
      header_text: { translation: [{ text }] },
      description_text: description === undefined ? null : { translation: [{ text: description }] },
    };
    return [{ id: topic.name.slice("transit/".length), alert }];
  });
}

/** Epoch milliseconds; absent: without a bound. */
interface Period {
  readonly start?: number;
  readonly end?: number;
}

/** One without a bound if none is told: it holds as long as it is told. */
function periodsOf(remarks: Values): Period[] {
  const told = objectsOf(remarks["activePeriods"]) ?? [remarks];
  return told.map(({ activeFrom, activeUntil }) => {
    const [start, end] = [activeFrom, activeUntil].map((text) => Date.parse(String(text)));
    return {
      ...(start !== undefined && !Number.isNaN(start) && { start }),
      ...(end !== undefined && !Number.isNaN(end) && { end }),
    };
  });
}

function informedOf(remarks: Values): readonly Values[] {
  const whole = objectsOf(remarks["informed"]);
  if (whole !== null) return whole;
  const [routeIds, stopIds] = [remarks["routeIds"], remarks["stopIds"]];
  const lists = [
    ...(Array.isArray(routeIds) ? routeIds.map((routeId: Value) => ({ routeId })) : []),
    ...(Array.isArray(stopIds) ? stopIds.map((stopId: Value) => ({ stopId })) : []),
  ];
  return lists.length > 0 ? lists : [remarks];
}

function entitySelector(about: Values): ProtoObject[] {
  const route = textOf(about["routeId"]);
  const { directionId } = about;
  const selector = {
    agency_id: textOf(about["agencyId"]),
    route_id: route,
    route_type: numberOf(about["routeType"]),
    trip: tripDescriptor(about),
    stop_id: textOf(about["stopId"]),
    // It says nothing without its route.
    direction_id: route !== undefined && (directionId === 0 || directionId === 1) ? directionId : undefined,
  };
  return Object.values(selector).some((id) => id !== undefined && id !== null) ? [selector] : [];
}

function objectsOf(value: Value | undefined): Values[] | null {
  if (!Array.isArray(value)) return null;
  return value.filter((one) => typeof one === "object" && one !== null && !Array.isArray(one)) as Values[];
}
