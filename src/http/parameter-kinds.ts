import type { Box } from "../model/box.ts";
import { filterProblem } from "../model/filter.ts";
import { readInstant } from "../model/instant.ts";
import { filterFromQuery } from "../model/query-filter.ts";
import { isTime } from "../model/reading.ts";
import { type Parameter, shorten } from "./parameters.ts";

/** Most names in one `fields`. */
export const maxFields = 64;

const unitsMs = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
const spanPattern = /^(\d{1,9})([smhd])$/;
const longestSpanMs = 366 * unitsMs.d;

/** An MQTT topic filter. */
export function filterParameter(description: string): Parameter<string> {
  return {
    description: `${description} In a URL \`#\` is written %23.`,
    schema: { type: "string", minLength: 1, default: "#" },
    example: "gps/#",
    read: (text) => {
      const filter = filterFromQuery(text);
      if (typeof filter !== "string") throw new Error(filter.problem);
      const problem = filterProblem(filter);
      if (problem) throw new Error(problem);
      return filter;
    },
  };
}

/** An instant as epoch milliseconds. */
export function instantParameter(description: string): Parameter<number> {
  const help = "give a time such as 2026-11-22T14:05:00Z, epoch milliseconds, now, or -90s, -15m, -1h, -7d";
  return {
    description: `${description} ISO 8601 with an offset, epoch milliseconds, \`now\`, or so long ago: \`-90s\`, \`-15m\`, \`-1h\`, \`-7d\`.`,
    schema: { type: "string" },
    example: "-1h",
    read: (text, { now }) => {
      if (text === "now") return now;
      const agoMs = text.startsWith("-") ? readSpanMs(text.slice(1)) : null;
      // In a query a bare `+`, as in +02:00, arrives as a space.
      const time = agoMs === null ? readInstant(readNumeric(text) ?? text.replace(" ", "+")) : now - agoMs;
      if (time === null || !isTime(time)) throw new Error(`${quote(text)} is no time; ${help}`);
      return time;
    },
  };
}

/** A length of time in milliseconds. */
export function spanParameter(description: string): Parameter<number> {
  return {
    description: `${description} A whole number of \`s\`, \`m\`, \`h\` or \`d\`.`,
    schema: { type: "string", pattern: "^[0-9]{1,9}[smhd]$" },
    example: "5m",
    read: (text) => {
      const spanMs = readSpanMs(text);
      if (spanMs !== null && spanMs > 0 && spanMs <= longestSpanMs) return spanMs;
      throw new Error(`${quote(text)} is no length of time from 1s to 366d; give one such as 60s, 5m or 1h`);
    },
  };
}

export function integerParameter(description: string, min: number, max: number): Parameter<number> {
  return {
    description,
    schema: { type: "integer", minimum: min, maximum: max },
    read: (text) => {
      const value = Number(text);
      if (/^\d{1,16}$/.test(text) && value >= min && value <= max) return value;
      throw new Error(`${quote(text)} is not a whole number from ${min} to ${max}`);
    },
  };
}

/** One of some words. */
export function choiceParameter<Word extends string>(
  description: string,
  words: readonly Word[],
  byDefault?: Word,
): Parameter<Word> {
  return {
    description,
    schema: { type: "string", enum: words, ...(byDefault !== undefined && { default: byDefault }) },
    read: (text) => {
      const word = words.find((known) => known === text);
      if (word === undefined) throw new Error(`${quote(text)} is not known; give one of ${words.join(", ")}`);
      return word;
    },
  };
}

/** Any text. */
export function textParameter(description: string): Parameter<string> {
  return { description, schema: { type: "string" }, read: (text) => text };
}

/** Names of values, in the order given. */
export function fieldsParameter(description: string): Parameter<readonly string[]> {
  return {
    description: `${description} Names separated by commas, at most ${maxFields}.`,
    schema: { type: "array", items: { type: "string" }, minItems: 1, maxItems: maxFields },
    example: ["speedKmh", "batteryPct"],
    isList: true,
    mayRepeat: true,
    read: (text) => {
      const names = [...new Set(text.split(",").filter((name) => name !== ""))];
      if (names.length === 0) throw new Error("it is empty; give names such as lat,lon,speedKmh");
      if (names.length > maxFields) throw new Error(`${names.length} names are more than ${maxFields}`);
      return names;
    },
  };
}

/** West, south, east, north in degrees. */
export function boxParameter(description: string): Parameter<Box> {
  return {
    description: `${description} West, south, east, north in degrees; a west beyond east wraps around the antimeridian.`,
    schema: { type: "array", items: { type: "number" }, minItems: 4, maxItems: 4 },
    example: [24.9, 60.1, 25.0, 60.2],
    isList: true,
    read: (text) => {
      const numbers = text.split(",").map((part) => readNumeric(part) ?? Number.NaN);
      const [west = 0, south = 0, east = 0, north = 0] = numbers;
      const isGood =
        numbers.length === 4 &&
        numbers.every(Number.isFinite) &&
        Math.max(Math.abs(west), Math.abs(east)) <= 180 &&
        south >= -90 &&
        north <= 90 &&
        south <= north;
      if (!isGood) throw new Error(`${quote(text)} is no west,south,east,north in degrees, south first`);
      return [west, south, east, north];
    },
  };
}

function readSpanMs(text: string): number | null {
  const match = spanPattern.exec(text);
  return match ? Number(match[1]) * unitsMs[match[2] as keyof typeof unitsMs] : null;
}

function readNumeric(text: string): number | null {
  return /^-?\d+(\.\d+)?$/.test(text) ? Number(text) : null;
}

function quote(text: string): string {
  return JSON.stringify(shorten(text));
}
