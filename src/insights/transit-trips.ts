import type { Values } from "../model/reading.ts";
import type { Timetable, TimetablePattern, TimetableStop, TimetableTrip } from "../model/timetable.ts";
import { quarterMs } from "./calendar.ts";
import {
  readServiceDay,
  readServiceTime,
  runsOn,
  ServiceDays,
  writeServiceDay,
  writeServiceTime,
} from "./service-day.ts";

const daySeconds = 86_400;
/** A vehicle may be so much ahead of its trip's first departure, and so late behind its last arrival. Seconds. */
const earlySlackS = 2 * 3_600;
const lateSlackS = 4 * 3_600;

/** A trip of the timetable on one day. */
export interface Run {
  /** Names it: trip, day and start. */
  readonly key: string;
  readonly trip: TimetableTrip;
  readonly pattern: TimetablePattern;
  /** Ids of the pattern's stops. */
  readonly stopIds: readonly string[];
  /** Service day, days since 1970-01-01. */
  readonly day: number;
  /** First departure, epoch milliseconds; what the pattern's seconds count from. */
  readonly startAt: number;
  /** First departure, seconds of the service day. */
  readonly startS: number;
}

/** What a vehicle spoke of last: it speaks of the same again and again. */
export interface Spoken {
  /** Null: of nothing that holds for all of a quarter-hour. */
  tripId: string | null;
  /** Quarter-hours since 1970. */
  quarter: number;
  run: Run | null;
}

/** Finds the trips that readings speak of. */
export class TripFinder {
  readonly timetable: Timetable;
  readonly #days: ServiceDays;
  readonly #byId = new Map<string, number>();
  /** Trips that start once a day by route, direction and start; those of frequencies by route and direction. */
  readonly #byStart = new Map<string, number[]>();
  readonly #byRoute = new Map<string, number[]>();
  readonly #idsOf = new Map<number, readonly string[]>();
  /** By place of the trip, the run that was found last: a vehicle speaks of the same again and again. */
  readonly #recent = new Map<number, Run>();

  /** @throws RangeError if the timetable's zone is none */
  constructor(timetable: Timetable) {
    this.timetable = timetable;
    this.#days = new ServiceDays(timetable.timezone);
    for (const [place, { id, route, direction, startS, frequencies }] of timetable.trips.entries()) {
      this.#byId.set(id, place);
      const way = `${timetable.routes[route]?.id} ${direction}`;
      if (frequencies === null) addTo(this.#byStart, `${way} ${startS}`, place);
      else addTo(this.#byRoute, way, place);
    }
  }

  /**
   * The trip that a reading speaks of: by `tripId`, or by `routeId`, `directionId` and `startTime`; on `operatingDay`, else
   * on the day on which it runs about the reading's time. Null if there is none, or more than one: no guesses.
   * @param spoken what the vehicle spoke of last, to be given again with its next reading
   */
  find(values: Values, time: number, spoken: Spoken = { tripId: null, quarter: 0, run: null }): Run | null {
    const { tripId, operatingDay, startTime } = values;
    const isById = typeof tripId === "string" && operatingDay === undefined && startTime === undefined;
    const isSame = isById && tripId === spoken.tripId && quarterOf(time) === spoken.quarter;
    return isSame ? spoken.run : this.#findNew(values, time, spoken);
  }

  #findNew(values: Values, time: number, spoken: Spoken): Run | null {
    const { tripId, operatingDay, startTime } = values;
    const day = typeof operatingDay === "string" ? readServiceDay(operatingDay) : null;
    const startS = typeof startTime === "string" ? readServiceTime(startTime) : null;
    const place = typeof tripId === "string" ? this.#byId.get(tripId) : undefined;
    if (place !== undefined && startS === null && day === null) return this.#about(place, time, spoken);
    if (place !== undefined) return this.#onDay(place, startS, day, time);
    return startS === null ? null : this.#byTime(values, startS, day, time);
  }

  /** The run that readings of its vehicle and its calls name; null if the timetable has it no more. */
  runOf({ startTime, operatingDay, tripId }: Values): Run | null {
    return this.restore(`${startTime} ${operatingDay} ${tripId}`);
  }

  /** The run of a key that `find` gave; null if the timetable has it no more. */
  restore(key: string): Run | null {
    const [startText = "", dayText = "", ...id] = key.split(" ");
    const place = this.#byId.get(id.join(" "));
    const [day, startS] = [readServiceDay(dayText), readServiceTime(startText)];
    return place === undefined || day === null || startS === null ? null : this.#run(place, startS, day);
  }

  #byTime({ routeId, directionId }: Values, startS: number, day: number | null, time: number): Run | null {
    if (typeof routeId !== "string") return null;
    const directions = directionId === 0 || directionId === 1 ? [directionId, null] : [0, 1, null];
    const runs: Run[] = [];
    // What leaves at 25:10 is said to leave at 01:10 by many a vehicle.
    for (const seconds of startS < daySeconds ? [startS, startS + daySeconds] : [startS]) {
      for (const direction of directions) {
        const way = `${routeId} ${direction}`;
        const places = [...(this.#byStart.get(`${way} ${seconds}`) ?? []), ...(this.#byRoute.get(way) ?? [])];
        for (const place of places) {
          const run = this.#onDay(place, seconds, day, time);
          if (run) runs.push(run);
        }
      }
    }
    return runs.length === 1 ? (runs[0] as Run) : null;
  }

  /**
   * The run of a trip that is about a time. It is the same for a whole quarter-hour if it is at both of its ends: days begin on one, and
   * a run is about for hours.
   */
  #about(place: number, time: number, spoken: Spoken): Run | null {
    const quarter = quarterOf(time);
    const run = this.#onDay(place, null, null, time);
    const start = quarter * quarterMs;
    const isSame = [start, start + quarterMs - 1].every((end) => this.#onDay(place, null, null, end) === run);
    spoken.tripId = isSame ? (this.timetable.trips[place] as TimetableTrip).id : null;
    spoken.quarter = quarter;
    spoken.run = run;
    return run;
  }

  #onDay(place: number, startS: number | null, day: number | null, time: number): Run | null {
    const trip = this.timetable.trips[place] as TimetableTrip;
    const start = startOf(trip, startS);
    if (start === null) return null;
    // The newest day first: between two it is the one that has begun.
    const today = this.#days.dayAt(time);
    for (const one of day === null ? [today + 1, today, today - 1, today - 2] : [day]) {
      if (!this.#runsOn(trip, one)) continue;
      if (day !== null || this.#isAbout(trip, this.#startAt(start, one), time)) {
        return this.#run(place, start, one);
      }
    }
    return null;
  }

  #stopIds(pattern: number): readonly string[] {
    const known = this.#idsOf.get(pattern);
    if (known) return known;
    const { stops } = this.timetable.patterns[pattern] as TimetablePattern;
    const ids = stops.map((stop) => (this.timetable.stops[stop] as TimetableStop).id);
    this.#idsOf.set(pattern, ids);
    return ids;
  }

  #runsOn({ service }: TimetableTrip, day: number): boolean {
    const found = this.timetable.services[service];
    return found !== undefined && runsOn(found, day);
  }

