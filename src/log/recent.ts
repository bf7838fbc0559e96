import { bodyIdentityStart } from "./record.ts";

/** Readings whose hashes fall together are kept so many deep; the oldest of them is forgotten first. */
const slotsPerBucket = 8;
/** Twice the slots that are needed, so that hardly a bucket runs over. */
const slack = 2;
const empty = 0;

/**
 * Knows the newest readings again: a device that does not hear of its acknowledgement sends the same once more (MQTT's DUP, a
 * reconnect, QoS 2 after a restart), and what has the same topic, time, values and remarks is the same reading.
 *
 * It keeps a 53-bit hash of each in a table of fixed size. With 65,536 of them, a new reading is mistaken for a known one at most once in
 * 10^10; of the newest 16,384 one in 100,000 is forgotten early, of the newest 65,536 one in 20.
 */
export class RecentReadings {
  readonly #buckets: number;
  readonly #slots: Float64Array;
  /** By bucket, the slot that is filled next. */
  readonly #next: Uint8Array;
  /** Slots of the append at hand, so many of the list: to empty a list gives its memory back, and the next append would ask for it again. */
  readonly #staged: number[] = [];
  #stagedCount = 0;

  /** @param count how many are known, roughly; 0 for none: then nothing is taken for a repetition */
  constructor(count: number) {
    this.#buckets = Math.ceil((count * slack) / slotsPerBucket);
    this.#slots = new Float64Array(this.#buckets * slotsPerBucket);
    this.#next = new Uint8Array(this.#buckets);
  }

  /** Whether a reading with this body is known, or came earlier in the append at hand. If not, it is from now on. */
  isRepeated(body: Uint8Array): boolean {
    if (this.#buckets === 0) return false;
    const hash = hashOf(body);
    const bucket = hash % this.#buckets;
    const first = bucket * slotsPerBucket;
    for (let slot = first; slot < first + slotsPerBucket; slot++) if (this.#slots[slot] === hash) return true;
    const next = this.#next[bucket] as number;
    this.#next[bucket] = (next + 1) % slotsPerBucket;
    this.#slots[first + next] = hash;
    this.#staged[this.#stagedCount++] = first + next;
    return false;
  }

  /** The append at hand was taken; or it was not, and its readings are not known. */
  settle(isTaken: boolean): void {
    if (!isTaken) {
      for (let i = 0; i < this.#stagedCount; i++) this.#slots[this.#staged[i] as number] = empty;
    }
    this.#stagedCount = 0;
  }

  /** It will not be stored: what comes again must be. */
  forget(body: Uint8Array): void {
    if (this.#buckets === 0) return;
    const hash = hashOf(body);
    const first = (hash % this.#buckets) * slotsPerBucket;
    for (let slot = first; slot < first + slotsPerBucket; slot++) {
      if (this.#slots[slot] === hash) this.#slots[slot] = empty;
    }
  }
}

/** Of everything but the seq. FNV-1a (http://www.isthe.com/chongo/tech/comp/fnv/), twice, for 53 bits. */
function hashOf(body: Uint8Array): number {
  let first = 0x811c9dc5;
  let second = 0x01234567;
  for (let at = bodyIdentityStart(body); at < body.length; at++) {
    const byte = body[at] as number;
    first = Math.imul(first ^ byte, 0x01000193);
    second = Math.imul(second ^ byte, 0x01000193) ^ (second >>> 15);
  }
  return (first >>> 0) * 0x200000 + (second >>> 11);
}
