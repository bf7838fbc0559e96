import type { EngineRecord } from "../engine.ts";

/** A block takes no further record at this size: large enough to be few, small enough to page through. */
const maxBlockBytes = 256 * 1024;
export const lengthBytes = 4;

/** Consecutive bodies in one piece: `[u32 length, big-endian][body]…`. */
export interface Block {
  readonly firstSeq: number;
  readonly lastSeq: number;
  /** Of all its records, epoch milliseconds. */
  readonly committedAt: number;
  /** Earliest and latest observation time in it, epoch milliseconds. */
  readonly minTime: number;
  readonly maxTime: number;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/**
 * Packs records with contiguous seqs.
 * @param committedAt of those that do not say
 */
export function packBlocks(records: readonly EngineRecord[], committedAt: number): Block[] {
  const blocks: Block[] = [];
  const timeOf = (record: EngineRecord) => record.committedAt ?? committedAt;
  let from = 0;
  let bytes = 0;
  for (let i = 0; i < records.length; i++) {
    const record = records[i] as EngineRecord;
    const next = records[i + 1];
    bytes += lengthBytes + record.body.length;
    if (next !== undefined && bytes < maxBlockBytes && timeOf(next) === timeOf(record)) continue;
    blocks.push(packBlock(records.slice(from, i + 1), timeOf(record)));
    from = i + 1;
    bytes = 0;
  }
  return blocks;
}

function packBlock(records: readonly EngineRecord[], committedAt: number): Block {
  let minTime = Number.POSITIVE_INFINITY;
  let maxTime = Number.NEGATIVE_INFINITY;
  for (const { time } of records) {
    if (time < minTime) minTime = time;
    if (time > maxTime) maxTime = time;
  }
  const firstSeq = (records[0] as EngineRecord).seq;
  const bytes = packBodies(records.map(({ body }) => body));
  return { firstSeq, lastSeq: firstSeq + records.length - 1, committedAt, minTime, maxTime, bytes };
}

/** Lays bodies in one piece of memory of its own, which can be handed to another thread. */
export function packBodies(bodies: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(bodies.reduce((sum, body) => sum + lengthBytes + body.length, 0));
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const body of bodies) {
    view.setUint32(at, body.length);
    bytes.set(body, at + lengthBytes);
    at += lengthBytes + body.length;
  }
  return bytes;
}

/**
 * The bodies of packed bytes, as views.
 * @throws Error if a length points past the end: the block is damaged
 */
export function unpackBodies(bytes: Uint8Array): Uint8Array[] {
  const bodies: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; ) {
    const end = endOfBody(bytes, at);
    bodies.push(bytes.subarray(at + lengthBytes, end));
    at = end;
  }
  return bodies;
}

/** The end of the body whose length stands at `at`. @throws Error if it is past the end of `bytes` */
export function endOfBody(bytes: Uint8Array, at: number): number {
  // What is missing counts as zero. Called for each reading that is looked at: a destructuring costs as much as all the rest.
  const high = ((bytes[at] as number) << 24) | ((bytes[at + 1] as number) << 16);
  const end = at + lengthBytes + (high | ((bytes[at + 2] as number) << 8) | (bytes[at + 3] as number));
  // Beyond 2 GiB the sum is negative.
  if (end > bytes.length || end < at + lengthBytes) {
    throw new Error("a stored block is damaged: a length points past its end");
  }
  return end;
}
