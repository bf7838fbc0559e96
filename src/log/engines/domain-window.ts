import type { DomainLimits } from "../options.ts";
import type { SegmentRow } from "./sqlite-statements.ts";

/** The window moves on by this share of its size: as much is forgotten at once. */
const markShare = 1 / 64;

/** Consecutive readings of the domain. */
interface Mark {
  /** Seq of the first. */
  readonly seq: number;
  bytes: number;
  /** When the last was committed, epoch milliseconds. */
  committedAt: number;
}

/** The newest readings of a domain that its limit by bytes allows, wherever they are kept. */
export class DomainWindow {
  readonly #maxBytes: number;
  #marks: Mark[] = [];
  #bytes = 0;
  #firstSeq = 0;
  #since: number | null = null;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** The domain's readings before it are found no more. */
  get firstSeq(): number {
    return this.#firstSeq;
  }

  /** Since when it has everything that was committed, epoch milliseconds; null if it has forgotten nothing. */
  get since(): number | null {
    return this.#since;
  }

  /** Takes readings of so many bytes, the first of which has this seq; in the order of seqs. */
  add(seq: number, bytes: number, committedAt: number): void {
    let mark = this.#marks.at(-1);
    if (mark === undefined || mark.bytes >= this.#maxBytes * markShare) {
      mark = { seq, bytes: 0, committedAt };
      this.#marks.push(mark);
    }
    mark.bytes += bytes;
    mark.committedAt = committedAt;
    this.#bytes += bytes;
    while (this.#bytes > this.#maxBytes && this.#marks.length > 1) this.#forget();
  }

  /**
   * Takes a stored stretch of the log of which only the sum is known, as if its readings were spread evenly over its seqs.
   * @param isWhole false: some of it has left the disk already, so it is forgotten
   */
  addStretch(
    stretch: { readonly firstSeq: number; readonly lastSeq: number; readonly committedAt: number },
    bytes: number,
    isWhole: boolean,
  ): void {
    const { firstSeq, lastSeq, committedAt } = stretch;
    if (!isWhole) {
      this.#marks = [];
      this.#bytes = 0;
      this.#firstSeq = lastSeq + 1;
      this.#since = committedAt + 1;
      return;
    }
    const count = lastSeq - firstSeq + 1;
    const parts = Math.min(count, Math.ceil(bytes / (this.#maxBytes * markShare)));
    for (let part = 0; part < parts; part++) {
      this.add(firstSeq + Math.floor((part * count) / parts), bytes / parts, committedAt);
    }
  }

  #forget(): void {
    const forgotten = this.#marks.shift() as Mark;
    this.#bytes -= forgotten.bytes;
    this.#firstSeq = this.#marks[0]?.seq ?? this.#firstSeq;
    this.#since = forgotten.committedAt + 1;
  }
}

/**
 * The windows of the domains whose bytes are limited, as far as what is stored fills them.
 * @param isWhole whether nothing of a segment is dropped yet
 */
export function windowsOf(
  domains: Readonly<Record<string, DomainLimits>>,
  segments: readonly SegmentRow[],
  isWhole: (segment: SegmentRow) => boolean,
): Map<string, DomainWindow> {
  const windows = new Map<string, DomainWindow>();
  for (const [domain, { maxBytes }] of Object.entries(domains)) {
    if (maxBytes !== undefined) windows.set(domain, new DomainWindow(maxBytes));
  }
  for (const segment of segments) {
    const { first_seq: firstSeq, last_seq: lastSeq, committed_at: committedAt, bytes } = segment;
    windows.get(segment.domain)?.addStretch({ firstSeq, lastSeq, committedAt }, bytes, isWhole(segment));
  }
  return windows;
}
