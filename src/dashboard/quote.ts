import type { Values } from "../model/reading.ts";

/** The newest price of one source for one route. */
export interface Quote {
  readonly quoteId: string;
  readonly amountMinor: number;
  readonly exponent: number;
  readonly currency: string;
  /** What the quote before it said; null if there was none, or in another currency. */
  readonly previousMinor: number | null;
  /** Epoch milliseconds; null if the quote does not say. */
  readonly expiresAt: number | null;
  readonly expired: boolean;
  /** When it was quoted, epoch milliseconds. */
  readonly time: number;
}

/** The route of a fare's values (`LHR-JFK`), null if they do not name one. */
export function routeOf(values: Values): string | null {
  const { origin, destination } = values;
  return typeof origin === "string" && typeof destination === "string" ? `${origin}-${destination}` : null;
}

/** What a route shows after one more reading: late readings change nothing, a new quote remembers the one before. */
export function nextQuote(current: Quote | null, time: number, values: Values): Quote | null {
  const { quoteId, amountMinor, currency } = values;
  if (typeof amountMinor !== "number" || typeof currency !== "string") return current;
  if (current && time < current.time) return current;
  const id = typeof quoteId === "string" ? quoteId : "";
  const exponent = typeof values["exponent"] === "number" ? values["exponent"] : 2;
  return {
    quoteId: id,
    amountMinor,
    exponent,
    currency,
    previousMinor: previousOf(current, id, amountMinor, currency, exponent),
    expiresAt: timeOf(values["expiresAt"]),
    expired: values["expired"] === true,
    time,
  };
}

function previousOf(
  current: Quote | null,
  quoteId: string,
  amountMinor: number,
  currency: string,
  exponent: number,
): number | null {
  if (!current || current.currency !== currency || current.exponent !== exponent) return null;
  if (current.quoteId === quoteId && current.amountMinor === amountMinor) return current.previousMinor;
  return current.amountMinor;
}

function timeOf(value: unknown): number | null {
  const time = typeof value === "string" ? Date.parse(value) : Number.NaN;
  return Number.isNaN(time) ? null : time;
}

/** Whether a quote can no longer be had. */
export function isExpired(quote: Quote, now: number): boolean {
  return quote.expired || (quote.expiresAt !== null && quote.expiresAt <= now);
}
