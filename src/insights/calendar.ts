/** Lengths of time that use, cost and habits are told by, the shortest first. */
export const levels = ["quarterHour", "hour", "day", "month"] as const;
export type Level = (typeof levels)[number];

/** A stretch of time on the calendar of a zone, epoch milliseconds; `end` is the next one's `start`. */
export interface Period {
  readonly start: number;
  readonly end: number;
}

/** Where an instant stands on the calendar and the clock of a zone. */
export interface WallTime {
  /** 0 is Monday (ISO 8601 has it as 1). */
  readonly weekday: number;
  /** Minutes since the clock showed 00:00: 0 to 1439, on every day. */
  readonly minuteOfDay: number;
}

export const quarterMs = 900_000;
const hourMs = 3_600_000;
const dayMs = 86_400_000;

/** Periods and offsets remembered of a zone; forgotten all at once beyond this. */
const maxRemembered = 4_096;

const calendars = new Map<string, Calendar>();
/** Zones whose calendars are kept; forgotten all at once beyond this. */
const maxCalendars = 64;

/**
 * The calendar of an IANA zone, e.g. `Europe/Berlin`; made once per name.
 * @throws RangeError if there is no such zone
 */
export function calendarOf(timezone: string): Calendar {
  const known = calendars.get(timezone);
  if (known) return known;
  const made = new Calendar(timezone);
  if (calendars.size >= maxCalendars) calendars.clear();
  calendars.set(timezone, made);
  return made;
}

/** Says why `timezone` cannot be used; null if it can. */
export function timezoneProblem(timezone: string): string | null {
  try {
    calendarOf(timezone);
    return null;
  } catch {
    return `${JSON.stringify(timezone)} is not an IANA zone; write one like "Europe/Berlin"`;
  }
}

/**
 * Hours, days and months as the clocks of a zone show them. Days of 23 and 25 hours are what they are, and the hour that
 * the end of summer time repeats is two hours. Quarter-hours are those of UTC, and every zone's clocks change on one.
 */
export class Calendar {
  readonly #format: Intl.DateTimeFormat;
  readonly #offsets = new Map<number, number>();
  readonly #days = new Map<number, Period>();
  readonly #last: Partial<Record<Level, Period>> = {};

  /** Its IANA zone. */
  readonly timezone: string;

  constructor(timezone: string) {
    this.timezone = timezone;
    this.#format = new Intl.DateTimeFormat("en", { timeZone: timezone, timeZoneName: "longOffset" });
  }

  /** The period that `time` is in. */
  periodOf(level: Level, time: number): Period {
    // Readings mostly come for the same periods as the one before.
    const last = this.#last[level];
    if (last && time >= last.start && time < last.end) return last;
    const period = this.#find(level, time);
    this.#last[level] = period;
    return period;
  }

  wallTime(time: number): WallTime {
    const local = time + this.#offsetAt(time);
    const day = Math.floor(local / dayMs);
    // 1970-01-01 was a Thursday.
    return { weekday: modulo(day + 3, 7), minuteOfDay: Math.floor((local - day * dayMs) / 60_000) };
  }

  #find(level: Level, time: number): Period {
    if (level === "quarterHour") {
      const start = Math.floor(time / quarterMs) * quarterMs;
      return { start, end: start + quarterMs };
    }
    const local = time + this.#offsetAt(time);
    if (level === "hour") return this.#hourOf(time, local);
    const date = new Date(local);
    const [year, month, day] = [date.getUTCFullYear(), date.getUTCMonth(), date.getUTCDate()];
    if (level === "month") {
      return {
        start: this.#midnight(Date.UTC(year, month, 1)),
        end: this.#midnight(Date.UTC(year, month + 1, 1)),
      };
    }
    const key = Date.UTC(year, month, day);
    let period = this.#days.get(key);
    if (!period) {
      period = { start: this.#midnight(key), end: this.#midnight(key + dayMs) };
      if (this.#days.size >= maxRemembered) this.#days.clear();
      this.#days.set(key, period);
    }
    return period;
  }

  // Cut at a change of the clocks: where they change by half an hour (Lord Howe), one hour is shorter.
  #hourOf(time: number, local: number): Period {
    const offset = this.#offsetAt(time);
    let start = Math.floor(local / hourMs) * hourMs - offset;
    let end = start + hourMs;
    while (this.#offsetAt(start) !== offset) start += quarterMs;
    while (this.#offsetAt(end - 1) !== offset) end -= quarterMs;
    return { start, end };
  }

  /** The first instant of a date whose midnight is `local` on the clocks; some zones skip midnight, some have it twice. */
  #midnight(local: number): number {
    const before = this.#offsetAt(local - dayMs);
    const after = this.#offsetAt(local + dayMs);
    let at = local - Math.max(before, after);
    while (at + this.#offsetAt(at) < local) at += quarterMs;
    return at;
  }

  #offsetAt(time: number): number {
    const quarter = Math.floor(time / quarterMs);
    let offset = this.#offsets.get(quarter);
    if (offset === undefined) {
      offset = readOffset(this.#format.format(quarter * quarterMs));
      if (this.#offsets.size >= maxRemembered) this.#offsets.clear();
      this.#offsets.set(quarter, offset);
    }
    return offset;
  }
}

function modulo(value: number, by: number): number {
  return ((value % by) + by) % by;
}

/** Milliseconds in the `GMT+01:00` that ends a formatted date; `GMT` alone is zero. */
function readOffset(formatted: string): number {
  const match = /GMT(?:([+-])(\d\d):(\d\d)(?::(\d\d))?)?$/.exec(formatted);
  if (match === null || match[1] === undefined) return 0;
  const seconds = Number(match[2]) * 3600 + Number(match[3]) * 60 + Number(match[4] ?? 0);
  return (match[1] === "-" ? -1000 : 1000) * seconds;
}
