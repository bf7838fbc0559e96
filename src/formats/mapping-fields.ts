import { currencyExponent } from "../model/currency.ts";
import type { Domain, Value, Values } from "../model/reading.ts";
import { isTime } from "../model/reading.ts";
import { maxTextChars, type NumberField, readValue } from "./fields.ts";
import { isHostileName, isObject, type JsonObject } from "./json-payload.ts";
import { isKept, type Kind, knownValues, maxValues, readKind } from "./known-values.ts";
import { compileNumber, infiniteProblem, inRange, numberKeys, numberProblem } from "./mapping-number.ts";
import type { Path, Scope } from "./mapping-path.ts";
import { type MappingScope, readKeys, readPath, refuse } from "./mapping-settings.ts";
import { compileTime } from "./mapping-time.ts";
import { readDecimalAmount, readMinorAmount } from "./money.ts";
import { quote } from "./outcome.ts";
import { writeTime } from "./time.ts";

/** One value of the readings that a mapping makes. */
export interface FieldPlan {
  readonly name: string;
  /** The value as it came; absent (undefined, null, "") means that the source says nothing of it. */
  raw(scope: Scope): unknown;
  /** The value in our unit; undefined if there is none or it is no good. `values` has the fields before it. */
  read(raw: unknown, scope: Scope, receivedAt: number, values: Values): Value | undefined;
  /** Why the whole message cannot be trusted because of this value, null if it can. */
  poison(raw: unknown): string | null;
  /** Why `read` gave nothing. */
  explain(raw: unknown, scope: Scope, values: Values): string;
}

const minorNames: ReadonlySet<string> = new Set(["amountMinor", "baseMinor", "taxMinor"]);

/**
 * Compiles `fields`: a path, or an object with `path` and how its value is turned into ours, by the value's name.
 * @throws Error with the key's path
 */
export function compileFields(raw: unknown, at: string, domain: Domain, scope: MappingScope): FieldPlan[] {
  if (!isObject(raw) || Object.keys(raw).length === 0) {
    return refuse(at, `${quote(raw)}; expected at least one value, as in lat: $.pos.lat`);
  }
  const names = Object.keys(raw);
  if (names.length > maxValues) refuse(at, `more than ${maxValues} values`);
  const plans = names.map((name) => compileField(name, raw[name], `${at}.${name}`, domain, scope));
  // An amount in decimals needs its currency first.
  return plans.sort((one, other) => Number(other.name === "currency") - Number(one.name === "currency"));
}

/** What a name of the operator's own or of the contract is. @throws Error when it is nearly one of the contract's */
export function kindOf(name: string, at: string, domain: Domain): Kind | undefined {
  const known = knownValues[domain];
  if (isHostileName(name)) refuse(at, "this name is reserved");
  const kind = known.get(name);
  if (kind !== undefined) return kind;
  const lower = name.toLowerCase();
  const near = [...known.keys()].find((one) => one.toLowerCase() === lower);
  if (near !== undefined) refuse(at, `the contract's name is ${near}`);
  if (!isKept(name, 0)) refuse(at, "a name has 1 to 64 characters");
  return undefined;
}

function compileField(
  name: string,
  raw: unknown,
  at: string,
  domain: Domain,
  scope: MappingScope,
): FieldPlan {
  const kind = kindOf(name, at, domain);
  if (kind === "time") return compileTimeField(name, raw, at, scope);
  const isNumber = typeof kind === "object" && "from" in kind;
  const keys = minorNames.has(name) ? ["unit"] : kind === undefined || isNumber ? numberKeys : [];
  const settings = isObject(raw) ? readKeys(raw, at, ["path", ...keys]) : { path: raw };
  const path = readPath(settings["path"], isObject(raw) ? `${at}.path` : at, scope);
  if (minorNames.has(name)) return compileAmount(name, path, settings, at);
  if (isNumber) return compileKnownNumber(kind, path, compileNumber(settings, at, kind.to, scope));
  if (kind === undefined) return compileOther(name, path, settings, at, scope);
  const field = plan(name, path, (value, _scope, receivedAt) =>
    readKind(value, kind, receivedAt, scope.zone),
  );
  return { ...field, explain: (value) => `${name}: ${path.text} is ${quote(value)}` };
}

