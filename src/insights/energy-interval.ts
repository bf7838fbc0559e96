/** Energy between two observations. Amounts are whole microwatt-hours, so that sums do not depend on their order. */
export interface EnergyInterval {
  /** Import and export from the beginning up to a fraction (0 to 1) of the time. */
  upTo(fraction: number): readonly [importMicroWh: number, exportMicroWh: number];
  /** True if it was not measured: made from power, or all that is known of it is what a restarted counter shows. */
  readonly isEstimated: boolean;
}

/** How one value of a meter is turned into energy between two of its observations; null where that is unknown. */
export type Measure = (from: number, to: number, ms: number) => EnergyInterval | null;

/** What is known of a counter. */
export interface CounterRules {
  /** It goes on from 0 when it has reached this; null if that is not known. */
  readonly rolloverWh: number | null;
  /** No meter of the site can do more. A change that would need more is another meter's count. */
  readonly maxPowerW: number;
}

/** A counter that goes back by less than this has only been rounded another way. */
const maxJitterWh = 1;
/** Beyond what `maxPowerW` explains: the coarsest counters move by whole kilowatt-hours. */
const maxStepWh = 2_000;
const msPerHour = 3_600_000;

/**
 * Reads a cumulative counter. Between two observations energy is taken to flow evenly: at a fraction f of the time it is
 * f · (b − a) (linear interpolation).
 */
export function counterMeasure(direction: "import" | "export", rules: CounterRules): Measure {
  return (fromWh, toWh, ms) => {
    const change = counterChange(fromWh, toWh, ms, rules);
    if (change === null) return null;
    const microWh = Math.round(change.wh * 1e6);
    const upTo =
      direction === "import"
        ? (fraction: number) => [Math.round(microWh * fraction), 0] as const
        : (fraction: number) => [0, Math.round(microWh * fraction)] as const;
    return { upTo, isEstimated: change.isEstimated };
  };
}

/**
 * What a counter has counted from one observation to the next; null if it is unknown (another meter). After a reset that is
 * what it shows since, and what it counted just before is lost.
 */
export function counterChange(
  fromWh: number,
  toWh: number,
  ms: number,
  { rolloverWh, maxPowerW }: CounterRules,
): { readonly wh: number; readonly isEstimated: boolean } | null {
  const maxWh = (maxPowerW * ms) / msPerHour + maxStepWh;
  const wh = toWh - fromWh;
  if (wh >= -maxJitterWh) return wh <= maxWh ? { wh, isEstimated: false } : null;
  if (rolloverWh !== null && fromWh <= rolloverWh && wh + rolloverWh <= maxWh) {
    return { wh: wh + rolloverWh, isEstimated: false };
  }
  return toWh >= 0 && toWh <= maxWh ? { wh: toWh, isEstimated: true } : null;
}

/**
 * Integrates power (W, import positive), which is taken to change evenly between two observations (trapezoidal rule); what is
 * above zero is import, what is below is export. Observations farther apart than `maxGapMs` say nothing of the time between.
 */
export function powerMeasure(maxGapMs: number): Measure {
  return (fromW, toW, ms) => {
    if (ms > maxGapMs) return null;
    const microWhPerW = (1e6 * ms) / msPerHour;
    const upTo = (fraction: number) =>
      [
        Math.round(areaAboveZero(fromW, toW, fraction) * microWhPerW),
        Math.round(areaAboveZero(-fromW, -toW, fraction) * microWhPerW),
      ] as const;
    return { upTo, isEstimated: true };
  };
}

/** The area above zero of the line from `from` (at 0) to `to` (at 1), up to `fraction`. */
function areaAboveZero(from: number, to: number, fraction: number): number {
  const here = from + (to - from) * fraction;
  if (from >= 0 && here >= 0) return ((from + here) / 2) * fraction;
  if (from <= 0 && here <= 0) return 0;
  const crossing = from / (from - to);
  return from > 0 ? (from / 2) * crossing : (here / 2) * (fraction - crossing);
}
