import { type Bbox, type Condition, type PlayOptions, speedLimits, type ViewOptions } from "./messages.ts";

/** Most conditions and most fields of one subscription. */
export const maxConditions = 16;
export const maxFields = 64;
/** Highest and lowest rate: a thousand updates a second, and one in about seventeen minutes. */
const rateLimits = { min: 0.001, max: 1_000 };
const operators: ReadonlySet<unknown> = new Set(["==", "!=", "<", "<=", ">", ">=", "exists"]);

type AllOptions = ViewOptions & PlayOptions;
type Options = { -readonly [Name in keyof AllOptions]: AllOptions[Name] | null };

/**
 * Reads the options of a subscription; a null is kept where `mayBeNull`, as a wish to take the option away.
 * Returns what is wrong as text.
 */
export function readViewOptions(
  message: Readonly<Record<string, unknown>>,
  mayBeNull: boolean,
): Options | string {
  const options: Options = {};
  const problems: string[] = [];
  const read = <Name extends keyof AllOptions>(
    name: Name,
    check: (value: unknown) => string | null,
  ): void => {
    const value = message[name];
    if (value === undefined) return;
    const problem = value === null && mayBeNull ? null : check(value);
    if (problem === null) options[name] = value as Options[Name];
    else problems.push(problem);
  };
  read("rate", rateProblem);
  read("bbox", bboxProblem);
  read("where", whereProblem);
  read("fields", fieldsProblem);
  read("speed", speedProblem);
  read("paused", pausedProblem);
  return problems[0] ?? options;
}

function rateProblem(value: unknown): string | null {
  if (typeof value === "number" && value >= rateLimits.min && value <= rateLimits.max) return null;
  return `\`rate\` must be a number of updates a second from ${rateLimits.min} to ${rateLimits.max}`;
}

function speedProblem(value: unknown): string | null {
  const { min, max } = speedLimits;
  if (typeof value === "number" && (value === 0 || (value >= min && value <= max))) return null;
  return `\`speed\` must be a multiple of real time from ${min} to ${max}, or 0 for as fast as it goes`;
}

function pausedProblem(value: unknown): string | null {
  return typeof value === "boolean" ? null : "`paused` must be true or false";
}

function bboxProblem(value: unknown): string | null {
  const shape = "`bbox` must be [west, south, east, north] in degrees";
  if (!Array.isArray(value) || value.length !== 4 || !value.every(Number.isFinite)) return shape;
  const [west, south, east, north] = value as unknown as Bbox;
  if (Math.abs(west) > 180 || Math.abs(east) > 180) return `${shape}: west and east lie in -180..180`;
  if (south < -90 || north > 90 || south > north)
    return `${shape}: south and north lie in -90..90, south first`;
  return null;
}

function whereProblem(value: unknown): string | null {
  if (!Array.isArray(value))
    return '`where` must be a list such as [{"field":"speedKmh","op":">","value":50}]';
  if (value.length > maxConditions) return `\`where\` has more than ${maxConditions} conditions`;
  for (const [index, condition] of value.entries()) {
    const problem = conditionProblem(condition);
    if (problem) return `\`where[${index}]\`: ${problem}`;
  }
  return null;
}

function conditionProblem(condition: unknown): string | null {
  if (typeof condition !== "object" || condition === null) return "must be an object";
  const { field, op, value } = condition as Partial<Condition>;
  if (typeof field !== "string" || field === "") return "`field` must be the name of a value";
  if (!operators.has(op)) return `\`op\` must be one of ${[...operators].join(" ")}`;
  if (op === "exists") return null;
  const kind = typeof value;
  if (kind === "number" || kind === "string") return null;
  if (kind === "boolean" && (op === "==" || op === "!=")) return null;
  return "`value` must be a number or a text, or true or false with == and !=";
}

function fieldsProblem(value: unknown): string | null {
  const isList = Array.isArray(value) && value.length > 0 && value.every((name) => typeof name === "string");
  if (!isList) return "`fields` must be a list of names";
  return value.length > maxFields ? `\`fields\` has more than ${maxFields} names` : null;
}
