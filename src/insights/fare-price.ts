import { isoTime, type Values } from "../model/reading.ts";
import type { Offer } from "./fare-quote.ts";
import { figuresOf, newPriceWindow, notePrice, type PriceWindow } from "./fare-window.ts";
import { copyOf } from "./plain-copy.ts";
import type { Course } from "./rework.ts";
import type { Tell } from "./told-words.ts";

/** Most offers that stand at a time for one route, flight or watch; the one quoted longest ago is forgotten. */
const maxOffers = 500;

/** What was quoted at a time, of one route, flight or watch. With no offers: an offer ended then. */
export interface Quoted {
  readonly time: number;
  /** By key. */
  readonly offers: readonly Offer[];
}

/** What is known of prices. */
export interface PriceFold {
  /** Those that stand, and some that ended. */
  readonly offers: Map<string, Offer>;
  /** The cheapest that stands, null if none does. */
  best: Offer | null;
  /** The price now or, if there is none, the last one; and the other one before that. */
  lastMinor: number | null;
  previousMinor: number | null;
  /** When `best` became another one, epoch milliseconds. */
  changedAt: number;
}

/** The best offer is another one. `tell` is null where all has been told (rework.ts, `settle`). */
type Changed<Fold> = (fold: Fold, time: number, tell: Tell | null) => void;

/** A course that may be asked not to make words. */
export interface PriceCourse<Fold> extends Course<Quoted, Fold> {
  step(fold: Fold, quoted: Quoted, tell: Tell | null): void;
  settle(fold: Fold, quoted: Quoted): void;
}

export function newPriceFold(): PriceFold {
  return {
    offers: new Map(),
    best: null,
    lastMinor: null,
    previousMinor: null,
    changedAt: Number.NEGATIVE_INFINITY,
  };
}

/**
 * Follows the price of a route, flight or watch: that of the cheapest offer that stands.
 * @param changed called when the cheapest offer's price, flight or seller is another, or it ended
 */
export function priceCourse<Fold extends PriceFold>(
  start: () => Fold,
  changed: Changed<Fold>,
): PriceCourse<Fold> {
  const look = (fold: Fold, time: number, tell: Tell | null) => {
    const { best } = fold;
    fold.best = cheapest(fold.offers, time);
    if (isSameOffer(best, fold.best)) return;
    fold.changedAt = time;
    notePrevious(fold, fold.best?.amountMinor ?? null);
    changed(fold, time, tell);
  };
  const step = (fold: Fold, { time, offers }: Quoted, tell: Tell | null) => {
    while (fold.best !== null && fold.best.until < time) look(fold, fold.best.until, tell);
    for (const offer of offers) put(fold, offer);
    if (mayChange(fold, time, offers)) look(fold, time, tell);
  };
  return { start, copy, merge, goesOn, step, settle: (fold, quoted) => step(fold, quoted, null) };
}

/** Offers never change. */
function copy<Fold extends PriceFold>({ offers, best, ...others }: Fold): Fold {
  return { ...copyOf(others), offers: new Map(offers), best } as unknown as Fold;
}

/** A feed quotes many flights for the same moment: nothing has come of those before. Offers stay in the order of their keys. */
function goesOn({ changedAt }: PriceFold, before: Quoted, { time, offers }: Quoted): boolean {
  const [first, last] = [offers[0], before.offers.at(-1)];
  return changedAt < time && (first === undefined || last === undefined || last.key < first.key);
}

/** What is told of a route or flight. */
export interface FiguresFold extends PriceFold {
  readonly window: PriceWindow;
}

/** The figures of a route or flight, told under the name `figures`. */
export function figuresCourse(windowMs: number): Course<Quoted, FiguresFold> {
  const start = () => ({ ...newPriceFold(), window: newPriceWindow() });
  return priceCourse<FiguresFold>(start, (fold, time, tell) => {
    notePrice(fold.window, time, fold.best?.amountMinor ?? null, windowMs);
    tell?.("figures", time, figureValues(fold, time, windowMs));
  });
}