/** A plan with what is the same for most kinds. */
function plan(name: string, path: Path, read: FieldPlan["read"]): FieldPlan {
  return {
    name,
    raw: path.read,
    read,
    poison: (raw) => infiniteProblem(raw, path.text),
    explain: (raw) => `${path.text}: ${quote(raw)} cannot be ${name}`,
  };
}

type ReadNumber = ReturnType<typeof compileNumber>;

function compileKnownNumber(field: NumberField, path: Path, convert: ReadNumber): FieldPlan {
  return {
    ...plan(field.to, path, (raw, scope) => inRange(convert(raw, scope), field)),
    explain: (raw, scope) => numberProblem(raw, path.text, convert(raw, scope), field),
  };
}

function compileTimeField(name: string, raw: unknown, at: string, scope: MappingScope): FieldPlan {
  const source = compileTime(raw, at, scope);
  return {
    name,
    raw: source.raw,
    read(_raw, from, receivedAt) {
      const time = source.read(from, receivedAt);
      return time === null || !isTime(time) ? undefined : writeTime(time);
    },
    poison: (raw) => infiniteProblem(raw, source.text),
    explain: (raw) => `${source.text}: ${quote(raw)} is not a time`,
  };
}

/** Rule 7: an amount is integer minor units, or with `unit: decimal` a decimal string; never a float. */
function compileAmount(name: string, path: Path, settings: JsonObject, at: string): FieldPlan {
  const unit = settings["unit"] ?? "minor";
  if (unit !== "minor" && unit !== "decimal") refuse(`${at}.unit`, `${quote(unit)} is not minor or decimal`);
  const amount = (raw: unknown, values: Values): number | string => {
    if (unit === "minor") return readMinorAmount(raw, path.text);
    const exponent = currencyExponent(String(values["currency"]));
    if (exponent === undefined) return `currency: ${quote(values["currency"])} is not an ISO 4217 code`;
    return readDecimalAmount(raw, exponent, path.text);
  };
  const read: FieldPlan["read"] = (raw, _scope, _receivedAt, values) => {
    const minor = amount(raw, values);
    return typeof minor === "number" ? minor : undefined;
  };
  return { ...plan(name, path, read), explain: (raw, _scope, values) => String(amount(raw, values)) };
}

/** A value of the operator's own: a number where the mapping turns it into one, else what is short enough to keep. */
function compileOther(
  name: string,
  path: Path,
  settings: JsonObject,
  at: string,
  scope: MappingScope,
): FieldPlan {
  if (!numberKeys.some((key) => settings[key] !== undefined)) {
    return plan(name, path, (raw) => {
      if (!isKept(name, raw)) return undefined;
      // Minus zero is 0.
      return typeof raw === "number" ? raw + 0 : raw;
    });
  }
  const convert = compileNumber(settings, at, null, scope);
  return plan(name, path, (raw, from) => {
    const value = convert(raw, from);
    return value !== undefined && Number.isFinite(value) ? value : undefined;
  });
}

/**
 * Reads `constants`: values that every reading has. Checked like fields, so that a wrong one is found at the start.
 * @throws Error with the key's path
 */
export function readConstants(raw: unknown, at: string, domain: Domain, scope: MappingScope): Values {
  const values: Values = {};
  if (raw === undefined) return values;
  if (!isObject(raw)) return refuse(at, `${quote(raw)}; expected names and values, as in currency: EUR`);
  for (const [name, value] of Object.entries(raw)) {
    const kind = kindOf(name, `${at}.${name}`, domain);
    const good = constantOf(name, value, kind, scope);
    if (good === undefined) {
      refuse(
        `${at}.${name}`,
        `${quote(value)} cannot be ${name}; text has at most ${maxTextChars} characters`,
      );
    }
    values[name] = good;
  }
  return values;
}

function constantOf(
  name: string,
  value: unknown,
  kind: Kind | undefined,
  scope: MappingScope,
): Value | undefined {
  if (kind === undefined) return isKept(name, value) ? value : undefined;
  if (typeof kind === "object" && "from" in kind) return readValue(value, kind);
  return readKind(value, kind, 0, scope.zone);
}
