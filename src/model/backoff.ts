export interface BackoffLimits {
  /** Upper bound of the first delay. */
  readonly firstDelayMs: number;
  /** Upper bound of every delay. */
  readonly maxDelayMs: number;
  /** A connection that stayed up this long counts as a success: the next delay is a first one again. */
  readonly stableMs: number;
}

export const defaultBackoffLimits: BackoffLimits = { firstDelayMs: 250, maxDelayMs: 10_000, stableMs: 5_000 };

/**
 * Delays between attempts: a random part of a bound that doubles ("full jitter"), so that a thousand clients that lost
 * the same gateway do not come back in the same instant.
 */
export class Backoff {
  private attempts = 0;
  private readonly limits: BackoffLimits;
  private readonly random: () => number;

  /** @param random gives numbers from 0 up to 1, as `Math.random` does */
  constructor(limits: BackoffLimits, random: () => number) {
    this.limits = limits;
    this.random = random;
  }

  /** Milliseconds to wait before the next attempt. */
  nextDelayMs(): number {
    const boundMs = Math.min(this.limits.maxDelayMs, this.limits.firstDelayMs * 2 ** this.attempts);
    this.attempts++;
    return this.random() * boundMs;
  }

  reset(): void {
    this.attempts = 0;
  }
}
