import { checksum } from "./checksum.ts";
import { type Chunk, ChunkDirectory, packChunks } from "./chunks.ts";
import type { Gathering } from "./gathering.ts";
import type { SegmentRow, Statements } from "./sqlite-statements.ts";

/** A gathering on its way to disk, bit by bit. */
export class Sealing {
  readonly gathering: Gathering;
  /** Records before it need not be written. */
  readonly oldest: number;
  readonly #chunks: Generator<readonly [domain: string, chunk: Chunk]>;
  readonly #firstChunk: number;
  #nextChunk: number;
  readonly #written = new Map<string, { first: number; bytes: number; chunks: Omit<Chunk, "bytes">[] }>();

  constructor(
    gathering: Gathering,
    firstChunk: number,
    oldest: number,
    domainOf: (topicId: number) => string,
  ) {
    this.gathering = gathering;
    this.oldest = oldest;
    this.#firstChunk = firstChunk;
    this.#nextChunk = firstChunk;
    this.#chunks = chunksByDomain(gathering, oldest, domainOf);
  }

  /** Writes chunks of at least `bytes` bytes, or all that are left; with the last of them the segment's rows, which it returns. */
  write(bytes: number, sql: Statements): SegmentRow[] | null {
    let left = bytes;
    while (left > 0) {
      const { value, done } = this.#chunks.next();
      if (done) return this.#finish(sql);
      const [domain, chunk] = value;
      left -= chunk.bytes.length;
      sql.putChunk.run(this.#nextChunk, chunk.bytes, checksum([this.#nextChunk], chunk.bytes));
      this.#note(domain, chunk);
    }
    return null;
  }

  #note(domain: string, { bytes, ...place }: Chunk): void {
    const id = this.#nextChunk++;
    const written = this.#written.get(domain) ?? { first: id, bytes: 0, chunks: [] };
    written.bytes += bytes.length;
    written.chunks.push(place);
    this.#written.set(domain, written);
  }

  #finish(sql: Statements): SegmentRow[] {
    const { firstSeq, lastSeq, committedAt } = this.gathering;
    const rows: SegmentRow[] = [];
    // A stretch of which nothing was worth writing has a row too, so that it is not gathered again.
    if (this.#written.size === 0) this.#written.set("", { first: this.#firstChunk, bytes: 0, chunks: [] });
    for (const [domain, { first, bytes, chunks }] of this.#written) {
      const row: SegmentRow = {
        first_seq: firstSeq,
        domain,
        last_seq: lastSeq,
        committed_at: committedAt,
        min_time: chunks.reduce((min, { minTime }) => Math.min(min, minTime), Number.MAX_SAFE_INTEGER),
        max_time: chunks.reduce((max, { maxTime }) => Math.max(max, maxTime), Number.MIN_SAFE_INTEGER),
        first_chunk: first,
        last_chunk: first + chunks.length - 1,
        chunks: chunks.length,
        bytes,
      };
      const directory = ChunkDirectory.encode(chunks);
      sql.putSegment.run({ ...row, directory, sum: segmentChecksum(row, directory) });
      rows.push(row);
    }
    return rows;
  }
}

/** Of a segment's directory, and of where its chunks end: where they begin changes while it is dropped. */
export function segmentChecksum(
  { first_seq, last_seq, last_chunk, chunks }: SegmentRow,
  directory: Uint8Array,
): number {
  return checksum([first_seq, last_seq, last_chunk, chunks], directory);
}

function* chunksByDomain(
  gathering: Gathering,
  oldest: number,
  domainOf: (topicId: number) => string,
): Generator<readonly [domain: string, chunk: Chunk]> {
  const byDomain = new Map<string, number[]>();
  for (const id of gathering.topicIds()) {
    const domain = domainOf(id);
    const ids = byDomain.get(domain);
    if (ids) ids.push(id);
    else byDomain.set(domain, [id]);
  }
  for (const [domain, ids] of byDomain) {
    for (const chunk of packChunks(inOrder(gathering, ids, oldest))) yield [domain, chunk];
  }
}

function* inOrder(gathering: Gathering, ids: number[], oldest: number) {
  for (const id of ids.sort((one, other) => one - other)) {
    yield [id, gathering.observations(id, oldest)] as const;
  }
}
