/** A place where vehicles stop. */
export interface TimetableStop {
  readonly id: string;
  readonly name: string;
  /** WGS84 degrees. */
  readonly lat: number;
  readonly lon: number;
}

export interface TimetableRoute {
  readonly id: string;
  /** What stands on the vehicle: the short name, else the long one. */
  readonly name: string;
}

/** On which days something runs. Days are whole days since 1970-01-01 on the calendar of the timetable's zone. */
export interface TimetableService {
  /** Bit 0 is Monday. */
  readonly weekdays: number;
  /** First and last day on which `weekdays` holds. */
  readonly from: number;
  readonly to: number;
  readonly added: ReadonlySet<number>;
  readonly removed: ReadonlySet<number>;
}

/** The calls of a trip at its stops. Trips that take the same way in the same time share one. */
export interface TimetablePattern {
  /** Places in `Timetable.stops`. */
  readonly stops: readonly number[];
  /** GTFS's `stop_sequence`, ascending. */
  readonly sequences: readonly number[];
  /** Seconds after the trip's first departure. */
  readonly arriveS: readonly number[];
  readonly departS: readonly number[];
}

/** A trip that runs every so often instead of once a day (GTFS, frequencies.txt). Seconds of the service day. */
export interface TimetableFrequency {
  readonly fromS: number;
  /** The last one leaves before this. */
  readonly untilS: number;
  readonly everyS: number;
  /** False: about every so often, without times that one could be late for. */
  readonly isExact: boolean;
}

export interface TimetableTrip {
  readonly id: string;
  /** Places in the timetable's lists; `shape` is null without one. */
  readonly route: number;
  readonly service: number;
  readonly pattern: number;
  readonly shape: number | null;
  readonly direction: 0 | 1 | null;
  readonly headsign: string;
  /** First departure, seconds of the service day: after noon minus 12 hours, and beyond 86,400 after midnight. */
  readonly startS: number;
  /** Null for a trip that runs once a day. */
  readonly frequencies: readonly TimetableFrequency[] | null;
}

/** The line that vehicles follow: points one after the other. */
export interface TimetableShape {
  readonly lats: Float64Array;
  readonly lons: Float64Array;
}

/** What a GTFS Schedule archive says that matters here (https://gtfs.org/documentation/schedule/reference/). */
export interface Timetable {
  /** IANA zone of all its times. */
  readonly timezone: string;
  readonly stops: readonly TimetableStop[];
  readonly routes: readonly TimetableRoute[];
  readonly services: readonly TimetableService[];
  readonly patterns: readonly TimetablePattern[];
  readonly shapes: readonly TimetableShape[];
  readonly trips: readonly TimetableTrip[];
}
