import { performance } from "node:perf_hooks";

/** How often it is looked at how busy the thread is, milliseconds. */
const lookMs = 100;
/** Busier than this, the thread finds much at each look anyway, and what else it does must not wait. */
const maxUse = 0.5;
/** Shorter pauses cost more than they save. Milliseconds. */
const shortestMs = 0.25;

/** What a pause is made of; tests pass their own. */
export interface Pausing {
  /** Milliseconds that only grow. */
  now(): number;
  /** Milliseconds in which the thread was not waiting for events, pauses included; only grows. */
  activeMs(): number;
  /** Holds the thread. */
  pause(ms: number): void;
}

const never = new Int32Array(new SharedArrayBuffer(4));

const thread: Pausing = {
  now: () => performance.now(),
  activeMs: () => performance.eventLoopUtilization().active,
  pause: (ms) => void Atomics.wait(never, 0, 0, ms),
};

/**
 * Looks at the sockets not each time that one of thousands has something to read, but at most once in `intervalMs`, when
 * several have: waking up for a packet costs more than reading it, up to a quarter of all that taking in a reading costs. It is
 * what network cards do with interrupts (https://docs.kernel.org/networking/napi.html, "Software IRQ coalescing"). The thread
 * is held for that long, with everything else on it; so never when it has much to do, and not for a packet that comes alone.
 */
export class Coalescing {
  readonly #intervalMs: number;
  readonly #pausing: Pausing;
  #isPlanned = false;
  #isIdle = false;
  #readAt = Number.NEGATIVE_INFINITY;
  #lookedAt = Number.NEGATIVE_INFINITY;
  #activeMs = 0;
  #pausedMs = 0;

  /** @param intervalMs 0 looks at the sockets at once, always */
  constructor(intervalMs: number, pausing: Pausing = thread) {
    this.#intervalMs = intervalMs;
    this.#pausing = pausing;
  }

  /** A socket was read. */
  note(): void {
    if (this.#isPlanned || this.#intervalMs === 0) return;
    this.#isPlanned = true;
    // When all that was readable has been read.
    setImmediate(this.#pause);
  }

  readonly #pause = (): void => {
    this.#isPlanned = false;
    const { now, pause } = this.#pausing;
    const before = now();
    if (before - this.#lookedAt >= lookMs) this.#look(before);
    const leftMs = this.#intervalMs - (before - this.#readAt);
    if (this.#isIdle && leftMs >= shortestMs) pause(leftMs);
    this.#readAt = now();
    this.#pausedMs += this.#readAt - before;
  };

  #look(now: number): void {
    const activeMs = this.#pausing.activeMs() - this.#pausedMs;
    this.#isIdle = activeMs - this.#activeMs < maxUse * (now - this.#lookedAt);
    this.#activeMs = activeMs;
    this.#lookedAt = now;
  }
}
