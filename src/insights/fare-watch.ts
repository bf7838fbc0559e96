import { z } from "zod";
import { currencyExponent } from "../model/currency.ts";
import { isoTime, type Values } from "../model/reading.ts";
import { newPriceFold, offerValues, type PriceFold, priceCourse, type Quoted } from "./fare-price.ts";
import { type Offer, placeCode, type Quote } from "./fare-quote.ts";
import type { Course } from "./rework.ts";
import type { Tell } from "./told-words.ts";

/** Most watches; also the most of which one selection of fares can tell. */
export const maxWatches = 5_000;

/** A watch that a price arms and fires at once is told as armed so much before, milliseconds. */
const armedAheadMs = 1;

const place = z.string().min(1).max(64).overwrite(placeCode);
const code = z
  .string()
  .min(1)
  .max(64)
  .overwrite((text) => text.toUpperCase());
// Of numbers only whole ones pass (`watchesProblem`): 120.10 in YAML is a floating-point number, which is not exactly that.
const amount = z.union([
  z.number().min(0),
  z.string().regex(/^\d{1,12}(\.\d{1,4})?$/, 'write it as "120.50"'),
]);
const percent = z.number().min(0.01).max(1_000).multipleOf(0.01, "use at most two decimals");

export const watchSettings = z.strictObject({
  name: z
    .string()
    .regex(/^[\p{L}\p{N}_-]{1,64}$/u, "use letters, digits, - and _, at most 64")
    .describe("Topic level of the watch"),
  from: place.describe("Where the journey begins, as the quotes have it: `HEL`"),
  to: place.describe("Where it ends"),
  currency: code.describe("Only quotes in this currency count (ISO 4217)"),
  cabin: z.string().min(1).max(64).optional().describe("Only this cabin, as the quotes have it"),
  flight: code.optional().describe("Only this flight: `ZZ803`, or `ZZ803-ZZ12` of a journey of two"),
  departs: z.iso.date().optional().describe("Only departures on this local date, `2026-12-24`"),
  below: amount.optional().describe('Fires below this price, in whole units or as text: `120` or `"119.90"`'),
  above: amount.optional().describe("Fires above this price"),
  dropsPct: percent
    .optional()
    .describe("Fires when the price is so much below the highest since it last fired, in percent"),
  risesPct: percent
    .optional()
    .describe("Fires when it is so much above the lowest since it last fired, in percent"),
  changesPct: percent.optional().describe("Fires either way, in percent"),
});

export type WatchSettings = z.infer<typeof watchSettings>;

const conditions = ["below", "above", "dropsPct", "risesPct", "changesPct"] as const;
/** Topic levels beside those of watches. */
const taken: ReadonlySet<string> = new Set(["flights", "routes", "asked"]);

/** Says what is wrong with watches beyond what the schema can, beginning with the path; null if nothing. */
export function watchesProblem(watches: readonly WatchSettings[], noisePct: number): string | null {
  const names = new Set(taken);
  for (const [index, watch] of watches.entries()) {
    const path = `watches.${index}`;
    const { name, currency } = watch;
    if (names.has(name)) return `${path}.name: ${JSON.stringify(name)} is taken; choose another`;
    names.add(name);
    const exponent = currencyExponent(currency);
    if (exponent === undefined)
      return `${path}.currency: ${JSON.stringify(currency)} is not an ISO 4217 code`;
    const given = conditions.filter((key) => watch[key] !== undefined);
    if (given.length !== 1) return `${path}: give it exactly one of ${conditions.join(", ")}`;
    const limit = watch.below ?? watch.above;
    if (limit !== undefined && minorOf(limit, exponent) === null) {
      return `${path}.${given[0]}: ${currency} has ${exponent} decimals, ${limit} has more`;
    }
    if (typeof limit === "number" && !Number.isInteger(limit)) {
      return `${path}.${given[0]}: write it in quotes, as "${limit}": numbers with decimals are not exact`;
    }
    const pct = watch.dropsPct ?? watch.risesPct ?? watch.changesPct;
    if (pct !== undefined && pct <= noisePct) {
      return `${path}.${given[0]}: ${pct} is not more than noisePct (${noisePct}), and would never fire`;
    }
    if ((watch.dropsPct ?? 0) >= 100) return `${path}.dropsPct: no price drops by 100 percent or more`;
  }
  return null;
}

/** A watch that can be asked. */
export interface Watch {
  readonly name: string;
  /** All that it goes by; another text is another watch. */
  readonly text: string;
  readonly below: number | null;
  readonly above: number | null;
  /** Hundredths of a percent. */
  readonly drops: number | null;
  readonly rises: number | null;
  /** Moves of up to so many hundredths of a percent are noise. */
  readonly noise: number;
}

