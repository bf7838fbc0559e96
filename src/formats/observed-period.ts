import { isTime } from "../model/reading.ts";
import { readDurationS } from "./duration.ts";
import { parseTime } from "./time.ts";
import { anyZone, type TimeZone } from "./timezone.ts";

/** A window of observation. */
export interface ObservedPeriod {
  /** The end as the source wrote it (or epoch milliseconds), undefined where there is no date at all. */
  readonly end: unknown;
  /** The attribute that `end` comes from. */
  readonly name: string;
  /** Seconds; undefined where there is no window. */
  readonly lengthS: number | undefined;
}

/**
 * The window that `dateObserved` (an instant, or an interval `start/end`, `start/PT5M`, `PT5M/end`), `dateObservedFrom` and
 * `dateObservedTo` describe. The two attributes win over the interval.
 */
export function readPeriod(
  observed: unknown,
  from: unknown,
  to: unknown,
  zone: TimeZone | null,
  near: number,
): ObservedPeriod {
  const interval = typeof observed === "string" ? splitInterval(observed) : null;
  if (isGiven(to)) {
    const start = isGiven(from) ? from : interval?.[0];
    return { end: to, name: "dateObservedTo", lengthS: lengthOf(start, to, zone, near) };
  }
  if (interval !== null) return readInterval(interval[0], interval[1], zone, near);
  if (isGiven(observed)) return { end: observed, name: "dateObserved", lengthS: undefined };
  return { end: isGiven(from) ? from : undefined, name: "dateObservedFrom", lengthS: undefined };
}

function isGiven(raw: unknown): boolean {
  return raw !== undefined && raw !== null && raw !== "";
}

/** The two halves of an interval, null for anything else (`2016/12/07` is a date). */
function splitInterval(text: string): readonly [string, string] | null {
  const slash = text.indexOf("/");
  if (slash === -1 || text.includes("/", slash + 1)) return null;
  return [text.slice(0, slash).trim(), text.slice(slash + 1).trim()];
}

function readInterval(start: string, end: string, zone: TimeZone | null, near: number): ObservedPeriod {
  const name = "dateObserved";
  if (start.startsWith("P")) return { end, name, lengthS: positive(readDurationS(start)) };
  if (!end.startsWith("P")) return { end, name, lengthS: lengthOf(start, end, zone, near) };
  const lengthS = positive(readDurationS(end));
  const startMs = parseTime(start, zone, near);
  const isKnown = startMs !== null && isTime(startMs) && lengthS !== undefined;
  return { end: isKnown ? startMs + lengthS * 1000 : start, name, lengthS };
}

function lengthOf(start: unknown, end: unknown, zone: TimeZone | null, near: number): number | undefined {
  if (!isGiven(start)) return undefined;
  let startMs = parseTime(start, zone, near);
  let endMs = parseTime(end, zone, near);
  if (startMs === null && endMs === null) {
    startMs = parseTime(start, anyZone, near);
    endMs = parseTime(end, anyZone, near);
  }
  return startMs === null || endMs === null ? undefined : positive((endMs - startMs) / 1000);
}

function positive(seconds: number | undefined): number | undefined {
  return seconds !== undefined && seconds > 0 && Number.isFinite(seconds) ? seconds : undefined;
}
