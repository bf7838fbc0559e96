import type { RingOptions } from "../options.ts";
import type { MetaRow, OldBlockRow, Statements } from "./sqlite-statements.ts";

/** Blocks dropped with one commit; only a limit that was lowered at a restart needs more commits than one. */
const maxTrimBlocks = 4_096;
/** Oldest blocks known ahead, so that a commit need not ask for them. */
const knownBlocks = 256;
/** How much is stored between two looks at how much of the file is in use, unless the ring is small. */
const checkBytes = 64 * 1024;
/** SQLite's default, which this engine does not change. */
const pageBytes = 4_096;
/** Roughly what a topic takes outside the ring: its name and its latest. */
const topicBytes = 400;
/** What the file needs when it is empty. */
const emptyFileBytes = 96 * 1024;
/** What a row costs besides its bytes, roughly. */
export const rowBytes = 64;

/**
 * Drops the oldest blocks, in small steps with each commit: by age, by the bytes of the blocks, and by what of the file is in use,
 * with the segments beside them. Pages that become free are used again, so the file stays as large as the limit allows.
 */
export class Retention {
  readonly #options: RingOptions;
  #sql: Statements;
  #oldest: OldBlockRow[] = [];
  #at = 0;
  #lastKnown = 0;
  #unchecked = 0;

  constructor(sql: Statements, options: RingOptions) {
    this.#sql = sql;
    this.#options = options;
  }

  /** Forgets what it knows of the store, after a transaction was rolled back or the file was opened anew. */
  undo(sql: Statements): void {
    this.#sql = sql;
    this.#oldest = [];
    this.#at = 0;
    this.#lastKnown = 0;
  }

  /** Seq of the oldest stored record, null if there is none. */
  oldestSeq(): number | null {
    return this.#peek()?.first_seq ?? null;
  }

  /**
   * Bytes that must become free before more is stored, as far as it was time to look.
   * @param added bytes that the commit at hand adds
   */
  overBytes(meta: MetaRow, added: number, topics: number): number {
    const { maxBytes } = this.#options;
    this.#unchecked += added;
    if (this.#unchecked < Math.min(checkBytes, maxBytes / 64)) return 0;
    const used = this.#usedBytes() - meta.quarantine_bytes - meta.remembered_bytes - topics * topicBytes;
    // As much again will come before the next look, and up to twice that of segments.
    const over = used + 3 * this.#unchecked - emptyFileBytes - maxBytes;
    this.#unchecked = 0;
    return Math.max(0, over);
  }

  /** Drops what is too old or too much. Records after the checkpoint stay: latest is rebuilt from them. Returns whether it did. */
  trim(meta: MetaRow, now: number, overBytes: number): boolean {
    const { maxBytes, maxAgeMs } = this.#options;
    let through = 0;
    let freed = 0;
    for (let dropped = 0; dropped < maxTrimBlocks; dropped++) {
      const row = this.#peek();
      if (!row || row.last_seq > meta.checkpoint) break;
      if (meta.ring_bytes <= maxBytes && freed >= overBytes && now - row.committed_at <= maxAgeMs) break;
      meta.ring_bytes -= row.size + rowBytes;
      freed += row.size + rowBytes;
      through = row.first_seq;
      this.#at++;
    }
    if (through > 0) this.#sql.dropBlocks.run(through);
    return through > 0;
  }

  #usedBytes(): number {
    const pages = this.#sql.pages.get()?.page_count ?? 0;
    return (pages - (this.#sql.freePages.get()?.freelist_count ?? 0)) * pageBytes;
  }

  #peek(): OldBlockRow | undefined {
    if (this.#at === this.#oldest.length) {
      this.#oldest = this.#sql.blocksAfter.all(this.#lastKnown, knownBlocks);
      this.#at = 0;
      this.#lastKnown = this.#oldest.at(-1)?.first_seq ?? this.#lastKnown;
    }
    return this.#oldest[this.#at];
  }
}
