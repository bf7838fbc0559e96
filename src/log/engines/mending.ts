import { packBodies } from "./blocks.ts";
import { isSoundBlock } from "./checksum.ts";
import type { DamageTeller } from "./damage.ts";
import type { SegmentIndex } from "./segments.ts";
import type { BlockRow, Statements } from "./sqlite-statements.ts";

/** Blocks that wait to be written back; of further ones the next reader makes do with the copy again. */
const maxPending = 16;

/** Takes blocks that are not as they were stored from the copy by topic, and writes them back. */
export class Mending {
  readonly #index: SegmentIndex;
  readonly #teller: DamageTeller;
  /** By first seq. */
  readonly #pending = new Map<number, Uint8Array>();

  constructor(index: SegmentIndex, teller: DamageTeller) {
    this.#index = index;
    this.#teller = teller;
  }

  /** The block as it was stored, which its checksum proves; null if it is lost. */
  soundBlock(row: BlockRow): BlockRow | null {
    if (isSoundBlock(row)) return row;
    const bodies = this.#index.bodiesOf(row.first_seq, row.last_seq);
    const mended = bodies && { ...row, bytes: packBodies(bodies) };
    const isMended = mended !== null && isSoundBlock(mended);
    const [from, to] = [row.first_seq, Math.max(row.first_seq, row.last_seq)];
    this.#teller.found({ from, to, copy: "log", isLost: !isMended });
    if (!isMended) return null;
    if (this.#pending.size < maxPending) this.#pending.set(row.first_seq, mended.bytes);
    return mended;
  }

  /** Writes back what was mended, inside the caller's transaction. */
  write(sql: Statements): void {
    for (const [firstSeq, bytes] of this.#pending) sql.mendBlock.run(bytes, firstSeq);
    this.#pending.clear();
  }
}
