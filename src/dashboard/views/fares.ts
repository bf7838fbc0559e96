import type { InsightRow } from "../insightrows.ts";
import { formatMoney } from "../money.ts";
import { plainId } from "../topics.ts";
import { byName, instantIn, numberIn, textIn } from "./values.ts";

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

/** A price that somebody waits for. */
export interface Watch {
  readonly name: string;
  readonly currency: string;
  readonly exponent: number;
  readonly isFired: boolean;
  readonly fires: number;
  readonly firedAt: number | null;
  readonly firedMinor: number | null;
  readonly amountMinor: number | null;
  /** What it waits for, in words. */
  readonly waitsFor: string;
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

/** The watches: those that fired first, then by name. */
export function watchesOf(watches: Iterable<InsightRow>, locale: string | undefined): Watch[] {
  const all: Watch[] = [];
  for (const { topic, values } of watches) {
    if (topic.split("/").length !== 2 || !("fires" in values) || values["state"] === "removed") continue;
    all.push({
      name: plainId(topic.slice("watches/".length)),
      ...moneyOf(values),
      isFired: values["state"] === "fired",
      fires: numberIn(values, "fires") ?? 0,
      firedAt: instantIn(values, "firedAt"),
      firedMinor: numberIn(values, "firedMinor"),
      amountMinor: numberIn(values, "amountMinor"),
      waitsFor: conditionOf(values, locale),
    });
  }
  return all.sort((a, b) => Number(b.isFired) - Number(a.isFired) || byName(a.name, b.name));
}

/** Where the amount lies between low and high, 0 to 1; null if one of them is not known. */
export function shareOf(amountMinor: number | null, low: number | null, high: number | null): number | null {
  if (amountMinor === null || low === null || high === null) return null;
  if (high <= low) return 0.5;
  return Math.min(1, Math.max(0, (amountMinor - low) / (high - low)));
}

function moneyOf(values: InsightRow["values"]): { currency: string; exponent: number } {
  return { currency: textIn(values, "currency") ?? "", exponent: numberIn(values, "exponent") ?? 2 };
}

function conditionOf(values: InsightRow["values"], locale: string | undefined): string {
  const { currency, exponent } = moneyOf(values);
  const money = (name: string) => {
    const amountMinor = numberIn(values, name);
    return amountMinor === null ? null : formatMoney(amountMinor, exponent, currency, locale);
  };
  const [below, above] = [money("belowMinor"), money("aboveMinor")];
  if (below !== null) return `below ${below}`;
  if (above !== null) return `above ${above}`;
  const [low, high] = [money("sinceLowMinor"), money("sinceHighMinor")];
  return low === null || high === null ? "a change" : `a change; ${low} to ${high} since it last fired`;
}
