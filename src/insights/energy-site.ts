import { hasWildcard, matchesFilter } from "../model/filter.ts";
import type { Calendar, Level, Period } from "./calendar.ts";
import { type Demand, newDemand } from "./energy-demand.ts";
import { type Energy, energyOf, type Meter, newPending } from "./energy-meter.ts";
import type { Pending } from "./energy-track.ts";

/** What a meter is to an account: at the connection to the grid, at a producer, or one of those that are added up. */
export type Role = "grid" | "production" | "part";

/** A site as it stands in the settings. */
export interface SiteSettings {
  readonly name: string;
  readonly timezone?: string | undefined;
  readonly grid: readonly string[];
  readonly production: readonly string[];
  readonly productionCounter: "import" | "export";
  readonly groups: readonly { readonly name: string; readonly meters: readonly string[] }[];
}

/** What must survive of an account. */
export interface AccountState {
  newest: number;
  readonly pending: Pending;
  isMoved: boolean;
  due: number | null;
  readonly demand: Demand;
  /** Of the account when it was last told; states of earlier versions have none. */
  basis?: string;
}

/** What meters are added up to: a site, a phase of it, or a group of its meters. */
export interface Account {
  /** Below `usage/`: `sites/home`, `sites/home/L1`, `sites/home/kitchen`. */
  readonly name: string;
  readonly calendar: Calendar;
  /** All that it is made of; another text is another account. */
  readonly basis: string;
  readonly productionCounter: "import" | "export";
  /** Whether it is a site that produces. */
  readonly produces: boolean;
  readonly filters: Readonly<Record<Role, readonly string[]>>;
  /** The only channel that counts, null for devices as a whole. */
  readonly phase: string | null;
  readonly state: AccountState;
  /** By role, then by device: its channels. */
  readonly members: Record<Role, Map<string, Meter[]>>;
  /** Topics that the settings name one by one, and that have not come yet. */
  readonly missing: Set<string>;
  /** Those of them that have: until then they were missing. */
  readonly named: Set<Meter>;
}

/** What an account's meters know of a period together. */
export interface Sum extends Energy {
  readonly productionMicroWh: number | null;
  readonly meters: number;
  /** Meters that do not know the whole period. */
  readonly incompleteMeters: number;
}

/** Ahead of the names of accounts. */
export const siteLevel = "sites/";

/** Phases as the formats name them. */
export const phases = ["L1", "L2", "L3"] as const;

export function newAccountState(): AccountState {
  return {
    newest: Number.NEGATIVE_INFINITY,
    pending: newPending(),
    isMoved: false,
    due: null,
    demand: newDemand(),
  };
}

/** The accounts of a site: itself, its phases, its groups. `stateOf` gives what is known of one. */
export function accountsOf(
  site: SiteSettings,
  calendar: Calendar,
  stateOf: (name: string) => AccountState,
): Account[] {
  const account = (
    suffix: string,
    filters: Partial<Account["filters"]>,
    phase: string | null = null,
  ): Account => {
    const name = `${siteLevel}${site.name}${suffix}`;
    const all = { grid: [], production: [], part: [], ...filters };
    const named = Object.values(all).flat();
    return {
      name,
      calendar,
      basis: JSON.stringify([all, site.productionCounter, calendar.timezone]),
      productionCounter: site.productionCounter,
      produces: all.production.length > 0,
      filters: all,
      phase,
      state: stateOf(name),
      members: { grid: new Map(), production: new Map(), part: new Map() },
      missing: new Set(phase === null ? named.filter((filter) => !hasWildcard(filter)) : []),
      named: new Set(),
    };
  };
  return [
    account("", { grid: site.grid, production: site.production }),
    ...phases.map((phase) => account(`/${phase}`, { part: site.grid }, phase)),
    ...site.groups.map(({ name, meters }) => account(`/${name}`, { part: meters })),
  ];
}

/** Makes a meter count for an account if a filter of it says so. @returns whether it does */
export function join(account: Account, topic: string, meter: Meter): boolean {
  if (account.phase !== null && account.phase !== meter.channel) return false;
  for (const role of ["grid", "production", "part"] as const) {
    if (!account.filters[role].some((filter) => matchesFilter(filter, topic))) continue;
    const channels = account.members[role].get(meter.device) ?? [];
    account.members[role].set(meter.device, [...channels, meter]);
    if (account.missing.delete(topic)) account.named.add(meter);
    return true;
  }
  return false;
}

