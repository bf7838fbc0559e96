/**
 * Every reading of the bench carries one short text, `bench~` and the instant of sending. Texts stand as they are in JSON
 * and in MessagePack, so one search counts the readings of any server, however it frames them.
 */
const prefix = Buffer.from("bench~");

const stampDigits = 10;
const stampRange = 10 ** stampDigits;

/** Microseconds of the clock that all processes of a machine share, modulo 10^10. */
export function nowMicros(): number {
  return Number((process.hrtime.bigint() / 1_000n) % BigInt(stampRange));
}

/** The text for a reading that is sent at `micros`. */
export function markerText(micros: number): string {
  return `${prefix.toString()}${String(micros).padStart(stampDigits, "0")}`;
}

/** Counts markers in a stream of bytes that may be cut anywhere. */
export class MarkerScanner {
  count = 0;
  /** Gets the age in milliseconds of each marker whose stamp was in one piece; null while nobody asks. */
  onAge: ((ageMs: number) => void) | null = null;
  readonly #seam = Buffer.alloc(2 * (prefix.length - 1));
  #carried = 0;

  /** Takes the bytes of `chunk` from `start` to `end`. */
  push(chunk: Buffer, start: number, end: number): void {
    if (start >= end) return;
    this.#countSeam(chunk, start, end);
    // Markers end within the chunk: what follows its end is the buffer's older content.
    const bytes = chunk.subarray(start, end);
    const now = this.onAge === null ? 0 : nowMicros();
    for (let at = bytes.indexOf(prefix); at >= 0; at = bytes.indexOf(prefix, at + prefix.length)) {
      this.count++;
      const stop = at + prefix.length + stampDigits;
      if (this.onAge !== null && stop <= bytes.length) this.onAge(ageMs(bytes, stop, now));
    }
    this.#carry(bytes);
  }

  /** Markers that lie across the end of the last chunk. */
  #countSeam(chunk: Buffer, start: number, end: number): void {
    if (this.#carried === 0) return;
    const copied = chunk.copy(this.#seam, this.#carried, start, Math.min(end, start + prefix.length - 1));
    if (this.#seam.subarray(0, this.#carried + copied).includes(prefix)) this.count++;
  }

  #carry(bytes: Buffer): void {
    const most = prefix.length - 1;
    if (bytes.length >= most) {
      this.#carried = bytes.copy(this.#seam, 0, bytes.length - most);
      return;
    }
    const joined = Buffer.concat([this.#seam.subarray(0, this.#carried), bytes]).subarray(-most);
    this.#carried = joined.copy(this.#seam);
  }
}

function ageMs(bytes: Buffer, stop: number, now: number): number {
  let sent = 0;
  for (let at = stop - stampDigits; at < stop; at++) sent = sent * 10 + ((bytes[at] as number) - 48);
  return ((now - sent + stampRange) % stampRange) / 1_000;
}
