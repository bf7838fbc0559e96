import { currencyExponent } from "../model/currency.ts";
import type { Value, Values } from "../model/reading.ts";
import type { CommittedReading } from "./insight.ts";

/** One offer of a seller for a journey, as long as it stands. */
export interface Offer {
  /** What a newer quote of the same offer replaces. */
  readonly key: string;
  readonly amountMinor: number;
  /** It ends at this instant, epoch milliseconds. */
  readonly until: number;
  readonly source: string;
  /** Carrier and number of its flights, `ZZ803` or `ZZ803-ZZ12`; null if it does not say. */
  readonly flight: string | null;
  /** Local date of its first departure, `2026-12-24`; null with `flight`. */
  readonly departs: string | null;
}

/** An offer as it was quoted. */
export interface Quote {
  readonly time: number;
  readonly from: string;
  readonly to: string;
  /** ISO 4217. */
  readonly currency: string;
  /** `any` if it does not say. */
  readonly cabin: string;
  readonly offer: Offer;
}

/** Cabin of quotes that name none. */
export const anyCabin = "any";

/** The name of a place: codes of airports and cities (IATA, three letters) in capitals, however they were written. */
export function placeCode(name: string): string {
  const text = name.trim();
  return /^[a-z]{3}$/i.test(text) ? text.toUpperCase() : text;
}

/** Longest name of a place, cabin, flight or source, characters. */
const maxNameChars = 64;
/** Journeys of more flights are not told apart. */
const maxFlights = 8;

/**
 * The quote in a fare's reading. Null if it cannot be used: a value is missing, the currency is unknown, or it had expired
 * when it came.
 * @param assumedMs how long a quote stands that does not tell when it ends
 */
export function quoteOf(
  { time, device, values }: Pick<CommittedReading, "time" | "device" | "values">,
  assumedMs: number,
): Quote | null {
  const { quoteId, origin, destination, currency, amountMinor, cabin, expired } = values;
  if (expired === true || !isName(quoteId) || !isName(origin) || !isName(destination)) return null;
  if (typeof currency !== "string" || currencyExponent(currency) === undefined) return null;
  if (typeof amountMinor !== "number" || !Number.isSafeInteger(amountMinor) || amountMinor < 0) return null;
  const expiresAt = expiryOf(values);
  const until = expiresAt ?? time + assumedMs;
  if (until <= time) return null;
  const { flight, departs } = journeyOf(values["segments"]);
  // Without an end it stands until the same seller names another price.
  const id = expiresAt === null && flight !== null ? `${flight} ${departs}` : quoteId;
  return {
    time,
    from: placeCode(origin),
    to: placeCode(destination),
    currency,
    cabin: isName(cabin) ? cabin : anyCabin,
    offer: { key: `${device}/${id}`, amountMinor, until, source: device, flight, departs },
  };
}

function expiryOf({ expiresAt }: Values): number | null {
  const time = typeof expiresAt === "string" ? Date.parse(expiresAt) : Number.NaN;
  return Number.isNaN(time) ? null : time;
}

const nowhere = { flight: null, departs: null };

function journeyOf(segments: Value | undefined): Pick<Offer, "flight" | "departs"> {
  if (!Array.isArray(segments) || segments.length === 0 || segments.length > maxFlights) return nowhere;
  const names: string[] = [];
  for (const segment of segments as readonly Value[]) {
    const { carrier, number } = fieldsOf(segment);
    if (!isName(carrier) || !isName(number)) return nowhere;
    names.push(carrier + number);
  }
  const { departLocal } = fieldsOf(segments[0] as Value);
  const departs = typeof departLocal === "string" ? departLocal.slice(0, 10) : "";
  const flight = names.join("-").toUpperCase();
  return /^\d{4}-\d\d-\d\d$/.test(departs) && isName(flight) ? { flight, departs } : nowhere;
}

function fieldsOf(value: Value): Values {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Values) : {};
}

function isName(value: Value | undefined): value is string {
  return typeof value === "string" && value !== "" && value.length <= maxNameChars;
}
