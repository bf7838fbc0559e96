import { readFileSync, writeFileSync } from "node:fs";
import { endianness } from "node:os";

const headerBytes = 32;
const frameHeadBytes = 24;
/** The last bit tells the byte order of the words that are summed. */
const magic = 0x377f0682;
const formatVersion = 3_007_000;
/** Of a log whose write-ahead log has lost its header: nobody sets another size. */
const usualPageBytes = 4_096;

/** One page as a transaction wrote it. */
interface WalFrame {
  /** Counted from 1. */
  readonly page: number;
  /** Pages of the file after the transaction that this frame ends; 0 if it ends none. */
  readonly filePages: number;
  readonly bytes: Uint8Array;
}

/** A write-ahead log, read without SQLite. */
export interface Wal {
  readonly pageBytes: number;
  /**
   * The good ones of the present generation, in order; if commits are lost also those behind the damaged place. Else what stands behind
   * it is of a transaction that failed, and another has begun to write over it.
   */
  readonly frames: readonly WalFrame[];
  /**
   * Whether SQLite will pass over finished commits in silence, because something ahead of them is damaged: it reads up to the first
   * frame whose checksum is wrong and takes the rest for unfinished. Frames from there on which belong to this generation and end a
   * transaction were written; of two of them the first was finished before the second began, and perhaps acknowledged. A single
   * one may be a transaction that a power cut left with holes.
   */
  readonly hasLostCommits: boolean;
  /** Whether it ends within a transaction, or with a bad frame: it was never finished, or the file was cut off or damaged there. */
  readonly isCutOff: boolean;
}

/**
 * Reads a write-ahead log; of one that is missing or cannot be read nothing. A frame's checksum goes on from that of the frame
 * before it, which stands in the file: so each can be checked but the one behind a damaged checksum.
 * Format and checksum: https://www.sqlite.org/fileformat2.html, 4.1 and 4.2.
 */
export function readWal(walPath: string): Wal {
  const bytes = readIfThere(walPath);
  const nothing = { pageBytes: usualPageBytes, frames: [], hasLostCommits: false };
  if (bytes.length < headerBytes) return { ...nothing, isCutOff: bytes.length > 0 };
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const header = readHeader(view);
  const frameBytes = frameHeadBytes + header.pageBytes;
  const frames: WalFrame[] = [];
  let intactFrames = 0;
  let isIntact = header.salts !== null;
  let hasBad = false;
  let lostEnds = 0;
  let isEnd = true;
  const salts = header.salts ?? firstSalts(view, header);
  let at = headerBytes;
  for (; at + frameBytes <= bytes.length; at += frameBytes) {
    const filePages = view.getUint32(at + 4);
    const isOurs = saltsAt(view, at + 8) === salts;
    // Behind a header that is lost nothing tells whether the first one is good but that it looks as it should.
    const isUnchecked = header.salts === null && at === headerBytes;
    const isGood = isOurs && (isUnchecked || isSoundFrame(view, at, header));
    isIntact &&= isGood;
    hasBad ||= isOurs && !isGood;
    if (isGood) {
      const start = at + frameHeadBytes;
      frames.push({
        page: view.getUint32(at),
        filePages,
        bytes: bytes.subarray(start, start + header.pageBytes),
      });
    }
    if (isIntact) intactFrames++;
    if (!isIntact && isOurs && filePages !== 0) lostEnds++;
    isEnd = filePages !== 0;
  }
  const isHeaderLost = header.salts === null && bytes.length >= headerBytes + frameHeadBytes;
  const hasLostCommits = isHeaderLost || lostEnds > 1;
  return {
    pageBytes: header.pageBytes,
    frames: hasLostCommits ? frames : frames.slice(0, intactFrames),
    hasLostCommits,
    isCutOff: hasBad || (isIntact && (!isEnd || at < bytes.length)),
  };
}

