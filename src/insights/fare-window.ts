/** A window is so many stretches, and slides by one of them. */
const stretches = 24;
/** Prices at the ends of fewer stretches make no typical band. */
const minSamples = 6;

/** What the price was in one stretch of the window, minor units; null: there was none. */
interface Stretch {
  /** Counts from the epoch. */
  readonly index: number;
  lowMinor: number | null;
  lowAt: number;
  highMinor: number | null;
  highAt: number;
  /** At its end. */
  lastMinor: number | null;
}

/** The prices of a window of time. Belongs to the state of an insight. */
export interface PriceWindow {
  /** Settings may have changed since it was saved; then it begins anew. */
  windowMs: number;
  readonly stretches: Stretch[];
  /** The price now, and since when it is that. */
  amountMinor: number | null;
  since: number;
}

export interface WindowFigures {
  readonly lowMinor: number | null;
  /** Since when it was that, epoch milliseconds. */
  readonly lowAt: number;
  readonly highMinor: number | null;
  readonly highAt: number;
  /** The lower and upper quartile of the prices at the ends of the stretches; null while there are too few. */
  readonly typicalLowMinor: number | null;
  readonly typicalHighMinor: number | null;
}

export function newPriceWindow(): PriceWindow {
  return { windowMs: 0, stretches: [], amountMinor: null, since: 0 };
}

/** From `time` on the price is `amountMinor`. Calls come in the order of time; of two of the same time the later counts. */
export function notePrice(
  window: PriceWindow,
  time: number,
  amountMinor: number | null,
  windowMs: number,
): void {
  if (window.windowMs !== windowMs) window.stretches.length = 0;
  window.windowMs = windowMs;
  carryOn(window, time, windowMs);
  window.amountMinor = amountMinor;
  window.since = time;
  include(window.stretches.at(-1) as Stretch, amountMinor, time);
}

/** The figures at `time`, which is not before the last price. */
export function figuresOf(window: PriceWindow, time: number, windowMs: number): WindowFigures {
  carryOn(window, time, windowMs);
  const now = indexOf(time, windowMs);
  const figures: Stretch = emptyStretch(now);
  const samples: number[] = [];
  for (const { index, lowMinor, lowAt, highMinor, highAt, lastMinor } of window.stretches) {
    if (index > now - stretches) {
      include(figures, lowMinor, lowAt);
      include(figures, highMinor, highAt);
    }
    if (index < now && lastMinor !== null) samples.push(lastMinor);
  }
  samples.sort((one, other) => one - other);
  const { lowMinor, lowAt, highMinor, highAt } = figures;
  return {
    lowMinor,
    lowAt,
    highMinor,
    highAt,
    typicalLowMinor: quantile(samples, 0.25),
    typicalHighMinor: quantile(samples, 0.75),
  };
}

/** The price lasts until `time`. */
function carryOn({ stretches: list, amountMinor, since }: PriceWindow, time: number, windowMs: number): void {
  const now = indexOf(time, windowMs);
  const last = list.at(-1)?.index ?? now - 1;
  for (let index = Math.max(last + 1, now - stretches); index <= now; index++) {
    const stretch = emptyStretch(index);
    include(stretch, amountMinor, since);
    list.push(stretch);
  }
  while ((list[0]?.index ?? now) < now - stretches) list.shift();
}

function indexOf(time: number, windowMs: number): number {
  return Math.floor(time / (windowMs / stretches));
}

function emptyStretch(index: number): Stretch {
  return { index, lowMinor: null, lowAt: 0, highMinor: null, highAt: 0, lastMinor: null };
}

function include(stretch: Stretch, amountMinor: number | null, at: number): void {
  stretch.lastMinor = amountMinor;
  if (amountMinor === null) return;
  if (stretch.lowMinor === null || amountMinor < stretch.lowMinor) {
    stretch.lowMinor = amountMinor;
    stretch.lowAt = at;
  }
  if (stretch.highMinor === null || amountMinor > stretch.highMinor) {
    stretch.highMinor = amountMinor;
    stretch.highAt = at;
  }
}

/** By nearest rank, so that it is a price that there was: https://en.wikipedia.org/wiki/Percentile#The_nearest-rank_method */
function quantile(sorted: readonly number[], part: number): number | null {
  if (sorted.length < minSamples) return null;
  return sorted[Math.ceil(part * sorted.length) - 1] as number;
}
