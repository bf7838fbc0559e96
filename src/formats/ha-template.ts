import { isObject } from "./json-payload.ts";

/** Longest template that is looked at, in characters. */
const maxTemplateChars = 512;

/** Where a template finds its value, and how it rounds it. */
export interface TemplatePath {
  /** True for `value_json`; false for `value`, the payload as text. */
  readonly isJson: boolean;
  readonly keys: readonly (string | number)[];
  /** Decimals to round to, null to leave the number as it is; "int" cuts decimals off. */
  readonly rounding: number | "int" | null;
}

/** The payload as it is: what a missing template means. */
export const wholePayload: TemplatePath = { isJson: false, keys: [], rounding: null };

const braces = /^\s*\{\{-?([^{}%]*)\}\}\s*$/;
const root = /^value(_json)?(?!\w)/;
const step =
  /^(?:\.get\(\s*'([^'\\|]+)'\s*\)|\.get\(\s*"([^"\\|]+)"\s*\)|\.([A-Za-z_]\w*)|\[\s*'([^'\\|]+)'\s*\]|\[\s*"([^"\\|]+)"\s*\]|\[\s*(\d{1,4})\s*\])/;

/** Filters that leave a number as it is. A default is not used: what is absent was not observed. */
const transparent =
  /^(?:is_defined|tojson|(?:float|default)\s*(?:\(\s*(?:default\s*=\s*)?(?:-?[\d.]+|none|None|'[^']*'|"[^"]*")?\s*(?:,\s*(?:true|false|True|False)\s*)?\))?|d\s*\(\s*-?[\d.]+\s*\))$/;
const toInt = /^int\s*(?:\(\s*(?:default\s*=\s*)?(?:-?\d+|none|None)?\s*\))?$/;
const toRounded = /^round\s*(?:\(\s*(\d{0,2})\s*\))?$/;

/**
 * The path in a template that is nothing but a path, with harmless filters: `{{ value_json.a['b'][0] | float(0) }}`. Null for
 * every other template; they are never evaluated.
 */
export function readTemplate(template: string): TemplatePath | null {
  if (template.length > maxTemplateChars) return null;
  const inner = braces.exec(template)?.[1]?.replace(/-$/, "").trim();
  if (inner === undefined) return null;
  const [head = "", ...filters] = inner.split("|").map((part) => part.trim());
  const path = readPath(head);
  return path === null ? null : applyFilters(path, filters);
}

function readPath(head: string): TemplatePath | null {
  const start = root.exec(head);
  if (start === null) return null;
  const keys: (string | number)[] = [];
  let rest = head.slice(start[0].length);
  while (rest !== "") {
    const found = step.exec(rest);
    if (found === null) return null;
    const key = found[1] ?? found[2] ?? found[3] ?? found[4] ?? found[5];
    keys.push(key ?? Number(found[6]));
    rest = rest.slice(found[0].length);
  }
  const isJson = start[1] !== undefined;
  return isJson || keys.length === 0 ? { isJson, keys, rounding: null } : null;
}

function applyFilters(path: TemplatePath, filters: readonly string[]): TemplatePath | null {
  let { rounding } = path;
  for (const filter of filters) {
    if (transparent.test(filter)) continue;
    const round = toRounded.exec(filter);
    if (toInt.test(filter)) rounding = "int";
    else if (round !== null) rounding = Number(round[1] ?? 0);
    else return null;
  }
  return { ...path, rounding };
}

/** The value at the path, own properties only; undefined where there is none. */
export function valueAt(payload: unknown, keys: readonly (string | number)[]): unknown {
  let value = payload;
  for (const key of keys) {
    if (Array.isArray(value) && typeof key === "number") value = value[key];
    else if (isObject(value) && typeof key === "string" && Object.hasOwn(value, key)) value = value[key];
    else return undefined;
  }
  return value;
}

/** A number as the template's filters leave it. */
export function round(number: number, rounding: TemplatePath["rounding"]): number {
  if (rounding === null || !Number.isFinite(number)) return number;
  if (rounding === "int") return Math.trunc(number);
  const factor = 10 ** rounding;
  const rounded = Math.round(number * factor) / factor;
  return Number.isFinite(rounded) ? rounded : number;
}
