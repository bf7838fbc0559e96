import type { InsightRow } from "../insightrows.ts";
import { plainId } from "../topics.ts";
import { byName, numberIn, textIn } from "./values.ts";

/** The price of a route in one cabin and currency. Amounts are minor units, null if not known. */
export interface RouteFare {
  readonly topic: string;
  /** `HEL → ARN`. */
  readonly name: string;
  readonly cabin: string;
  readonly currency: string;
  readonly exponent: number;
  /** Null while no offer stands. */
  readonly amountMinor: number | null;
  readonly changeMinor: number | null;
  readonly changePct: number | null;
  readonly lowMinor: number | null;
  readonly highMinor: number | null;
  readonly typicalLowMinor: number | null;
  readonly typicalHighMinor: number | null;
  readonly level: "low" | "typical" | "high" | "unknown";
  readonly flight: string | null;
  readonly departs: string | null;
}

/** The fares of routes, by name. */
export function routeFaresOf(watches: Iterable<InsightRow>): RouteFare[] {
  const fares: RouteFare[] = [];
  for (const { topic, values } of watches) {
    const [, kind, route = "", cabin = "", currency = ""] = topic.split("/");
    if (kind !== "routes" || currency === "") continue;
    const level = values["level"];
    fares.push({
      topic,
      name: plainId(route).replace("-", " → "),
      cabin: cabin === "any" ? "" : plainId(cabin),
      ...moneyOf(values),
      amountMinor: numberIn(values, "amountMinor"),
      changeMinor: numberIn(values, "changeMinor"),
      changePct: numberIn(values, "changePct"),
      lowMinor: numberIn(values, "lowMinor"),
      highMinor: numberIn(values, "highMinor"),
      typicalLowMinor: numberIn(values, "typicalLowMinor"),
      typicalHighMinor: numberIn(values, "typicalHighMinor"),
      level: level === "low" || level === "typical" || level === "high" ? level : "unknown",
      flight: textIn(values, "flight"),
      departs: textIn(values, "departs"),
    });
  }
  return fares.sort((a, b) => byName(a.name, b.name) || byName(a.topic, b.topic));
}

/** Where the amount lies between low and high, 0 to 1; null if one of them is not known. */
export function shareOf(amountMinor: number | null, low: number | null, high: number | null): number | null {
  if (amountMinor === null || low === null || high === null) return null;
  if (high <= low) return 0.5;
  return Math.min(1, Math.max(0, (amountMinor - low) / (high - low)));
}

/** What amounts of a fare or a watch are in. */
export function moneyOf(values: InsightRow["values"]): { currency: string; exponent: number } {
  return { currency: textIn(values, "currency") ?? "", exponent: numberIn(values, "exponent") ?? 2 };
}
