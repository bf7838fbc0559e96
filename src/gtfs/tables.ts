import type {
  Timetable,
  TimetableFrequency,
  TimetableRoute,
  TimetableService,
  TimetableShape,
  TimetableStop,
  TimetableTrip,
} from "../model/timetable.ts";
import { PatternCollector } from "./patterns.ts";
import { BadTable, TableReader } from "./rows.ts";

/** The largest public timetables (whole countries) stay below these. */
export interface TimetableLimits {
  readonly maxStops: number;
  readonly maxTrips: number;
  /** Calls of all patterns together: what the patterns have in common counts once. */
  readonly maxCalls: number;
  readonly maxShapePoints: number;
}

export const defaultTimetableLimits: TimetableLimits = {
  maxStops: 1_000_000,
  maxTrips: 2_000_000,
  maxCalls: 10_000_000,
  maxShapePoints: 10_000_000,
};

/** Most problems that are told one by one. */
const maxProblems = 20;

interface Shape {
  readonly sequences: number[];
  readonly lats: number[];
  readonly lons: number[];
}

type TripRow = Omit<TimetableTrip, "pattern" | "startS" | "frequencies" | "shape"> & {
  readonly shape: string;
};

type Service = { -readonly [Key in keyof TimetableService]: TimetableService[Key] } & {
  readonly added: Set<number>;
  readonly removed: Set<number>;
};

/** How a table is read. */
interface Table {
  readonly isRequired: boolean;
  readonly columns: readonly string[];
  /** Takes a row; a text says why it is left out. */
  take(cells: readonly string[]): string | null;
}

/** Puts a timetable together from its tables, which must come in the order of `names`. */
export class TimetableTables {
  /** Rows that were left out, the first of them, for people. */
  readonly problems: string[] = [];
  #timezone = "";
  readonly #limits: TimetableLimits;
  readonly #stops: TimetableStop[] = [];
  readonly #stopAt = new Map<string, number>();
  readonly #routes: TimetableRoute[] = [];
  readonly #routeAt = new Map<string, number>();
  readonly #services: Service[] = [];
  readonly #serviceAt = new Map<string, number>();
  readonly #trips: TripRow[] = [];
  readonly #tripAt = new Map<string, number>();
  readonly #frequencies = new Map<number, TimetableFrequency[]>();
  readonly #shapes = new Map<string, Shape>();
  #shapePoints = 0;
  readonly #patterns: PatternCollector;

  constructor(limits: TimetableLimits = defaultTimetableLimits) {
    this.#limits = limits;
    this.#patterns = new PatternCollector(limits.maxCalls);
  }

