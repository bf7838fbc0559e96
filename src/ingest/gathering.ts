import type { Clock } from "../model/clock.ts";
import type { Connection } from "./connection.ts";

/** So many packets, or bytes of payloads, are handed on at once: some milliseconds of work, in which nothing else runs. */
const maxPackets = 128;
const maxBytes = 64 * 1024;

/** What is longer is copied faster by the system. */
const maxLoopBytes = 512;

/** How a packet goes on to MQTT subscribers once it is stored. */
export interface Routing {
  /** It is kept, too, for who subscribes later. */
  readonly retain: boolean;
}

/** A PUBLISH of QoS 0 or 1. */
export interface GatheredPacket {
  readonly connection: Connection;
  readonly topic: string;
  /** A view of what is gathered together: who keeps it must copy it. */
  readonly payload: Buffer;
  /** Epoch milliseconds. */
  readonly receivedAt: number;
  /** Null for QoS 0. */
  readonly messageId: number | null;
  readonly routing: Routing | null;
}

/** Its payload is cut out of the slab when it is handed on. */
interface Waiting extends GatheredPacket {
  payload: Buffer;
  readonly slab: Buffer;
  readonly start: number;
  readonly end: number;
}

const noBytes = Buffer.alloc(0);

/**
 * Gathers packets for as long as they would otherwise wait for their commit, and hands them on together. A device's packet
 * wakes a thread whose code has left the processor's caches meanwhile: read, decoded and checked at once it costs several times
 * what it does as one of many. Those of one connection keep their order.
 */
export class Gathering {
  readonly #clock: Clock;
  readonly #onDue: (packets: readonly GatheredPacket[]) => void;
  #waiting: Waiting[] = [];
  #waitingBytes = 0;
  /** Payloads one after the other; what was handed on may be looked at until it is stored, so no part is used twice. */
  #slab = Buffer.alloc(0);
  #usedBytes = 0;
  #timer: NodeJS.Timeout | null = null;
  #immediate: NodeJS.Immediate | null = null;
  #dueAt = 0;
  #handedOnAt = Number.NEGATIVE_INFINITY;

  /** @param onDue must not throw */
  constructor(clock: Clock, onDue: (packets: readonly GatheredPacket[]) => void) {
    this.#clock = clock;
    this.#onDue = onDue;
  }

  /**
   * Takes a packet whose payload lies in `chunk` from `from` to `to`; what was gathered is handed on at most `gatherMs` after it
   * was the last time, and after a pause in this very turn of the event loop.
   */
  add(
    connection: Connection,
    topic: string,
    chunk: Buffer,
    from: number,
    to: number,
    messageId: number | null,
    routing: Routing | null,
    gatherMs: number,
  ): void {
    const { slab, start, end } = this.#keep(chunk, from, to);
    const receivedAt = this.#clock.now();
    this.#waiting.push({
      connection,
      topic,
      payload: noBytes,
      receivedAt,
      messageId,
      routing,
      slab,
      start,
      end,
    });
    this.#waitingBytes += end - start;
    if (this.#waiting.length >= maxPackets || this.#waitingBytes >= maxBytes) this.flush();
    else this.#plan(receivedAt, gatherMs);
  }

  /** Hands on what there is. */
  flush(): void {
    if (this.#waiting.length === 0) return;
    if (this.#timer) clearTimeout(this.#timer);
    if (this.#immediate) clearImmediate(this.#immediate);
    this.#timer = null;
    this.#immediate = null;
    this.#handedOnAt = this.#clock.now();
    const waiting = this.#waiting;
    this.#waiting = [];
    this.#waitingBytes = 0;
    for (const packet of waiting) packet.payload = packet.slab.subarray(packet.start, packet.end);
    this.#onDue(waiting);
  }

  #keep(chunk: Buffer, from: number, to: number): { slab: Buffer; start: number; end: number } {
    const bytes = to - from;
    if (this.#usedBytes + bytes > this.#slab.length) {
      this.#slab = Buffer.allocUnsafeSlow(Math.max(maxBytes, bytes));
      this.#usedBytes = 0;
    }
    const slab = this.#slab;
    const start = this.#usedBytes;
    this.#usedBytes = start + bytes;
    // By hand, because `copy` and `set` make an object for a part of the chunk.
    if (bytes <= maxLoopBytes) for (let i = 0; i < bytes; i++) slab[start + i] = chunk[from + i] as number;
    else chunk.copy(slab, start, from, to);
    return { slab, start, end: start + bytes };
  }

  #plan(now: number, gatherMs: number): void {
    if (this.#immediate) return;
    const leftMs = this.#handedOnAt + gatherMs - now;
    // A clock that was set back must not hold anything up.
    if (leftMs <= 0 || leftMs > gatherMs) {
      // Not at once: what has already arrived on the sockets shall come along.
      this.#immediate = setImmediate(() => this.flush());
    } else if (this.#timer === null || now + leftMs < this.#dueAt) {
      if (this.#timer) clearTimeout(this.#timer);
      this.#dueAt = now + leftMs;
      this.#timer = setTimeout(() => this.flush(), leftMs);
    }
  }
}
