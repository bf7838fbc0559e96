import type { Timetable, TimetablePattern, TimetableService } from "../model/timetable.ts";
import { putBounded } from "./bounded.ts";
import { runsOn } from "./service-day.ts";
import type { Run } from "./transit-trips.ts";

/** Days of routes whose departures are remembered; they are made again when they are needed. */
const maxRouteDays = 4_096;
/** A trip may be told of before its start, and be late at its end: so much longer it needs its slot. Seconds. */
const slackS = 3_600;

interface Departure {
  readonly startS: number;
  readonly tripId: string;
}

interface RouteDay {
  /** By start, then id. */
  readonly departures: readonly Departure[];
  /** Most trips that are under way at once. */
  readonly slots: number;
}

/**
 * Numbers for the trips of a route that are under way at once, from 1: the trips of a day take them in turns, in the order of their
 * first departures. So there are as many topics as vehicles on the line at its busiest, however many trips and days there are; and
 * since the timetable alone decides, readings may come in any order.
 */
export class TripSlots {
  readonly #timetable: Timetable;
  /** Places of trips by route. */
  readonly #byRoute = new Map<number, number[]>();
  readonly #days = new Map<string, RouteDay>();

  constructor(timetable: Timetable) {
    this.#timetable = timetable;
    for (const [place, { route }] of timetable.trips.entries()) {
      const own = this.#byRoute.get(route);
      if (own) own.push(place);
      else this.#byRoute.set(route, [place]);
    }
  }

  slotOf({ trip, day, startS }: Run): number {
    const { departures, slots } = this.#dayOf(trip.route, day);
    return (rankOf(departures, { startS, tripId: trip.id }) % slots) + 1;
  }

  #dayOf(route: number, day: number): RouteDay {
    const key = `${route} ${day}`;
    const found = this.#days.get(key) ?? this.#readDay(route, day);
    putBounded(this.#days, key, found, maxRouteDays);
    return found;
  }

  #readDay(route: number, day: number): RouteDay {
    const { trips, patterns, services } = this.#timetable;
    const departures: Departure[] = [];
    let longestS = 0;
    for (const place of this.#byRoute.get(route) ?? []) {
      const trip = trips[place];
      const service = services[trip?.service ?? -1];
      if (!trip || !service || !runsOn(service as TimetableService, day)) continue;
      longestS = Math.max(longestS, (patterns[trip.pattern] as TimetablePattern).arriveS.at(-1) ?? 0);
      const { id: tripId, frequencies } = trip;
      if (frequencies === null) departures.push({ startS: trip.startS, tripId });
      for (const { fromS, untilS, everyS } of frequencies ?? []) {
        for (let startS = fromS; startS < untilS; startS += Math.max(1, everyS)) {
          departures.push({ startS, tripId });
        }
      }
    }
    departures.sort((one, other) => (isAhead(one, other) ? -1 : 1));
    return { departures, slots: mostWithin(departures, longestS + slackS) };
  }
}

function isAhead(one: Departure, other: Departure): boolean {
  return one.startS < other.startS || (one.startS === other.startS && one.tripId < other.tripId);
}

/** How many departures are ahead of one. */
function rankOf(departures: readonly Departure[], one: Departure): number {
  let [low, high] = [0, departures.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (isAhead(departures[middle] as Departure, one)) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Most departures in a stretch of so many seconds; 1 if there is none. */
function mostWithin(departures: readonly Departure[], stretchS: number): number {
  let most = 1;
  let first = 0;
  for (const [at, { startS }] of departures.entries()) {
    while (startS - (departures[first] as Departure).startS > stretchS) first++;
    most = Math.max(most, at - first + 1);
  }
  return most;
}
