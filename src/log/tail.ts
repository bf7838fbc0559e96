import type { Shape } from "../wire/body.ts";
import type { Topic } from "./contract.ts";
import { StoredRecord } from "./record.ts";

/** What a record costs in memory besides its body's bytes: objects, views and decoded values (measured on Node 20). */
export const recordOverheadBytes = 512;
/** The same where it is packed. */
const packedOverheadBytes = 36;

/** So many are packed at a time, and at least as many of the newest are not. */
const packRecords = 512;
/** A pack takes no further record at this size: it is held as a whole, by the tail and by whoever reads one of its records. */
const packBytes = 128 * 1024;

/**
 * The newest records, contiguous, bounded by count and by bytes. All but the very newest are packed: a hundred thousand records that
 * live for a minute are what keeps a garbage collector busy, and hardly anybody reads them.
 */
export class MemoryTail {
  readonly #maxRecords: number;
  readonly #maxBytes: number;
  readonly #packs: Pack[] = [];
  /** What follows the packs. One list for ever: a list that is given up, when it is old, keeps alive what it holds. */
  readonly #newest: StoredRecord[] = [];
  /** Seq of the oldest record held; one behind the last if there is none. */
  #first = 0;
  #bytes = 0;
  #count = 0;

  constructor(maxRecords: number, maxBytes: number) {
    this.#maxRecords = maxRecords;
    this.#maxBytes = maxBytes;
  }

  /** Seq of the oldest record held, null if there is none. */
  get first(): number | null {
    return this.#count === 0 ? null : this.#first;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get count(): number {
    return this.#count;
  }

  /**
   * `records` must continue what is held.
   * @param stored up to this seq nothing is lost by being dropped
   * @returns those behind it that had to make room
   */
  push(records: readonly StoredRecord[], stored = Number.POSITIVE_INFINITY): StoredRecord[] {
    if (this.#count === 0) this.#first = records[0]?.seq ?? 0;
    for (const record of records) {
      this.#newest.push(record);
      this.#bytes += record.body.length + recordOverheadBytes;
    }
    this.#count += records.length;
    while (this.#newest.length >= 2 * packRecords) this.#pack();
    const lost: StoredRecord[] = [];
    while (this.#count > this.#maxRecords || this.#bytes > this.#maxBytes) {
      if (this.#first > stored) lost.push(...this.#read(this.#first, 1));
      this.#dropOldest();
    }
    return lost;
  }

  /** Drops what is older than `oldest`. */
  dropBefore(oldest: number): void {
    while (this.#count > 0 && this.#first < oldest) this.#dropOldest();
  }

  /** Records after `after`, about `maxBytes` of bodies and at least one; null if the tail does not hold the first. */
  read(after: number, maxBytes: number): StoredRecord[] | null {
    return this.#count === 0 || after + 1 < this.#first ? null : this.#read(after + 1, maxBytes);
  }

  /** From record `seq` on. */
  #read(seq: number, maxBytes: number): StoredRecord[] {
    const records: StoredRecord[] = [];
    let bytes = 0;
    const take = (held: readonly StoredRecord[], from: number) => {
      for (let index = from; index < held.length && bytes < maxBytes; index++) {
        const record = held[index] as StoredRecord;
        records.push(record);
        bytes += record.body.length;
      }
    };
    let next = this.#packs.findLastIndex(({ first }) => first <= seq);
    for (; next < this.#packs.length && bytes < maxBytes; next++) {
      const pack = this.#packs[next];
      if (pack !== undefined && pack.last >= seq) take(pack.records(), Math.max(0, seq - pack.first));
    }
    const firstOfNewest = this.#first + this.#count - this.#newest.length;
    take(this.#newest, Math.max(0, seq - firstOfNewest));
    return records;
  }

  #pack(): void {
    let count = 0;
    for (let bytes = 0; count < packRecords && bytes < packBytes; count++)
      bytes += (this.#newest[count] as StoredRecord).body.length;
    this.#packs.push(new Pack(this.#newest.splice(0, count)));
    this.#bytes -= count * (recordOverheadBytes - packedOverheadBytes);
  }

  #dropOldest(): void {
    const [pack] = this.#packs;
    if (pack === undefined) {
      const record = this.#newest.shift() as StoredRecord;
      this.#bytes -= record.body.length + recordOverheadBytes;
    } else {
      this.#bytes -= pack.bytesOf(this.#first) + packedOverheadBytes;
      if (pack.last === this.#first) this.#packs.shift();
    }
    this.#first++;
    this.#count--;
  }
}

/** Contiguous records as a few objects, however many they are. */
class Pack {
  readonly first: number;
  readonly last: number;
  readonly #bodies: Uint8Array;
  /** Where each body ends. */
  readonly #ends: Uint32Array;
  readonly #times: Float64Array;
  /** NaN where it is not known. */
  readonly #committedAt: Float64Array;
  readonly #topics: readonly Topic[];
  readonly #shapes: readonly Shape[];
  /** Made when they are first read, and shared by those who read until the next full collection of garbage. */
  #records: WeakRef<readonly StoredRecord[]> | null = null;

  /** @param records at least one */
  constructor(records: readonly StoredRecord[]) {
    const count = records.length;
    this.first = (records[0] as StoredRecord).seq;
    this.last = this.first + count - 1;
    this.#bodies = new Uint8Array(records.reduce((bytes, { body }) => bytes + body.length, 0));
    this.#ends = new Uint32Array(count);
    this.#times = new Float64Array(count);
    this.#committedAt = new Float64Array(count);
    this.#topics = records.map(({ topic }) => topic);
    this.#shapes = records.map(({ shape }) => shape);
    let end = 0;
    for (let index = 0; index < count; index++) {
      const { body, time, committedAt } = records[index] as StoredRecord;
      this.#bodies.set(body, end);
      end += body.length;
      this.#ends[index] = end;
      this.#times[index] = time;
      this.#committedAt[index] = committedAt ?? Number.NaN;
    }
  }

  /** Length of a record's body. */
  bytesOf(seq: number): number {
    const index = seq - this.first;
    return (this.#ends[index] as number) - (this.#ends[index - 1] ?? 0);
  }

  records(): readonly StoredRecord[] {
    let records = this.#records?.deref();
    if (records === undefined) {
      records = this.#topics.map((_topic, index) => this.#record(index));
      this.#records = new WeakRef(records);
    }
    return records;
  }

  #record(index: number): StoredRecord {
    const body = this.#bodies.subarray(this.#ends[index - 1] ?? 0, this.#ends[index]);
    const topic = this.#topics[index] as Topic;
    const shape = this.#shapes[index] as Shape;
    const time = this.#times[index] as number;
    const record = new StoredRecord(this.first + index, topic, shape, time, null, body, null);
    const committedAt = this.#committedAt[index] as number;
    if (!Number.isNaN(committedAt)) record.committedAt = committedAt;
    return record;
  }
}
