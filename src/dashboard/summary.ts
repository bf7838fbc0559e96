import type { Domain } from "../model/reading.ts";
import { isExpired } from "./quote.ts";
import type { Thing } from "./thing.ts";
import { congestionLevel, delayTone, powerQuantity } from "./words.ts";

/** Faster than this counts as moving; a standing receiver's speed is rarely zero. */
const movingKmh = 3;

/** One short line on a domain as a whole, "" if there is nothing to say. */
export function summaryWords(domain: Domain, things: Iterable<Thing>, now: number): string {
  const all = [...things];
  if (all.length === 0) return "";
  switch (domain) {
    case "gps":
      return `${count(all, (thing) => (thing.number("speedKmh") ?? 0) > movingKmh)} moving`;
    case "energy": {
      const { number, unit } = powerQuantity(
        all.reduce((sum, thing) => sum + (thing.number("powerW") ?? 0), 0),
      );
      return `${number} ${unit} now`;
    }
    case "road": {
      const jammed = count(all, isJammed);
      return jammed === 0 ? "flowing" : `${jammed} congested`;
    }
    case "transit":
      return onTimeWords(all);
    case "fare":
      return `${count(all, ({ quote }) => quote !== null && !isExpired(quote, now))} valid`;
  }
}

function onTimeWords(all: readonly Thing[]): string {
  const delays = all.map((thing) => thing.number("delayS")).filter((delayS) => delayS !== null);
  if (delays.length === 0) return "";
  const onTime = delays.filter((delayS) => delayTone(delayS) === "good").length;
  return `${Math.round((100 * onTime) / delays.length)} % on time`;
}

function isJammed(thing: Thing): boolean {
  const level = congestionLevel(thing.value("congestionLevel"));
  return level === "stationary" || level === "queuing" || level === "slow";
}

function count(all: readonly Thing[], test: (thing: Thing) => boolean): number {
  return all.reduce((sum, thing) => sum + (test(thing) ? 1 : 0), 0);
}
