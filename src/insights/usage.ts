import { matchesFilter } from "../model/filter.ts";
import type { Reading } from "../model/reading.ts";
import { putBounded } from "./bounded.ts";
import { type Calendar, calendarOf, type Level, levels, type Period } from "./calendar.ts";
import { DueTimes } from "./due-times.ts";
import { noteQuarter, peakOf, settleDemand } from "./energy-demand.ts";
import { counterMeasure, powerMeasure } from "./energy-interval.ts";
import {
  energyOf,
  forgetOld,
  type Meter,
  type MeterRules,
  newMeter,
  observe,
  tellsEnergy,
} from "./energy-meter.ts";
import {
  type Account,
  type AccountState,
  accountsOf,
  hasHeardAll,
  join,
  leave,
  metersOf,
  newAccountState,
  siteLevel,
  sumOf,
} from "./energy-site.ts";
import {
  completeImport,
  knowledgeOf,
  meterValues,
  peakValues,
  runningOf,
  runningSum,
  sumValues,
} from "./energy-words.ts";
import type { CommittedReading, Emit, Insight, InsightContext, Reducer, Shown } from "./insight.ts";
import { type UsageSettings, usageProblem, usageSettings } from "./usage-settings.ts";

/** What is over is told so much later: what is read at the same time comes in several messages. */
const settleMs = 10_000;
/** What is over at a site waits so long for meters that have not told it yet: each has its own rhythm. */
const maxAwaitMs = 60_000;

interface State {
  /** By topic, in the order of their last reading. */
  readonly meters: Map<string, Meter>;
  /** By name; those that the settings no longer name are dropped. */
  readonly accounts: Map<string, AccountState>;
}

/** A meter and what the settings say of it. */
interface Entry {
  /** Of `#due`. */
  readonly key: string;
  readonly meter: Meter;
  readonly calendar: Calendar;
  readonly rules: MeterRules;
  readonly accounts: readonly Account[];
}

/**
 * Energy by quarter-hour, hour, day and month of every meter, phase, group and site. ENERGY.md beside this file tells the
 * topics, the values, and the formulas.
 */
export const usage: Insight<UsageSettings, State> = {
  name: "usage",
  description: "Energy by quarter-hour, hour, day and month, of meters, groups and sites",
  onByDefault: false,
  settings: usageSettings,
  writes: ["usage"],
  reads: ({ filters }) => filters,
  problem: usageProblem,
  // What a period had stays so; only what runs is no more.
  ending: ({ channel, values }) => {
    if (channel !== "now") return null;
    const isOver = Object.values(values).every((value) => value === null);
    return isOver ? null : Object.fromEntries(Object.keys(values).map((name) => [name, null]));
  },
  stateVersion: 4,
  start: () => ({ meters: new Map(), accounts: new Map() }),
  create: (settings, state, context) => new UsageReducer(settings, state, context),
};

class UsageReducer implements Reducer {
  readonly #settings: UsageSettings;
  readonly #meters: Map<string, Meter>;
  readonly #calendar: Calendar;
  readonly #accounts: Account[][];
  readonly #accountsByName = new Map<string, Account>();
  readonly #entries = new Map<string, Entry>();
  /** Those that add up other meters than before the start, until that is told. */
  readonly #others = new Set<Account>();
  readonly #due = new DueTimes();

  constructor(settings: UsageSettings, state: State, { timezone }: InsightContext) {
    this.#settings = settings;
    this.#meters = state.meters;
    const zone = settings.timezone ?? timezone ?? "UTC";
    this.#calendar = calendarOf(zone);
    const known = new Map(state.accounts);
    state.accounts.clear();
    const stateOf = (name: string) => {
      const account = known.get(name) ?? newAccountState();
      state.accounts.set(name, account);
      return account;
    };
    this.#accounts = settings.sites.map((site) =>
      accountsOf(site, calendarOf(site.timezone ?? zone), stateOf),
    );
    for (const account of this.#accounts.flat()) {
      this.#accountsByName.set(account.name, account);
    }
    for (const [topic, meter] of state.meters) {
      this.#enter(topic, meter);
      if (meter.due !== null) this.#due.set(meterKey(topic), meter.due);
    }
    for (const account of this.#accounts.flat()) this.#resume(account);
  }

  reduce(reading: CommittedReading, _emit: Emit): void {
    const { topic } = reading;
    const entry = this.#entries.get(topic) ?? this.#discover(reading);
    if (entry === null) return;
    const { meter } = entry;
    const forgotten = putBounded(this.#meters, topic, meter, this.#settings.maxMeters);
    if (forgotten !== undefined) this.#forget(forgotten);
    if (!observe(meter, reading, entry.rules)) return;
    meter.due = this.#nextDue(meter, reading.committedAt);
    this.#due.set(entry.key, meter.due);
  }

  advance(now: number, emit: Emit): void {
    for (let next = this.#due.take(now); next !== null; next = this.#due.take(now)) {
      const name = next.key.slice(2);
      const account = next.key.startsWith("2") ? this.#accountsByName.get(name) : undefined;
      if (account) this.#tellAccount(account, emit);
      const entry = account ? undefined : this.#entries.get(name);
      if (entry) this.#tellMeter(entry, next.due, emit);
    }
    // As of now, since it may have been ended since its meters told something.
    for (const account of this.#others) emit({ ...runningSum(account), time: now });
    this.#others.clear();
  }

  /** A meter does whatever it told; a site, a phase, a group does while a meter of it was ever heard of. */
  stands({ device }: Shown): boolean {
    const account = this.#accountsByName.get(device);
    return account ? metersOf(account).length > 0 : !device.startsWith(siteLevel);
  }

  #resume(account: Account): void {
    const { state, basis } = account;
    // Earlier versions noted no basis.
    const before = state.basis ?? (state.newest === Number.NEGATIVE_INFINITY ? null : basis);
    if (before !== basis) {
      const meters = metersOf(account);
      for (const { newest } of meters) state.newest = Math.max(state.newest, newest);
      if (meters.length > 0) this.#others.add(account);
    }
    state.basis = basis;
    if (state.due !== null) this.#due.set(accountKey(account), state.due);
  }

  #discover({ topic, device, channel, values }: CommittedReading): Entry | null {
    if (!tellsEnergy(values)) return null;
    return this.#enter(topic, newMeter(device, channel));
  }

