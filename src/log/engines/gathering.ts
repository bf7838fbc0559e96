import type { Observation } from "../observed.ts";
import { type BodyHead, readHeadAt } from "../record.ts";
import { endOfBody, lengthBytes } from "./blocks.ts";
import type { Collector, TimeRange } from "./collector.ts";

const pageBytes = 1024 * 1024;
const noEntry = -1;

/** What a block is, as far as gathering it goes. */
export interface GatheredBlock {
  readonly firstSeq: number;
  readonly lastSeq: number;
  readonly committedAt: number;
  readonly bytes: Uint8Array;
}

/**
 * A stretch of the log in memory, found by topic. Bodies lie in large pieces of memory and everything about them in arrays
 * of numbers, a chain per topic from its newest record back: hundreds of thousands of readings are a handful of objects.
 */
export class Gathering implements TimeRange {
  readonly firstSeq: number;
  lastSeq: number;
  committedAt = 0;
  minTime = Number.POSITIVE_INFINITY;
  maxTime = Number.NEGATIVE_INFINITY;
  bytes = 0;
  #pages: Uint8Array[] = [];
  #views: DataView[] = [];
  #pageUsed = 0;
  #count = 0;
  /** By entry, in the order of seqs. */
  #seqs = new Float64Array(1_024);
  #times = new Float64Array(1_024);
  #pageOf = new Uint16Array(1_024);
  #offsets = new Uint32Array(1_024);
  #previous = new Int32Array(1_024);
  /** By topic id, its newest entry. */
  readonly #newest = new Map<number, number>();
  readonly #head: BodyHead = { seq: 0, topicId: 0, shapeId: 0, time: 0 };

  constructor(firstSeq: number) {
    this.firstSeq = firstSeq;
    this.lastSeq = firstSeq - 1;
  }

  get count(): number {
    return this.#count;
  }

  topicIds(): number[] {
    return [...this.#newest.keys()];
  }

  /** Takes the block that continues what is here. @throws Error if its bodies are damaged; then nothing is taken */
  add({ firstSeq, lastSeq, committedAt, bytes }: GatheredBlock): void {
    const page = this.#room(bytes.length);
    const base = this.#pageUsed;
    (this.#pages[page] as Uint8Array).set(bytes, base);
    const first = this.#count;
    const count = lastSeq - firstSeq + 1;
    this.#grow(first + count);
    const topicIds = this.#readHeads(bytes, page, base, first, count);
    for (let index = 0; index < count; index++) this.#seqs[first + index] = firstSeq + index;
    for (const [index, topicId] of topicIds.entries()) {
      this.#previous[first + index] = this.#newest.get(topicId) ?? noEntry;
      this.#newest.set(topicId, first + index);
    }
    this.#pageUsed += bytes.length;
    this.bytes += bytes.length;
    this.#count += count;
    this.lastSeq = lastSeq;
    if (committedAt > this.committedAt) this.committedAt = committedAt;
  }

  /** Leaves out records that cannot be read, or were never stored: any number of them. */
  skip(lastSeq: number): void {
    this.lastSeq = lastSeq;
  }

  /** Hands a topic's records from `oldest` on to the collector. */
  collect(topicId: number, oldest: number, collector: Collector): void {
    for (const entry of this.#entries(topicId)) {
      const seq = this.#seqs[entry] as number;
      const time = this.#times[entry] as number;
      if (seq >= oldest && collector.isWanted(time, seq)) collector.push(this.#observation(entry));
    }
  }

  /** The bodies of the records from `firstSeq` to `lastSeq` that are here. */
  *between(firstSeq: number, lastSeq: number): Generator<Uint8Array> {
    for (let entry = 0; entry < this.#count; entry++) {
      const seq = this.#seqs[entry] as number;
      if (seq >= firstSeq && seq <= lastSeq) yield this.#observation(entry).body;
    }
  }

  /** A topic's records from `oldest` on, by observation time, then seq. */
  observations(topicId: number, oldest: number): Observation[] {
    const entries: number[] = [];
    let isSorted = true;
    for (const entry of this.#entries(topicId)) {
      if ((this.#seqs[entry] as number) < oldest) break;
      const later = entries.at(-1);
      if (later !== undefined && this.#timeOf(entry) > this.#timeOf(later)) isSorted = false;
      entries.push(entry);
    }
    entries.reverse();
    if (!isSorted) entries.sort((one, other) => this.#timeOf(one) - this.#timeOf(other) || one - other);
    return entries.map((entry) => this.#observation(entry));
  }

  /** Fills in where the bodies of a block lie and what time they have; returns their topics. */
  #readHeads(bytes: Uint8Array, page: number, base: number, first: number, count: number): number[] {
    const memory = this.#pages[page] as Uint8Array;
    const head = this.#head;
    const topicIds: number[] = [];
    for (let entry = first, at = 0; entry < first + count; entry++) {
      const end = endOfBody(bytes, at);
      readHeadAt(memory, base + at + lengthBytes, head);
      topicIds.push(head.topicId);
      this.#times[entry] = head.time;
      this.#pageOf[entry] = page;
      this.#offsets[entry] = base + at;
      if (head.time < this.minTime) this.minTime = head.time;
      if (head.time > this.maxTime) this.maxTime = head.time;
      at = end;
    }
    return topicIds;
  }

  /** From the newest back, in the order of arrival. */
  *#entries(topicId: number): Generator<number> {
    let entry = this.#newest.get(topicId) ?? noEntry;
    for (; entry !== noEntry; entry = this.#previous[entry] as number) yield entry;
  }

  #timeOf(entry: number): number {
    return this.#times[entry] as number;
  }

  #observation(entry: number): Observation {
    const page = this.#pageOf[entry] as number;
    const offset = this.#offsets[entry] as number;
    const length = (this.#views[page] as DataView).getUint32(offset);
    const start = offset + lengthBytes;
    const body = (this.#pages[page] as Uint8Array).subarray(start, start + length);
    return { time: this.#timeOf(entry), seq: this.#seqs[entry] as number, body };
  }

  /** The page that has room for `bytes` more. */
  #room(bytes: number): number {
    const last = this.#pages.at(-1);
    if (!last || this.#pageUsed + bytes > last.length) {
      const page = new Uint8Array(Math.max(pageBytes, bytes));
      this.#pages.push(page);
      this.#views.push(new DataView(page.buffer));
      this.#pageUsed = 0;
    }
    return this.#pages.length - 1;
  }

  #grow(count: number): void {
    const size = this.#times.length;
    if (count <= size) return;
    const wanted = Math.max(count, 2 * size);
    const grown = <Numbers extends { set(from: Numbers): void }>(from: Numbers, to: Numbers): Numbers => {
      to.set(from);
      return to;
    };
    this.#seqs = grown(this.#seqs, new Float64Array(wanted));
    this.#times = grown(this.#times, new Float64Array(wanted));
    this.#pageOf = grown(this.#pageOf, new Uint16Array(wanted));
    this.#offsets = grown(this.#offsets, new Uint32Array(wanted));
    this.#previous = grown(this.#previous, new Int32Array(wanted));
  }
}
