import { currencyExponent } from "../../model/currency.ts";
import type { Values } from "../../model/reading.ts";
import type { InsightRow } from "../insightrows.ts";
import { formatMoney } from "../money.ts";
import { plainId } from "../topics.ts";
import { moneyOf } from "./fares.ts";
import { byName, instantIn, numberIn, textIn } from "./values.ts";

/** A price that somebody waits for. Amounts are minor units, null if not known. */
export interface Watch {
  readonly name: string;
  readonly currency: string;
  readonly exponent: number;
  /** `new`: it has seen no price yet. */
  readonly state: "fired" | "armed" | "new";
  readonly fires: number;
  readonly firedAt: number | null;
  readonly firedMinor: number | null;
  /** Of what, in words: `HEL → ARN`, or with the flight and the date that it names; empty if it has not said. */
  readonly route: string;
  /** What it waits for, in words: `a price below €89.00`, `a drop by 8 %`. */
  readonly waitsFor: string;
  /** Where the price was when the watch was last told, in words: `€85.00; 5.6 % below the highest, €90.00`. */
  readonly stands: string;
  /** When that was, null if it has not been told. It is told when it fires and when it is armed, not with each price. */
  readonly toldAt: number | null;
  /** Somebody asked for it while the gateway runs, and can ask for it to go; else it is the configuration's. */
  readonly isAsked: boolean;
}

const wishLevel = "watches/asked/";

/** The watches: those that fired first, then by name. */
export function watchesOf(rows: Iterable<InsightRow>, locale: string | undefined): Watch[] {
  const wishes = new Map<string, Values>();
  const told = new Map<string, InsightRow>();
  for (const row of rows) {
    const { topic, values } = row;
    if (topic.startsWith(wishLevel)) wishes.set(topic.slice(wishLevel.length), values);
    else if (topic.split("/").length === 2) told.set(topic.slice("watches/".length), row);
  }
  const isWanted = (name: string) => wishes.get(name)?.["isActive"] === true;
  const all = [...new Set([...told.keys(), ...wishes.keys()])].flatMap((name) => {
    const row = told.get(name);
    const isTold = row !== undefined && "fires" in row.values && row.values["state"] !== "removed";
    if (!isTold) return isWanted(name) ? [newWatch(name, wishes.get(name) as Values, locale)] : [];
    return [toldWatch(name, row, isWanted(name), locale)];
  });
  return all.sort(
    (a, b) => Number(b.state === "fired") - Number(a.state === "fired") || byName(a.name, b.name),
  );
}

function toldWatch(
  name: string,
  { time, values }: InsightRow,
  isAsked: boolean,
  locale: string | undefined,
): Watch {
  const { currency, exponent } = moneyOf(values);
  const money = (amountMinor: number) => formatMoney(amountMinor, exponent, currency, locale);
  return {
    name: plainId(name),
    currency,
    exponent,
    state: values["state"] === "fired" ? "fired" : "armed",
    fires: numberIn(values, "fires") ?? 0,
    firedAt: instantIn(values, "firedAt"),
    firedMinor: numberIn(values, "firedMinor"),
    route: routeWords(values),
    waitsFor: conditionWords(values, money),
    stands: standingWords(values, money),
    toldAt: time,
    isAsked,
  };
}

function newWatch(name: string, wish: Values, locale: string | undefined): Watch {
  const currency = textIn(wish, "currency") ?? "";
  const limit = (key: string) => {
    const amount = wish[key];
    return amount === null || amount === undefined
      ? null
      : `a price ${key} ${wishedMoney(String(amount), currency, locale)}`;
  };
  const [drops, rises, changes] = ["dropsPct", "risesPct", "changesPct"].map((key) => numberIn(wish, key));
  const move = moveWords(drops ?? changes ?? null, rises ?? changes ?? null);
  return {
    name: plainId(name),
    currency,
    exponent: 0,
    state: "new",
    fires: 0,
    firedAt: null,
    firedMinor: null,
    route: routeWords(wish, textIn(wish, "flight"), textIn(wish, "departs")),
    waitsFor: limit("below") ?? limit("above") ?? move,
    stands: "no price yet",
    toldAt: null,
    isAsked: true,
  };
}

function routeWords(values: Values, ...more: (string | null)[]): string {
  const [from, to] = [textIn(values, "from"), textIn(values, "to")];
  return from === null || to === null
    ? ""
    : [`${from} → ${to}`, ...more].filter((part) => part !== null).join(" · ");
}

/** An amount as it was asked for, `119.9`, like all others. */
function wishedMoney(amount: string, currency: string, locale: string | undefined): string {
  const exponent = currencyExponent(currency);
  if (exponent === undefined) return `${amount} ${currency}`;
  const [whole = "", fraction = ""] = amount.split(".");
  return formatMoney(
    Number(whole + fraction.padEnd(exponent, "0").slice(0, exponent)),
    exponent,
    currency,
    locale,
  );
}

type Money = (amountMinor: number) => string;

function conditionWords(values: Values, money: Money): string {
  const [below, above] = [numberIn(values, "belowMinor"), numberIn(values, "aboveMinor")];
  if (below !== null) return `a price below ${money(below)}`;
  if (above !== null) return `a price above ${money(above)}`;
  const { drops, rises } = moveOf(values);
  return moveWords(drops, rises);
}

function moveWords(drops: number | null, rises: number | null): string {
  if (drops !== null && rises !== null) return `a change by ${drops} %`;
  if (drops !== null) return `a drop by ${drops} %`;
  return rises === null ? "a change" : `a rise by ${rises} %`;
}

/** The price, and how far it was from what the watch counts from. */
function standingWords(values: Values, money: Money): string {
  const amount = numberIn(values, "amountMinor");
  if (amount === null) return "";
  const { drops, rises, low, high } = moveOf(values);
  const parts = [money(amount)];
  if (drops !== null && high !== null) parts.push(distanceWords(amount, high, "highest", money));
  if (rises !== null && low !== null) parts.push(distanceWords(amount, low, "lowest", money));
  return parts.join("; ");
}

function distanceWords(amount: number, reference: number, name: string, money: Money): string {
  if (amount === reference) return `at the ${name}`;
  const share = reference === 0 ? "" : `${((100 * Math.abs(amount - reference)) / reference).toFixed(1)} % `;
  return `${share}${amount < reference ? "below" : "above"} the ${name}, ${money(reference)}`;
}

function moveOf(values: Values) {
  return {
    drops: numberIn(values, "dropsPct"),
    rises: numberIn(values, "risesPct"),
    low: numberIn(values, "sinceLowMinor"),
    high: numberIn(values, "sinceHighMinor"),
  };
}

/** What was filled in, as the gateway takes it; what is empty is not asked for. */
export function wishIn(form: FormData): Record<string, string> {
  const text = (name: string) => String(form.get(name) ?? "").trim();
  const wish: Record<string, string> = {};
  for (const name of ["name", "from", "to", "currency", "flight", "departs"]) {
    if (text(name) !== "") wish[name] = text(name);
  }
  const currency = wish["currency"];
  if (currency !== undefined) wish["currency"] = currency.toUpperCase();
  // As people of many countries write it.
  wish[text("condition")] = text("amount").replace(/\s*%$/, "").replace(",", ".");
  return wish;
}
