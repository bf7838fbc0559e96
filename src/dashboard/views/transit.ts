import type { InsightRow } from "../insightrows.ts";
import { plainId } from "../topics.ts";
import { byName, instantIn, numberIn, textIn } from "./values.ts";

/** A call that is over stands on the board for so long. */
const pastCallMs = 60_000;

const callStates = ["expected", "arrived", "departed", "skipped"] as const;
const arrivalNames = {
  scheduled: "scheduledArrival",
  predicted: "expectedArrival",
  delay: "arrivalDelayS",
} as const;
const departureNames = {
  scheduled: "scheduledDeparture",
  predicted: "expectedDeparture",
  delay: "departureDelayS",
} as const;

/** A vehicle's call at a stop, as an arrival board has it. Times are epoch milliseconds, null if not known. */
export interface Call {
  readonly topic: string;
  readonly line: string;
  readonly headsign: string;
  readonly vehicle: string;
  readonly state: (typeof callStates)[number] | "unknown";
  readonly scheduled: number | null;
  /** Foretold; once it was there, observed. */
  readonly predicted: number | null;
  /** Positive = late. */
  readonly delayS: number | null;
  /** Its trip ends here. */
  readonly isLast: boolean;
}

export interface Stop {
  readonly id: string;
  /** As the timetable calls it; `Stop` and its id where nothing tells. */
  readonly name: string;
  /** Calls that are to come. */
  readonly expected: number;
}

/** A line with its vehicles. */
export interface Line {
  readonly routeId: string;
  readonly name: string;
  readonly headsigns: readonly string[];
  readonly vehicles: number;
  /** The mean of the vehicles whose delay is known, seconds. */
  readonly delayS: number | null;
  readonly notices: readonly Notice[];
}

export interface Notice {
  readonly topic: string;
  readonly kind: string;
  readonly text: string;
  readonly since: number | null;
  readonly routeId: string | null;
  readonly isOver: boolean;
}

/** The stops that vehicles call at, by name. Of stops with the same name each shows its id too. */
export function stopsOf(arrivals: Iterable<InsightRow>): Stop[] {
  const found = new Map<string, { name: string | null; expected: number }>();
  const named = new Map<string, Set<string>>();
  for (const { topic, values } of arrivals) {
    const id = stopIn(topic);
    const stop = found.get(id) ?? { name: null, expected: 0 };
    stop.name = textIn(values, "stopName") ?? stop.name;
    if (values["state"] === "expected") stop.expected++;
    found.set(id, stop);
    if (stop.name !== null) named.set(stop.name, (named.get(stop.name) ?? new Set()).add(id));
  }
  const stops = Array.from(found, ([id, { name, expected }]): Stop => {
    if (name === null) return { id, name: `Stop ${id}`, expected };
    const isOnly = named.get(name)?.size === 1;
    return { id, name: isOnly || name === id ? name : `${name}, stop ${id}`, expected };
  });
  return stops.sort((a, b) => byName(a.name, b.name) || byName(a.id, b.id));
}

/** The stop with the most to see, for who has not chosen one; null if there is none. */
export function busiestStop(stops: readonly Stop[]): string | null {
  let best: Stop | null = null;
  for (const stop of stops) if (!best || stop.expected > best.expected) best = stop;
  return best?.id ?? null;
}

/** What an arrival board of the stop shows: by predicted time, what is over for a minute longer. */
export function boardOf(arrivals: Iterable<InsightRow>, stop: string, now: number): Call[] {
  const calls: Call[] = [];
  for (const row of arrivals) {
    if (stopIn(row.topic) !== stop) continue;
    const call = callOf(row);
    if (!isPast(call, now)) calls.push(call);
  }
  return calls.sort((a, b) => timeOf(a) - timeOf(b) || (a.topic < b.topic ? -1 : 1));
}

/** The lines by name, each with its notices. */
export function linesOf(trips: Iterable<InsightRow>, notices: readonly Notice[]): Line[] {
  const byRoute = new Map<string, InsightRow[]>();
  for (const row of trips) {
    const routeId = textIn(row.values, "routeId");
    if (!row.topic.startsWith("trips/transit/") || routeId === null) continue;
    if (row.values["state"] === "ended" || row.values["state"] === "replaced") continue;
    byRoute.set(routeId, [...(byRoute.get(routeId) ?? []), row]);
  }
  const lines = Array.from(byRoute, ([routeId, rows]): Line => {
    const delays = rows.map(({ values }) => numberIn(values, "delayS")).filter((delayS) => delayS !== null);
    const headsigns = rows.flatMap(({ values }) => textIn(values, "headsign") ?? []);
    return {
      routeId,
      name: textIn(rows[0]?.values ?? {}, "routeName") ?? routeId,
      headsigns: [...new Set(headsigns)].sort(byName),
      vehicles: rows.length,
      delayS: delays.length === 0 ? null : delays.reduce((sum, delayS) => sum + delayS, 0) / delays.length,
      notices: notices.filter((notice) => notice.routeId === routeId && !notice.isOver),
    };
  });
  return lines.sort((a, b) => byName(a.name, b.name));
}

/** Delays, bunching, detours, early departures and skipped stops: those that are, then those that were, the newest first. */
export function noticesOf(alerts: Iterable<InsightRow>): Notice[] {
  const notices: Notice[] = [];
  for (const { topic, values, attrs } of alerts) {
    if (!topic.startsWith("alerts/transit/")) continue;
    const kind = textIn(values, "kind") ?? topic.split("/")[4] ?? "";
    notices.push({
      topic,
      kind,
      text: textIn(attrs, "text") ?? kind,
      since: instantIn(values, "since"),
      routeId: textIn(values, "routeId"),
      isOver: values["state"] !== "firing" && values["state"] !== "acknowledged",
    });
  }
  return notices.sort((a, b) => Number(a.isOver) - Number(b.isOver) || (b.since ?? 0) - (a.since ?? 0));
}

function stopIn(topic: string): string {
  return plainId(topic.split("/")[1] ?? "");
}

function callOf({ topic, values }: InsightRow): Call {
  // The first stop has no arrival.
  const names = "scheduledArrival" in values ? arrivalNames : departureNames;
  return {
    topic,
    line: textIn(values, "routeName") ?? textIn(values, "routeId") ?? "",
    headsign: textIn(values, "headsign") ?? "",
    vehicle: textIn(values, "vehicle") ?? "",
    state: callStates.find((known) => known === values["state"]) ?? "unknown",
    scheduled: instantIn(values, names.scheduled),
    predicted: instantIn(values, names.predicted),
    delayS: numberIn(values, names.delay),
    isLast: !("scheduledDeparture" in values),
  };
}

function timeOf({ predicted, scheduled }: Call): number {
  return predicted ?? scheduled ?? Number.POSITIVE_INFINITY;
}

function isPast(call: Call, now: number): boolean {
  // Who has come to the end of its trip is not told to leave.
  if (call.state === "arrived" && !call.isLast) return false;
  const time = timeOf(call);
  return Number.isFinite(time) && now - time > pastCallMs;
}
