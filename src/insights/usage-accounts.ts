import { z } from "zod";
import { filterProblem } from "../model/filter.ts";
import { type Calendar, calendarOf, timezoneProblem } from "./calendar.ts";

/** Most accounts that an insight which looks at weeks knows; about 10 KB each of a saved state. */
export const maxWeeklyAccounts = 1_000;

/** Whose use an insight looks at, and by which clocks: settings of all that look at what `usage` tells. */
export const accountSettings = {
  accounts: z
    .array(z.string())
    .default(["sites/+"])
    .describe("Whose use: topics below `usage/` without the period, as in `sites/home`; + is a level"),
  timezone: z
    .string()
    .optional()
    .describe("IANA zone of hours and days; the gateway's `timezone` or UTC if absent"),
};

interface AccountSettings {
  readonly accounts: readonly string[];
  readonly timezone?: string | undefined;
}

/** Says why accounts or their zone cannot be used, beginning with the key's path; null if they can. */
export function accountsProblem({ accounts, timezone }: AccountSettings): string | null {
  for (const [index, account] of accounts.entries()) {
    const wrong = account.includes("#") ? "use + for a level" : filterProblem(account);
    if (wrong !== null) return `accounts.${index}: ${JSON.stringify(account)} cannot be used: ${wrong}`;
  }
  const zone = timezone === undefined ? null : timezoneProblem(timezone);
  return zone === null ? null : `timezone: ${zone}`;
}

/** The calendar of the accounts; `fallback` is the gateway's zone. */
export function accountsCalendar({ timezone }: AccountSettings, fallback: string | null): Calendar {
  return calendarOf(timezone ?? fallback ?? "UTC");
}
