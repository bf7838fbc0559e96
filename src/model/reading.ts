/** The domains that devices report in. Insights use first levels of their own (`congestion/…`, `alerts/…`). */
export const domains = ["gps", "energy", "road", "transit", "fare"] as const;
export type Domain = (typeof domains)[number];

/** First levels of readings that the gateway makes itself: `quarantine` of packets that could not be read, the others of readings. */
export const derivedDomains = [
  "quarantine",
  "presence",
  "congestion",
  "routes",
  "arrivals",
  "trips",
  "geofence",
  "usage",
  "watches",
  "alerts",
] as const;
export type DerivedDomain = (typeof derivedDomains)[number];

/** A value as it can appear in a reading. Arrays and objects occur only where the contract names them (a fare's `segments`). */
export type Value = string | number | boolean | null | readonly Value[] | { readonly [name: string]: Value };

/** Values by name; the unit is in the name (`speedKmh`, `powerW`). A name that is absent was not observed. */
export type Values = { [name: string]: Value };

/** One observation of one device (or of one channel of it). */
export interface Reading {
  readonly domain: Domain | DerivedDomain;
  /** The device's id as its format gives it; slashes in it stay topic levels. */
  readonly device: string;
  /** A phase, an input, a lane, a stop, a quote: what the device tells apart within itself. */
  readonly channel?: string;
  /** When it was observed, in milliseconds since 1970-01-01 UTC. */
  readonly time: number;
  readonly values: Values;
  /** Remarks about the reading that are not measurements (`sumMismatch: true`). */
  readonly attrs?: Values;
}

/** The first and last instants that ISO 8601 can write with a four-digit year, in epoch milliseconds. */
const oldestTime = -62_167_219_200_000;
const newestTime = 253_402_300_799_999;

/** True if `time` is a whole number of milliseconds that can be written as ISO 8601 with a four-digit year. */
export function isTime(time: number): boolean {
  return Number.isInteger(time) && time >= oldestTime && time <= newestTime;
}

/** ISO 8601 UTC with milliseconds, the only spelling of time that leaves Fieldcast as text. */
export function isoTime(time: number): string {
  const instant = Math.trunc(time);
  const day = Math.floor(instant / dayMs);
  // Insights write many times, nearly all of the same few days: a Date for each takes several times as long.
  if (day !== knownDay) {
    knownDate = new Date(day * dayMs).toISOString().slice(0, -"00:00:00.000Z".length);
    knownDay = day;
  }
  const ms = instant - day * dayMs;
  const minute = Math.floor(ms / minuteMs);
  const second = Math.floor(ms / 1_000);
  return `${knownDate}${minutes[minute]}${seconds[second - 60 * minute]}${thousandths[ms - 1_000 * second]}`;
}

const minuteMs = 60_000;
const dayMs = 86_400_000;
let knownDay = Number.NaN;
/** `2026-11-22T` */
let knownDate = "";
const written = (value: number, digits: number) => String(value).padStart(digits, "0");
/** `23:59:`, `59.` and `999Z`. */
const minutes = Array.from(
  { length: 1_440 },
  (_, n) => `${written(Math.floor(n / 60), 2)}:${written(n % 60, 2)}:`,
);
const seconds = Array.from({ length: 60 }, (_, n) => `${written(n, 2)}.`);
const thousandths = Array.from({ length: 1_000 }, (_, n) => `${written(n, 3)}Z`);

/** The same for the times of single values. */
export function isoTimes(times: Readonly<Record<string, number>>): Record<string, string> {
  return Object.fromEntries(Object.entries(times).map(([name, time]) => [name, isoTime(time)]));
}
