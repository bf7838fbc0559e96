import type { ObservedPlace } from "../contract.ts";
import type { ObservedAsk } from "../engine.ts";
import type { DomainLimits } from "../options.ts";
import { readBodyHead } from "../record.ts";
import { lengthBytes, unpackBodies } from "./blocks.ts";
import { checksum, isSoundBlock } from "./checksum.ts";
import { bodiesOfChunk, ChunkDirectory, collectFromChunk } from "./chunks.ts";
import { Collector, type TimeRange } from "./collector.ts";
import { type DamageTeller, isDamage } from "./damage.ts";
import { type DomainWindow, windowsOf } from "./domain-window.ts";
import { type GatheredBlock, Gathering } from "./gathering.ts";
import { Sealing, segmentChecksum } from "./sealing.ts";
import type { SegmentRow, Statements } from "./sqlite-statements.ts";

/** Chunks dropped at a time: a quarter of a mebibyte, so that a commit is not held up. */
const maxDropped = 16;
const maxDirectoryBytes = 16 * 1024 * 1024;
/** More records than a block has. */
const maxMended = 65_536;
const nothing = new Uint8Array();

export interface SegmentOptions {
  /** Bytes of bodies gathered in memory before they are written as a segment. */
  readonly maxGatheredBytes: number;
  readonly domains: Readonly<Record<string, DomainLimits>>;
}

/** A stored segment; its chunks go one after the other when it is dropped. */
type Segment = { -readonly [Name in keyof SegmentRow]: SegmentRow[Name] };

/**
 * The second copy of the ring's readings, grouped by topic, so that a device's history is found without reading anything else. It
 * is an index: everything in it comes from the blocks and can be made again.
 *
 * What is committed is gathered in memory. When that is enough, it becomes a *segment*, written bit by bit with the next commits:
 * chunks of bodies in the order of domain, topic and time, and a row per domain that says which chunks are its own. Everything
 * not yet in a segment is found in memory; after a restart it is gathered again from the blocks.
 */
export class SegmentIndex {
  readonly #options: SegmentOptions;
  #sql: Statements;
  readonly #domainOf: (topicId: number) => string;
  /** In order of `first_seq`; those of the same stretch next to each other. */
  #segments: Segment[] = [];
  readonly #directories = new Map<string, ChunkDirectory>();
  #directoryBytes = 0;
  readonly #teller: DamageTeller;
  #sealing: Sealing | null = null;
  #gathering: Gathering;
  /** Of the domains whose bytes are limited. */
  readonly #windows: ReadonlyMap<string, DomainWindow>;

  constructor(
    sql: Statements,
    options: SegmentOptions,
    oldest: number,
    domainOf: (topicId: number) => string,
    teller: DamageTeller,
  ) {
    this.#teller = teller;
    this.#sql = sql;
    this.#options = options;
    this.#domainOf = domainOf;
    this.#segments = sql.segments.all();
    this.#gathering = new Gathering(Math.max(oldest, this.#sealedSeq + 1));
    this.#windows = windowsOf(options.domains, this.#segments, isWhole);
  }

  /** The first seq that the index does not have yet. */
  get nextSeq(): number {
    return this.#gathering.lastSeq + 1;
  }

  /** Takes a committed block that continues the index. */
  add(block: GatheredBlock): void {
    const { nextSeq } = this;
    if (block.lastSeq < nextSeq) return;
    // What the ring dropped before it was gathered, or what a damaged store does not have.
    if (block.firstSeq > nextSeq) this.#gathering.skip(block.firstSeq - 1);
    try {
      this.#gathering.add(block);
      this.#moveWindows(block);
    } catch {
      // The reader of that stretch is told; here it must not stop everything behind it.
      this.#gathering.skip(block.lastSeq);
    }
  }

  /** Goes on behind records that cannot be read. */
  skip(lastSeq: number): void {
    if (lastSeq >= this.nextSeq) this.#gathering.skip(lastSeq);
  }

