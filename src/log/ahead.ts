import { type Commit, emptyBatch } from "./commit.ts";
import type { EngineBatch } from "./engine.ts";
import type { LogOptions } from "./options.ts";
import type { StoredRecord } from "./record.ts";
import type { Shown } from "./shown.ts";
import { messageOf } from "./store-reader.ts";
import { recordOverheadBytes } from "./tail.ts";

/** So much is shown ahead of a store that is slow, and no more than half of the tail; what comes then is stored first. */
const maxAheadBytes = 4 * 1024 * 1024;
/** What is offered at a time to a store that took nothing, so that trying costs little and healing holds up nobody. */
const storedAtATimeBytes = 64 * 1024;

export interface AheadParts {
  readonly shown: Shown;
  readonly options: LogOptions;
  /** Hands a batch to the store. Rejects if it does not take it. */
  readonly write: (batch: EngineBatch) => Promise<{ readonly oldest: number }>;
  /** The log's clock. */
  readonly now: () => number;
  /** The store does not take what was shown first. */
  readonly onProblem: () => void;
}

/** What was shown ahead of the store: because nobody waits for it, or because the store took nothing. */
export class Ahead {
  readonly #parts: AheadParts;
  /** What was shown first takes so much of the tail, at most. */
  #bytes = 0;
  #timer: NodeJS.Timeout | null = null;
  #storing: Promise<string | null> | null = null;

  constructor(parts: AheadParts) {
    this.#parts = parts;
  }

  /** Whether a commit may be shown before it is stored: nobody waits for it, and the tail keeps it until then. */
  hasRoomFor(commit: Commit): boolean {
    const { shown, options } = this.#parts;
    const { storeWithinMs, tailBytes, tailRecords } = options;
    if (storeWithinMs === 0 || !commit.canBeShownFirst) return false;
    const records = shown.head - shown.stored + commit.records.length;
    const bytes = this.#bytes + tailBytesOf(commit);
    return records <= tailRecords / 2 && bytes <= Math.min(maxAheadBytes, tailBytes / 2);
  }

  /** Shows a commit that there is room for, to be stored soon. @param waitedMs since the first of it came */
  show(commit: Commit, waitedMs: number): void {
    const { shown, options } = this.#parts;
    this.#bytes += tailBytesOf(commit);
    for (const record of commit.records) record.committedAt = commit.committedAt;
    shown.showUnstored(commit.records, waitedMs);
    commit.resolve();
    this.#timer ??= setTimeout(() => void this.#storeSoon(), options.storeWithinMs);
  }

  /** Stores what is shown and not stored. Returns what is wrong, null if nothing. Never rejects. */
  async store(): Promise<string | null> {
    while (this.#storing !== null) await this.#storing;
    if (this.#parts.shown.isStored) return null;
    this.#storing = this.#storeAll();
    const problem = await this.#storing;
    this.#storing = null;
    return problem;
  }

  /** What is shown and not stored, if it is little enough to be stored with the commit behind it; else null. */
  get little(): readonly StoredRecord[] | null {
    const { shown } = this.#parts;
    const records = shown.unstored(storedAtATimeBytes);
    return this.#storing === null && (records.at(-1)?.seq ?? shown.head) === shown.head ? records : null;
  }

  /** Waits for a transaction that has `little` in it, ahead of what it stores besides. Rejects if it fails. */
  async storeAlong(
    little: readonly StoredRecord[],
    writing: Promise<{ readonly oldest: number }>,
  ): Promise<{ readonly oldest: number }> {
    const bytes = this.#bytes;
    this.#storing = writing.then(() => null, messageOf);
    try {
      const stored = await writing;
      const last = little.at(-1);
      if (last) this.#parts.shown.storedThrough(last.seq, stored.oldest);
      this.#bytes -= bytes;
      return stored;
    } finally {
      this.#storing = null;
    }
  }

  /** Stores nothing more by itself. */
  close(): void {
    if (this.#timer) clearTimeout(this.#timer);
  }

  /** More may be shown meanwhile. */
  async #storeSoon(): Promise<void> {
    this.#timer = null;
    if ((await this.store()) !== null) this.#parts.onProblem();
  }

  async #storeAll(): Promise<string | null> {
    const { shown, write, now } = this.#parts;
    // Not what is shown meanwhile: it would come in ever so small parts.
    const { head } = shown;
    const bytes = this.#bytes;
    try {
      while (shown.stored < head) {
        const records = shown.unstored(storedAtATimeBytes);
        const last = records.at(-1);
        // What is missing is lost.
        if (!last) break;
        const { oldest } = await write({ ...emptyBatch, committedAt: now(), records });
        shown.storedThrough(last.seq, oldest);
      }
    } catch (error) {
      return messageOf(error);
    }
    this.#bytes -= bytes;
    return null;
  }
}

function tailBytesOf({ bytes, records }: Commit): number {
  return bytes + records.length * recordOverheadBytes;
}
