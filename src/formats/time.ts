import { isoTime, isTime } from "../model/reading.ts";
import { readNumber } from "./fields.ts";
import { quote } from "./outcome.ts";
import type { TimeZone } from "./timezone.ts";

/** A device's clock that shows less than this was never set (rule 1): the time of receipt is used. */
const oldestClock = Date.UTC(2000, 0, 1);

/** How far ahead of the gateway a device's clock may be, in milliseconds (rule 1). */
export const maxAheadMs = 3_600_000;

/** Epoch numbers from here on are milliseconds: as seconds this would be the year 5138, as milliseconds 1973. */
const leastEpochMs = 1e11;

/**
 * When something was observed, in epoch milliseconds, by rule 1: `raw` is ISO 8601 text (also with a space, dotted
 * dates, any number of decimals) or epoch seconds or milliseconds. Absent, or before 2000: `receivedAt`. Local time
 * without an offset: in `zone`, or `receivedAt` where the zone is unknown. A reason if it is unreadable or in the future.
 */
export function observedAt(
  raw: unknown,
  path: string,
  receivedAt: number,
  zone: TimeZone | null,
): number | string {
  if (raw === undefined || raw === null || raw === "") return receivedAt;
  return checkObserved(parseTime(raw, zone, receivedAt), raw, path, receivedAt);
}

/**
 * As `observedAt`, for formats whose numbers are seconds by definition: milliseconds in their place are tens of thousands
 * of years ahead, and refused.
 */
export function observedAtSeconds(
  raw: unknown,
  path: string,
  receivedAt: number,
  zone: TimeZone | null,
): number | string {
  const number = readNumber(raw);
  const isMs = number !== undefined && number >= leastEpochMs;
  return isMs
    ? checkObserved(Number.MAX_SAFE_INTEGER, raw, path, receivedAt)
    : observedAt(raw, path, receivedAt, zone);
}

/** Rule 1 for a time that `parseTime` or the like has read from `raw`; see `observedAt` and `parseTime`. */
export function checkObserved(
  time: number | null,
  raw: unknown,
  path: string,
  receivedAt: number,
): number | string {
  if (time === null) return receivedAt;
  if (Number.isNaN(time)) {
    return `${path}: ${quote(raw)} is not a time; send ISO 8601 with an offset, or epoch seconds`;
  }
  if (time < oldestClock) return receivedAt;
  if (time > receivedAt + maxAheadMs) {
    return `${path}: ${quote(raw)} is more than an hour in the future; set the device's clock`;
  }
  return time;
}

/**
 * Reads a point in time: epoch milliseconds; null for local time in an unknown zone or blank text; NaN for anything
 * else. `near` (epoch milliseconds) decides between the two readings of an hour that the end of summer time repeats.
 */
export function parseTime(raw: unknown, zone: TimeZone | null, near: number): number | null {
  if (typeof raw === "number") return epochToMs(raw);
  if (typeof raw !== "string") return Number.NaN;
  const text = raw.trim();
  if (text === "") return null;
  const iso = parseIso(text, zone, near);
  if (iso === null || !Number.isNaN(iso)) return iso;
  const number = readNumber(text);
  return number === undefined ? Number.NaN : epochToMs(number);
}

/** A point in time as ISO 8601 UTC with milliseconds; undefined where there is none or it is no good. */
export function readTimeText(raw: unknown, zone: TimeZone | null, near: number): string | undefined {
  if (raw === undefined || raw === null) return undefined;
  const time = parseTime(raw, zone, near);
  if (time === null || !isTime(time)) return undefined;
  return isOurText(raw) ? raw : writeTime(time);
}

const dayMs = 86_400_000;
let lastDay = Number.NaN;
let lastDate = "";

/** `isoTime` at a third of its cost: a feed has hundreds of times, nearly all of one day. */
export function writeTime(time: number): string {
  const day = Math.floor(time / dayMs);
  if (day !== lastDay) {
    lastDate = isoTime(day * dayMs).slice(0, 11);
    lastDay = day;
  }
  const ms = time - day * dayMs;
  const fraction = ms % 1000;
  const seconds = Math.floor(ms / 1000);
  const minutes = Math.floor(seconds / 60);
  const clock = `${two(Math.floor(minutes / 60))}:${two(minutes % 60)}:${two(seconds % 60)}`;
  return `${lastDate}${clock}.${fraction === 0 ? "000" : String(fraction).padStart(3, "0")}Z`;
}

function two(number: number): string {
  return number < 10 ? `0${number}` : `${number}`;
}

