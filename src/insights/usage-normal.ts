import { z } from "zod";
import type { Values } from "../model/reading.ts";
import { putBounded } from "./bounded.ts";
import type { Calendar } from "./calendar.ts";
import type { CommittedReading, Emit, Insight, Reducer } from "./insight.ts";
import { insertInOrder } from "./timeline.ts";
import { accountSettings, accountsCalendar, accountsProblem, maxWeeklyAccounts } from "./usage-accounts.ts";

const hourMs = 3_600_000;

const settings = z.strictObject({
  ...accountSettings,
  weeks: z.int().min(2).max(52).default(8).describe("Usual is the median of so many weeks"),
  minWeeks: z.int().min(1).max(52).default(3).describe("With fewer weeks it is not known what is usual"),
});

type Settings = z.infer<typeof settings>;

interface Hour {
  readonly time: number;
  importWh: number;
}

/** The hours of an account by hour of the week (0 is Monday 00:00), each by time. */
type Habits = Map<number, Hour[]>;

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
  stateVersion: 1,
  start: () => new Map(),
  create: (settings, state, { timezone }) =>
    new NormalReducer(settings, state, accountsCalendar(settings, timezone)),
};

class NormalReducer implements Reducer {
  readonly #settings: Settings;
  readonly #accounts: State;
  readonly #calendar: Calendar;

  constructor(settings: Settings, accounts: State, calendar: Calendar) {
    this.#settings = settings;
    this.#accounts = accounts;
    this.#calendar = calendar;
  }

  reduce({ device, time, values }: CommittedReading, emit: Emit): void {
    const { importWh, gapS } = values;
    const isKnown = typeof importWh === "number" && gapS === 0;
    const habits = this.#accounts.get(device) ?? new Map<number, Hour[]>();
    putBounded(this.#accounts, device, habits, maxWeeklyAccounts);
    const slot = this.#slotOf(time);
    const hours = habits.get(slot) ?? [];
    habits.set(slot, hours);
    const known = hours.findIndex((hour) => hour.time === time);
    if (!isKnown) {
      if (known < 0) return;
      hours.splice(known, 1);
    } else if (known >= 0) {
      const hour = hours[known] as Hour;
      if (hour.importWh === importWh) return;
      hour.importWh = importWh;
      // One more than is needed, for the one that is compared with them.
    } else if (insertInOrder(hours, { time, importWh }, this.#settings.weeks + 1) === null) return;
    for (const changed of this.#changedBy(habits, hours, time)) {
      emit({
        domain: "usage",
        device,
        channel: "normal",
        time: changed,
        values: this.#compare(habits, changed),
      });
    }
  }

  /** The hours whose comparison an hour has a part in: itself, the same of later weeks, and what follows on those days. */
  #changedBy(habits: Habits, hours: readonly Hour[], time: number): number[] {
    const changed = new Set<number>();
    for (const hour of [{ time }, ...hours]) {
      if (hour.time < time) continue;
      const { end } = this.#calendar.periodOf("day", hour.time);
      for (let at = hour.time; at < end; at += hourMs) if (this.#hourAt(habits, at)) changed.add(at);
    }
    return [...changed].sort((a, b) => a - b);
  }

  #compare(habits: Habits, time: number): Values {
    const importWh = this.#hourAt(habits, time)?.importWh ?? null;
    const usualWh = this.#usualAt(habits, time);
    let [todayWh, usualTodayWh] = [0, 0 as number | null];
    for (let at = this.#calendar.periodOf("day", time).start; at <= time; at += hourMs) {
      const hour = this.#hourAt(habits, at);
      // Only what is known of both is compared.
      if (!hour) continue;
      const usual = this.#usualAt(habits, at);
      todayWh += hour.importWh;
      usualTodayWh = usual === null || usualTodayWh === null ? null : usualTodayWh + usual;
    }
    return {
      importWh,
      usualWh,
      deviationPct: deviationOf(importWh, usualWh),
      todayWh: toThousandth(todayWh),
      usualTodayWh: usualTodayWh === null ? null : toThousandth(usualTodayWh),
      todayDeviationPct: deviationOf(todayWh, usualTodayWh),
    };
  }

  #slotOf(time: number): number {
    const { weekday, minuteOfDay } = this.#calendar.wallTime(time);
    return 24 * weekday + Math.floor(minuteOfDay / 60);
  }

  #hourAt(habits: Habits, time: number): Hour | undefined {
    return habits.get(this.#slotOf(time))?.find((hour) => hour.time === time);
  }

  /** The median of the weeks before; null if there are too few. */
  #usualAt(habits: Habits, time: number): number | null {
    const { weeks, minWeeks } = this.#settings;
    const before = (habits.get(this.#slotOf(time)) ?? []).filter((hour) => hour.time < time).slice(-weeks);
    if (before.length < minWeeks) return null;
    const sorted = before.map(({ importWh }) => importWh).sort((a, b) => a - b);
    const middle = sorted.length >> 1;
    const upper = sorted[middle] as number;
    return toThousandth(sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] as number)) / 2);
  }
}

/** Percent more (or less) than usual, to the tenth; null where it is not known, or nothing is usual. */
function deviationOf(wh: number | null, usualWh: number | null): number | null {
  if (wh === null || usualWh === null || usualWh <= 0) return null;
  return Math.round((1_000 * (wh - usualWh)) / usualWh) / 10;
}

function toThousandth(wh: number): number {
  return Math.round(1_000 * wh) / 1_000;
}