export function watchOf(settings: WatchSettings, noisePct: number): Watch {
  const exponent = currencyExponent(settings.currency) ?? 0;
  const minor = (limit: string | number | undefined) =>
    limit === undefined ? null : minorOf(limit, exponent);
  const points = (pct: number | undefined) => (pct === undefined ? null : Math.round(pct * 100));
  const { name, dropsPct, risesPct, changesPct } = settings;
  return {
    name,
    text: JSON.stringify(settings),
    below: minor(settings.below),
    above: minor(settings.above),
    drops: points(dropsPct ?? changesPct),
    rises: points(risesPct ?? changesPct),
    noise: Math.round(noisePct * 100),
  };
}

/** What is known of a watch. Amounts in minor units. */
interface WatchState {
  readonly text: string;
  isFired: boolean;
  fires: number;
  firedAt: number | null;
  firedMinor: number | null;
  /** Since it last fired, or was new. */
  lowMinor: number;
  highMinor: number;
}

export interface WatchFold extends PriceFold {
  /** By name. */
  readonly watches: Map<string, WatchState>;
  /** Of all watches that were there; none in states of earlier versions that no price was shown to. */
  text: string;
}

/** Watches of the same fares; what is told of each stands under its name. */
export function watchCourse(watches: readonly Watch[]): Course<Quoted, WatchFold> {
  const text = JSON.stringify(watches.map((watch) => watch.text));
  const start = (): WatchFold => ({ ...newPriceFold(), watches: new Map(), text });
  const show = (fold: WatchFold, time: number, tell: Tell | null) => {
    // That there is no offer says nothing of the price.
    if (fold.best === null) return;
    if (fold.text !== text) keepOnly(fold.watches, watches);
    fold.text = text;
    for (const watch of watches) showTo(watch, fold, fold.best, time, tell);
  };
  const prices = priceCourse<WatchFold>(start, show);
  const step = (fold: WatchFold, quoted: Quoted, tell: Tell | null) => {
    prices.step(fold, quoted, tell);
    // Somebody new wants to know a price that stays as it is.
    if (fold.text === text) return;
    fold.changedAt = quoted.time;
    show(fold, quoted.time, tell);
  };
  return {
    ...prices,
    step,
    settle: (fold, quoted) => step(fold, quoted, null),
    settleBefore: (fold, quoted) => watchCourse(thoseIn(fold.text, watches)).settle?.(fold, quoted),
    maxNames: maxWatches,
  };
}

function showTo(watch: Watch, fold: WatchFold, best: Offer, time: number, tell: Tell | null): void {
  const { amountMinor } = best;
  const state = stateOf(fold, watch, amountMinor);
  const say = (at: number) =>
    tell?.(watch.name, at, {
      state: state.isFired ? "fired" : "armed",
      amountMinor,
      fires: state.fires,
      firedAt: state.firedAt === null ? null : isoTime(state.firedAt),
      firedMinor: state.firedMinor,
      ...limitValues(watch, state),
      ...offerValues(best),
    });
  const isArmed = arms(watch, state, amountMinor);
  const isFiring = !state.isFired && fires(watch, state, amountMinor);
  // Armed and fired by one price: for a time there is one word, and rules that look for `fired` must see that it was not.
  const hasRoom = state.firedAt !== null && state.firedAt < time - armedAheadMs;
  if (isArmed && (!isFiring || hasRoom)) say(isFiring ? time - armedAheadMs : time);
  if (!isFiring) return;
  state.isFired = true;
  state.fires++;
  state.firedAt = time;
  state.firedMinor = amountMinor;
  state.lowMinor = amountMinor;
  state.highMinor = amountMinor;
  say(time);
}

/** Those of the watches that were there. */
function thoseIn(text: string, watches: readonly Watch[]): readonly Watch[] {
  if (text === "") return watches;
  const there = new Set(JSON.parse(text) as string[]);
  return watches.filter((watch) => there.has(watch.text));
}

function keepOnly(states: Map<string, WatchState>, watches: readonly Watch[]): void {
  const names = new Set(watches.map(({ name }) => name));
  for (const name of states.keys()) if (!names.has(name)) states.delete(name);
}

/**
 * Every selection of fares that a quote can belong to: by route, currency, and cabin, flight and date where a watch names them.
 * So watches are found, not searched.
 */
export function selectionsOf({ from, to, currency, cabin, offer: { flight, departs } }: Quote): string[] {
  const keys: string[] = [];
  for (const oneCabin of [cabin, undefined]) {
    for (const oneFlight of flight === null ? [undefined] : [flight, undefined]) {
      for (const oneDate of departs === null ? [undefined] : [departs, undefined]) {
        keys.push(selectionKey({ from, to, currency, cabin: oneCabin, flight: oneFlight, departs: oneDate }));
      }
    }
  }
  return keys;
}

