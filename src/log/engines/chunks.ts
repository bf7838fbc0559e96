import type { Observation } from "../observed.ts";
import { type BodyHead, readHeadAt } from "../record.ts";
import { endOfBody, lengthBytes, unpackBodies } from "./blocks.ts";
import type { Collector, TimeRange } from "./collector.ts";

/**
 * Bytes of a full chunk: what a SQLite row of a page of 4096 bytes holds in four overflow pages and the least it keeps beside
 * them (https://www.sqlite.org/fileformat2.html, 1.6), so that next to nothing of the pages is left empty. The row's head and its
 * checksum take up to ten.
 */
const maxChunkBytes = 4 * 4_092 + 489 - 10;
/** `[u32 topic][u32 bytes that follow of it]`, big-endian. */
const groupHeadBytes = 8;
/** In a directory: the first topic, the earliest and the latest time. */
const entryNumbers = 3;

/** Bodies of consecutive topics, each topic's by observation time: `[topic][length]` and then `[u32 length][body]…`, again and again. */
export interface Chunk extends TimeRange {
  readonly firstTopic: number;
  readonly bytes: Uint8Array;
}

/** Packs topics, given in ascending order, each with its observations in order of time. */
export function* packChunks(
  topics: Iterable<readonly [topicId: number, observations: readonly Observation[]]>,
): Generator<Chunk> {
  let chunk = new ChunkWriter();
  for (const [topicId, observations] of topics) {
    for (const observation of observations) {
      if (!chunk.hasRoom(topicId, observation)) {
        yield chunk.finish();
        chunk = new ChunkWriter();
      }
      chunk.add(topicId, observation);
    }
  }
  if (!chunk.isEmpty) yield chunk.finish();
}

class ChunkWriter {
  #bytes = Buffer.allocUnsafe(maxChunkBytes);
  #used = 0;
  #firstTopic = 0;
  #topicId: number | null = null;
  /** Where the head of the topic at hand stands. */
  #groupAt = 0;
  #minTime = Number.POSITIVE_INFINITY;
  #maxTime = Number.NEGATIVE_INFINITY;

  get isEmpty(): boolean {
    return this.#used === 0;
  }

  hasRoom(topicId: number, { body }: Observation): boolean {
    const needed = lengthBytes + body.length + (topicId === this.#topicId ? 0 : groupHeadBytes);
    return this.isEmpty || this.#used + needed <= maxChunkBytes;
  }

  add(topicId: number, { body, time }: Observation): void {
    const needed = this.#used + groupHeadBytes + lengthBytes + body.length;
    // A body larger than a chunk gets one of its own.
    if (needed > this.#bytes.length)
      this.#bytes = Buffer.concat([this.#bytes.subarray(0, this.#used)], needed);
    if (topicId !== this.#topicId) this.#beginTopic(topicId);
    this.#bytes.writeUInt32BE(body.length, this.#used);
    this.#bytes.set(body, this.#used + lengthBytes);
    this.#used += lengthBytes + body.length;
    if (time < this.#minTime) this.#minTime = time;
    if (time > this.#maxTime) this.#maxTime = time;
  }

  finish(): Chunk {
    this.#endTopic();
    const bytes = this.#bytes.subarray(0, this.#used);
    return { firstTopic: this.#firstTopic, minTime: this.#minTime, maxTime: this.#maxTime, bytes };
  }

  #beginTopic(topicId: number): void {
    if (this.#topicId === null) this.#firstTopic = topicId;
    else this.#endTopic();
    this.#topicId = topicId;
    this.#groupAt = this.#used;
    this.#bytes.writeUInt32BE(topicId, this.#used);
    this.#used += groupHeadBytes;
  }

  #endTopic(): void {
    this.#bytes.writeUInt32BE(this.#used - this.#groupAt - groupHeadBytes, this.#groupAt + 4);
  }
}

/**
 * Hands a topic's records from `oldest` on to the collector.
 * @throws Error if the chunk is damaged
 */
export function collectFromChunk(
  bytes: Uint8Array,
  topicId: number,
  oldest: number,
  collector: Collector,
): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  // Of a Buffer each view would be a Buffer, which is several times as dear.
  const plain = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let end = 0;
  for (let at = 0; at + groupHeadBytes <= bytes.length; at = end) {
    const topic = view.getUint32(at);
    end = at + groupHeadBytes + view.getUint32(at + 4);
    if (end > bytes.length) throw new Error("a stored chunk is damaged: a length points past its end");
    if (topic < topicId) continue;
    if (topic === topicId) collectGroup(plain.subarray(at + groupHeadBytes, end), oldest, collector);
    return;
  }
}

/** Every body of a chunk. @throws Error if the chunk is damaged */
export function* bodiesOfChunk(bytes: Uint8Array): Generator<Uint8Array> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 0; at + groupHeadBytes <= bytes.length; ) {
    const start = at + groupHeadBytes;
    at = start + view.getUint32(at + 4);
    yield* unpackBodies(bytes.subarray(start, at));
  }
}

function collectGroup(group: Uint8Array, oldest: number, collector: Collector): void {
  const head: BodyHead = { seq: 0, topicId: 0, shapeId: 0, time: 0 };
  let end = 0;
  for (let at = 0; at < group.length; at = end) {
    end = endOfBody(group, at);
    readHeadAt(group, at + lengthBytes, head);
    const { seq, time } = head;
    if (seq < oldest || !collector.isWanted(time, seq)) continue;
    collector.push({ time, seq, body: group.subarray(at + lengthBytes, end) });
  }
}

/** Which chunk of a segment holds which topics and times. */
export class ChunkDirectory {
  readonly #numbers: Float64Array;

  constructor(bytes: Uint8Array) {
    this.#numbers = new Float64Array(new Uint8Array(bytes).buffer);
  }

  static encode(chunks: readonly Omit<Chunk, "bytes">[]): Uint8Array {
    const numbers = chunks.flatMap(({ firstTopic, minTime, maxTime }) => [firstTopic, minTime, maxTime]);
    return new Uint8Array(Float64Array.from(numbers).buffer);
  }

  get bytes(): number {
    return this.#numbers.byteLength;
  }

  /** Numbers of the chunks, from 0, that may hold the topic, with their times. */
  *find(topicId: number): Generator<TimeRange & { readonly index: number }> {
    // A topic that begins in the middle of a chunk may go on in those that begin with it.
    let index = Math.max(0, this.#firstFrom(topicId) - 1);
    for (; index < this.#numbers.length / entryNumbers && this.#topic(index) <= topicId; index++) {
      const at = index * entryNumbers;
      yield { index, minTime: this.#numbers[at + 1] as number, maxTime: this.#numbers[at + 2] as number };
    }
  }

  /** The first chunk that begins with this topic or a higher one. */
  #firstFrom(topicId: number): number {
    let [low, high] = [0, this.#numbers.length / entryNumbers];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#topic(middle) < topicId) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #topic(index: number): number {
    return this.#numbers[index * entryNumbers] as number;
  }
}
