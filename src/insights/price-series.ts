import { readInstant } from "../model/instant.ts";
import type { Values } from "../model/reading.ts";
import { quarterMs } from "./calendar.ts";

/** A price and when it was told; the one told last counts. */
type Told = [minorPerMwh: number, toldAt: number];

/** Prices by quarter-hour, so that finding one is a look-up. */
export type PriceSeries = Map<number, Told>;

/** Quarter-hours of prices kept, the newest: two months. */
export const maxPricedQuarters = 6_000;
/** A price is of no more than a month. */
const maxPriceMs = 31 * 86_400_000;
const hourMs = 3_600_000;

/**
 * Takes a price from a reading: `startsAt` and `endsAt` (ISO 8601; an hour if absent) and `priceMinorPerMwh`, in minor units
 * of the tariff's currency per MWh. @returns the quarter-hours whose price changed
 */
export function notePrice(
  series: PriceSeries,
  { time, values }: { readonly time: number; readonly values: Values },
  currency: string,
): number[] {
  const price = values["priceMinorPerMwh"];
  const startsAt = readInstant(values["startsAt"]);
  if (!Number.isSafeInteger(price) || startsAt === null) return [];
  const told = values["currency"];
  if (told !== undefined && told !== currency) return [];
  const endsAt = readInstant(values["endsAt"]) ?? startsAt + hourMs;
  return setPrice(series, { startsAt, endsAt, minorPerMwh: price as number, toldAt: time });
}

interface Priced {
  readonly startsAt: number;
  readonly endsAt: number;
  readonly minorPerMwh: number;
  readonly toldAt: number;
}

function setPrice(series: PriceSeries, { startsAt, endsAt, minorPerMwh, toldAt }: Priced): number[] {
  if (startsAt % quarterMs !== 0 || endsAt - startsAt > maxPriceMs) return [];
  const changed: number[] = [];
  for (let quarter = startsAt; quarter < endsAt; quarter += quarterMs) {
    const known = series.get(quarter);
    const isOlder =
      known !== undefined && (known[1] > toldAt || (known[1] === toldAt && known[0] >= minorPerMwh));
    if (isOlder) continue;
    series.set(quarter, [minorPerMwh, toldAt]);
    changed.push(quarter);
  }
  if (series.size > maxPricedQuarters) forgetOldest(series);
  return changed;
}

function forgetOldest(series: PriceSeries): void {
  const oldest = [...series.keys()].sort((a, b) => a - b).slice(0, series.size - maxPricedQuarters + 96);
  for (const quarter of oldest) series.delete(quarter);
}

/**
 * Reads a file of prices: a line each, `startsAt,endsAt,minorPerMwh` (`2026-11-22T00:00Z,2026-11-22T01:00Z,8743`); empty lines and
 * lines that begin with # are left out.
 * @throws Error with the line that is wrong
 */
export function readPrices(file: Uint8Array, name: string): PriceSeries {
  const series: PriceSeries = new Map();
  for (const [index, line] of new TextDecoder().decode(file).split(/\r?\n/).entries()) {
    const text = line.trim();
    if (text === "" || text.startsWith("#")) continue;
    const [from = "", to = "", price = "", ...more] = text.split(",").map((field) => field.trim());
    const [startsAt, endsAt] = [readInstant(from), readInstant(to)];
    const isPrice = /^-?\d{1,15}$/.test(price) && more.length === 0;
    if (startsAt === null || endsAt === null || !isPrice || startsAt % quarterMs !== 0) {
      throw new Error(
        `${name}:${index + 1}: write startsAt,endsAt,minorPerMwh, as in 2026-11-22T00:00Z,2026-11-22T01:00Z,8743`,
      );
    }
    setPrice(series, { startsAt, endsAt, minorPerMwh: Number(price), toldAt: 0 });
  }
  return series;
}