  /** Whether `work` has something to do. */
  isBusy(oldest: number): boolean {
    return this.#sealing !== null || this.#isFull || (this.#segments[0]?.last_seq ?? oldest) < oldest;
  }

  /**
   * Writes at least `bytes` of a segment if one is due, and drops some of what is no longer wanted; inside the caller's transaction.
   * Call `undo` if that is rolled back.
   */
  work(bytes: number, oldest: number, now: number): void {
    if (this.#sealing === null && this.#isFull) this.#seal(oldest);
    if (this.#sealing !== null) this.#writeSegment(this.#isFull ? Number.POSITIVE_INFINITY : bytes, oldest);
    this.#dropSome(oldest, now);
  }

  /** Everything in memory is as the store has it, after a transaction was rolled back or the file was opened anew. */
  undo(sql: Statements): void {
    this.#sql = sql;
    this.#segments = sql.segments.all();
    this.#directories.clear();
    this.#directoryBytes = 0;
    if (this.#sealing === null) return;
    const { gathering, oldest } = this.#sealing;
    const isStored = this.#sealedSeq >= gathering.lastSeq;
    this.#sealing = isStored ? null : new Sealing(gathering, this.#nextChunk, oldest, this.#domainOf);
  }

  /** A topic's observations behind `after`, as many as fit a page and one more (observed.ts, `takeObserved`). */
  find(
    ask: ObservedAsk,
    topicId: number,
    after: ObservedPlace | null,
    oldest: number,
    now: number,
    maxBytes: number,
  ) {
    const { maxAgeMs } = this.#options.domains[this.#domainOf(topicId)] ?? {};
    const from = maxAgeMs === undefined ? ask.from : Math.max(ask.from, now - maxAgeMs);
    const collector = new Collector({ ...ask, from }, after, maxBytes);
    const first = Math.max(oldest, this.#windows.get(this.#domainOf(topicId))?.firstSeq ?? 0);
    const places = this.#placesOf(topicId, first, collector);
    for (const place of places.sort((one, other) => collector.compareRanges(one, other))) {
      if (collector.isBeyond(place)) break;
      place.collect(collector);
    }
    return collector.result();
  }

  /** Stretches from `oldest` on that may have a record observed after `time`, in order; both ends inclusive. */
  *stretchesAfter(time: number, oldest: number, head: number): Generator<{ from: number; to: number }> {
    for (const { first_seq, last_seq, max_time } of this.#segments) {
      if (last_seq >= oldest && max_time > time) yield { from: Math.max(oldest, first_seq), to: last_seq };
    }
    yield { from: Math.max(oldest, this.#sealedSeq + 1), to: head };
  }

  /** Since when it has all of a domain, as far as that one's own limits go; null if they have left nothing out. */
  limitedSince(domain: string, now: number): number | null {
    const { maxAgeMs } = this.#options.domains[domain] ?? {};
    let since = maxAgeMs === undefined ? null : now - maxAgeMs;
    const forgotten = this.#windows.get(domain)?.since ?? null;
    if (forgotten !== null) since = Math.max(since ?? 0, forgotten);
    for (const segment of this.#segments) {
      // One that is dropped has everything up to a millisecond of which the next has more.
      if (segment.domain === domain && !isWhole(segment))
        since = Math.max(since ?? 0, segment.committed_at + 1);
    }
    return since;
  }

  get #isFull(): boolean {
    return this.#gathering.bytes >= this.#options.maxGatheredBytes;
  }

  get #sealedSeq(): number {
    return this.#segments.at(-1)?.last_seq ?? 0;
  }

  get #nextChunk(): number {
    return this.#segments.reduce((max, { last_chunk }) => Math.max(max, last_chunk), 0) + 1;
  }

  #moveWindows({ firstSeq, committedAt, bytes }: GatheredBlock): void {
    if (this.#windows.size === 0) return;
    for (const [index, body] of unpackBodies(bytes).entries()) {
      const window = this.#windows.get(this.#domainOf(readBodyHead(body).topicId));
      window?.add(firstSeq + index, lengthBytes + body.length, committedAt);
    }
  }

  #seal(oldest: number): void {
    this.#sealing = new Sealing(this.#gathering, this.#nextChunk, oldest, this.#domainOf);
    this.#gathering = new Gathering(this.nextSeq);
  }

  #writeSegment(bytes: number, oldest: number): void {
    const rows = this.#sealing?.write(bytes, this.#sql);
    if (!rows) return;
    for (const row of rows) this.#segments.push(row);
    this.#sealing = null;
    if (this.#isFull) this.#seal(oldest);
  }

  *#memory(): Generator<Gathering> {
    if (this.#sealing) yield this.#sealing.gathering;
    yield this.#gathering;
  }

  #placesOf(topicId: number, oldest: number, collector: Collector): Place[] {
    const places: Place[] = [];
    for (const gathering of this.#memory()) {
      if (gathering.count === 0 || collector.isOutside(gathering)) continue;
      const { minTime, maxTime } = gathering;
      places.push({ minTime, maxTime, collect: (to) => gathering.collect(topicId, oldest, to) });
    }
    const domain = this.#domainOf(topicId);
    for (const segment of this.#segments) {
      if (segment.domain !== domain || segment.last_seq < oldest) continue;
      if (collector.isOutside({ minTime: segment.min_time, maxTime: segment.max_time })) continue;
      places.push(...this.#chunksOf(segment, topicId, oldest, collector));
    }
    return places;
  }

  *#chunksOf(segment: Segment, topicId: number, oldest: number, collector: Collector): Generator<Place> {
    const { first_chunk, last_chunk, chunks } = segment;
    // Of a segment that is being dropped the first chunks are gone; what is left is still found.
    const dropped = chunks - (last_chunk - first_chunk + 1);
    if (dropped === chunks) return;
    const directory = this.#directory(segment);
    if (directory === null) {
      const [minTime, maxTime] = [Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER];
      yield { minTime, maxTime, collect: (to) => this.#collectFromLog(segment, topicId, oldest, to) };
      return;
    }
    for (const { index, ...range } of directory.find(topicId)) {
      if (index < dropped || collector.isOutside(range)) continue;
      const id = first_chunk + index - dropped;
      yield { ...range, collect: (to) => this.#collectChunk(segment, id, topicId, oldest, to) };
    }
  }

  #collectChunk(segment: Segment, id: number, topicId: number, oldest: number, collector: Collector): void {
    const bytes = this.#chunk(id);
    if (bytes) collectFromChunk(bytes, topicId, oldest, collector);
    else this.#collectFromLog(segment, topicId, oldest, collector);
  }

  /** A chunk's bytes, null if they are not as they were stored. */
  #chunk(id: number): Uint8Array | null {
    try {
      const row = this.#sql.chunk.get(id);
      const isSound = row && (row.sum === null || row.sum === checksum([id], row.bytes));
      return isSound ? row.bytes : null;
    } catch (error) {
      if (!isDamage(error)) throw error;
      return null;
    }
  }

  /** What a topic has in a segment, from the blocks, because the segment is damaged. */
  #collectFromLog(segment: Segment, topicId: number, oldest: number, collector: Collector): void {
    const { first_seq: from, last_seq: to } = segment;
    this.#teller.found({ from, to, copy: "topics", isLost: false });
    collector.expectRepeats();
    for (const row of this.#sql.blocksBetween.iterate(from, to)) {
      if (!isSoundBlock(row)) continue;
      for (const body of unpackBodies(row.bytes)) {
        const head = readBodyHead(body);
        const isOf = head.topicId === topicId && head.seq >= Math.max(from, oldest) && head.seq <= to;
        if (isOf && collector.isWanted(head.time, head.seq)) collector.push({ ...head, body });
      }
    }
  }

