import type { StoredRecord } from "./record.ts";

/** What a record costs in memory besides its body's bytes: objects, views and decoded values (measured on Node 20). */
export const recordOverheadBytes = 512;

/** The newest records, contiguous, bounded by count and by bytes. */
export class MemoryTail {
  readonly #maxRecords: number;
  readonly #maxBytes: number;
  // Dropped records leave holes at the front, which are cut off now and then, so that dropping costs no move.
  #slots: (StoredRecord | undefined)[] = [];
  #start = 0;
  #bytes = 0;

  constructor(maxRecords: number, maxBytes: number) {
    this.#maxRecords = maxRecords;
    this.#maxBytes = maxBytes;
  }

  /** Seq of the oldest record held, null if there is none. */
  get first(): number | null {
    return this.#slots[this.#start]?.seq ?? null;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get count(): number {
    return this.#slots.length - this.#start;
  }

  /**
   * `records` must continue what is held.
   * @param onDropped called with each that must make room
   */
  push(records: readonly StoredRecord[], onDropped?: (record: StoredRecord) => void): void {
    for (const record of records) {
      this.#slots.push(record);
      this.#bytes += record.body.length + recordOverheadBytes;
    }
    while (this.count > this.#maxRecords || this.#bytes > this.#maxBytes) {
      onDropped?.(this.#slots[this.#start] as StoredRecord);
      this.#dropOldest();
    }
    this.#compact();
  }

  /** Drops what is older than `oldest`. */
  dropBefore(oldest: number): void {
    for (let first = this.first; first !== null && first < oldest; first = this.first) this.#dropOldest();
    this.#compact();
  }

  /** Records after `after`, about `maxBytes` of bodies and at least one; null if the tail does not hold the first. */
  read(after: number, maxBytes: number): StoredRecord[] | null {
    const first = this.first;
    if (first === null || after + 1 < first) return null;
    const records: StoredRecord[] = [];
    let bytes = 0;
    for (let i = this.#start + after + 1 - first; i < this.#slots.length && bytes < maxBytes; i++) {
      const record = this.#slots[i] as StoredRecord;
      records.push(record);
      bytes += record.body.length;
    }
    return records;
  }

  #dropOldest(): void {
    const record = this.#slots[this.#start] as StoredRecord;
    this.#bytes -= record.body.length + recordOverheadBytes;
    this.#slots[this.#start++] = undefined;
  }

  #compact(): void {
    if (this.#start < 1024 || this.#start * 2 < this.#slots.length) return;
    this.#slots = this.#slots.slice(this.#start);
    this.#start = 0;
  }
}