  readonly #tables: Readonly<Record<string, Table>> = {
    "agency.txt": {
      isRequired: true,
      columns: ["agency_timezone"],
      take: ([timezone = ""]) => {
        // GTFS: all agencies of a dataset have the same zone.
        this.#timezone ||= timezone;
        return null;
      },
    },
    "stops.txt": {
      isRequired: true,
      columns: ["stop_id", "stop_name", "stop_lat", "stop_lon", "location_type"],
      take: (cells) => this.#takeStop(cells),
    },
    "routes.txt": {
      isRequired: true,
      columns: ["route_id", "route_short_name", "route_long_name"],
      take: ([id = "", short = "", long = ""]) => {
        if (id === "") return "no route_id";
        this.#routeAt.set(id, this.#routes.push({ id, name: short || long || id }) - 1);
        return null;
      },
    },
    "calendar.txt": {
      isRequired: false,
      columns: calendarColumns,
      take: (cells) => this.#takeCalendar(cells),
    },
    "calendar_dates.txt": {
      isRequired: false,
      columns: ["service_id", "date", "exception_type"],
      take: (cells) => this.#takeCalendarDate(cells),
    },
    "trips.txt": {
      isRequired: true,
      columns: ["trip_id", "route_id", "service_id", "direction_id", "trip_headsign", "shape_id"],
      take: (cells) => this.#takeTrip(cells),
    },
    "frequencies.txt": {
      isRequired: false,
      columns: ["trip_id", "start_time", "end_time", "headway_secs", "exact_times"],
      take: (cells) => this.#takeFrequency(cells),
    },
    "stop_times.txt": {
      isRequired: true,
      columns: ["trip_id", "stop_id", "stop_sequence", "arrival_time", "departure_time"],
      take: (cells) => this.#takeCall(cells),
    },
    "shapes.txt": {
      isRequired: false,
      columns: ["shape_id", "shape_pt_sequence", "shape_pt_lat", "shape_pt_lon"],
      take: (cells) => this.#takePoint(cells),
    },
  };

  /** The tables that matter, in the order in which they must be read. */
  get names(): readonly string[] {
    return Object.keys(this.#tables);
  }

  isRequired(name: string): boolean {
    return this.#tables[name]?.isRequired ?? false;
  }

  /** Takes the bytes of a table as they come. @throws BadTable if it cannot be used */
  reader(name: string): TableReader {
    const { columns, take } = this.#tables[name] as Table;
    return new TableReader(columns, (cells, line) => {
      const problem = take(cells);
      if (problem === null) return;
      if (this.problems.length < maxProblems) this.problems.push(`${name}, line ${line}: ${problem}`);
    });
  }

  /** @throws BadTable if the tables make no timetable */
  finish(): Timetable {
    if (this.#timezone === "") throw new BadTable("agency.txt: no agency_timezone");
    const { patterns, ofTrip } = this.#patterns.finish();
    const shapeAt = new Map([...this.#shapes.keys()].map((id, place) => [id, place]));
    const trips = this.#trips.flatMap(({ shape, ...trip }, place) => {
      const calls = ofTrip.get(place);
      if (calls === undefined) return [];
      const frequencies = this.#frequencies.get(place) ?? null;
      return [{ ...trip, ...calls, shape: shapeAt.get(shape) ?? null, frequencies }];
    });
    if (trips.length === 0)
      throw new BadTable("trips.txt: no trip has two stops with times in stop_times.txt");
    return {
      timezone: this.#timezone,
      stops: this.#stops,
      routes: this.#routes,
      services: this.#services,
      patterns,
      shapes: [...this.#shapes.values()].map(makeShape),
      trips,
    };
  }

  #takeStop([id = "", name = "", latText = "", lonText = "", type = ""]: readonly string[]): string | null {
    // Stations, entrances and the like: no trip calls there.
    if (type !== "" && type !== "0") return null;
    const [lat, lon] = [readNumber(latText), readNumber(lonText)];
    if (id === "" || lat === null || lon === null) return "a stop needs stop_id, stop_lat and stop_lon";
    if (Math.abs(lat) > 90 || Math.abs(lon) > 180) return `${lat}, ${lon} is no place on the earth`;
    requireRoom("stops", this.#stops.length, this.#limits.maxStops);
    this.#stopAt.set(id, this.#stops.push({ id, name: name || id, lat, lon }) - 1);
    return null;
  }

  #service(id: string): Service {
    const known = this.#serviceAt.get(id);
    if (known !== undefined) return this.#services[known] as Service;
    const service: Service = { weekdays: 0, from: 0, to: -1, added: new Set(), removed: new Set() };
    this.#serviceAt.set(id, this.#services.push(service) - 1);
    return service;
  }

  #takeCalendar([id = "", start = "", end = "", ...days]: readonly string[]): string | null {
    const [from, to] = [readDay(start), readDay(end)];
    if (id === "" || from === null || to === null) return "service_id, start_date or end_date is no good";
    const weekdays = days.reduce((bits, day, at) => (day === "1" ? bits | (1 << at) : bits), 0);
    Object.assign(this.#service(id), { weekdays, from, to });
    return null;
  }

  #takeCalendarDate([id = "", date = "", type = ""]: readonly string[]): string | null {
    const day = readDay(date);
    if (id === "" || day === null || (type !== "1" && type !== "2")) {
      return "service_id, date or exception_type is no good";
    }
    const { added, removed } = this.#service(id);
    (type === "1" ? added : removed).add(day);
    return null;
  }

  #takeTrip([
    id = "",
    routeId = "",
    serviceId = "",
    direction = "",
    headsign = "",
    shape = "",
  ]: readonly string[]) {
    const route = this.#routeAt.get(routeId);
    const service = this.#serviceAt.get(serviceId);
    if (id === "" || route === undefined) return `its route ${JSON.stringify(routeId)} is not in routes.txt`;
    if (service === undefined) return `its service ${JSON.stringify(serviceId)} is in neither calendar`;
    requireRoom("trips", this.#trips.length, this.#limits.maxTrips);
    const directionId = direction === "0" ? 0 : direction === "1" ? 1 : null;
    this.#tripAt.set(
      id,
      this.#trips.push({ id, route, service, direction: directionId, headsign, shape }) - 1,
    );
    if (shape !== "" && !this.#shapes.has(shape))
      this.#shapes.set(shape, { sequences: [], lats: [], lons: [] });
    return null;
  }

  #takeFrequency([id = "", from = "", until = "", every = "", exact = ""]: readonly string[]): string | null {
    const trip = this.#tripAt.get(id);
    const [fromS, untilS, everyS] = [readSeconds(from), readSeconds(until), readNumber(every)];
    if (trip === undefined) return `its trip ${JSON.stringify(id)} is not in trips.txt`;
    if (fromS === null || untilS === null || everyS === null || everyS <= 0) return "a time is no good";
    const own = this.#frequencies.get(trip) ?? [];
    this.#frequencies.set(trip, [...own, { fromS, untilS, everyS, isExact: exact === "1" }]);
    return null;
  }

  #takeCall([id = "", stopId = "", order = "", arrival = "", departure = ""]: readonly string[]):
    | string
    | null {
    const trip = this.#tripAt.get(id);
    const stop = this.#stopAt.get(stopId);
    const sequence = readNumber(order);
    if (trip === undefined) return `its trip ${JSON.stringify(id)} is not in trips.txt`;
    if (stop === undefined) return `its stop ${JSON.stringify(stopId)} is not in stops.txt`;
    if (sequence === null) return `stop_sequence ${JSON.stringify(order)} is no number`;
    const call = { stop, sequence, arriveS: readSeconds(arrival), departS: readSeconds(departure) };
    if (!this.#patterns.add(trip, call)) requireRoom("calls", this.#limits.maxCalls, this.#limits.maxCalls);
    return null;
  }

  #takePoint([id = "", order = "", latText = "", lonText = ""]: readonly string[]): string | null {
    // Shapes of no trip cost nothing.
    const shape = this.#shapes.get(id);
    if (!shape) return null;
    const [sequence, lat, lon] = [readNumber(order), readNumber(latText), readNumber(lonText)];
    if (sequence === null || lat === null || lon === null) return "a point needs a sequence, lat and lon";
    if (Math.abs(lat) > 90 || Math.abs(lon) > 180) return `${lat}, ${lon} is no place on the earth`;
    requireRoom("shape points", this.#shapePoints++, this.#limits.maxShapePoints);
    shape.sequences.push(sequence);
    shape.lats.push(lat);
    shape.lons.push(lon);
    return null;
  }
}

