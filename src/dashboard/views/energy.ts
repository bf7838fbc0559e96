import { currencyExponent } from "../../model/currency.ts";
import type { Values } from "../../model/reading.ts";
import type { InsightRow } from "../insightrows.ts";
import { formatMoney } from "../money.ts";
import { plainId } from "../topics.ts";
import { byName, instantIn, numberIn, textIn } from "./values.ts";

export const periods = ["quarterHour", "hour", "day"] as const;
export type Period = (typeof periods)[number];

/** How many periods a chart shows. */
export const chartPeriods: Readonly<Record<Period, number>> = { quarterHour: 48, hour: 48, day: 28 };

/** Somebody's or something's use: a site, a group of it, a meter. */
export interface Account {
  /** What stands between `usage/` and the period: `sites/house`. */
  readonly id: string;
  readonly name: string;
  readonly isSite: boolean;
}

/** One period as a chart shows it. */
export interface Bar {
  /** Epoch milliseconds of its beginning and its end. */
  readonly start: number;
  readonly end: number;
  /** Wh; null if it is not known. */
  readonly importWh: number | null;
  readonly exportWh: number | null;
  /** What is usual then, Wh. */
  readonly usualWh: number | null;
  /** How much of the period nothing is known of, 0 to 1. */
  readonly gapShare: number;
}

/** The quarter-hour with the highest mean import. */
export interface Peak {
  readonly powerW: number;
  /** Epoch milliseconds of its beginning. */
  readonly at: number;
}

/** The newest figures of an account; null where they are not known. */
export interface Figures {
  readonly quarterHourWh: number | null;
  readonly hourWh: number | null;
  readonly todayWh: number | null;
  readonly monthWh: number | null;
  readonly todayExportWh: number | null;
  readonly todayProductionWh: number | null;
  readonly todaySelfUseWh: number | null;
  /** What today costs so far, and this month, with its currency. */
  readonly todayCost: string | null;
  readonly monthCost: string | null;
  /** How far today is from what is usual up to the same hour, percent. */
  readonly todayDeviationPct: number | null;
  readonly usualTodayWh: number | null;
  readonly standbyW: number | null;
  readonly standbyPct: number | null;
  /** Of the last day and the last month that were over. Meters alone have none. */
  readonly dayPeak: Peak | null;
  readonly monthPeak: Peak | null;
  /** IANA zone of its hours and days; null until an hour is over. */
  readonly timezone: string | null;
}

/** The accounts: sites before their groups before meters, by name. */
export function accountsOf(usage: Iterable<InsightRow>): Account[] {
  const ids = new Set<string>();
  for (const { topic } of usage) {
    if (topic.endsWith("/now")) ids.add(topic.slice("usage/".length, -"/now".length));
  }
  const accounts = Array.from(ids, (id) => {
    const isSite = id.startsWith("sites/");
    return { id, name: plainId(isSite ? id.slice("sites/".length) : id), isSite };
  });
  return accounts.sort((a, b) => Number(b.isSite) - Number(a.isSite) || byName(a.name, b.name));
}

/** The figures of an account. */
export function figuresOf(
  usage: ReadonlyMap<string, InsightRow>,
  account: string,
  locale: string | undefined,
): Figures {
  const valuesOf = (name: string): Values => usage.get(`usage/${account}/${name}`)?.values ?? {};
  const [now, normal, standby] = [valuesOf("now"), valuesOf("normal"), valuesOf("standby")];
  return {
    quarterHourWh: numberIn(now, "quarterHourImportWh"),
    hourWh: numberIn(now, "hourImportWh"),
    todayWh: numberIn(now, "todayImportWh"),
    monthWh: numberIn(now, "monthImportWh"),
    todayExportWh: numberIn(now, "todayExportWh"),
    todayProductionWh: numberIn(now, "todayProductionWh"),
    todaySelfUseWh: numberIn(now, "todaySelfUseWh"),
    todayCost: costIn(valuesOf("cost/day"), locale),
    monthCost: costIn(valuesOf("cost/month"), locale),
    todayDeviationPct: numberIn(normal, "todayDeviationPct"),
    usualTodayWh: numberIn(normal, "usualTodayWh"),
    standbyW: numberIn(standby, "standbyW"),
    standbyPct: numberIn(standby, "sharePct"),
    dayPeak: peakIn(valuesOf("day")),
    monthPeak: peakIn(valuesOf("month")),
    timezone: textIn(valuesOf("hour"), "timezone") ?? textIn(valuesOf("day"), "timezone"),
  };
}

/**
 * The bars of a chart, in order: the last `max` periods that were over at `now`. Where there is no period between two,
 * nothing was heard: that is for the chart to leave open.
 * @param usual readings of `…/normal`, whose hours stand behind the bars
 */
export function barsOf(
  readings: Iterable<{ readonly time: number; readonly values: Values }>,
  usual: ReadonlyMap<number, Values>,
  now: number,
  max: number,
): Bar[] {
  // The one that was told last for a period counts.
  const byStart = new Map<number, Bar>();
  for (const { time, values } of readings) {
    const lengthS = numberIn(values, "lengthS");
    if (lengthS === null || lengthS <= 0 || time + lengthS * 1000 > now) continue;
    byStart.set(time, {
      start: time,
      end: time + lengthS * 1000,
      importWh: numberIn(values, "importWh"),
      exportWh: numberIn(values, "exportWh"),
      usualWh: numberIn(usual.get(time) ?? {}, "usualWh"),
      gapShare: Math.min(1, (numberIn(values, "gapS") ?? 0) / lengthS),
    });
  }
  return [...byStart.values()].sort((a, b) => a.start - b.start).slice(-max);
}

/** The stretches between bars of which nothing was told. */
export function gapsOf(bars: readonly Bar[]): { start: number; end: number }[] {
  return bars.flatMap((bar, at) => {
    const next = bars[at + 1];
    return next && next.start > bar.end ? [{ start: bar.end, end: next.start }] : [];
  });
}

/** Energy in the unit that keeps it readable: `840 Wh`, `12.4 kWh`; a dash if it is not known. */
export function energyWords(wh: number | null): string {
  if (wh === null) return "–";
  if (Math.abs(wh) < 1000) return `${Math.round(wh)} Wh`;
  const kWh = wh / 1000;
  return kWh < 1000 ? `${kWh.toFixed(kWh < 100 ? 2 : 0)} kWh` : `${(kWh / 1000).toFixed(2)} MWh`;
}

function peakIn(values: Values): Peak | null {
  const powerW = numberIn(values, "peakDemandW");
  const at = instantIn(values, "peakAt");
  return powerW === null || at === null ? null : { powerW, at };
}

function costIn(values: Values, locale: string | undefined): string | null {
  const costMinor = numberIn(values, "costMinor");
  const currency = textIn(values, "currency");
  if (costMinor === null || currency === null) return null;
  return formatMoney(costMinor, currencyExponent(currency) ?? 2, currency, locale);
}
