import { isTime, type Reading, type Value } from "../model/reading.ts";
import { maxTopicBytes, topicOf } from "../model/topic.ts";

/** Most values a reading may carry. */
export const maxValues = 256;
/** Deepest nesting of a value; only a fare's segments nest at all. */
const maxDepth = 8;
const hostileNames: ReadonlySet<string> = new Set(["__proto__", "prototype", "constructor"]);

/** Most names tell by their length that they are none of these. */
function isHostile(name: string): boolean {
  return (name.length === 9 || name.length === 11) && hostileNames.has(name);
}

/**
 * Says why a reading may not enter the log, or null if it may. Formats keep these rules themselves; this is the last gate
 * for all of them, so that one careless format cannot poison what every subscriber shares.
 */
function checkReading(reading: Reading): string | null {
  const { device, channel, time, values, attrs } = reading;
  if (device === "" || isHostile(device)) return `device: ${JSON.stringify(device)} cannot be a device id`;
  if (channel !== undefined && (channel === "" || isHostile(channel))) {
    return `channel: ${JSON.stringify(channel)} cannot be a channel id`;
  }
  if (!isTime(time)) return `time: ${time} is not a time in epoch milliseconds`;
  // Percent-encoding makes at most nine bytes of one UTF-16 unit; only long ids are worth measuring.
  if ((device.length + (channel?.length ?? 0)) * 9 > maxTopicBytes - 16 && isTopicTooLong(reading)) {
    return `device: the topic would be longer than ${maxTopicBytes} bytes`;
  }
  const problem = checkValues("values", values, 0);
  return problem !== null || attrs === undefined ? problem : checkValues("attrs", attrs, 1);
}

/** Parts readings that may enter the log from those that may not; `problem` is what is wrong with the first of those. */
export function checkReadings(readings: readonly Reading[]): {
  good: readonly Reading[];
  problem: string | null;
} {
  let bad: Set<Reading> | null = null;
  let problem: string | null = null;
  // By index: V8 (11.3) compiled a loop over the items anew with nearly every call, and threw it away at its end.
  for (let at = 0; at < readings.length; at++) {
    const reading = readings[at] as Reading;
    const found = checkReading(reading);
    if (found === null) continue;
    problem ??= found;
    bad ??= new Set();
    bad.add(reading);
  }
  return { good: bad === null ? readings : readings.filter((reading) => !bad.has(reading)), problem };
}

function isTopicTooLong(reading: Reading): boolean {
  return new TextEncoder().encode(topicOf(reading)).length > maxTopicBytes;
}

function checkValues(path: string, values: object, depth: number): string | null {
  let count = 0;
  for (const name in values) {
    if (++count > maxValues) return `${path}: more than ${maxValues}`;
    if (isHostile(name)) return `${path}.${name}: this name is not allowed`;
    const value = (values as Record<string, Value>)[name];
    // Nearly all are plain, and no path is put together for them.
    const problem = isPlain(value) ? null : checkValue(`${path}.${name}`, value, depth);
    if (problem) return problem;
  }
  return count === 0 && depth === 0 ? "values: a reading needs at least one" : null;
}

function isPlain(value: Value | undefined): boolean {
  return typeof value === "string" || typeof value === "boolean" || value === null || Number.isFinite(value);
}

function checkValue(path: string, value: Value | undefined, depth: number): string | null {
  switch (typeof value) {
    case "number":
      return `${path}: is not a finite number`;
    case "object":
      return depth >= maxDepth
        ? `${path}: nested deeper than ${maxDepth}`
        : checkValues(path, value as object, depth + 1);
    default:
      return `${path}: is not a value`;
  }
}