const calendarColumns = [
  "service_id",
  "start_date",
  "end_date",
  "monday",
  "tuesday",
  "wednesday",
  "thursday",
  "friday",
  "saturday",
  "sunday",
];

function makeShape({ sequences, lats, lons }: Shape): TimetableShape {
  const order = sequences.map((_, at) => at);
  if (sequences.some((sequence, at) => at > 0 && sequence < (sequences[at - 1] as number))) {
    order.sort((one, other) => (sequences[one] as number) - (sequences[other] as number));
  }
  return {
    lats: Float64Array.from(order, (at) => lats[at] as number),
    lons: Float64Array.from(order, (at) => lons[at] as number),
  };
}

function requireRoom(what: string, count: number, max: number): void {
  if (count >= max)
    throw new BadTable(`more than ${max} ${what}; use an archive of the region that is needed`);
}

function readNumber(text: string): number | null {
  return /^-?\d+(\.\d+)?(e-?\d+)?$/i.test(text) ? Number(text) : null;
}

/** `25:10:00`: hours go on beyond 24 (GTFS, field type Time). Null for an empty cell and for what is no time. */
function readSeconds(text: string): number | null {
  const match = /^(\d{1,3}):(\d\d):(\d\d)$/.exec(text);
  return match && Number(match[1]) * 3600 + Number(match[2]) * 60 + Number(match[3]);
}

/** `20261122` in days since 1970-01-01. */
function readDay(text: string): number | null {
  const match = /^(\d{4})(\d\d)(\d\d)$/.exec(text);
  return match && Date.UTC(Number(match[1]), Number(match[2]) - 1, Number(match[3])) / 86_400_000;
}
