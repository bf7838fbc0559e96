import { fieldProblem, isInfinite, type NumberField, readNumber, readValue } from "./fields.ts";
import type { JsonObject } from "./json-payload.ts";
import type { Path, Scope } from "./mapping-path.ts";
import { type MappingScope, readFactor, readKeys, readPath, refuse } from "./mapping-settings.ts";
import { quote } from "./outcome.ts";
import { durationUnits, unitsOf } from "./unit-factors.ts";
import type { NumberName } from "./vocabulary.ts";

/** A number of the source in our unit: `undefined` where there is none, NaN where there is something else. */
type ReadNumber = (raw: unknown, scope: Scope) => number | undefined;

/** The keys that turn a source's number into ours: (value × scale + offset), per interval, in their unit. */
export const numberKeys = ["scale", "offset", "unit", "perInterval"] as const;

const hourS = 3_600;

/**
 * Compiles what a mapping says of a number. `name` is null for a value of the operator's own, which has no unit.
 * @throws Error with the key's path
 */
export function compileNumber(
  settings: JsonObject,
  at: string,
  name: NumberName | null,
  scope: MappingScope,
): ReadNumber {
  const unit = readUnit(settings["unit"], `${at}.unit`, name);
  const factor = readFactor(settings["scale"], `${at}.scale`, 1) * unit;
  if (factor === 0) refuse(`${at}.scale`, "0 would make every value the same");
  const offset = readFactor(settings["offset"], `${at}.offset`, 0) * unit;
  const interval = compileInterval(settings["perInterval"], `${at}.perInterval`, scope);
  if (interval === null && offset === 0 && factor === 1) return readNumber;
  if (interval === null) return (raw) => apply(readNumber(raw), (number) => tidy(number * factor + offset));
  return (raw, from) => {
    const number = readNumber(raw);
    const seconds = interval(from);
    if (number === undefined) return undefined;
    if (seconds === undefined || !(seconds > 0)) return Number.NaN;
    return tidy(((number * factor + offset) * hourS) / seconds);
  };
}

function apply(number: number | undefined, convert: (number: number) => number): number | undefined {
  return number === undefined ? undefined : convert(number);
}

/** Nine decimals are a tenth of a millimetre in degrees; large numbers keep three. */
const fineUnit = 1e9;
const coarseUnit = 1e3;

/** Without the noise of binary fractions: 556613783 × 1e-7 is 55.6613783. */
function tidy(value: number): number {
  const unit = Math.abs(value) * fineUnit <= Number.MAX_SAFE_INTEGER ? fineUnit : coarseUnit;
  return Math.abs(value) * unit <= Number.MAX_SAFE_INTEGER ? Math.round(value * unit) / unit + 0 : value;
}

function readUnit(raw: unknown, at: string, name: NumberName | null): number {
  if (raw === undefined) return 1;
  const units = name === null ? {} : unitsOf(name);
  const names = Object.keys(units);
  if (names.length === 0) return refuse(at, "this value has no unit; use scale");
  if (typeof raw === "string" && Object.hasOwn(units, raw)) return units[raw] as number;
  return refuse(at, `${quote(raw)} is not a unit of ${name}; use one of ${names.join(", ")}, or scale`);
}

/** Seconds of the interval that counts are of: a number of seconds, a path to it, or `{path, unit}`. */
function compileInterval(
  raw: unknown,
  at: string,
  scope: MappingScope,
): ((scope: Scope) => number | undefined) | null {
  if (raw === undefined) return null;
  if (typeof raw === "number") {
    if (!(raw > 0 && Number.isFinite(raw))) refuse(at, `${raw} is not a number of seconds`);
    return () => raw;
  }
  if (typeof raw === "string") return secondsFrom(readPath(raw, at, scope), 1);
  const settings = readKeys(raw, at, ["path", "unit"]);
  const unit = settings["unit"] ?? "s";
  if (typeof unit !== "string" || !Object.hasOwn(durationUnits, unit)) {
    return refuse(`${at}.unit`, `${quote(unit)} is not one of ${Object.keys(durationUnits).join(", ")}`);
  }
  return secondsFrom(readPath(settings["path"], `${at}.path`, scope), durationUnits[unit] as number);
}

function secondsFrom(path: Path, factor: number): (scope: Scope) => number | undefined {
  return (scope) => apply(readNumber(path.read(scope)), (number) => number * factor);
}

/** A converted number if it is in the value's range. */
export function inRange(value: number | undefined, field: NumberField): number | undefined {
  return value === undefined ? undefined : readValue(value, field);
}

/** Why a known number is not there; `raw` came from `text` and became `value`. */
export function numberProblem(
  raw: unknown,
  text: string,
  value: number | undefined,
  field: NumberField,
): string {
  if (
    raw === undefined ||
    raw === null ||
    value === undefined ||
    !Number.isFinite(readNumber(raw) ?? Number.NaN)
  ) {
    return fieldProblem(raw, { ...field, from: text });
  }
  if (Number.isNaN(value))
    return `${text}: ${quote(raw)} has no interval; perInterval must lead to seconds above 0`;
  return `${fieldProblem(value, { ...field, from: text })} (from ${quote(raw)})`;
}

/** Why a number makes the whole message untrustworthy (rule 5), null if it does not. */
export function infiniteProblem(raw: unknown, text: string): string | null {
  return isInfinite(raw) ? `${text}: ${quote(raw)} is not a finite number` : null;
}
