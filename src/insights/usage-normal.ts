import { z } from "zod";
import type { Values } from "../model/reading.ts";
import { putBounded } from "./bounded.ts";
import type { Calendar } from "./calendar.ts";
import type { CommittedReading, Emit, Insight, Reducer } from "./insight.ts";
import { accountSettings, accountsCalendar, accountsProblem, maxWeeklyAccounts } from "./usage-accounts.ts";
import {
  type Habits,
  medianBefore,
  mwhAt,
  newestOf,
  putHour,
  timesOf,
  type WeeklyHours,
} from "./usage-habits.ts";

const hourMs = 3_600_000;

const settings = z.strictObject({
  ...accountSettings,
  weeks: z.int().min(2).max(52).default(8).describe("Usual is the median of so many weeks"),
  minWeeks: z.int().min(1).max(52).default(3).describe("With fewer weeks it is not known what is usual"),
});

type Settings = z.infer<typeof settings>;

/** By account, in the order of their last reading. */
type State = Map<string, Habits>;

/**
 * How far an hour, and the day up to it, is from what is usual at that hour of that weekday: the median of the weeks before.
 * ENERGY.md tells the values.
 */
export const usageNormal: Insight<Settings, State> = {
  name: "usageNormal",
  description: "How far use is from what is usual at that hour of that weekday",
  onByDefault: false,
  settings,
  writes: ["usage"],
  reads: ({ accounts }) => accounts.map((account) => `usage/${account}/hour`),
  problem: (settings) => {
    const { weeks, minWeeks } = settings;
    const wrong = accountsProblem(settings);
    return wrong === null && minWeeks > weeks ? `minWeeks: ${minWeeks} is more than weeks (${weeks})` : wrong;
  },
  stateVersion: 2,
  start: () => new Map(),
  create: (settings, state, { timezone }) =>
    new NormalReducer(settings, state, accountsCalendar(settings, timezone)),
};

/** An account's day up to one of its hours, milliwatt-hours. */
interface DaySoFar {
  /** The newest hour in it, and the end of the day, epoch milliseconds. */
  readonly through: number;
  readonly end: number;
  readonly mwh: number;
  /** Null if of one of its hours it is not known what is usual. */
  readonly usualMwh: number | null;
}

const unknown: Values = {
  importWh: null,
  usualWh: null,
  deviationPct: null,
  todayWh: null,
  usualTodayWh: null,
  todayDeviationPct: null,
};

class NormalReducer implements Reducer {
  readonly #weeks: { readonly min: number; readonly max: number };
  readonly #accounts: State;
  readonly #calendar: Calendar;
  /** Up to the newest hour of an account: nearly always the one behind it comes next. */
  readonly #soFar = new WeakMap<Habits, DaySoFar>();

  constructor({ weeks, minWeeks }: Settings, accounts: State, calendar: Calendar) {
    this.#weeks = { min: minWeeks, max: weeks };
    this.#accounts = accounts;
    this.#calendar = calendar;
  }

  reduce({ device, time, values }: CommittedReading, emit: Emit): void {
    const { importWh, gapS } = values;
    const wh = typeof importWh === "number" && gapS === 0 ? importWh : null;
    const habits = this.#accounts.get(device) ?? new Map<number, WeeklyHours>();
    putBounded(this.#accounts, device, habits, maxWeeklyAccounts);
    const slot = this.#slotOf(time);
    const hours = habits.get(slot) ?? [];
    habits.set(slot, hours);
    // One more than is needed, for the one that is compared with them.
    if (!putHour(hours, time, wh, this.#weeks.max + 1)) return;
    const tell = (at: number, compared: Values) =>
      emit({ domain: "usage", device, channel: "normal", time: at, values: compared });
    const known = this.#soFar.get(habits);
    if (known !== undefined && time > known.through) {
      const day = this.#dayWith(habits, time < known.end ? known : this.#dayOf(time), time);
      this.#soFar.set(habits, day);
      return tell(time, this.#compare(habits, day));
    }
    // An hour that was known, and is not after all.
    if (wh === null) tell(time, unknown);
    for (const changed of this.#changedBy(habits, hours, time))
      tell(changed, this.#compare(habits, this.#dayUpTo(habits, changed)));
    const newest = newestOf(habits);
    if (newest !== null) this.#soFar.set(habits, this.#dayUpTo(habits, newest));
  }

  /** The hours whose comparison an hour has a part in: itself, the same of later weeks, and what follows on those days. */
  #changedBy(habits: Habits, hours: WeeklyHours, time: number): number[] {
    const changed = new Set<number>();
    for (const begin of [time, ...timesOf(hours)]) {
      if (begin < time) continue;
      const { end } = this.#calendar.periodOf("day", begin);
      for (let at = begin; at < end; at += hourMs) if (this.#mwhAt(habits, at) !== null) changed.add(at);
    }
    return [...changed].sort((a, b) => a - b);
  }

  /** What is told of the last hour of `day`. */
  #compare(habits: Habits, { through, mwh, usualMwh }: DaySoFar): Values {
    const hourMwh = this.#mwhAt(habits, through);
    const usualHourMwh = this.#usualAt(habits, through);
    return {
      importWh: toWh(hourMwh),
      usualWh: toWh(usualHourMwh),
      deviationPct: deviationOf(hourMwh, usualHourMwh),
      todayWh: toWh(mwh),
      usualTodayWh: toWh(usualMwh),
      todayDeviationPct: deviationOf(mwh, usualMwh),
    };
  }

  #dayUpTo(habits: Habits, time: number): DaySoFar {
    let day = this.#dayOf(time);
    for (let at = day.through; at <= time; at += hourMs) day = this.#dayWith(habits, day, at);
    return day;
  }

  /** The day that `time` is in, with nothing of it. */
  #dayOf(time: number): DaySoFar {
    const { start, end } = this.#calendar.periodOf("day", time);
    return { through: start, end, mwh: 0, usualMwh: 0 };
  }

  /** The day with one hour more. */
  #dayWith(habits: Habits, day: DaySoFar, time: number): DaySoFar {
    const mwh = this.#mwhAt(habits, time);
    // Only what is known of both is compared.
    if (mwh === null) return day;
    const usual = this.#usualAt(habits, time);
    const usualMwh = usual === null || day.usualMwh === null ? null : day.usualMwh + usual;
    return { through: time, end: day.end, mwh: day.mwh + mwh, usualMwh };
  }

  #slotOf(time: number): number {
    const { weekday, minuteOfDay } = this.#calendar.wallTime(time);
    return 24 * weekday + Math.floor(minuteOfDay / 60);
  }

  #mwhAt(habits: Habits, time: number): number | null {
    return mwhAt(habits.get(this.#slotOf(time)), time);
  }

  /** The median of the weeks before; null if there are too few. */
  #usualAt(habits: Habits, time: number): number | null {
    return medianBefore(habits.get(this.#slotOf(time)), time, this.#weeks);
  }
}

/** Percent more (or less) than usual, to the tenth; null where it is not known, or nothing is usual. */
function deviationOf(mwh: number | null, usualMwh: number | null): number | null {
  if (mwh === null || usualMwh === null || usualMwh <= 0) return null;
  return Math.round((1_000 * (mwh - usualMwh)) / usualMwh) / 10;
}

function toWh(mwh: number | null): number | null {
  return mwh === null ? null : mwh / 1_000;
}
