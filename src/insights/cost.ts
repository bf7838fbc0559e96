import { matchesFilter } from "../model/filter.ts";
import { putBounded } from "./bounded.ts";
import { type Calendar, calendarOf, type Period, quarterMs } from "./calendar.ts";
import {
  type Amount,
  addQuarter,
  addRest,
  copyOf,
  costValues,
  milliWhOf,
  newTotal,
  type Rules,
  type Total,
} from "./cost-total.ts";
import { DueTimes } from "./due-times.ts";
import type { CommittedReading, Emit, Insight, InsightContext, Reducer } from "./insight.ts";
import { notePrice, type PriceSeries, readPrices } from "./price-series.ts";
import { type CostSettings, costProblem, costSettings, isFor, type Tariff } from "./tariff.ts";

/** Most accounts whose cost is kept; the one that changed longest ago makes room. */
const maxAccounts = 2_000;
/** Cost is told so much after what changed it: a site's corrections come together. */
const settleMs = 10_000;
const periods = ["day", "month"] as const;
type CostLevel = (typeof periods)[number];

interface CostAccount {
  newest: number;
  /** Quarter-hours that can still be corrected. */
  readonly quarters: Map<number, Amount>;
  /** The sums of those that no longer can. */
  readonly settled: Record<CostLevel, Map<number, Total>>;
  /** What days and months have as a whole, which can be more than their quarter-hours know. */
  readonly known: Record<CostLevel, Map<number, Amount>>;
  readonly pending: Record<CostLevel, Set<number>>;
  due: number | null;
}

interface State {
  /** By topic below `usage/`, in the order of their last change. */
  readonly accounts: Map<string, CostAccount>;
  /** By currency and filter (`seriesKey`). */
  readonly prices: Map<string, PriceSeries>;
}

/** What the energy of meters and sites costs by day and month, from what `usage` says. ENERGY.md tells the values. */
export const cost: Insight<CostSettings, State> = {
  name: "cost",
  description: "What energy costs by day and month: flat, by time of use, or at prices that change",
  onByDefault: false,
  settings: costSettings,
  writes: ["usage"],
  reads: ({ tariffs }) => {
    const accounts = tariffs.flatMap(({ accounts }) => accounts);
    const levels = ["quarterHour", ...periods];
    const prices = tariffs.flatMap(({ prices }) => (prices === undefined ? [] : [prices]));
    return [...accounts.flatMap((account) => levels.map((level) => `usage/${account}/${level}`)), ...prices];
  },
  problem: costProblem,
  files: ({ tariffs }) => [...new Set(tariffs.flatMap(({ pricesFile }) => pricesFile ?? []))],
  stateVersion: 1,
  start: () => ({ accounts: new Map(), prices: new Map() }),
  create: (settings, state, context) => new CostReducer(settings, state, context),
};

class CostReducer implements Reducer {
  readonly #keepMs: number;
  readonly #state: State;
  readonly #tariffs: readonly Rules[];
  readonly #rules = new Map<string, Rules | null>();
  readonly #due = new DueTimes();