/** True for readable text that is already written our way (a leap second is not); writing it again is slow. */
function isOurText(raw: unknown): raw is string {
  if (typeof raw !== "string" || raw.length !== 24 || raw[23] !== "Z") return false;
  return raw[4] === "-" && raw[10] === "T" && raw[17] !== "6" && raw[19] === ".";
}

function epochToMs(epoch: number): number {
  const time = Math.round(Math.abs(epoch) >= leastEpochMs ? epoch : epoch * 1000);
  // What ISO 8601 cannot write still has a side: far past is "before 2000", far future is refused as such.
  if (isTime(time)) return time;
  return Number.isNaN(time) ? Number.NaN : time < 0 ? oldestClock - 1 : Number.MAX_SAFE_INTEGER;
}

const codeZero = 48;

/** What the last of so many decimals of a second counts, in milliseconds. */
const millisecondsOf = [0, 100, 10, 1];

/** The number that `count` digits at `at` write, or -1. */
function digits(text: string, at: number, count: number): number {
  let number = 0;
  for (let i = at; i < at + count; i++) {
    const digit = text.charCodeAt(i) - codeZero;
    if (!(digit >= 0 && digit <= 9)) return -1;
    number = number * 10 + digit;
  }
  return number;
}

/** `2026-11-20T13:00:00`, with `.` or `/` in the date and a space for the T; then decimals; then `Z` or an offset. */
function parseIso(text: string, zone: TimeZone | null, near: number): number | null {
  const year = digits(text, 0, 4);
  const month = digits(text, 5, 2);
  const day = digits(text, 8, 2);
  const hour = digits(text, 11, 2);
  const minute = digits(text, 14, 2);
  if (year < 0 || !areSeparators(text)) return Number.NaN;
  if (hour < 0 || hour > 23 || minute < 0 || minute > 59) return Number.NaN;
  let at = 16;
  let ms = 0;
  if (text[at] === ":") {
    const second = digits(text, at + 1, 2);
    if (second < 0 || second > 60) return Number.NaN;
    at += 3;
    ms = second * 1000;
    if (text[at] === "." || text[at] === ",") {
      const end = skipDigits(text, at + 1);
      if (end === at + 1) return Number.NaN;
      const count = Math.min(end - at - 1, 3);
      ms += digits(text, at + 1, count) * (millisecondsOf[count] as number);
      at = end;
    }
  }
  const local = startOfDay(year, month, day) + (hour * 60 + minute) * 60_000 + ms;
  if (at < text.length || Number.isNaN(local)) return local - parseOffset(text, at);
  return zone === null ? null : zone.toUtc(local, near);
}

function areSeparators(text: string): boolean {
  const date = text[4];
  if ((date !== "-" && date !== "." && date !== "/") || text[7] !== date || text[13] !== ":") return false;
  return text[10] === "T" || text[10] === " " || text[10] === "t";
}

function skipDigits(text: string, from: number): number {
  let at = from;
  while (text.charCodeAt(at) >= codeZero && text.charCodeAt(at) <= codeZero + 9) at++;
  return at;
}

let knownDay = 0;
let knownDayMs = Number.NaN;

/** Midnight of a day, NaN if there is no such day; remembered, because nearly all times are of the same day. */
function startOfDay(year: number, month: number, day: number): number {
  const key = (year * 100 + month) * 100 + day;
  if (key !== knownDay) {
    knownDay = key;
    knownDayMs = isDay(year, month, day) ? Date.UTC(year, month - 1, day) : Number.NaN;
  }
  return knownDayMs;
}

function isDay(year: number, month: number, day: number): boolean {
  if (month < 1 || month > 12 || day < 1 || day > 31) return false;
  return day <= 28 || new Date(Date.UTC(year, month - 1, day)).getUTCDate() === day;
}

/** Milliseconds east of UTC of `Z`, `+01`, `+0100` or `+01:00` at `at`, NaN if it is something else. */
function parseOffset(text: string, at: number): number {
  const sign = text[at];
  const rest = text.length - at;
  if (sign === "Z" || sign === "z") return rest === 1 ? 0 : Number.NaN;
  if (sign !== "+" && sign !== "-") return Number.NaN;
  const hours = digits(text, at + 1, 2);
  let minutes = 0;
  if (rest === 5) minutes = digits(text, at + 3, 2);
  else if (rest === 6 && text[at + 3] === ":") minutes = digits(text, at + 4, 2);
  else if (rest !== 3) return Number.NaN;
  if (hours < 0 || hours > 18 || minutes < 0 || minutes > 59) return Number.NaN;
  return (sign === "-" ? -1 : 1) * (hours * 60 + minutes) * 60_000;
}
