import type { Insight, InsightContext } from "../../src/insights/insight.ts";
import type { Reading } from "../../src/model/reading.ts";

/** What is committed at once, epoch milliseconds. */
export interface Commit {
  readonly at: number;
  readonly readings: readonly Reading[];
}

/** A day of 1,000 devices of one kind, and the insights that read it. */
export interface InsightDay {
  readonly name: string;
  /** The devices, and how often each tells something. */
  readonly rhythm: string;
  readonly insights: readonly { readonly insight: Insight; readonly settings: object }[];
  readonly context?: Partial<InsightContext>;
  commits(): Generator<Commit>;
}

export const devices = 1_000;
/** A Sunday. */
export const dayStart = Date.UTC(2026, 10, 22);
export const secondMs = 1_000;
export const minuteMs = 60 * secondMs;
export const quarterMs = 15 * minuteMs;
export const hourMs = 60 * minuteMs;
export const dayMs = 24 * hourMs;
/** Of a degree of latitude, in metres. */
export const degreeM = 111_195;
export const each = Array.from({ length: devices }, (_, n) => n);

/** Has every device tell something at its own second of each interval; what one second brings is one commit. */
export function* told(
  from: number,
  to: number,
  intervalMs: number,
  readingOf: (device: number, time: number) => Reading,
): Generator<Commit> {
  const seconds = intervalMs / secondMs;
  for (let at = from; at < to; at += secondMs) {
    const second = (at / secondMs) % seconds;
    const readings = each
      .filter((device) => device % seconds === second)
      .map((device) => readingOf(device, at));
    yield { at, readings };
  }
}

export function rounded(value: number, digits: number): number {
  return Math.round(value * 10 ** digits) / 10 ** digits;
}
