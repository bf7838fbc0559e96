/** Taken for a device whose rhythm is not known yet: one reading is not late before five minutes. */
export const assumedRhythmMs = 100_000;
/** No device is called late sooner than this, however fast it usually is: networks jitter. */
export const minLateMs = 5_000;
/** So many of its own intervals may a device be silent. */
export const lateIntervals = 3;

const newestShare = 0.25;

/**
 * The usual interval between a device's observations, as a moving average that follows a change of rhythm within a
 * few readings. Late uploads (an interval of zero or less) say nothing about it.
 */
export function nextRhythm(rhythmMs: number | null, intervalMs: number): number | null {
  if (intervalMs <= 0) return rhythmMs;
  return rhythmMs === null ? intervalMs : rhythmMs + (intervalMs - rhythmMs) * newestShare;
}

/** Whether something of this age is overdue. */
export function isLate(ageMs: number, rhythmMs: number | null): boolean {
  return ageMs > Math.max(minLateMs, lateIntervals * (rhythmMs ?? assumedRhythmMs));
}
