import type { Clock } from "../model/clock.ts";
import type { Timers } from "./socket.ts";

// A timer that is this late stood still with the rest of the program (sleep, a blocked thread), and what came
// meanwhile may be waiting behind it: it gets this long to be seen before the peer is given up.
const lateTimerMs = 1_000;

/** Notices that a peer has been silent for too long: no close event would ever tell. */
export class Silence {
  private readonly clock: Clock;
  private readonly timers: Timers;
  private readonly onSilent: (silentMs: number) => void;
  private limitMs: number;
  private heardAt: number;
  private timer: unknown = null;
  private timerDueAt = 0;
  private gotLastChance = false;
  private isOver = false;

  /** @param onSilent called each time when `limitMs` have passed without a word; `stop` in it, or `allow` more */
  constructor(clock: Clock, timers: Timers, limitMs: number, onSilent: (silentMs: number) => void) {
    this.clock = clock;
    this.timers = timers;
    this.onSilent = onSilent;
    this.limitMs = limitMs;
    this.heardAt = clock.now();
    this.watch(limitMs);
  }

  /** The peer gave a sign of life. */
  heard(): void {
    this.heardAt = this.clock.now();
    this.gotLastChance = false;
  }

  /** From now on so much silence is allowed. */
  allow(limitMs: number): void {
    this.heard();
    this.limitMs = limitMs;
    this.watch(limitMs);
  }

  /** Looks at once, as is wise after a sleep. */
  check(): void {
    if (this.isOver) return;
    const now = this.clock.now();
    // A clock that was set back would otherwise stretch the silence by as much.
    if (now < this.heardAt) this.heardAt = now;
    const silentMs = now - this.heardAt;
    // Whole milliseconds: a smaller rest can be too small to move the time.
    if (silentMs < this.limitMs) return this.watch(Math.ceil(this.limitMs - silentMs));
    if (!this.gotLastChance && now - this.timerDueAt > lateTimerMs) {
      this.gotLastChance = true;
      return this.watch(lateTimerMs);
    }
    this.onSilent(silentMs);
  }

  stop(): void {
    this.isOver = true;
    this.timers.clear(this.timer);
  }

  private watch(delayMs: number): void {
    this.timers.clear(this.timer);
    if (this.isOver) return;
    this.timerDueAt = this.clock.now() + delayMs;
    this.timer = this.timers.set(() => this.check(), delayMs);
  }
}
