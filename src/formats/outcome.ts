import type { Decoded } from "../model/packet.ts";
import type { Domain, Reading, Value, Values } from "../model/reading.ts";

/** Most reasons that one packet's `rejected` lists; the rest is counted. */
const maxReasons = 3;

/** A packet with nothing to say: no reading, and not an error (a last will, a state, a command, metadata). */
export const nothing: Decoded = Object.freeze({ readings: Object.freeze([]), rejected: null });

/** A packet that could not be read; `reason` names the field's path and what to do. */
export function reject(reason: string): Decoded {
  return { readings: [], rejected: reason };
}

/** A reading of a device, or of a channel of it where that is not undefined. A literal: spreading costs more than parsing. */
export function makeReading(
  domain: Domain,
  device: string,
  channel: string | undefined,
  time: number,
  values: Values,
): Reading {
  return channel === undefined ? { domain, device, time, values } : { domain, device, channel, time, values };
}

/** Values with one entry, by assignment: V8 builds a literal with a computed name at three times the cost. */
export function singleValue(name: string, value: Value): Values {
  const values: Values = {};
  values[name] = value;
  return values;
}

/** True if there is no value. */
export function isEmpty(values: Values): boolean {
  for (const _ in values) return false;
  return true;
}

/** What a packet with one entity gave: its reading, or the reason why it could not be read. */
export function outcome(result: Reading | string): Decoded {
  return typeof result === "string" ? reject(result) : { readings: [result], rejected: null };
}

/** What a packet with many entities gave: the readings of the good ones and the reasons of the bad ones. */
export function outcomes(results: readonly (Reading | string)[]): Decoded {
  const readings: Reading[] = [];
  const reasons: string[] = [];
  for (const result of results) {
    if (typeof result === "string") reasons.push(result);
    else readings.push(result);
  }
  if (reasons.length === 0) return readings.length === 0 ? nothing : { readings, rejected: null };
  const shown = reasons.slice(0, maxReasons).join("; ");
  const more = reasons.length - maxReasons;
  return { readings, rejected: more > 0 ? `${shown}; and ${more} more` : shown };
}

/**
 * As `outcomes`, for a packet whose bad values are `dropped` beside good ones (rule 4): with no reading left there is
 * nothing else to say, and they are told.
 */
export function partialOutcome(
  readings: readonly Reading[],
  reasons: readonly string[],
  dropped: readonly string[],
): Decoded {
  return outcomes([...readings, ...reasons, ...(readings.length === 0 ? dropped : [])]);
}

/** A value from a packet as a reason may quote it: short, and never a whole structure. */
export function quote(raw: unknown): string {
  if (raw === undefined) return "missing";
  if (Array.isArray(raw)) return "a list";
  if (typeof raw === "object" && raw !== null) return "an object";
  const text = typeof raw === "string" ? JSON.stringify(raw.slice(0, 40)) : String(raw);
  return text;
}
