import { type Calendar, quarterMs } from "./calendar.ts";

/** Mean power of a quarter-hour's import in watts, and when it began. */
type Peak = [demandW: number, at: number];

const peakLevels = ["day", "month"] as const;
type PeakLevel = (typeof peakLevels)[number];

/** Quarter-hours that can still be corrected, and the peaks of those that no longer can. */
export interface Demand {
  readonly quarters: Map<number, number>;
  readonly settled: Record<PeakLevel, Map<number, Peak>>;
}

export function newDemand(): Demand {
  return { quarters: new Map(), settled: { day: new Map(), month: new Map() } };
}

/** Notes the import of a quarter-hour; null takes it back. */
export function noteQuarter({ quarters }: Demand, start: number, importMicroWh: number | null): void {
  // Four quarters of an hour: W = 4 · Wh.
  if (importMicroWh === null) quarters.delete(start);
  else quarters.set(start, Math.round((4 * importMicroWh) / 1_000) / 1_000);
}

/** The highest quarter-hour of the day or month that begins at `start`, the first of equal ones; null if none is known. */
export function peakOf(demand: Demand, level: PeakLevel, start: number, end: number): Peak | null {
  let peak = demand.settled[level].get(start) ?? null;
  for (const [at, demandW] of demand.quarters) {
    if (at >= start && at < end) peak = higher(peak, [demandW, at]);
  }
  return peak;
}

/** Settles quarter-hours that ended by `floor`, and forgets the days and months that did. */
export function settleDemand({ quarters, settled }: Demand, calendar: Calendar, floor: number): void {
  for (const [at, demandW] of quarters) {
    if (at + quarterMs > floor) continue;
    quarters.delete(at);
    for (const level of peakLevels) {
      const { start } = calendar.periodOf(level, at);
      settled[level].set(start, higher(settled[level].get(start) ?? null, [demandW, at]));
    }
  }
  for (const level of peakLevels) {
    for (const start of settled[level].keys()) {
      if (calendar.periodOf(level, start).end <= floor) settled[level].delete(start);
    }
  }
}

function higher(one: Peak | null, other: Peak): Peak {
  if (one === null) return other;
  return other[0] > one[0] || (other[0] === one[0] && other[1] < one[1]) ? other : one;
}
