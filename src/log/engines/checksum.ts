import { crc32 } from "node:zlib";

const scratch = new Float64Array(8);

/**
 * CRC-32 (that of zip and PNG) of what a row says of itself and of its bytes, signed, since SQLite keeps that in four bytes.
 * SQLite checks the structure of its pages, not what stands in them: a flipped bit in a blob is nothing to it.
 * @param numbers at most eight
 */
export function checksum(numbers: readonly number[], bytes: Uint8Array): number {
  scratch.set(numbers);
  return crc32(bytes, crc32(scratch.subarray(0, numbers.length))) | 0;
}

interface Block {
  readonly first_seq: number;
  readonly last_seq: number;
  readonly committed_at: number;
  readonly min_time: number;
  readonly max_time: number;
  readonly bytes: Uint8Array;
}

export function blockChecksum(row: Block): number {
  const { first_seq, last_seq, committed_at, min_time, max_time, bytes } = row;
  return checksum([first_seq, last_seq, committed_at, min_time, max_time], bytes);
}

/** Whether a block is as it was stored, as far as can be told: those of schema versions before 6 have no checksum. */
export function isSoundBlock(row: Block & { readonly sum?: number | null }): boolean {
  return row.sum === null || row.sum === undefined || row.sum === blockChecksum(row);
}
