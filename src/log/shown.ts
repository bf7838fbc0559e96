import type { Logger } from "../observe/log.ts";
import type { LogRecord, Page } from "./contract.ts";
import { applyRecord, type LogMemory } from "./memory.ts";
import type { StoredRecord } from "./record.ts";
import { MemoryTail } from "./tail.ts";

type Listener = (records: readonly LogRecord[], waitedMs: number) => void;

/**
 * What everybody can see of the log: its ends, its newest records, what the topics show. As a rule all of it is stored; what is not
 * yet, because the store takes nothing, waits in the memory tail, and is lost if it outgrows that.
 */
export class Shown {
  readonly #memory: LogMemory;
  readonly #tail: MemoryTail;
  readonly #logger: Logger;
  readonly #listeners = new Set<Listener>();
  #head: number;
  #oldest: number;
  /** Seq of the newest record in the store. */
  #stored: number;

  constructor(
    memory: LogMemory,
    ends: { readonly head: number; readonly oldest: number },
    tail: { readonly tailRecords: number; readonly tailBytes: number },
    logger: Logger,
  ) {
    this.#memory = memory;
    this.#tail = new MemoryTail(tail.tailRecords, tail.tailBytes);
    this.#logger = logger;
    this.#head = ends.head;
    this.#oldest = ends.oldest;
    this.#stored = ends.head;
  }

  get head(): number {
    return this.#head;
  }

  get oldest(): number {
    return this.#oldest;
  }

  /** Seq of the newest record in the store. */
  get stored(): number {
    return this.#stored;
  }

  /** Whether nothing waits for the store. */
  get isStored(): boolean {
    return this.#stored === this.#head;
  }

  /** Calls back with what is shown from now on. Returns an unsubscribe. */
  onShown(listener: Listener): () => void {
    // Wrapped, so that each subscription is its own even if the function is the same.
    const own: Listener = (records, waitedMs) => listener(records, waitedMs);
    this.#listeners.add(own);
    return () => this.#listeners.delete(own);
  }

  /** What follows `after`, if no store is needed to tell; else null. */
  read(after: number, maxBytes: number): Page | null {
    if (after >= this.#head) return { kind: "records", records: [], through: after };
    if (after + 1 < this.#oldest) return { kind: "evicted", oldest: this.#oldest };
    const records = this.#tail.read(after, maxBytes);
    if (records) return { kind: "records", records, through: records.at(-1)?.seq ?? after };
    return after < this.#stored ? null : { kind: "evicted", oldest: this.#tail.first ?? this.#head + 1 };
  }

  /** The first that wait for the store, about `maxBytes` of bodies; empty if none do. */
  unstored(maxBytes: number): readonly StoredRecord[] {
    if (this.isStored) return [];
    const { first } = this.#tail;
    // Those between are lost.
    return first === null ? [] : (this.#tail.read(Math.max(this.#stored, first - 1), maxBytes) ?? []);
  }

  /** The store has everything up to `seq` that was not lost. @param oldest what the ring goes back to */
  storedThrough(seq: number, oldest: number): void {
    this.#stored = seq;
    this.#oldest = oldest;
    this.#tail.dropBefore(oldest);
  }

  /**
   * The store has lost everything behind `head`, and perhaps some of what is before. What the tail still has waits to be stored again;
   * what it has not is a hole, of which readers are told.
   */
  storedOnlyTo(head: number, oldest: number): void {
    this.#stored = Math.min(this.#stored, head);
    this.#oldest = Math.max(this.#oldest, Math.min(oldest, this.#tail.first ?? oldest));
  }

  /**
   * Shows records that were just stored; everything before them is.
   * @param waitedMs since the first of them was appended
   * @param oldest what the ring goes back to
   */
  showStored(records: readonly StoredRecord[], waitedMs: number, oldest: number): void {
    this.#tail.push(records);
    const seq = records.at(-1)?.seq;
    this.storedThrough(seq ?? this.#stored, oldest);
    this.#apply(records, waitedMs);
  }

  /** Shows records that the store did not take. Returns those, of these and of earlier ones, for which there is no room. */
  showUnstored(records: readonly StoredRecord[], waitedMs: number): StoredRecord[] {
    const lost = this.#tail.push(records, this.#stored);
    this.#apply(records, waitedMs);
    return lost;
  }

  #apply(records: readonly StoredRecord[], waitedMs: number): void {
    this.#head += records.length;
    for (const record of records) applyRecord(this.#memory, record);
    if (records.length > 0) this.#tell(records, waitedMs);
  }

  #tell(records: readonly LogRecord[], waitedMs: number): void {
    for (const listener of [...this.#listeners]) {
      try {
        listener(records, waitedMs);
      } catch (error) {
        this.#logger.error({ err: error }, "a listener of the log failed");
      }
    }
  }
}