export function selectionKey({
  from,
  to,
  currency,
  cabin = "",
  flight = "",
  departs = "",
}: {
  readonly [name in "from" | "to" | "currency"]: string;
} & { readonly [name in "cabin" | "flight" | "departs"]?: string | undefined }): string {
  return `${from}\n${to}\n${currency}\n${cabin}\n${flight}\n${departs}`;
}

/** What every selection has. */
export function fareOfSelection(key: string): { readonly [name in "from" | "to" | "currency"]: string } {
  const [from = "", to = "", currency = ""] = key.split("\n");
  return { from, to, currency };
}

/** A new watch, and one whose words changed, begins armed. */
function stateOf({ watches }: WatchFold, { name, text }: Watch, amountMinor: number): WatchState {
  const known = watches.get(name);
  if (known?.text === text) return known;
  const state = {
    text,
    isFired: false,
    fires: -1,
    firedAt: null,
    firedMinor: null,
    lowMinor: amountMinor,
    highMinor: amountMinor,
  };
  watches.set(name, state);
  return state;
}

/** Takes the price. Returns whether it is new, or armed again. */
function arms(watch: Watch, state: WatchState, amountMinor: number): boolean {
  const isNew = state.fires < 0;
  if (isNew) state.fires = 0;
  state.lowMinor = Math.min(state.lowMinor, amountMinor);
  state.highMinor = Math.max(state.highMinor, amountMinor);
  const isRearmed = state.isFired && rearms(watch, state, amountMinor);
  if (isRearmed) state.isFired = false;
  return isNew || isRearmed;
}

function fires(
  { below, above, drops, rises }: Watch,
  { lowMinor, highMinor }: WatchState,
  amountMinor: number,
): boolean {
  return (
    (below !== null && amountMinor < below) ||
    (above !== null && amountMinor > above) ||
    (drops !== null && isAtMost(amountMinor, highMinor, 10_000 - drops)) ||
    (rises !== null && isAtLeast(amountMinor, lowMinor, 10_000 + rises))
  );
}

/** The price is back beyond the limit, or has left where it fired, by more than noise. */
function rearms({ below, above, noise }: Watch, { firedMinor }: WatchState, amountMinor: number): boolean {
  if (below !== null) return isAtLeast(amountMinor, below, 10_000 + noise);
  if (above !== null) return isAtMost(amountMinor, above, 10_000 - noise);
  const fired = firedMinor ?? 0;
  return (
    amountMinor !== fired &&
    (isAtLeast(amountMinor, fired, 10_000 + noise) || isAtMost(amountMinor, fired, 10_000 - noise))
  );
}

// Ten thousand times a safe integer is none any more.
function isAtLeast(amountMinor: number, ofMinor: number, points: number): boolean {
  return BigInt(amountMinor) * 10_000n >= BigInt(ofMinor) * BigInt(points);
}

function isAtMost(amountMinor: number, ofMinor: number, points: number): boolean {
  return BigInt(amountMinor) * 10_000n <= BigInt(ofMinor) * BigInt(points);
}

function limitValues({ below, above, drops, rises }: Watch, { lowMinor, highMinor }: WatchState): Values {
  if (below !== null) return { belowMinor: below };
  if (above !== null) return { aboveMinor: above };
  const percent = (points: number | null) => (points === null ? null : points / 100);
  return {
    dropsPct: percent(drops),
    risesPct: percent(rises),
    sinceLowMinor: lowMinor,
    sinceHighMinor: highMinor,
  };
}

/** Whether what is shown follows from a watch with these words; a cabin is not told. */
export function isOfWatch(
  values: Values,
  { below, above, drops, rises }: Watch,
  { from, to, currency, flight, departs }: WatchSettings,
): boolean {
  const pct = (points: number | null) => (points === null ? undefined : points / 100);
  const limits = { belowMinor: below ?? undefined, aboveMinor: above ?? undefined };
  const wanted = {
    from,
    to,
    currency,
    flight,
    departs,
    ...limits,
    dropsPct: pct(drops),
    risesPct: pct(rises),
  };
  // What it does not name may be left over from what was told before.
  return Object.entries(wanted).every(([name, value]) => value === undefined || values[name] === value);
}

/** An amount in whole units or as decimal text, in minor units; null if it has more decimals than the currency. */
function minorOf(limit: string | number, exponent: number): number | null {
  const [whole = "", fraction = ""] = String(limit).split(".");
  const digits = fraction.replace(/0+$/, "");
  if (digits.length > exponent) return null;
  const minor = Number(whole + digits.padEnd(exponent, "0"));
  return Number.isSafeInteger(minor) ? minor : null;
}
