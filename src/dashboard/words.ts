import type { Value } from "../model/reading.ts";

/** How long ago, in the shortest words: `now`, `3 s`, `2 min`, `5 h`, `9 d`. Clocks that run ahead count as now. */
export function ageWords(ageMs: number): string {
  const seconds = Math.floor(ageMs / 1000);
  if (seconds < 1) return "now";
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h`;
  return `${Math.floor(seconds / 86_400)} d`;
}

const dayMs = 86_400_000;

/** The time of day, `14:05` (with seconds if wanted), and the day as well if `time` is not of the day of `now`. */
export function clockWords(time: number, now: number, withSeconds = false, locale?: string): string {
  const date = new Date(time);
  const seconds = withSeconds ? ({ second: "2-digit" } as const) : {};
  const clock = date.toLocaleTimeString(locale, {
    hour: "2-digit",
    minute: "2-digit",
    hourCycle: "h23",
    ...seconds,
  });
  if (Math.abs(now - time) < dayMs && date.getDate() === new Date(now).getDate()) return clock;
  return `${date.toLocaleDateString(locale, { weekday: "short", day: "numeric", month: "short" })}, ${clock}`;
}

/** A length of time in its two largest units: `40 s`, `6 min 24 s`, `1 h 05 min`, `2 d 3 h`. */
export function spanWords(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes} min ${String(whole % 60).padStart(2, "0")} s`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return `${hours} h ${String(minutes % 60).padStart(2, "0")} min`;
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** Metres, from a kilometre on in kilometres: `840 m`, `1.2 km`. */
export function distanceWords(metres: number): string {
  return metres < 1000 ? `${Math.round(metres)} m` : `${(metres / 1000).toFixed(1)} km`;
}

/** A delay in seconds (positive = late) in whole minutes, towards being on time: `+2 min`, `−1 min`, `on time`. */
export function delayWords(delayS: number): string {
  const minutes = Math.trunc(delayS / 60);
  if (minutes === 0) return "on time";
  return `${minutes > 0 ? "+" : "−"}${Math.abs(minutes)} min`;
}

/** Early is worse than a little late: a bus that leaves early is missed. */
export function delayTone(delayS: number): "early" | "good" | "late" | "very-late" {
  if (delayS <= -60) return "early";
  if (delayS < 120) return "good";
  return delayS < 600 ? "late" : "very-late";
}

/** A number and its unit, apart, so that they can look different. */
export interface Quantity {
  readonly number: string;
  readonly unit: string;
}

/** Power with the prefix that keeps it readable: `840 W`, `2.31 kW`, `1.20 MW`. Export is negative. */
export function powerQuantity(powerW: number): Quantity {
  const size = Math.abs(powerW);
  if (size < 1000) return { number: decimals(powerW, size < 10 ? 1 : 0), unit: "W" };
  if (size < 1e6) return { number: decimals(powerW / 1000, 2), unit: "kW" };
  return { number: decimals(powerW / 1e6, 2), unit: "MW" };
}

function decimals(value: number, count: number): string {
  return value.toFixed(count).replace("-", "−");
}

/** Unit by the end of a value's name, the longest first; `kilo` turns to the prefix from 1,000 on. */
const units: readonly { readonly end: string; readonly unit: string; readonly kilo?: string }[] = [
  { end: "Kmh", unit: "km/h" },
  { end: "Vph", unit: "veh/h" },
  { end: "Deg", unit: "°" },
  { end: "Pct", unit: "%" },
  { end: "Var", unit: "var" },
  { end: "Wh", unit: "Wh", kilo: "kWh" },
  { end: "Hz", unit: "Hz" },
  { end: "Va", unit: "VA" },
  { end: "W", unit: "W", kilo: "kW" },
  { end: "V", unit: "V" },
  { end: "A", unit: "A" },
  { end: "M", unit: "m", kilo: "km" },
  { end: "S", unit: "s" },
  { end: "C", unit: "°C" },
];

/** A value's name in words, and its unit: `energyImportWh` is `Energy import`, `Wh`. */
export function nameWords(name: string): {
  readonly label: string;
  readonly unit: string;
  readonly kilo: string | null;
} {
  const known = units.find(({ end }) => name.length > end.length && name.endsWith(end));
  const stem = known ? name.slice(0, -known.end.length) : name;
  const spaced = stem
    .replace(/([a-z0-9])([A-Z])/g, "$1 $2")
    .replace(/[_-]+/g, " ")
    .toLowerCase();
  const label = shortNames[stem] ?? spaced.charAt(0).toUpperCase() + spaced.slice(1);
  return { label, unit: known?.unit ?? "", kilo: known?.kilo ?? null };
}

const shortNames: Readonly<Record<string, string>> = {
  lat: "Latitude",
  lon: "Longitude",
  alt: "Altitude",
  hdop: "HDOP",
};

/** Any value of a reading, for the list of all values. */
export function valueWords(name: string, value: Value): Quantity {
  if (value === null) return { number: "—", unit: "" };
  if (typeof value === "boolean") return { number: value ? "yes" : "no", unit: "" };
  if (typeof value === "string") return { number: instantWords(value), unit: "" };
  if (typeof value !== "number") return { number: JSON.stringify(value).slice(0, 80), unit: "" };
  if (name === "lat" || name === "lon") return { number: decimals(value, 5), unit: "°" };
  const { unit, kilo } = nameWords(name);
  if (kilo && Math.abs(value) >= 1000) return { number: decimals(value / 1000, 2), unit: kilo };
  const text = Number.isInteger(value) ? String(value) : String(Number(value.toFixed(unit === "°" ? 0 : 2)));
  return { number: text.replace("-", "−"), unit };
}

function instantWords(text: string): string {
  const isInstant = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z$/.test(text);
  return isInstant ? new Date(text).toLocaleTimeString() : text;
}

/** DATEX II's congestion levels with their names for people, the worst first. */
export const congestionLevels = ["stationary", "queuing", "slow", "heavy", "free"] as const;
export type CongestionLevel = (typeof congestionLevels)[number] | "unknown";

export function congestionLevel(value: unknown): CongestionLevel {
  return congestionLevels.find((level) => level === value) ?? "unknown";
}

/** `1,234`; rates below ten keep a decimal. */
export function countWords(count: number): string {
  return Math.round(count).toLocaleString("en");
}

export function rateWords(perSecond: number): string {
  return perSecond < 10 && perSecond > 0 ? perSecond.toFixed(1) : countWords(perSecond);
}
