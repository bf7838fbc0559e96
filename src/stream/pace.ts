/** How far a replay may lag behind its clock, in real time, before the clock waits for it. Milliseconds. */
const maxLagMs = 1_000;

/**
 * The clock of a replay: it runs over time of observation, at a multiple of real time. It never runs far ahead of what is
 * sent: a reader that stalls finds its replay where it left it.
 */
export class Pace {
  private speed: number;
  /** Null until the first reading says where it begins. */
  private time: number | null;
  private measuredAt: number;
  private isStopped = false;

  /** @param time where it begins, epoch milliseconds; null: at the first reading */
  constructor(speed: number, time: number | null, now: number) {
    this.speed = speed;
    this.time = time;
    this.measuredAt = now;
  }

  /** Where it is, null before the first reading. */
  timeAt(now: number): number | null {
    // Also when the machine's clock was set, which must not throw a replay by hours.
    const passedMs = Math.min(Math.max(0, now - this.measuredAt), maxLagMs);
    if (this.time !== null && !this.isStopped) this.time += passedMs * this.speed;
    this.measuredAt = now;
    return this.time === null ? null : Math.floor(this.time);
  }

  /** Whether what was observed at `time` is due; the first such question starts the clock. */
  isDue(time: number, now: number): boolean {
    this.time ??= time;
    this.timeAt(now);
    this.time = Math.min(this.time, time + maxLagMs * this.speed);
    return this.time >= time;
  }

  change(speed: number, isStopped: boolean, now: number): void {
    this.timeAt(now);
    this.speed = speed;
    this.isStopped = isStopped;
  }
}
