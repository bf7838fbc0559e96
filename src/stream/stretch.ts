import type { LogRecord } from "../log/contract.ts";

/** What is wanted of the log up to the place where a subscription was answered; everything behind that is. */
export interface Stretch {
  /** Where it ends: the log's head when the subscription was answered. */
  readonly end: number;
  /** The place to read on from: nothing between `position` and there is wanted. */
  skip(position: number): number;
  /** How much to read from a place: as much as may be, or one record only. */
  isDense(position: number): boolean;
  wants(record: LogRecord): boolean;
}

/** What a snapshot of an earlier time does not show: whatever was observed after it. */
export class AfterTime implements Stretch {
  readonly end: number;
  readonly time: number;

  constructor(time: number, end: number) {
    this.time = time;
    this.end = end;
  }

  skip(position: number): number {
    return position;
  }

  isDense(): boolean {
    return true;
  }

  wants({ seq, time }: LogRecord): boolean {
    return seq > this.end || time > this.time;
  }
}

/** So near to each other, on average, wanted records are read with what lies between them. */
const denseDistance = 64;
const lookAhead = 16;

/** Some records by their seqs. */
export class Listed implements Stretch {
  readonly end: number;
  private readonly seqs: Float64Array;

  /** @param seqs ascending, none above `end` */
  constructor(seqs: Float64Array, end: number) {
    this.seqs = seqs;
    this.end = end;
  }

  skip(position: number): number {
    const seq = this.seqs[this.indexAfter(position)];
    return Math.max(position, seq === undefined ? this.end : seq - 1);
  }

  isDense(position: number): boolean {
    const index = this.indexAfter(position);
    const ahead = Math.min(index + lookAhead, this.seqs.length - 1);
    const distance = (this.seqs[ahead] ?? 0) - (this.seqs[index] ?? 0);
    return distance <= denseDistance * (ahead - index);
  }

  wants({ seq }: LogRecord): boolean {
    return seq > this.end || this.seqs[this.indexAfter(seq - 1)] === seq;
  }

  /** Index of the first seq behind a place. */
  private indexAfter(position: number): number {
    let low = 0;
    let high = this.seqs.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.seqs[middle] as number) <= position) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
