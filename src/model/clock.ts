/** Where time comes from; tests pass their own. */
export interface Clock {
  /** Milliseconds since 1970-01-01 UTC. */
  now(): number;
}

export const systemClock: Clock = { now: () => Date.now() };

/** Counts the time that passes, for durations: nobody can set it. */
export interface SteadyClock {
  /** Milliseconds since a moment of its own. Never goes back. */
  passedMs(): number;
}

export const steadyClock: SteadyClock = { passedMs: () => performance.now() };
