import { isTime, type Values } from "../model/reading.ts";
import { readText } from "./fields.ts";
import { parseTime, writeTime } from "./time.ts";
import type { TimeZone } from "./timezone.ts";

/** Feeds write "no time" as 0, 0001-01-01 or 1970-01-01; no timetable of theirs is older than this. */
const oldestTimetable = Date.UTC(2000, 0, 1);

/** What a feed says about one end of a stop; times in epoch milliseconds. */
export interface StopTimes {
  readonly scheduled: number | undefined;
  readonly expected: number | undefined;
  /** Positive = late. */
  readonly delayS: number | undefined;
}

/** The names of the values of each end. */
const names = {
  arrival: { scheduled: "scheduledArrival", expected: "expectedArrival", delay: "arrivalDelayS" },
  departure: { scheduled: "scheduledDeparture", expected: "expectedDeparture", delay: "departureDelayS" },
} as const;

/** A time of a timetable or prediction; `undefined` for an absent, unreadable or null one. */
export function readStopTime(raw: unknown, zone: TimeZone | null, near: number): number | undefined {
  if (raw === undefined || raw === null) return undefined;
  const time = parseTime(raw, zone, near);
  return time !== null && isTime(time) && time >= oldestTimetable ? time : undefined;
}

/** Sets what is known of an arrival or departure. Two times say the delay more exactly than a delay does. */
export function setStopTimes(values: Values, end: "arrival" | "departure", times: StopTimes): void {
  const { scheduled, expected } = times;
  const delayS = delayOf(times);
  if (scheduled !== undefined) values[names[end].scheduled] = writeTime(scheduled);
  if (expected !== undefined) values[names[end].expected] = writeTime(expected);
  if (delayS !== undefined) values[names[end].delay] = delayS;
}

function delayOf({ scheduled, expected, delayS }: StopTimes): number | undefined {
  return scheduled !== undefined && expected !== undefined ? (expected - scheduled) / 1000 : delayS;
}

/** The operating day as `YYYY-MM-DD`, from that or from GTFS's `YYYYMMDD`; `undefined` for anything else. */
export function readOperatingDay(raw: unknown): string | undefined {
  const text = readText(raw);
  if (text === undefined) return undefined;
  if (/^\d{8}$/.test(text)) return `${text.slice(0, 4)}-${text.slice(4, 6)}-${text.slice(6)}`;
  return /^\d{4}-\d\d-\d\d$/.test(text) ? text : undefined;
}