  /** The bodies of consecutive records, null if this copy does not have all of them. */
  bodiesOf(firstSeq: number, lastSeq: number): Uint8Array[] | null {
    const count = lastSeq - firstSeq + 1;
    if (!(count > 0 && count <= maxMended)) return null;
    const found = new Map<number, Uint8Array>();
    for (const gathering of this.#memory()) {
      for (const body of gathering.between(firstSeq, lastSeq)) found.set(readBodyHead(body).seq, body);
    }
    for (const { first_seq, last_seq, first_chunk, last_chunk } of this.#segments) {
      if (first_seq > lastSeq || last_seq < firstSeq) continue;
      for (let id = first_chunk; id <= last_chunk; id++) {
        for (const body of bodiesOfChunk(this.#chunk(id) ?? nothing)) {
          const { seq } = readBodyHead(body);
          if (seq >= firstSeq && seq <= lastSeq) found.set(seq, body);
        }
      }
    }
    if (found.size < count) return null;
    return Array.from({ length: count }, (_, index) => found.get(firstSeq + index) as Uint8Array);
  }

  /** Null if it is not as it was stored. */
  #directory(segment: Segment): ChunkDirectory | null {
    const { first_seq, domain } = segment;
    const key = `${first_seq} ${domain}`;
    const known = this.#directories.get(key);
    if (known) return known;
    const { directory: bytes = nothing, sum = null } = this.#sql.directory.get(first_seq, domain) ?? {};
    if (sum !== null && sum !== segmentChecksum(segment, bytes)) return null;
    const directory = new ChunkDirectory(bytes);
    for (const [oldKey, old] of this.#directories) {
      if (this.#directoryBytes + directory.bytes <= maxDirectoryBytes) break;
      this.#directories.delete(oldKey);
      this.#directoryBytes -= old.bytes;
    }
    this.#directories.set(key, directory);
    this.#directoryBytes += directory.bytes;
    return directory;
  }

  /** Drops some chunks of a segment that is no longer wanted, and the segment with the last of them. */
  #dropSome(oldest: number, now: number): void {
    const first = this.#segments[0];
    if (first && first.last_seq < oldest) return this.#dropFrom(first, true);
    const surplus = this.#surplus(now);
    if (surplus) this.#dropFrom(surplus, false);
  }

