import type { InsightRow } from "../insightrows.ts";
import { plainId } from "../topics.ts";
import { byName, instantIn, numberIn, textIn } from "./values.ts";

/** A tracked device: whether it moves, and how far it came. Times are epoch milliseconds, null if not known. */
export interface Tracked {
  /** Its id below `trips/`. */
  readonly device: string;
  readonly name: string;
  readonly state: "moving" | "stopped" | "unknown";
  readonly since: number | null;
  /** Of the trip under way; null if there is none. */
  readonly tripDistanceM: number | null;
  readonly tripMaxKmh: number | null;
  readonly totalDistanceM: number;
  readonly totalTrips: number;
  /** The place that it will be at next, of those watched. */
  readonly eta: { readonly place: string; readonly arrivesAt: number } | null;
}

export interface Speeding {
  readonly device: string;
  readonly name: string;
  readonly isNow: boolean;
  readonly since: number | null;
  readonly until: number | null;
  readonly maxKmh: number;
  readonly limitKmh: number;
}

/** A device's visit of a fence: the one under way, or its last. */
export interface Visit {
  readonly topic: string;
  readonly fence: string;
  readonly device: string;
  readonly name: string;
  readonly event: string;
  readonly isInside: boolean;
  readonly time: number;
  readonly enteredAt: number | null;
  readonly insideS: number;
}

/** A trip or a stop that is over. */
export interface Leg {
  readonly kind: "trip" | "stop";
  readonly start: number;
  readonly end: number;
  readonly durationS: number;
  /** Of trips. */
  readonly distanceM: number | null;
  readonly maxKmh: number | null;
}

/** The devices by name. */
export function trackedOf(trips: ReadonlyMap<string, InsightRow>): Tracked[] {
  const tracked: Tracked[] = [];
  const etas = nextPlaces(trips.values());
  for (const { topic, values } of trips.values()) {
    if (!("totalTrips" in values)) continue;
    const device = topic.slice("trips/".length);
    const { state } = values;
    tracked.push({
      device,
      name: plainId(device),
      state: state === "moving" || state === "stopped" ? state : "unknown",
      since: instantIn(values, "since"),
      tripDistanceM: numberIn(values, "tripDistanceM"),
      tripMaxKmh: numberIn(values, "tripMaxKmh"),
      totalDistanceM: numberIn(values, "totalDistanceM") ?? 0,
      totalTrips: numberIn(values, "totalTrips") ?? 0,
      eta: etas.get(device) ?? null,
    });
  }
  return tracked.sort((a, b) => byName(a.name, b.name));
}

/** Who drives too fast, then who did last. */
export function speedingOf(trips: Iterable<InsightRow>): Speeding[] {
  const all: Speeding[] = [];
  for (const { topic, values } of trips) {
    if (!topic.endsWith("/speeding") || !("isSpeeding" in values)) continue;
    const device = topic.slice("trips/".length, -"/speeding".length);
    all.push({
      device,
      name: plainId(device),
      isNow: values["isSpeeding"] === true,
      since: instantIn(values, "since"),
      until: instantIn(values, "until"),
      maxKmh: numberIn(values, "maxKmh") ?? 0,
      limitKmh: numberIn(values, "limitKmh") ?? 0,
    });
  }
  return all.sort((a, b) => Number(b.isNow) - Number(a.isNow) || (b.since ?? 0) - (a.since ?? 0));
}

/** The visits of all fences that there are, what happened last first. */
export function visitsOf(geofence: Iterable<InsightRow>): Visit[] {
  const visits = Array.from(geofence, ({ topic, time, values }): Visit => {
    const [, fence = "", ...rest] = topic.split("/");
    const device = rest.join("/");
    return {
      topic,
      fence: plainId(fence),
      device,
      name: plainId(device),
      event: textIn(values, "event") ?? "",
      isInside: values["inside"] === true,
      time,
      enteredAt: instantIn(values, "enteredAt"),
      insideS: numberIn(values, "insideS") ?? 0,
    };
  });
  const ofFences = visits.filter(({ event }) => event !== "removed");
  return ofFences.sort((a, b) => b.time - a.time || (a.topic < b.topic ? -1 : 1));
}

/** The fences by name, each with who is inside, who came first before. */
export function fencesOf(visits: readonly Visit[]): { fence: string; inside: Visit[] }[] {
  const fences = new Map<string, Visit[]>();
  for (const visit of visits) {
    const inside = fences.get(visit.fence) ?? [];
    if (visit.isInside) inside.push(visit);
    fences.set(visit.fence, inside);
  }
  return Array.from(fences, ([fence, inside]) => ({
    fence,
    inside: inside.sort((a, b) => (a.enteredAt ?? 0) - (b.enteredAt ?? 0) || byName(a.name, b.name)),
  })).sort((a, b) => byName(a.fence, b.fence));
}

/** A device's trips and stops up to `now`, the last first. @param readings those of `…/trip` and `…/stop` */
export function legsOf(readings: Iterable<Pick<InsightRow, "topic" | "values">>, now: number): Leg[] {
  const legs = new Map<string, Leg>();
  for (const { topic, values } of readings) {
    const kind = topic.endsWith("/trip") ? "trip" : "stop";
    const start = instantIn(values, kind === "trip" ? "start" : "arrived");
    const end = instantIn(values, kind === "trip" ? "end" : "left");
    if (start === null || end === null || end > now) continue;
    // What was told again for the same beginning is put right by it.
    legs.set(`${kind} ${start}`, {
      kind,
      start,
      end,
      durationS: numberIn(values, "durationS") ?? (end - start) / 1000,
      distanceM: numberIn(values, "distanceM"),
      maxKmh: numberIn(values, "maxKmh"),
    });
  }
  return [...legs.values()].sort((a, b) => b.start - a.start);
}

function nextPlaces(trips: Iterable<InsightRow>): Map<string, { place: string; arrivesAt: number }> {
  const next = new Map<string, { place: string; arrivesAt: number }>();
  for (const { topic, values } of trips) {
    const at = topic.indexOf("/eta/");
    const arrivesAt = instantIn(values, "arrivesAt");
    if (at < 0 || values["state"] !== "coming" || arrivesAt === null) continue;
    const device = topic.slice("trips/".length, at);
    const known = next.get(device);
    if (known && known.arrivesAt <= arrivesAt) continue;
    next.set(device, { place: plainId(topic.slice(at + "/eta/".length)), arrivesAt });
  }
  return next;
}
