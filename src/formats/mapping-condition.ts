import { readNumber, readText } from "./fields.ts";
import { compilePathAt, type Path, type Scope } from "./mapping-path.ts";
import { checkPath, type MappingScope, refuse } from "./mapping-settings.ts";
import { quote } from "./outcome.ts";

/** A condition, compiled. */
export interface Condition {
  /** False where it looks at `@` or `$key`, and so differs from entry to entry. */
  readonly isCommon: boolean;
  holds(scope: Scope): boolean;
}

type Literal = number | string | boolean | null;

/** Most conditions of one mapping. */
const maxConditions = 16;

const operatorPattern = /^\s*(==|!=|<=|>=|<|>|exists\s*$)\s*(.*)$/s;
const notation = 'write path, operator and value, as in $.fix != 0, $.type == "loc" or $.pos exists';

/**
 * Compiles `when`: one condition or a list of which all must hold. A condition is `path operator value` with ==, !=, <,
 * <=, >, >= and a number, a quoted text, true, false or null; or `path exists`. An absent value equals only null.
 * @throws Error with the key's path
 */
export function compileConditions(raw: unknown, at: string, scope: MappingScope): Condition[] {
  if (raw === undefined) return [];
  if (!Array.isArray(raw)) return [compileCondition(raw, at, scope)];
  if (raw.length > maxConditions) refuse(at, `more than ${maxConditions} conditions`);
  return raw.map((one: unknown, index) => compileCondition(one, `${at}.${index}`, scope));
}

function compileCondition(raw: unknown, at: string, scope: MappingScope): Condition {
  if (typeof raw !== "string") return refuse(at, `${quote(raw)} is not a condition; ${notation}`);
  const text = raw.trim();
  let parsed: { readonly path: Path; readonly end: number };
  try {
    parsed = compilePathAt(text, scope.levels);
  } catch (error) {
    return refuse(at, (error as Error).message);
  }
  const { path, end } = parsed;
  checkPath(path, at, scope);
  const match = operatorPattern.exec(text.slice(end));
  if (match === null) return refuse(at, `${quote(text)} is not a condition; ${notation}`);
  return {
    isCommon: path.root === "$" || path.root === "$topic",
    holds: compileTest(path, (match[1] as string).trim(), match[2] as string, at),
  };
}

function compileTest(path: Path, operator: string, text: string, at: string): Condition["holds"] {
  if (operator === "exists") return (scope) => !isAbsent(path.read(scope));
  const literal = readLiteral(text.trim(), at);
  if (operator === "==") return (scope) => equals(path.read(scope), literal);
  if (operator === "!=") return (scope) => !equals(path.read(scope), literal);
  if (typeof literal !== "number") return refuse(at, `${operator} compares with numbers only`);
  const compare = comparisons[operator] as (a: number, b: number) => boolean;
  // What is no number is NaN, which is neither smaller nor larger.
  return (scope) => compare(readNumber(path.read(scope)) ?? Number.NaN, literal);
}

const comparisons: Readonly<Record<string, (a: number, b: number) => boolean>> = {
  "<": (a, b) => a < b,
  "<=": (a, b) => a <= b,
  ">": (a, b) => a > b,
  ">=": (a, b) => a >= b,
};

function readLiteral(text: string, at: string): Literal {
  if (text === "true" || text === "false") return text === "true";
  if (text === "null") return null;
  const quoted = /^'([^']*)'$|^"([^"]*)"$/.exec(text);
  if (quoted !== null) return quoted[1] ?? (quoted[2] as string);
  const number = readNumber(text);
  if (number !== undefined && !Number.isNaN(number)) return number;
  return refuse(at, `${quote(text)} is not a value; text stands in quotes`);
}

/** Numbers may come as text and ids as numbers, so a value equals what it would be if it were read as the literal's type. */
function equals(value: unknown, literal: Literal): boolean {
  if (literal === null) return isAbsent(value);
  if (typeof literal === "number") return readNumber(value) === literal;
  return typeof literal === "string" ? (readText(value) ?? "") === literal : value === literal;
}

function isAbsent(value: unknown): boolean {
  return value === undefined || value === null || value === "";
}