/** Writes frames as a write-ahead log that SQLite reads from its beginning to its end. */
export function writeWal(path: string, { pageBytes, frames }: Wal): void {
  const frameBytes = frameHeadBytes + pageBytes;
  const bytes = new Uint8Array(headerBytes + frames.length * frameBytes);
  const view = new DataView(bytes.buffer);
  const sums = new Checksum(view, true);
  // Numbers, not salt: nothing older stands behind these frames.
  for (const [word, value] of [magic, formatVersion, pageBytes, 0, 1, 1].entries()) {
    view.setUint32(4 * word, value);
  }
  sums.add(0, 24);
  sums.put(24);
  for (const [index, frame] of frames.entries()) {
    const at = headerBytes + index * frameBytes;
    for (const [word, value] of [frame.page, frame.filePages, 1, 1].entries()) {
      view.setUint32(at + 4 * word, value);
    }
    bytes.set(frame.bytes, at + frameHeadBytes);
    sums.add(at, 8);
    sums.add(at + frameHeadBytes, pageBytes);
    sums.put(at + 16);
  }
  writeFileSync(path, bytes);
}

interface WalHeader {
  readonly pageBytes: number;
  readonly isLittleEndian: boolean;
  /** Of the present generation; null if the header is damaged. */
  readonly salts: bigint | null;
}

function readHeader(view: DataView): WalHeader {
  const word = view.getUint32(0);
  const isLittleEndian = (word & 1) === 0;
  const sums = new Checksum(view, isLittleEndian);
  sums.add(0, 24);
  if ((word & ~1) === magic && sums.equal(24)) {
    return { pageBytes: view.getUint32(8), isLittleEndian, salts: saltsAt(view, 16) };
  }
  return { pageBytes: usualPageBytes, isLittleEndian: endianness() === "LE", salts: null };
}

/** Those of the first frame that the one before it proves good: a new generation is written from the beginning. */
function firstSalts(view: DataView, header: WalHeader): bigint | null {
  const frameBytes = frameHeadBytes + header.pageBytes;
  for (let at = headerBytes + frameBytes; at + frameBytes <= view.byteLength; at += frameBytes) {
    if (isSoundFrame(view, at, header)) return saltsAt(view, at + 8);
  }
  return null;
}

function isSoundFrame(view: DataView, at: number, { pageBytes, isLittleEndian }: WalHeader): boolean {
  const sums = new Checksum(view, isLittleEndian);
  sums.take(at === headerBytes ? 24 : at - pageBytes - frameHeadBytes + 16);
  sums.add(at, 8);
  sums.add(at + frameHeadBytes, pageBytes);
  return sums.equal(at + 16);
}

function saltsAt(view: DataView, at: number): bigint {
  return view.getBigUint64(at);
}

/** SQLite's cumulative checksum of 32-bit words, taken in pairs. */
class Checksum {
  readonly #view: DataView;
  readonly #isLittleEndian: boolean;
  #first = 0;
  #second = 0;

  constructor(view: DataView, isLittleEndian: boolean) {
    this.#view = view;
    this.#isLittleEndian = isLittleEndian;
  }

  /** Goes on from a stored one. */
  take(at: number): void {
    this.#first = this.#view.getUint32(at);
    this.#second = this.#view.getUint32(at + 4);
  }

  put(at: number): void {
    this.#view.setUint32(at, this.#first);
    this.#view.setUint32(at + 4, this.#second);
  }

  add(start: number, bytes: number): void {
    for (let at = start; at < start + bytes; at += 8) {
      this.#first = (this.#first + this.#view.getUint32(at, this.#isLittleEndian) + this.#second) >>> 0;
      this.#second = (this.#second + this.#view.getUint32(at + 4, this.#isLittleEndian) + this.#first) >>> 0;
    }
  }

  equal(at: number): boolean {
    return this.#view.getUint32(at) === this.#first && this.#view.getUint32(at + 4) === this.#second;
  }
}

function readIfThere(path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch {
    // That it cannot be read is SQLite's to say.
    return new Uint8Array();
  }
}
