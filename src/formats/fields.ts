import type { Values } from "../model/reading.ts";
import { isHostileName, type JsonObject } from "./json-payload.ts";
import { quote } from "./outcome.ts";
import { type NumberName, type Range, ranges } from "./vocabulary.ts";

/** Longest text that is kept as a value or used as an id, in UTF-16 code units. */
export const maxTextChars = 256;

/** One number of a source: what it is called there, what we call it, and the factor from their unit to ours. */
export interface NumberField {
  readonly from: string;
  readonly to: NumberName;
  readonly scale: number;
  readonly range: Range;
}

/** Declares a number field. `scale` converts the unit once, here: kWh to Wh is 1000, m/s to km/h is 3.6. */
export function numberField(from: string, to: NumberName, scale = 1): NumberField {
  return { from, to, scale, range: ranges[to] };
}

const maxNumberChars = 64;

/**
 * The number in a JSON value: a number, or a plain decimal string, trimmed. `undefined` where there is none (null,
 * absent, ""), NaN where there is something else: `12.5W`, `0x10`, `1,5`, true and [] are not numbers.
 */
export function readNumber(raw: unknown): number | undefined {
  if (typeof raw === "number") return raw;
  if (raw === undefined || raw === null) return undefined;
  if (typeof raw !== "string" || raw.length > maxNumberChars) return Number.NaN;
  if (isPlainDecimal(raw)) return Number(raw);
  const text = raw.trim();
  if (text === "") return undefined;
  return isPlainDecimal(text) ? Number(text) : Number.NaN;
}

const codePlus = 43;
const codeMinus = 45;
const codeDot = 46;
const codeZero = 48;

/** True for an optional sign, then digits with at most one dot. By hand, at a third of a pattern's cost. */
function isPlainDecimal(text: string): boolean {
  let digits = 0;
  let dots = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code >= codeZero && code <= codeZero + 9) digits++;
    else if (code === codeDot) dots++;
    else if (at > 0 || (code !== codePlus && code !== codeMinus)) return false;
  }
  return digits > 0 && dots <= 1;
}

const roundingUnit = 1e6;
const maxRounded = Number.MAX_SAFE_INTEGER / roundingUnit;

/**
 * `value × scale` without the noise of binary fractions: 21.71 m/s is 78.156 km/h, not 78.15600000000001. Six
 * decimals are kept, far finer than any unit here is measured. Never minus zero.
 */
export function convert(value: number, scale: number): number {
  if (scale === 1) return value + 0;
  const exact = value * scale;
  if (Math.abs(exact) > maxRounded) return exact;
  return Math.round(exact * roundingUnit) / roundingUnit + 0;
}

/** The number of `raw` in our unit; `undefined` where there is none or it is no good. */
export function readValue(raw: unknown, field: NumberField): number | undefined {
  const number = typeof raw === "number" ? raw : readNumber(raw);
  if (number === undefined) return undefined;
  const value = convert(number, field.scale);
  const { min, max, integer } = field.range;
  // Written so that NaN is no good either.
  if (!(value >= min && value <= max) || (integer && !Number.isSafeInteger(value))) return undefined;
  return field.to === "courseDeg" && value === 360 ? 0 : value;
}

/** Why `readValue` gives nothing. Apart from it, because most bad values are dropped and nobody asks. */
export function fieldProblem(raw: unknown, field: NumberField, path = ""): string {
  const number = readNumber(raw);
  const name = `${path}${field.from}`;
  if (number === undefined) return `${name}: missing; it is required`;
  if (!Number.isFinite(number)) return `${name}: ${quote(raw)} is not a finite decimal number`;
  const { min, max } = field.range;
  const value = convert(number, field.scale);
  if (value >= min && value <= max) return `${name}: ${quote(raw)} is not a whole number`;
  return `${name}: ${quote(raw)} is outside ${rangeText(field)}; check the unit and the sensor`;
}

function rangeText(field: NumberField): string {
  const { min, max } = field.range;
  const low = convert(min, 1 / field.scale);
  return max >= Number.MAX_SAFE_INTEGER ? `${low}..` : `${low}..${convert(max, 1 / field.scale)}`;
}

/**
 * Copies a table of optional numbers into `values`. What is absent or no good is left out; returns a reason only for a
 * number that is not finite (`1e999`), which makes the whole message untrustworthy (rule 5).
 */
export function readFields(
  source: JsonObject,
  fields: readonly NumberField[],
  values: Values,
  path = "",
): string | null {
  for (const field of fields) {
    const problem = setField(source[field.from], field, values, path);
    if (problem !== null) return problem;
  }
  return null;
}

/** Sets one optional number, as `readFields` does. */
export function setField(raw: unknown, field: NumberField, values: Values, path = ""): string | null {
  if (raw === undefined || raw === null) return null;
  const value = readValue(raw, field);
  if (value !== undefined) values[field.to] = value;
  else if (isInfinite(raw)) return fieldProblem(raw, field, path);
  return null;
}

/** True for what JSON.parse makes of `1e999`. */
export function isInfinite(raw: unknown): boolean {
  return raw === Number.POSITIVE_INFINITY || raw === Number.NEGATIVE_INFINITY;
}

/** Reads a field that the reading cannot do without: the number, or the reason why there is none. */
export function requireField(source: JsonObject, field: NumberField, path = ""): number | string {
  const raw = source[field.from];
  return readValue(raw, field) ?? fieldProblem(raw, field, path);
}

/**
 * Text or a number as an id or name: trimmed, at most `maxTextChars`. `undefined` for absent values and for anything
 * else (a boolean, a list, a longer text).
 */
export function readText(raw: unknown): string | undefined {
  if (typeof raw === "number") return Number.isFinite(raw) ? String(raw) : undefined;
  if (typeof raw !== "string") return undefined;
  const text = raw.trim();
  return text === "" || text.length > maxTextChars ? undefined : text;
}

/** True if an id cannot be levels of a topic, because one of them would be empty. */
export function hasEmptyLevel(id: string): boolean {
  return id === "" || id[0] === "/" || id.endsWith("/") || id.includes("//");
}

/** Text that may name a device or a channel; `undefined` for no text and for reserved names such as `__proto__`. */
export function readId(raw: unknown): string | undefined {
  const text = readText(raw);
  return text === undefined || isHostileName(text) ? undefined : text;
}
