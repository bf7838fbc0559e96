import type { InsightRow } from "../insightrows.ts";
import { plainId } from "../topics.ts";
import { type CongestionLevel, congestionLevel, congestionLevels } from "../words.ts";
import { byName, instantIn, numberIn, textIn } from "./values.ts";

/** A stretch of road. */
export interface Segment {
  readonly name: string;
  readonly level: CongestionLevel;
  readonly speedKmh: number | null;
  /** Speed over that of the empty road. */
  readonly speedRatio: number | null;
  readonly delayS: number | null;
  /** Of how many sensors and vehicles it is known. */
  readonly sensors: number;
  readonly vehicles: number;
}

export interface Route {
  readonly name: string;
  /** Null while a part of it is unknown. */
  readonly travelTimeS: number | null;
  readonly delayS: number | null;
  readonly worstLevel: CongestionLevel;
  readonly lengthM: number;
  /** Null if it has no alternatives, or if that is not known. */
  readonly isBest: boolean | null;
}

/** Which of several routes to take. */
export interface Choice {
  readonly name: string;
  /** Null while fewer than two of the routes are known. */
  readonly best: string | null;
  readonly travelTimeS: number | null;
  /** Seconds that it is quicker than the usual way. */
  readonly savesS: number;
}

export interface Jam {
  readonly segment: string;
  readonly state: "jam" | "over" | "lost";
  /** Epoch milliseconds. */
  readonly start: number | null;
  readonly end: number | null;
  readonly queueM: number | null;
  /** Who knows of it. */
  readonly acknowledgedBy: string | null;
}

/** The segments, the worst first and by name within a level. */
export function segmentsOf(rows: Iterable<InsightRow>): Segment[] {
  const segments = Array.from(rows, ({ topic, values }) => ({
    name: nameBelow(topic),
    level: congestionLevel(values["level"]),
    speedKmh: numberIn(values, "speedKmh"),
    speedRatio: numberIn(values, "speedRatio"),
    delayS: numberIn(values, "delayS"),
    sensors: numberIn(values, "sensors") ?? 0,
    vehicles: numberIn(values, "vehicles") ?? 0,
  }));
  return segments.sort((a, b) => rankOf(a.level) - rankOf(b.level) || byName(a.name, b.name));
}

/** How many segments are at each level, the worst first; levels without any are left out. */
export function levelCounts(segments: readonly Segment[]): { level: CongestionLevel; count: number }[] {
  return levels.flatMap((level) => {
    const count = segments.filter((segment) => segment.level === level).length;
    return count > 0 ? [{ level, count }] : [];
  });
}

/** The routes by name. */
export function routesOf(rows: Iterable<InsightRow>): Route[] {
  const routes: Route[] = [];
  for (const { topic, values } of rows) {
    if (isChoice(topic, values)) continue;
    routes.push({
      name: nameBelow(topic),
      travelTimeS: numberIn(values, "travelTimeS"),
      delayS: numberIn(values, "delayS"),
      worstLevel: congestionLevel(values["worstLevel"]),
      lengthM: numberIn(values, "lengthM") ?? 0,
      isBest: typeof values["isBest"] === "boolean" ? values["isBest"] : null,
    });
  }
  return routes.sort((a, b) => byName(a.name, b.name));
}

/** The choices between routes, by name. */
export function choicesOf(rows: Iterable<InsightRow>): Choice[] {
  const choices: Choice[] = [];
  for (const { topic, values } of rows) {
    if (!isChoice(topic, values)) continue;
    choices.push({
      name: nameBelow(topic).replace(/\/best$/, ""),
      best: textIn(values, "best"),
      travelTimeS: numberIn(values, "travelTimeS"),
      savesS: numberIn(values, "savesS") ?? 0,
    });
  }
  return choices.sort((a, b) => byName(a.name, b.name));
}

/** The jams that are, at their heads, the newest first, then those that were. */
export function jamsOf(alerts: Iterable<InsightRow>): Jam[] {
  const jams: Jam[] = [];
  for (const { topic, values } of alerts) {
    if (!topic.startsWith("alerts/jam/")) continue;
    const state = values["outcome"] ?? "jam";
    const isToldElsewhere = state === "jam" && values["isHead"] !== true;
    if (isToldElsewhere || (state !== "jam" && state !== "over" && state !== "lost")) continue;
    jams.push({
      segment: plainId(topic.slice("alerts/jam/".length)),
      state,
      start: instantIn(values, "start"),
      end: instantIn(values, "end"),
      queueM: numberIn(values, "queueM"),
      acknowledgedBy: textIn(values, "acknowledgedBy"),
    });
  }
  return jams.sort(
    (a, b) => Number(b.state === "jam") - Number(a.state === "jam") || (b.start ?? 0) - (a.start ?? 0),
  );
}

const levels: readonly CongestionLevel[] = [...congestionLevels, "unknown"];

function rankOf(level: CongestionLevel): number {
  return levels.indexOf(level);
}

function isChoice(topic: string, values: InsightRow["values"]): boolean {
  return topic.endsWith("/best") && "totalRoutes" in values;
}

function nameBelow(topic: string): string {
  return plainId(topic.slice(topic.indexOf("/") + 1));
}
