import type { TimetableService } from "../model/timetable.ts";
import { calendarOf } from "./calendar.ts";

const dayMs = 86_400_000;
const halfDayMs = dayMs / 2;

/** Days remembered; forgotten all at once beyond this. */
const maxRemembered = 4_096;

/**
 * The days of a timetable, as whole days since 1970-01-01 on the calendar of its zone. Times of a service day count from
 * "noon minus 12 h" (GTFS Schedule, field type Time): that is midnight, except on the days when the clocks change, and so a
 * bus at 08:00 leaves when the clocks show 08:00 on every day. They go on beyond 24:00:00 for trips past midnight.
 */
export class ServiceDays {
  readonly #timezone: string;
  readonly #zeroes = new Map<number, number>();

  /** @throws RangeError if there is no such zone */
  constructor(timezone: string) {
    this.#timezone = timezone;
    calendarOf(timezone);
  }

  /** The instant from which the times of a service day count, epoch milliseconds. */
  zeroOf(day: number): number {
    const known = this.#zeroes.get(day);
    if (known !== undefined) return known;
    const zero = this.#noonOf(day) - halfDayMs;
    if (this.#zeroes.size >= maxRemembered) this.#zeroes.clear();
    this.#zeroes.set(day, zero);
    return zero;
  }

  /** The calendar day of an instant. */
  dayAt(time: number): number {
    const day = Math.floor(time / dayMs);
    return day + this.#daysAhead(day, calendarOf(this.#timezone).wallTime(time).weekday);
  }

  /** When the clocks show 12:00. They change at night, so the offset a few hours earlier or later is the same. */
  #noonOf(day: number): number {
    const noonUtc = day * dayMs + halfDayMs;
    const { weekday, minuteOfDay } = calendarOf(this.#timezone).wallTime(noonUtc);
    return noonUtc - (this.#daysAhead(day, weekday) * 1_440 + minuteOfDay - 720) * 60_000;
  }

  /** The clocks of a zone may show the day before that of UTC or the day after it: -1, 0 or 1. */
  #daysAhead(day: number, weekday: number): number {
    return ((weekday - weekdayOf(day) + 8) % 7) - 1;
  }
}

/** 0 is Monday; 1970-01-01 was a Thursday. */
export function weekdayOf(day: number): number {
  return (((day + 3) % 7) + 7) % 7;
}

/** Whether something runs on a day (GTFS, calendar.txt and calendar_dates.txt). */
export function runsOn(service: TimetableService, day: number): boolean {
  if (service.removed.has(day)) return false;
  if (service.added.has(day)) return true;
  return day >= service.from && day <= service.to && ((service.weekdays >> weekdayOf(day)) & 1) === 1;
}

/** `2026-11-22` in days since 1970-01-01; null if it is no date. */
export function readServiceDay(text: string): number | null {
  const match = /^(\d{4})-?(\d\d)-?(\d\d)$/.exec(text);
  return match && Date.UTC(Number(match[1]), Number(match[2]) - 1, Number(match[3])) / dayMs;
}

const written = new Map<number, string>();
/** Days whose text is remembered, since each reading of a vehicle asks for that of its trip; forgotten all at once. */
const maxWritten = 64;

/** `2026-11-22`. */
export function writeServiceDay(day: number): string {
  const known = written.get(day);
  if (known !== undefined) return known;
  const text = new Date(day * dayMs).toISOString().slice(0, 10);
  if (written.size >= maxWritten) written.clear();
  written.set(day, text);
  return text;
}

/** `25:10:00` or `25:10` in seconds of the service day; null if it is no time. */
export function readServiceTime(text: string): number | null {
  const match = /^(\d{1,3}):([0-5]\d)(?::([0-5]\d))?$/.exec(text);
  return match && Number(match[1]) * 3_600 + Number(match[2]) * 60 + Number(match[3] ?? 0);
}

/** `25:10:00`. */
export function writeServiceTime(seconds: number): string {
  const two = (value: number) => String(Math.floor(value)).padStart(2, "0");
  return `${two(seconds / 3_600)}:${two((seconds % 3_600) / 60)}:${two(seconds % 60)}`;
}