  #run(place: number, startS: number, day: number): Run {
    const recent = this.#recent.get(place);
    if (recent?.day === day && recent.startS === startS) return recent;
    const trip = this.timetable.trips[place] as TimetableTrip;
    const run = {
      key: `${writeServiceTime(startS)} ${writeServiceDay(day)} ${trip.id}`,
      trip,
      pattern: this.timetable.patterns[trip.pattern] as TimetablePattern,
      stopIds: this.#stopIds(trip.pattern),
      day,
      startAt: this.#startAt(startS, day),
      startS,
    };
    this.#recent.set(place, run);
    return run;
  }

  #startAt(startS: number, day: number): number {
    return this.#days.zeroOf(day) + startS * 1_000;
  }

  /** Whether a vehicle may be on it then. */
  #isAbout({ pattern }: TimetableTrip, startAt: number, time: number): boolean {
    const { arriveS } = this.timetable.patterns[pattern] as TimetablePattern;
    const endAt = startAt + (arriveS.at(-1) as number) * 1_000;
    return time >= startAt - earlySlackS * 1_000 && time <= endAt + lateSlackS * 1_000;
  }
}

/** Whether a vehicle is hardly on it any more. */
export function isLongOver({ pattern, startAt }: Run, now: number): boolean {
  return now > startAt + ((pattern.arriveS.at(-1) as number) + lateSlackS) * 1_000;
}

/** First departure of a trip, seconds of the service day; null if it does not start then. */
function startOf({ startS, frequencies }: TimetableTrip, toldS: number | null): number | null {
  if (frequencies === null) return startS;
  if (toldS === null) return null;
  const isRun = frequencies.some(
    ({ fromS, untilS, everyS, isExact }) =>
      toldS >= fromS && toldS < untilS && (!isExact || (toldS - fromS) % everyS === 0),
  );
  return isRun ? toldS : null;
}

function quarterOf(time: number): number {
  return Math.floor(time / quarterMs);
}

function addTo(map: Map<string, number[]>, key: string, place: number): void {
  const own = map.get(key);
  if (own) own.push(place);
  else map.set(key, [place]);
}