  /**
   * A segment that its domain's own limits do not allow any more. Its row stays until the ring has passed it, because it tells
   * which times are in that stretch.
   */
  #surplus(now: number): Segment | undefined {
    for (const [domain, { maxAgeMs }] of Object.entries(this.#options.domains)) {
      const first = this.#segments.find(
        (segment) => segment.domain === domain && segment.last_chunk >= segment.first_chunk,
      );
      if (!first) continue;
      if (maxAgeMs !== undefined && now - first.committed_at > maxAgeMs) return first;
      if (first.last_seq < (this.#windows.get(domain)?.firstSeq ?? 0)) return first;
    }
    return undefined;
  }

  #dropFrom(segment: Segment, whole: boolean): void {
    const { first_seq, domain, first_chunk, last_chunk } = segment;
    const through = Math.min(last_chunk, first_chunk + maxDropped - 1);
    this.#sql.dropChunks.run(first_chunk, through);
    segment.first_chunk = through + 1;
    if (whole && through === last_chunk) {
      this.#sql.dropSegment.run(first_seq, domain);
      this.#segments.shift();
    } else this.#sql.shrinkSegment.run(through + 1, first_seq, domain);
  }
}

/** Something that may hold what is looked for. */
interface Place extends TimeRange {
  readonly collect: (collector: Collector) => void;
}

/** Whether nothing of it is dropped yet. */
function isWhole({ first_chunk, last_chunk, chunks }: Segment): boolean {
  return last_chunk - first_chunk + 1 === chunks;
}
