/** Silence is counted in so many parts of what is allowed. */
const parts = 4;

/**
 * Notices that a client has been silent for too long: after what is allowed at the earliest, and a part of it later at the latest.
 * It counts ticks of a timer in which nothing was heard, and asks no clock: a wall clock that is set is no silence, and a
 * process that stood still (SIGSTOP, a laptop's sleep), with its clients perhaps, has missed at most one tick.
 */
export class Silence {
  readonly #onSilent: () => void;
  readonly #isExcused: () => boolean;
  #heard = false;
  #silentTicks = 0;
  #timer: NodeJS.Timeout | undefined;
  #last: NodeJS.Immediate | undefined;

  /** @param isExcused true while the client is not listened to */
  constructor(onSilent: () => void, isExcused: () => boolean) {
    this.#onSilent = onSilent;
    this.#isExcused = isExcused;
  }

  /** From now on so much silence is allowed, milliseconds. */
  watch(allowedMs: number): void {
    this.#timer = setInterval(() => this.#tick(), allowedMs / parts);
  }

  /** The client gave a sign of life. */
  heard(): void {
    this.#heard = true;
  }

  stop(): void {
    clearInterval(this.#timer);
    if (this.#last) clearImmediate(this.#last);
  }

  #tick(): void {
    if (this.#isBroken()) return;
    this.#silentTicks++;
    // Timers come first in a turn of the loop: what the client sent while the process stood still has not been read yet.
    if (this.#silentTicks >= parts) this.#last = setImmediate(() => this.#isBroken() || this.#onSilent());
  }

  #isBroken(): boolean {
    if (!this.#heard && !this.#isExcused()) return false;
    this.#heard = false;
    this.#silentTicks = 0;
    return true;
  }
}
