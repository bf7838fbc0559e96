const slotMs = 1_000;
const slots = 5;

/** Readings per second over the last five whole seconds. Times must not go back. */
export class RateMeter {
  private readonly counts = new Map<number, number>();
  private startedAt: number | null = null;

  count(now: number): void {
    const slot = Math.floor(now / slotMs);
    this.startedAt ??= slot;
    this.counts.set(slot, (this.counts.get(slot) ?? 0) + 1);
    if (this.counts.size > slots + 1) this.counts.delete(this.counts.keys().next().value as number);
  }

  perSecond(now: number): number {
    if (this.startedAt === null) return 0;
    const current = Math.floor(now / slotMs);
    const whole = Math.min(slots, current - this.startedAt);
    if (whole <= 0) return this.counts.get(current) ?? 0;
    let sum = 0;
    for (const [slot, count] of this.counts) if (slot >= current - whole && slot < current) sum += count;
    return sum / whole;
  }
}
