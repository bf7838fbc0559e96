import { readBodyHead } from "../record.ts";
import { endOfBody, unpackBodies } from "./blocks.ts";
import { isDamage } from "./damage.ts";
import type { Mending } from "./mending.ts";
import type { PackedPage } from "./sqlite-protocol.ts";
import { codeOf } from "./sqlite-schema.ts";
import type { BlockRow, Statements } from "./sqlite-statements.ts";

/** The ring's blocks as they were last committed. */
export interface Blocks {
  readonly sql: Statements;
  /** Tells blocks that are sound from those that are not. */
  readonly mending: Mending;
  /** Seq of the oldest record of the ring. */
  readonly oldest: number;
  /** Seq of the newest record. */
  readonly head: number;
}

/**
 * The records after seq `after`, until about `maxBytes` and at least one. A reader that meets what cannot be read is told that it is
 * gone, and goes on behind it; `hasMetDamage` says that these were pages of the file which SQLite cannot make sense of.
 * @throws Error if the store cannot be read
 */
export function readPage(
  blocks: Blocks,
  after: number,
  maxBytes: number,
): { readonly page: PackedPage; readonly hasMetDamage: boolean } {
  const wanted = after + 1;
  if (wanted < blocks.oldest) {
    return { page: { kind: "evicted", oldest: blocks.oldest }, hasMetDamage: false };
  }
  const found: Found = { parts: [], commits: [], next: wanted };
  const hasMetDamage = !collect(blocks, found, maxBytes);
  const isNothing = found.next === wanted && (hasMetDamage || wanted <= blocks.head);
  const page: PackedPage = isNothing
    ? { kind: "evicted", oldest: firstBehind(blocks, wanted) }
    : { kind: "packed", bytes: joined(found.parts), commits: found.commits };
  return { page, hasMetDamage };
}

/**
 * Seq of the first record of these stretches of seqs that was observed after `time` (epoch milliseconds), or the one behind the head.
 * @throws Error if the store cannot be read or is damaged
 */
export function findLater(
  { sql, mending, head }: Blocks,
  stretches: Iterable<{ readonly from: number; readonly to: number }>,
  time: number,
): number {
  for (const { from, to } of stretches) {
    for (const row of sql.blocksLater.iterate(from, to, time)) {
      const first = unpackBodies(mending.soundBlock(row)?.bytes ?? new Uint8Array())
        .map(readBodyHead)
        .find((record) => record.time > time);
      if (first) return first.seq;
    }
  }
  return head + 1;
}

interface Found {
  readonly parts: Uint8Array[];
  readonly commits: { count: number; committedAt: number }[];
  /** Seq of the first record that has not been found. */
  next: number;
}

/** Returns false if SQLite has met pages that it cannot make sense of. */
function collect({ sql, mending }: Blocks, found: Found, maxBytes: number): boolean {
  let left = Math.max(1, maxBytes);
  try {
    for (const kept of sql.blocksFrom.iterate(found.next)) {
      const row = mending.soundBlock(kept);
      if (row === null || row.last_seq < found.next || row.first_seq > found.next) break;
      const part = cutBlock(row, found.next, left);
      found.parts.push(part.bytes);
      found.commits.push({ count: part.nextSeq - found.next, committedAt: row.committed_at });
      left -= part.bytes.length;
      found.next = part.nextSeq;
      if (left <= 0 || found.next <= row.last_seq) break;
    }
  } catch (error) {
    if (codeOf(error) !== "" && !isDamage(error)) throw error;
    return false;
  }
  return true;
}

/** Where a reader goes on who finds nothing at `seq`. */
function firstBehind({ sql, head }: Blocks, seq: number): number {
  return sql.blockAfter.get(seq)?.first_seq ?? head + 1;
}

/** The bodies of a block from `fromSeq` on, until about `maxBytes`, at least one. */
function cutBlock(row: BlockRow, fromSeq: number, maxBytes: number): { bytes: Uint8Array; nextSeq: number } {
  let at = 0;
  for (let seq = row.first_seq; seq < fromSeq; seq++) at = endOfBody(row.bytes, at);
  const start = at;
  let seq = fromSeq;
  while (seq <= row.last_seq && at - start < maxBytes) {
    at = endOfBody(row.bytes, at);
    seq++;
  }
  return { bytes: row.bytes.subarray(start, at), nextSeq: seq };
}

/** One piece of memory of its own, so that it can be handed to another thread. */
function joined(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
