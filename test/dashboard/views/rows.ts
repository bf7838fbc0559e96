import type { InsightRow } from "../../../src/dashboard/insightrows.ts";
import type { Values } from "../../../src/model/reading.ts";

export const start = Date.UTC(2026, 10, 22, 14);

/** An instant so many seconds after the start, as readings tell it. */
export function at(seconds: number): string {
  return new Date(start + seconds * 1000).toISOString();
}

/** What a topic shows, told so many seconds after the start. */
export function row(topic: string, values: Values, seconds = 0, attrs: Values = {}): InsightRow {
  return { topic, time: start + seconds * 1000, values, attrs };
}

export function rowsByTopic(rows: readonly InsightRow[]): ReadonlyMap<string, InsightRow> {
  return new Map(rows.map((one) => [one.topic, one]));
}
