import { readFileSync } from "node:fs";

const headerBytes = 32;
const frameHeadBytes = 24;
/** The last bit tells the byte order of the words that are summed. */
const magic = 0x377f0682;

/**
 * Whether a write-ahead log has commits that SQLite will pass over in silence, because something ahead of them is damaged: it
 * reads up to the first frame whose checksum is wrong and takes the rest for unfinished. Frames from there on which belong to
 * this generation (their salts are the header's) and end a transaction were written; of two of them the first was finished before the
 * second began, and perhaps acknowledged. A single one may be a transaction that a power cut left with holes.
 * Format and checksum: https://www.sqlite.org/fileformat2.html, 4.1 and 4.2.
 */
export function hasLostCommits(walPath: string): boolean {
  const bytes = readIfThere(walPath);
  if (bytes.length <= headerBytes) return false;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const word = view.getUint32(0);
  const frameBytes = frameHeadBytes + view.getUint32(8);
  const sums = new Checksum(view, (word & 1) === 0);
  sums.add(0, 24);
  const isHeaderGood = (word & ~1) === magic && sums.equal(24);
  if (!isHeaderGood) return bytes.length >= headerBytes + frameHeadBytes;
  let isIntact = true;
  let ends = 0;
  for (let at = headerBytes; at + frameBytes <= bytes.length; at += frameBytes) {
    const isOurs =
      view.getUint32(at + 8) === view.getUint32(16) && view.getUint32(at + 12) === view.getUint32(20);
    if (isIntact) {
      sums.add(at, 8);
      sums.add(at + frameHeadBytes, frameBytes - frameHeadBytes);
      isIntact = isOurs && sums.equal(at + 16);
    }
    if (!isIntact && isOurs && view.getUint32(at + 4) !== 0 && ++ends === 2) return true;
  }
  return false;
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
