import { readNumber } from "./fields.ts";
import { isObject } from "./json-payload.ts";
import type { Path, Scope } from "./mapping-path.ts";
import { type MappingScope, readKeys, readPath, readZone, refuse } from "./mapping-settings.ts";
import { quote } from "./outcome.ts";
import { parseTime } from "./time.ts";

/** A point in time of the source, compiled. */
export interface TimeSource {
  readonly text: string;
  /** The value as it came, for messages. */
  raw(scope: Scope): unknown;
  /** Epoch milliseconds; null where it is absent or local in an unknown zone; NaN if it is no time. */
  read(scope: Scope, near: number): number | null;
}

/** Milliseconds of each unit of epoch numbers. */
const epochUnits: Readonly<Record<string, number>> = { s: 1_000, ms: 1, us: 0.001, ns: 0.000_001 };
const units = [...Object.keys(epochUnits), "iso", "local"];

/**
 * Compiles a time: a path, or `{path, unit, zone}`. `path` may also be a list of paths whose texts are joined with a
 * space (date and time apart). `unit` is s, ms, us or ns since 1970, or iso or local for text; without a unit text is
 * ISO 8601 and a number is told by its size. Text without an offset is local in `zone`, else in the context's timezone.
 * @throws Error with the key's path
 */
export function compileTime(raw: unknown, at: string, scope: MappingScope): TimeSource {
  const settings = isObject(raw) ? readKeys(raw, at, ["path", "unit", "zone"]) : { path: raw };
  const paths = readPaths(settings["path"], isObject(raw) ? `${at}.path` : at, scope);
  const unit = settings["unit"];
  if (unit !== undefined && (typeof unit !== "string" || !units.includes(unit))) {
    return refuse(`${at}.unit`, `${quote(unit)} is not a unit of time; use one of ${units.join(", ")}`);
  }
  const zone = readZone(settings["zone"], `${at}.zone`, scope.zone);
  const factor = unit === undefined ? undefined : epochUnits[unit];
  const isText = unit === "iso" || unit === "local";
  const [only] = paths;
  const value = (from: Scope) => (paths.length === 1 ? only?.read(from) : join(paths, from));
  return {
    text: paths.map(({ text }) => text).join(" "),
    raw: value,
    read(from, near) {
      const raw = value(from);
      if (raw === undefined || raw === null || raw === "") return null;
      if (factor !== undefined) return readEpoch(raw, factor);
      if (isText && isNumber(raw)) return Number.NaN;
      return parseTime(raw, zone, near);
    },
  };
}

function readPaths(raw: unknown, at: string, scope: MappingScope): Path[] {
  if (!Array.isArray(raw)) return [readPath(raw, at, scope)];
  if (raw.length < 1 || raw.length > 2) refuse(at, "a list has one path for the date and one for the time");
  return raw.map((one: unknown, index) => readPath(one, `${at}.${index}`, scope));
}

function join(paths: readonly Path[], scope: Scope): string | null {
  const parts = paths.map((path) => path.read(scope));
  return parts.every((part) => typeof part === "string" && part !== "") ? parts.join(" ") : null;
}

function readEpoch(raw: unknown, factor: number): number | null {
  const number = readNumber(raw);
  return number === undefined ? null : Math.round(number * factor);
}

function isNumber(raw: unknown): boolean {
  return !Number.isNaN(readNumber(raw) ?? Number.NaN);
}