  constructor({ keepH, tariffs }: CostSettings, state: State, { timezone, files }: InsightContext) {
    this.#keepMs = keepH * 3_600_000;
    this.#state = state;
    this.#tariffs = tariffs.map((tariff) => this.#rulesFor(tariff, timezone, files));
    for (const key of state.prices.keys()) {
      if (!tariffs.some((tariff) => seriesKey(tariff) === key)) state.prices.delete(key);
    }
    for (const [name, { due }] of state.accounts) {
      if (this.#rulesOf(name) === null) state.accounts.delete(name);
      else if (due !== null) this.#due.set(name, due);
    }
  }

  reduce(reading: CommittedReading, _emit: Emit): void {
    if (reading.domain !== "usage") return this.#notePrice(reading);
    const { device: name, channel, time, values } = reading;
    const rules = name.endsWith("/cost") ? null : this.#rulesOf(name);
    if (rules === null) return;
    const account = this.#state.accounts.get(name) ?? newAccount();
    const forgotten = putBounded(this.#state.accounts, name, account, maxAccounts);
    if (forgotten !== undefined) this.#due.delete(forgotten);
    const amount: Amount = [milliWhOf(values["importWh"]), milliWhOf(values["exportWh"])];
    if (channel === "quarterHour") this.#noteQuarter(account, time, amount, rules);
    else if (channel === "day" || channel === "month") {
      account.known[channel].set(time, amount);
      account.pending[channel].add(time);
    } else return;
    this.#await(name, account, reading.committedAt);
  }

  advance(now: number, emit: Emit): void {
    for (let next = this.#due.take(now); next !== null; next = this.#due.take(now)) {
      const account = this.#state.accounts.get(next.key);
      const rules = this.#rulesOf(next.key);
      if (!account || !rules) continue;
      account.due = null;
      for (const level of periods) {
        for (const start of [...account.pending[level]].sort((a, b) => a - b)) {
          const values = costValues(
            this.#totalOf(account, level, rules.calendar.periodOf(level, start), rules),
            rules,
          );
          emit({ domain: "usage", device: `${next.key}/cost`, channel: level, time: start, values });
        }
        account.pending[level].clear();
      }
      this.#settle(account, rules);
    }
  }

  #rulesFor(tariff: Tariff, timezone: string | null, files: InsightContext["files"]): Rules {
    const { pricesFile } = tariff;
    const series: PriceSeries[] = [];
    const key = seriesKey(tariff);
    if (key !== null) {
      const told = this.#state.prices.get(key) ?? new Map();
      this.#state.prices.set(key, told);
      series.push(told);
    }
    const file = pricesFile === undefined ? undefined : files.get(pricesFile);
    if (file && pricesFile !== undefined) series.push(readPrices(file, pricesFile));
    return { tariff, calendar: calendarOf(tariff.timezone ?? timezone ?? "UTC"), series };
  }

  #rulesOf(name: string): Rules | null {
    let rules = this.#rules.get(name);
    if (rules === undefined) {
      rules = this.#tariffs.find(({ tariff }) => isFor(tariff, name)) ?? null;
      putBounded(this.#rules, name, rules, maxAccounts);
    }
    return rules;
  }

  #notePrice(reading: CommittedReading): void {
    for (const [key, told] of this.#state.prices) {
      const [currency, filter] = [key.slice(0, 3), key.slice(4)];
      if (!matchesFilter(filter, reading.topic)) continue;
      const changed = notePrice(told, reading, currency);
      if (changed.length === 0) continue;
      for (const [name, account] of this.#state.accounts) {
        const rules = this.#rulesOf(name);
        if (!rules?.series.includes(told)) continue;
        const used = changed.filter((quarter) => account.quarters.has(quarter));
        for (const quarter of used) markPending(account, quarter, rules.calendar);
        if (used.length > 0) this.#await(name, account, reading.committedAt);
      }
    }
  }

  #noteQuarter(account: CostAccount, start: number, amount: Amount, { calendar }: Rules): void {
    if (start + quarterMs <= account.newest - this.#keepMs) return;
    account.newest = Math.max(account.newest, start);
    account.quarters.set(start, amount);
    markPending(account, start, calendar);
  }

  #await(name: string, account: CostAccount, now: number): void {
    account.due ??= now + settleMs;
    this.#due.set(name, account.due);
  }

  #totalOf(account: CostAccount, level: CostLevel, { start, end }: Period, rules: Rules): Total {
    const settled = account.settled[level].get(start);
    const total = settled ? copyOf(settled) : newTotal();
    for (const [at, amount] of account.quarters)
      if (at >= start && at < end) addQuarter(total, at, amount, rules);
    const known = account.known[level].get(start);
    if (known) addRest(total, known, rules);
    return total;
  }

  /** Sums up the quarter-hours that are too old to be corrected, and forgets the days and months that are over by then. */
  #settle(account: CostAccount, rules: Rules): void {
    const floor = account.newest - this.#keepMs;
    for (const [at, amount] of account.quarters) {
      if (at + quarterMs > floor) continue;
      account.quarters.delete(at);
      for (const level of periods) {
        const { start } = rules.calendar.periodOf(level, at);
        const total = account.settled[level].get(start) ?? newTotal();
        addQuarter(total, at, amount, rules);
        account.settled[level].set(start, total);
      }
    }
    for (const level of periods) {
      for (const kept of [account.settled[level], account.known[level]]) {
        for (const start of kept.keys()) {
          if (rules.calendar.periodOf(level, start).end <= floor) kept.delete(start);
        }
      }
    }
  }
}

/** Names the prices that come by readings: currency and filter; null if there are none. */
function seriesKey({ currency, prices }: Tariff): string | null {
  return prices === undefined ? null : `${currency} ${prices}`;
}

function newAccount(): CostAccount {
  return {
    newest: Number.NEGATIVE_INFINITY,
    quarters: new Map(),
    settled: { day: new Map(), month: new Map() },
    known: { day: new Map(), month: new Map() },
    pending: { day: new Set(), month: new Set() },
    due: null,
  };
}

function markPending(account: CostAccount, quarter: number, calendar: Calendar): void {
  for (const level of periods) account.pending[level].add(calendar.periodOf(level, quarter).start);
}
