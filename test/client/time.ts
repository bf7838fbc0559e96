import type { Timers } from "../../src/client/socket.ts";
import type { Clock } from "../../src/model/clock.ts";

/** Time that passes only when a test says so: a clock and the timers that go with it. */
export class ManualTime implements Clock, Timers {
  private nowMs = 1_000_000;
  private nextHandle = 1;
  private readonly pending = new Map<unknown, { dueAt: number; callback: () => void }>();

  now(): number {
    return this.nowMs;
  }

  set(callback: () => void, delayMs: number): unknown {
    const handle = this.nextHandle++;
    this.pending.set(handle, { dueAt: this.nowMs + delayMs, callback });
    return handle;
  }

  clear(handle: unknown): void {
    this.pending.delete(handle);
  }

  /** Milliseconds until each pending timer, the nearest first. */
  get delays(): number[] {
    return [...this.pending.values()].map(({ dueAt }) => dueAt - this.nowMs).sort((a, b) => a - b);
  }

  /** Lets time pass, and fires each timer at its moment. */
  advance(ms: number): void {
    const end = this.nowMs + ms;
    for (;;) {
      const due = [...this.pending].filter(([, { dueAt }]) => dueAt <= end);
      const [next] = due.sort(([, a], [, b]) => a.dueAt - b.dueAt);
      if (!next) break;
      this.nowMs = Math.max(this.nowMs, next[1].dueAt);
      this.pending.delete(next[0]);
      next[1].callback();
    }
    this.nowMs = end;
  }

  /** As a machine that sleeps: the clock goes on, timers stand still and are late. */
  sleep(ms: number): void {
    this.nowMs += ms;
  }
}
