import { z } from "zod";
import type { Values } from "../model/reading.ts";
import { putBounded } from "./bounded.ts";
import type { Calendar } from "./calendar.ts";
import type { CommittedReading, Emit, Insight, Reducer } from "./insight.ts";
import { accountSettings, accountsCalendar, accountsProblem, maxWeeklyAccounts } from "./usage-accounts.ts";

/** With fewer quarter-hours than a day's nothing is said. */
const minQuarters = 96;
const dayMs = 86_400_000;

const settings = z.strictObject({
  ...accountSettings,
  days: z.int().min(1).max(31).default(7).describe("Looked at together"),
  quietPct: z
    .number()
    .min(0.5)
    .max(50)
    .default(5)
    .describe("Standby is what is drawn in so many percent of the quarter-hours, the quietest ones"),
});

type Settings = z.infer<typeof settings>;

interface Account {
  newest: number;
  /** Import in Wh by quarter-hour. */
  readonly quarters: Map<number, number>;
}

type State = Map<string, Account>;

/** What is always drawn: `usage/<account>/standby`, a reading per day that is over. ENERGY.md tells the values. */
export const standby: Insight<Settings, State> = {
  name: "standby",
  description: "What is drawn even when nothing goes on",
  onByDefault: false,
  settings,
  writes: ["usage"],
  reads: ({ accounts }) => accounts.map((account) => `usage/${account}/quarterHour`),
  problem: accountsProblem,
  stateVersion: 1,
  start: () => new Map(),
  create: (settings, state, { timezone }) =>
    new StandbyReducer(settings, state, accountsCalendar(settings, timezone)),
};

const unknown: Values = { standbyW: null, standbyDayWh: null, sharePct: null, quarterHours: null };

class StandbyReducer implements Reducer {
  readonly #settings: Settings;
  readonly #accounts: State;
  readonly #calendar: Calendar;

  constructor(settings: Settings, accounts: State, calendar: Calendar) {
    this.#settings = settings;
    this.#accounts = accounts;
    this.#calendar = calendar;
  }

  reduce({ device, time, values: { importWh, gapS } }: CommittedReading, emit: Emit): void {
    const account = this.#accounts.get(device) ?? { newest: Number.NEGATIVE_INFINITY, quarters: new Map() };
    putBounded(this.#accounts, device, account, maxWeeklyAccounts);
    const floor = this.#floorOf(account.newest);
    if (time < floor) return;
    const isKnown = typeof importWh === "number" && gapS === 0;
    const hasLost = !isKnown && account.quarters.delete(time);
    if (isKnown) account.quarters.set(time, importWh);
    const before = account.newest;
    account.newest = Math.max(before, time);
    for (const day of this.#daysOver(time, before, account.newest))
      this.#tell(device, account, day, hasLost, emit);
    if (this.#floorOf(account.newest) > floor) this.#forget(account);
  }

  /** Days that this quarter-hour ends, or that are over and count it. */
  #daysOver(time: number, before: number, newest: number): { start: number; end: number }[] {
    const days: { start: number; end: number }[] = [];
    // The first one's end moves the newest from the day before into this one: that day is over now.
    const from = time > before && Number.isFinite(before) ? before : time;
    let day = this.#calendar.periodOf("day", Math.max(from, this.#floorOf(newest)));
    while (day.end <= newest && days.length <= this.#settings.days) {
      days.push(day);
      day = this.#calendar.periodOf("day", day.end);
    }
    return days;
  }

  /** @param hasLost whether one quarter-hour is known no more: with it there may have been just enough */
  #tell(
    device: string,
    { quarters }: Account,
    day: { start: number; end: number },
    hasLost: boolean,
    emit: Emit,
  ): void {
    const tell = (values: Values) =>
      emit({ domain: "usage", device, channel: "standby", time: day.start, values });
    const from = this.#since(day.end);
    const amounts: number[] = [];
    for (const [at, wh] of quarters) if (at >= from && at < day.end) amounts.push(wh);
    if (amounts.length < minQuarters) {
      if (hasLost && amounts.length === minQuarters - 1) tell(unknown);
      return;
    }
    amounts.sort((a, b) => a - b);
    // Nearest rank.
    const rank = Math.ceil((this.#settings.quietPct / 100) * amounts.length);
    const quietWh = amounts[Math.max(0, rank - 1)] as number;
    const allWh = amounts.reduce((sum, wh) => sum + wh, 0);
    const sharePct = allWh > 0 ? Math.round((1_000 * quietWh * amounts.length) / allWh) / 10 : null;
    tell({
      standbyW: Math.round(4_000 * quietWh) / 1_000,
      standbyDayWh: Math.round(96_000 * quietWh) / 1_000,
      sharePct,
      quarterHours: amounts.length,
    });
  }

  #since(end: number): number {
    return end - this.#settings.days * dayMs;
  }

  /** Twice the days are kept, so that late ones can correct the days that are over. */
  #floorOf(newest: number): number {
    return newest - 2 * this.#settings.days * dayMs;
  }

  #forget(account: Account): void {
    const floor = this.#floorOf(account.newest);
    for (const at of account.quarters.keys()) {
      if (at >= floor) return;
      account.quarters.delete(at);
    }
  }
}
