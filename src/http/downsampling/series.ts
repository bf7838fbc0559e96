import { pickLttb } from "./lttb.ts";

/** Points that a series keeps; when it has twice as many it is thinned. */
export const maxSeriesPoints = 10_000;

/** A point of a series: which reading it is of, and the value. */
export interface SeriesPoint {
  readonly seq: number;
  readonly time: number;
  readonly value: number;
}

/**
 * A series that is picked from with LTTB. Long ones are thinned on the way, so that memory has a bound however long they are:
 * of each four neighbours the least and the greatest stay, which is what MinMaxLTTB does ahead of LTTB (J. Van Der Donckt et
 * al., "MinMaxLTTB: Leveraging MinMax-Preselection to Scale LTTB", 2023). The first and the last point always stay.
 */
export class Series {
  #seqs: number[] = [];
  #times: number[] = [];
  #values: number[] = [];

  get length(): number {
    return this.#times.length;
  }

  /** Points must come in the order of time. */
  push(seq: number, time: number, value: number): void {
    this.#seqs.push(seq);
    this.#times.push(time);
    this.#values.push(value);
    if (this.#times.length >= 2 * maxSeriesPoints) this.#thin();
  }

  /** At most `points` of its points, which must be at least 2. */
  pick(points: number): SeriesPoint[] {
    return pickLttb(this.#times, this.#values, points).map((index) => ({
      seq: this.#seqs[index] as number,
      time: this.#times[index] as number,
      value: this.#values[index] as number,
    }));
  }

  #thin(): void {
    const kept = keepExtremes(this.#values);
    this.#seqs = kept.map((index) => this.#seqs[index] as number);
    this.#times = kept.map((index) => this.#times[index] as number);
    this.#values = kept.map((index) => this.#values[index] as number);
  }
}

/** Indices of the least and the greatest of each four neighbours between the first and the last. */
function keepExtremes(values: readonly number[]): number[] {
  const kept = [0];
  const last = values.length - 1;
  for (let start = 1; start < last; start += 4) {
    let least = start;
    let greatest = start;
    for (let i = start + 1; i < Math.min(start + 4, last); i++) {
      if ((values[i] as number) < (values[least] as number)) least = i;
      if ((values[i] as number) > (values[greatest] as number)) greatest = i;
    }
    kept.push(Math.min(least, greatest));
    if (least !== greatest) kept.push(Math.max(least, greatest));
  }
  kept.push(last);
  return kept;
}