/** Takes a meter out of an account; as after a restart, it is missing then if the settings name it. */
export function leave(account: Account, topic: string, meter: Meter): void {
  if (account.named.delete(meter)) account.missing.add(topic);
  for (const byDevice of Object.values(account.members)) {
    const channels = byDevice.get(meter.device)?.filter((other) => other !== meter) ?? [];
    if (channels.length > 0) byDevice.set(meter.device, channels);
    else byDevice.delete(meter.device);
  }
}

/** Those of an account's meters that were ever heard of. */
export function metersOf({ members }: Account): Meter[] {
  return Object.values(members).flatMap((byDevice) => [...byDevice.values()].flat());
}

/** Whether all meters that were ever heard of have told as much as what is over needs. */
export function hasHeardAll({ members, calendar, state }: Account): boolean {
  // All periods end with a quarter-hour.
  const { start } = calendar.periodOf("quarterHour", state.newest);
  for (const byDevice of Object.values(members)) {
    for (const channels of byDevice.values()) if (channels.some(({ newest }) => newest < start)) return false;
  }
  return true;
}

/**
 * Adds up what the meters know of a period. Those that were first observed after it are left out, as if they had not come yet:
 * a sum is the same whenever it is made.
 */
export function sumOf(account: Account, level: Level, { start, end }: Period): Sum {
  const lengthMs = end - start;
  const sum = {
    importMicroWh: null as number | null,
    exportMicroWh: null as number | null,
    productionMicroWh: null as number | null,
    knownMs: account.missing.size > 0 ? 0 : lengthMs,
    estimatedMs: 0,
    meters: 0,
    incompleteMeters: account.missing.size,
  };
  for (const { first } of account.named) {
    if (first < end) continue;
    sum.incompleteMeters++;
    sum.knownMs = 0;
  }
  for (const role of ["grid", "production", "part"] as const) {
    for (const channels of account.members[role].values()) {
      for (const meter of wholeOf(channels, end)) {
        const energy = energyOf(meter, level, start);
        sum.meters++;
        sum.knownMs = Math.min(sum.knownMs, energy?.knownMs ?? 0);
        if (energy === null || energy.knownMs < lengthMs) sum.incompleteMeters++;
        if (energy === null) continue;
        sum.estimatedMs = Math.max(sum.estimatedMs, energy.estimatedMs);
        if (role === "production") {
          const amount = account.productionCounter === "export" ? energy.exportMicroWh : energy.importMicroWh;
          sum.productionMicroWh = plus(sum.productionMicroWh, amount);
        } else {
          sum.importMicroWh = plus(sum.importMicroWh, energy.importMicroWh);
          sum.exportMicroWh = plus(sum.exportMicroWh, energy.exportMicroWh);
        }
      }
    }
  }
  if (sum.meters === 0) sum.knownMs = 0;
  return sum;
}

/**
 * What a site produced and used itself: production less export, null unless both are known. Meters that are read at
 * different moments can make it a little negative; that is 0.
 */
export function selfUseOf({
  productionMicroWh,
  exportMicroWh,
}: Pick<Sum, "productionMicroWh" | "exportMicroWh">): number | null {
  if (productionMicroWh === null || exportMicroWh === null) return null;
  return Math.max(0, productionMicroWh - exportMicroWh);
}

/** A device as a whole, of what was first observed before `end`: its own total if it tells one, else all its channels. */
function wholeOf(channels: readonly Meter[], end: number): readonly Meter[] {
  if (channels.length === 1) return (channels[0] as Meter).first < end ? channels : [];
  const known = channels.filter(({ first }) => first < end);
  const whole =
    known.find(({ channel }) => channel === undefined) ?? known.find(({ channel }) => channel === "total");
  return whole ? [whole] : known;
}

function plus(sum: number | null, amount: number | null): number | null {
  return amount === null ? sum : (sum ?? 0) + amount;
}
