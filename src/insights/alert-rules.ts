import { z } from "zod";
import { filterProblem } from "../model/filter.ts";
import type { Value, Values } from "../model/reading.ts";

const maxRules = 1_000;

/** No unit of a reading needs more. */
const limit = z.number().min(-1e12).max(1e12);
const whatever = z.union([z.string().max(256), limit, z.boolean()]);

export const ruleSettings = z.strictObject({
  name: z
    .string()
    .regex(/^[\p{L}\p{N}_-]{1,64}$/u, "use letters, digits, - and _, at most 64")
    .describe("Topic level of its alerts"),
  filter: z.string().describe("Topics it looks at, as an MQTT filter: `energy/#`"),
  field: z.string().min(1).max(256).describe("The value it looks at: `powerW`"),
  above: limit.optional().describe("Holds while the value is above this"),
  below: limit.optional().describe("Holds while the value is below this"),
  is: whatever.optional().describe("Holds while the value is this text, number or boolean"),
  isNot: whatever.optional().describe("Holds while it is any other than this"),
  forS: z
    .number()
    .min(0)
    .max(31_536_000)
    .default(0)
    .describe("It must hold so long before the alert fires, in seconds"),
  hysteresis: z
    .number()
    .min(0)
    .max(1e12)
    .default(0)
    .describe("A value must be back by so much before the alert is resolved, in the unit of the value"),
  severity: z.enum(["info", "warning", "critical"]).default("warning").describe("Told with the alert"),
  text: z.string().max(1_000).optional().describe("Told with the alert, for people"),
});

export const rulesSettings = z.array(ruleSettings).max(maxRules).default([]);

export type Rule = z.infer<typeof ruleSettings>;

const conditions = ["above", "below", "is", "isNot"] as const;

/** When a rule alerts, as text: one for which that is changed is another rule. */
export function termsOf({ field, above, below, is, isNot, forS, hysteresis }: Rule): string {
  return JSON.stringify({ field, above, below, is, isNot, forS, hysteresis });
}

/** Says what is wrong with rules beyond what the schema can, beginning with the path; null if nothing. */
export function rulesProblem(rules: readonly Rule[]): string | null {
  const names = new Set<string>();
  for (const [index, rule] of rules.entries()) {
    const path = `rules.${index}`;
    if (names.has(rule.name)) return `${path}.name: there is another rule ${JSON.stringify(rule.name)}`;
    names.add(rule.name);
    const wrong = filterProblem(rule.filter);
    if (wrong !== null) return `${path}.filter: ${JSON.stringify(rule.filter)} cannot be used: ${wrong}`;
    const given = conditions.filter((key) => rule[key] !== undefined);
    if (given.length !== 1) return `${path}: give it exactly one of ${conditions.join(", ")}`;
    const isOfNumbers = rule.above !== undefined || rule.below !== undefined;
    if (rule.hysteresis > 0 && !isOfNumbers) return `${path}.hysteresis: it goes with above and below only`;
  }
  return null;
}

/** What a rule looks at; undefined if the reading does not tell: then nothing is known, and nothing changes. */
export function valueFor(
  { field, above, below }: Rule,
  values: Values,
): string | number | boolean | undefined {
  const value: Value | undefined = Object.hasOwn(values, field) ? values[field] : undefined;
  if (above !== undefined || below !== undefined) return typeof value === "number" ? value : undefined;
  return typeof value === "string" || typeof value === "number" || typeof value === "boolean"
    ? value
    : undefined;
}

export function holds({ above, below, is, isNot }: Rule, value: string | number | boolean): boolean {
  if (above !== undefined) return (value as number) > above;
  if (below !== undefined) return (value as number) < below;
  return is !== undefined ? value === is : value !== isNot;
}

/** Whether the value is back, by the hysteresis. */
export function isBack(rule: Rule, value: string | number | boolean): boolean {
  const { above, below, hysteresis } = rule;
  if (above !== undefined) return (value as number) <= above - hysteresis;
  if (below !== undefined) return (value as number) >= below + hysteresis;
  return !holds(rule, value);
}
