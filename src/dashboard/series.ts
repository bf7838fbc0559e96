/** The last values of something, at most `limit` of them; older ones fall out. */
export class Series {
  private readonly items: Float64Array;
  private next = 0;
  private count = 0;

  constructor(limit: number) {
    this.items = new Float64Array(limit);
  }

  get length(): number {
    return this.count;
  }

  push(value: number): void {
    this.items[this.next] = value;
    this.next = (this.next + 1) % this.items.length;
    if (this.count < this.items.length) this.count++;
  }

  /** The value at `index`, 0 being the oldest kept. */
  at(index: number): number {
    const limit = this.items.length;
    return this.items[(this.next - this.count + index + limit) % limit] as number;
  }

  get last(): number | undefined {
    return this.count === 0 ? undefined : this.at(this.count - 1);
  }
}

/**
 * An SVG path of a series in a box of `width` × `height`, newest at the right edge. A flat series runs through the
 * middle; fewer than two values give an empty path. `slots` is how many values fill the whole width.
 */
export function sparkline(series: Series, slots: number, width: number, height: number): string {
  const { length } = series;
  if (length < 2) return "";
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < length; i++) {
    low = Math.min(low, series.at(i));
    high = Math.max(high, series.at(i));
  }
  const step = width / (slots - 1);
  const span = high - low;
  let path = "";
  for (let i = 0; i < length; i++) {
    const x = width - (length - 1 - i) * step;
    const y = span === 0 ? height / 2 : height - ((series.at(i) - low) / span) * height;
    path += `${i === 0 ? "M" : "L"}${x.toFixed(1)} ${y.toFixed(1)}`;
  }
  return path;
}
