const hourMs = 3_600_000;
export const dayMs = 86_400_000;

/** Offset of Helsinki's clocks from UTC: +2 h, in summer +3 h (EU directive 2000/84/EC: last Sundays, 01:00 UTC). */
export function localOffsetMs(time: number): number {
  const year = new Date(time).getUTCFullYear();
  const isSummer = time >= lastSunday(year, 2) + hourMs && time < lastSunday(year, 9) + hourMs;
  return (isSummer ? 3 : 2) * hourMs;
}

function lastSunday(year: number, month: number): number {
  const lastDay = new Date(Date.UTC(year, month + 1, 0));
  return lastDay.getTime() - lastDay.getUTCDay() * dayMs;
}

/** Hours since local midnight, [0, 24). */
export function localHour(time: number): number {
  return ((time + localOffsetMs(time)) % dayMs) / hourMs;
}

/** Days since 1970-01-01 on the local calendar. */
export function localDay(time: number): number {
  return Math.floor((time + localOffsetMs(time)) / dayMs);
}

/** The instant of the local midnight that began the day of `time`. */
export function localMidnight(time: number): number {
  const wallMidnight = localDay(time) * dayMs;
  return wallMidnight - localOffsetMs(wallMidnight - 2 * hourMs);
}

export function isWeekend(time: number): boolean {
  const weekday = (localDay(time) + 4) % 7;
  return weekday === 0 || weekday === 6;
}

/** Local wall time without offset: `2026-11-20T14:00:00`. */
export function localWallTime(time: number): string {
  return new Date(time + localOffsetMs(time)).toISOString().slice(0, 19);
}

/** Local wall time with offset: `2026-11-20T14:00:00+02:00`. */
export function localTimeWithOffset(time: number): string {
  return `${localWallTime(time)}+0${localOffsetMs(time) / hourMs}:00`;
}