  #enter(topic: string, meter: Meter): Entry {
    let accounts: Account[] = [];
    // A meter is of the first site that names it.
    for (const ofSite of this.#accounts) {
      accounts = ofSite.filter((account) => join(account, topic, meter));
      if (accounts.length > 0) break;
    }
    const calendar = accounts[0]?.calendar ?? this.#calendar;
    const entry = { key: meterKey(topic), meter, calendar, rules: this.#rulesOf(topic, calendar), accounts };
    this.#entries.set(topic, entry);
    return entry;
  }

  #rulesOf(topic: string, calendar: Calendar): MeterRules {
    const { maxPowerW, rollovers, lateS, keepH, powerGapS } = this.#settings;
    const rolloverWh = rollovers.find(({ meters }) => matchesFilter(meters, topic))?.atWh ?? null;
    const counter = { rolloverWh, maxPowerW };
    const common = { calendar, lateMs: lateS * 1_000, keepMs: keepH * 3_600_000 };
    return {
      import: { ...common, measure: counterMeasure("import", counter) },
      export: { ...common, measure: counterMeasure("export", counter) },
      power: { ...common, measure: powerMeasure(powerGapS * 1_000) },
    };
  }

  #forget(topic: string): void {
    const entry = this.#entries.get(topic);
    this.#entries.delete(topic);
    this.#due.delete(meterKey(topic));
    for (const account of entry?.accounts ?? []) leave(account, topic, entry?.meter as Meter);
  }

  #nextDue({ pending, due }: Meter, now: number): number {
    const { refreshS } = this.#settings;
    const refreshMs = refreshS * 1_000;
    const isOver = levels.some((level) => pending[level].size > 0);
    const next = isOver ? now + settleMs : (Math.floor(now / refreshMs) + 1) * refreshMs;
    return due === null ? next : Math.min(due, next);
  }

  #tellMeter({ meter, calendar, rules, accounts }: Entry, now: number, emit: Emit): void {
    meter.due = null;
    const device = meter.channel === undefined ? meter.device : `${meter.device}/${meter.channel}`;
    forgetOld(meter, rules.power.keepMs);
    for (const [level, period] of takePending(meter, calendar)) {
      const energy = energyOf(meter, level, period.start);
      const values = {
        ...meterValues(meter, period.start, energy),
        ...knowledgeOf(level, period, calendar, energy),
      };
      this.#tell(level, { domain: "usage", device, channel: level, time: period.start, values }, emit);
      for (const { state } of accounts) state.pending[level].add(period.start);
    }
    if (meter.isMoved) emit(runningOf(meter, device, calendar));
    meter.isMoved = false;
    for (const account of accounts) this.#stir(account, meter.newest, now);
  }

  #tell(level: Level, reading: Reading, emit: Emit): void {
    if (this.#settings.periods.includes(level)) emit(reading);
  }

  /** A meter of the account has told something. */
  #stir(account: Account, newest: number, now: number): void {
    const { state } = account;
    state.newest = Math.max(state.newest, newest);
    state.isMoved = true;
    // With nothing to wait for it tells at once: after its meters, which are due at the same moment.
    const isOver = levels.some((level) => state.pending[level].size > 0);
    const waitMs = !isOver ? 0 : hasHeardAll(account) ? settleMs : maxAwaitMs;
    state.due = Math.min(now + waitMs, state.due ?? Number.POSITIVE_INFINITY);
    this.#due.set(accountKey(account), state.due);
  }

  #tellAccount(account: Account, emit: Emit): void {
    const { state, calendar, name: device } = account;
    state.due = null;
    for (const [level, period] of takePending(state, calendar)) {
      const sum = sumOf(account, level, period);
      const values = { ...sumValues(account, sum), ...knowledgeOf(level, period, calendar, sum) };
      if (level === "quarterHour") noteQuarter(state.demand, period.start, completeImport(sum, period));
      if (level === "day" || level === "month") {
        Object.assign(values, peakValues(peakOf(state.demand, level, period.start, period.end)));
      }
      this.#tell(level, { domain: "usage", device, channel: level, time: period.start, values }, emit);
    }
    settleDemand(state.demand, calendar, state.newest - this.#settings.keepH * 3_600_000);
    state.isMoved = false;
    emit(runningSum(account));
  }
}

/** Meters tell before what they are added up to. */
function meterKey(topic: string): string {
  return `1 ${topic}`;
}

function accountKey({ name }: Account): string {
  return `2 ${name}`;
}

/** Takes what is to be told, the shorter periods first, each level by time. */
function takePending({ pending }: Meter | AccountState, calendar: Calendar): [Level, Period][] {
  const taken: [Level, Period][] = [];
  for (const level of levels) {
    if (pending[level].size === 0) continue;
    for (const start of [...pending[level]].sort((a, b) => a - b)) {
      taken.push([level, calendar.periodOf(level, start)]);
    }
    pending[level].clear();
  }
  return taken;
}
