import type { Clock } from "../model/clock.ts";

/** How often it is looked whether something is due. Milliseconds. */
const beatMs = 50;

/** Something that waits for its time. */
export interface Waiter {
  isDue(now: number): boolean;
}

/** Wakes replays when their next reading is due, with one timer for all of them, which runs only while some wait. */
export class Metronome<Waiting extends Waiter> {
  private readonly clock: Clock;
  private readonly waiting = new Set<Waiting>();
  private readonly wake: (waiter: Waiting) => void;
  private timer: NodeJS.Timeout | null = null;

  constructor(clock: Clock, wake: (waiter: Waiting) => void) {
    this.clock = clock;
    this.wake = wake;
  }

  get size(): number {
    return this.waiting.size;
  }

  add(waiter: Waiting): void {
    this.waiting.add(waiter);
    this.timer ??= setInterval(() => this.beat(), beatMs);
  }

  delete(waiter: Waiting): void {
    this.waiting.delete(waiter);
    if (this.waiting.size === 0) this.close();
  }

  close(): void {
    if (this.timer) clearInterval(this.timer);
    this.timer = null;
  }

  private beat(): void {
    const now = this.clock.now();
    for (const waiter of this.waiting) {
      if (!waiter.isDue(now)) continue;
      this.delete(waiter);
      this.wake(waiter);
    }
  }
}
