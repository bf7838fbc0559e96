import { z } from "zod";
import { filterProblem, matchesFilter } from "../model/filter.ts";
import { type Calendar, timezoneProblem } from "./calendar.ts";
import type { PriceSeries } from "./price-series.ts";

const weekdays = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"] as const;

/** Prices can be negative; beyond this a sum of them would no longer be exact. */
const maxMinorPerMwh = 1_000_000_000;

const minorPerMwh = z
  .int()
  .min(-maxMinorPerMwh)
  .max(maxMinorPerMwh)
  .describe("Minor units of the currency per MWh: 28.74 ct/kWh are 28740, and so are 287.40 EUR/MWh");

const clock = z.string().regex(/^([01]\d|2[0-3]):(00|15|30|45)$|^24:00$/, "write a quarter-hour like 22:15");

const price = z.strictObject({
  minorPerMwh: minorPerMwh.optional().describe("All the time, or whenever none of `times` holds"),
  times: z
    .array(
      z.strictObject({
        days: z
          .array(z.enum(weekdays))
          .default([...weekdays])
          .describe("Days on which it begins; all if absent"),
        from: clock.describe("From this time of the clock"),
        to: clock.describe("To this time, the next day if it is not later than `from`"),
        minorPerMwh,
      }),
    )
    .max(100)
    .default([])
    .describe("Prices by time of use; the first that holds counts"),
  dynamic: z
    .boolean()
    .default(false)
    .describe("Prices of the tariff's `prices` or `pricesFile`; unknown where they say nothing"),
  addMinorPerMwh: z
    .int()
    .min(-maxMinorPerMwh)
    .max(maxMinorPerMwh)
    .default(0)
    .describe("Added to every price: grid fees, taxes, margin"),
});

export const costSettings = z.strictObject({
  keepH: z
    .number()
    .min(1)
    .max(744)
    .default(48)
    .describe("Quarter-hours and prices may be corrected so far back, in hours"),
  tariffs: z
    .array(
      z.strictObject({
        accounts: z
          .array(z.string())
          .describe(
            "What it is for: topics below `usage/` without the period, as in `sites/home`; + is a level",
          ),
        currency: z
          .string()
          .regex(/^[A-Z]{3}$/, "use an ISO 4217 code")
          .describe("ISO 4217 code"),
        timezone: z
          .string()
          .optional()
          .describe("IANA zone of its times, days and months; the gateway's `timezone` or UTC if absent"),
        import: price.optional().describe("What energy from the grid costs"),
        export: price.optional().describe("What is paid for energy that is fed in"),
        prices: z
          .string()
          .optional()
          .describe("MQTT filter of readings with `startsAt`, `endsAt` and `priceMinorPerMwh`"),
        pricesFile: z.string().optional().describe("File with a line startsAt,endsAt,minorPerMwh per price"),
      }),
    )
    .max(1_000)
    .default([])
    .describe("Tariffs; the first that names an account counts"),
});

export type CostSettings = z.infer<typeof costSettings>;
export type Tariff = CostSettings["tariffs"][number];
export type Price = z.infer<typeof price>;

/** What the schema cannot say (insight.ts, `problem`). */
export function costProblem({ tariffs }: CostSettings): string | null {
  for (const [index, tariff] of tariffs.entries()) {
    const problem = tariffProblem(tariff);
    if (problem !== null) return `tariffs.${index}.${problem}`;
  }
  return null;
}

function tariffProblem({ accounts, timezone, prices, pricesFile, ...both }: Tariff): string | null {
  for (const [index, account] of accounts.entries()) {
    const wrong = account.includes("#") ? "use + for a level" : filterProblem(account);
    if (wrong !== null) return `accounts.${index}: ${JSON.stringify(account)} cannot be used: ${wrong}`;
  }
  const zone = timezone === undefined ? null : timezoneProblem(timezone);
  if (zone !== null) return `timezone: ${zone}`;
  if (prices !== undefined && filterProblem(prices) !== null) return `prices: ${filterProblem(prices)}`;
  for (const direction of ["import", "export"] as const) {
    const price = both[direction];
    if (price?.dynamic && prices === undefined && pricesFile === undefined) {
      return `${direction}.dynamic: there are neither \`prices\` nor a \`pricesFile\``;
    }
  }
  return null;
}

/** Whether the tariff is for an account, by its topic below `usage/`. */
export function isFor({ accounts }: Tariff, account: string): boolean {
  return accounts.some((filter) => matchesFilter(filter, account));
}

/** The price of a quarter-hour in minor units per MWh; null if it is not known. */
export function priceAt(
  price: Price | undefined,
  start: number,
  calendar: Calendar,
  series: readonly PriceSeries[],
): number | null {
  if (!price) return null;
  const base = price.dynamic ? dynamicPrice(start, series) : clockPrice(price, start, calendar);
  return base === null ? null : base + price.addMinorPerMwh;
}

/** The price that holds at all times, null if it depends on the time. */
export function flatPrice(price: Price | undefined): number | null {
  if (!price || price.dynamic || price.times.length > 0 || price.minorPerMwh === undefined) return null;
  return price.minorPerMwh + price.addMinorPerMwh;
}

function dynamicPrice(start: number, series: readonly PriceSeries[]): number | null {
  for (const one of series) {
    const told = one.get(start);
    if (told) return told[0];
  }
  return null;
}

function clockPrice(price: Price, start: number, calendar: Calendar): number | null {
  const { weekday, minuteOfDay } = calendar.wallTime(start);
  const isDay = (days: readonly string[], at: number) => days.includes(weekdays[at % 7] as string);
  for (const { days, from, to, minorPerMwh } of price.times) {
    const [begin, end] = [minuteOf(from), minuteOf(to)];
    const isAfter = isDay(days, weekday) && minuteOfDay >= begin;
    // What begins in the evening holds until the morning after.
    const isOvernight = begin >= end && isDay(days, weekday + 6) && minuteOfDay < end;
    if (isOvernight || (isAfter && (begin >= end || minuteOfDay < end))) return minorPerMwh;
  }
  return price.minorPerMwh ?? null;
}

function minuteOf(clock: string): number {
  return 60 * Number(clock.slice(0, 2)) + Number(clock.slice(3));
}