function figureValues({ best, previousMinor, window }: FiguresFold, time: number, windowMs: number): Values {
  const figures = figuresOf(window, time, windowMs);
  const { lowMinor, lowAt, highMinor, highAt, typicalLowMinor, typicalHighMinor } = figures;
  return {
    amountMinor: best?.amountMinor ?? null,
    ...changeValues(best, previousMinor),
    lowMinor,
    lowAt: lowMinor === null ? null : isoTime(lowAt),
    highMinor,
    highAt: highMinor === null ? null : isoTime(highAt),
    typicalLowMinor,
    typicalHighMinor,
    level: levelOf(best, typicalLowMinor, typicalHighMinor),
    ...offerValues(best),
  };
}

/** Whose offer it is. */
export function offerValues(best: Offer | null): Values {
  return {
    source: best?.source ?? null,
    flight: best?.flight ?? null,
    departs: best?.departs ?? null,
  };
}

function changeValues(best: Offer | null, previousMinor: number | null): Values {
  if (best === null || previousMinor === null) return { changeMinor: null, changePct: null };
  const changeMinor = best.amountMinor - previousMinor;
  const changePct = previousMinor === 0 ? null : Math.round((10_000 * changeMinor) / previousMinor) / 100;
  return { changeMinor, changePct };
}

function levelOf(best: Offer | null, lowMinor: number | null, highMinor: number | null): string {
  if (best === null || lowMinor === null || highMinor === null) return "unknown";
  if (best.amountMinor < lowMinor) return "low";
  return best.amountMinor > highMinor ? "high" : "typical";
}

/** Offers of two messages of the same time. Of the same offer the cheaper word counts, so that the order does not. */
function merge(one: Quoted, other: Quoted): Quoted {
  const offers = new Map(one.offers.map((offer) => [offer.key, offer]));
  for (const offer of other.offers) {
    const known = offers.get(offer.key);
    if (known === undefined || compare(offer, known) < 0) offers.set(offer.key, offer);
  }
  const sorted = [...offers.values()].sort((a, b) => (a.key < b.key ? -1 : 1));
  return { time: one.time, offers: sorted };
}

/** The cheaper one first; of equally cheap ones always the same. */
function compare(one: Offer, other: Offer): number {
  if (one.amountMinor !== other.amountMinor) return one.amountMinor - other.amountMinor;
  if (one.key !== other.key) return one.key < other.key ? -1 : 1;
  return other.until - one.until;
}

function put({ offers, best }: PriceFold, offer: Offer): void {
  offers.delete(offer.key);
  offers.set(offer.key, offer);
  if (offers.size <= maxOffers) return;
  for (const key of offers.keys()) {
    if (key === best?.key) continue;
    offers.delete(key);
    return;
  }
}

/** Most quotes repeat what is known, and then nobody looks through the offers. */
function mayChange({ best, offers }: PriceFold, time: number, news: readonly Offer[]): boolean {
  if (best === null || best.until <= time || offers.get(best.key) !== best) return true;
  return news.some((offer) => compare(offer, best) < 0);
}

/** Forgets those that ended. */
function cheapest(offers: Map<string, Offer>, time: number): Offer | null {
  let best: Offer | null = null;
  for (const offer of offers.values()) {
    if (offer.until <= time) offers.delete(offer.key);
    else if (best === null || compare(offer, best) < 0) best = offer;
  }
  return best;
}

/** The end of an offer is none of these: nobody who looks at it sees anything change before it ends. */
function isSameOffer(one: Offer | null, other: Offer | null): boolean {
  if (one === null || other === null) return one === other;
  return (
    one.amountMinor === other.amountMinor &&
    one.source === other.source &&
    one.flight === other.flight &&
    one.departs === other.departs
  );
}

function notePrevious(fold: PriceFold, amountMinor: number | null): void {
  if (amountMinor === null || amountMinor === fold.lastMinor) return;
  fold.previousMinor = fold.lastMinor;
  fold.lastMinor = amountMinor;
}
