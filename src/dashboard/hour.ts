import { mainNames, type Thing } from "./thing.ts";

export const hourMs = 3_600_000;
/** Points of the chart; about one for each two pixels. */
const maxPoints = 140;
/** A silence this long breaks the line. */
const maxPauseMs = 10 * 60_000;

/** A value of the last hour. */
export interface HourPoint {
  /** Epoch milliseconds. */
  readonly time: number;
  readonly value: number;
}

/** Which topic and value tell a thing's course; null if there is none to draw (fares, a sum of phases). */
export function courseOf(thing: Thing): { readonly topic: string; readonly name: string } | null {
  if (thing.domain === "fare") return null;
  const name = mainNames[thing.domain];
  for (const part of ["", "total"]) {
    if (typeof thing.parts.get(part)?.values[name] !== "number") continue;
    return { topic: part === "" ? thing.topic : `${thing.topic}/${part}`, name };
  }
  return null;
}

/** Asks the gateway for the hour of a value that ends at `now`. @throws Error when there is no answer */
export async function fetchHour(
  topic: string,
  name: string,
  now: number,
  signal: AbortSignal,
): Promise<HourPoint[]> {
  const [from, to] = [now - hourMs, now].map((time) => new Date(time).toISOString()) as [string, string];
  const query = new URLSearchParams({ filter: topic, from, to, fields: name, agg: "lttb" });
  query.set("points", String(maxPoints));
  const response = await fetch(`/api/v1/history?${query}`, { signal });
  if (!response.ok) throw new Error(`the history answers with status ${response.status}`);
  const { readings } = (await response.json()) as {
    readings: { time: string; values: Record<string, number> }[];
  };
  return readings.map(({ time, values }) => ({ time: Date.parse(time), value: values[name] ?? 0 }));
}

/** An SVG path of the hour up to `now` in a box of `width` × `height`; empty if there is no line to draw. */
export function hourPath(points: readonly HourPoint[], now: number, width: number, height: number): string {
  if (points.length < 2) return "";
  const values = points.map(({ value }) => value);
  const low = Math.min(...values);
  const span = Math.max(...values) - low;
  return points
    .map(({ time, value }, at) => {
      const x = width * (1 - (now - time) / hourMs);
      const y = span === 0 ? height / 2 : height - ((value - low) / span) * height;
      const isStart = at === 0 || time - (points[at - 1] as HourPoint).time > maxPauseMs;
      return `${isStart ? "M" : "L"}${x.toFixed(1)} ${y.toFixed(1)}`;
    })
    .join("");
}
