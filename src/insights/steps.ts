/** From `time` on something is `value`, until the next step. */
export interface Step<Value> {
  readonly time: number;
  value: Value;
}

/** What was so at a time (epoch milliseconds); undefined before the first step. `steps` are in the order of their times. */
export function stepAt<Value>(steps: readonly Step<Value>[], time: number): Step<Value> | undefined {
  // Nearly always the newest is asked for, so the search begins there.
  let at = steps.length - 1;
  while (at >= 0 && (steps[at] as Step<Value>).time > time) at--;
  return steps[at];
}

/**
 * Writes down that something is `value` from `time` on, as long as the next step says nothing else.
 * @param initial what it is before the first step
 * @param keepFrom steps before this are forgotten, but for the last of them
 * @returns whether that is news: false if it was so already
 */
export function putStep<Value>(
  steps: Step<Value>[],
  { time, value }: Step<Value>,
  initial: Value | null,
  keepFrom: number,
): boolean {
  const known = stepAt(steps, time);
  if (isSame(known === undefined ? initial : known.value, value)) return false;
  if (known?.time === time) known.value = value;
  else steps.splice(known === undefined ? 0 : steps.indexOf(known) + 1, 0, { time, value });
  let gone = 0;
  while (gone + 1 < steps.length && (steps[gone + 1] as Step<Value>).time <= keepFrom) gone++;
  if (gone > 0) steps.splice(0, gone);
  return true;
}

/** True for the same value, or for objects with the same values under the same names (no deeper). */
function isSame(one: unknown, other: unknown): boolean {
  if (one === other) return true;
  if (!isObject(one) || !isObject(other)) return false;
  for (const name in one) if (one[name] !== other[name]) return false;
  for (const name in other) if (!(name in one)) return false;
  return true;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}
