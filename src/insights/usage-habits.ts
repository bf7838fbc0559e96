/** Hours begin on quarter-hours of UTC in every zone. */
const quarterMs = 900_000;

/**
 * What an hour of the week used in the newest weeks, by time: quarter-hours since 1970 and milliwatt-hours in turn. Flat and whole,
 * because eight weeks of a thousand accounts are one and a half million hours: as objects they would be too much to save.
 */
export type WeeklyHours = number[];

/** The hours of an account by hour of the week (0 is Monday 00:00). */
export type Habits = Map<number, WeeklyHours>;

/**
 * Puts an hour in its place, or corrects it; keeps the `max` newest.
 * @param wh null: it is not known (any more)
 * @returns false if it says nothing new, or is older than all of a full list
 */
export function putHour(hours: WeeklyHours, time: number, wh: number | null, max: number): boolean {
  const quarter = quarterOf(time);
  const mwh = wh === null ? null : Math.round(1_000 * wh);
  const at = placeBehind(hours, quarter);
  if (hours[at - 2] === quarter) {
    if (mwh === null) hours.splice(at - 2, 2);
    else if (hours[at - 1] === mwh) return false;
    else hours[at - 1] = mwh;
    return true;
  }
  if (mwh === null || (at === 0 && hours.length >= 2 * max)) return false;
  if (at === hours.length) hours.push(quarter, mwh);
  else hours.splice(at, 0, quarter, mwh);
  if (hours.length > 2 * max) hours.splice(0, 2);
  return true;
}

/** Milliwatt-hours of the hour that begins at `time`, null if they are not known. */
export function mwhAt(hours: WeeklyHours | undefined, time: number): number | null {
  if (hours === undefined) return null;
  const quarter = quarterOf(time);
  const at = placeBehind(hours, quarter);
  return hours[at - 2] === quarter ? (hours[at - 1] as number) : null;
}

/** The median of the `max` newest hours before `time`, whole milliwatt-hours; null if there are fewer than `min`. */
export function medianBefore(
  hours: WeeklyHours | undefined,
  time: number,
  { min, max }: { readonly min: number; readonly max: number },
): number | null {
  if (hours === undefined) return null;
  const sorted: number[] = [];
  let at = placeBehind(hours, quarterOf(time) - 1);
  for (; at > 0 && sorted.length < max; at -= 2) {
    const mwh = hours[at - 1] as number;
    // So few that this is quicker than to sort them.
    let place = sorted.length;
    for (; place > 0 && (sorted[place - 1] as number) > mwh; place--)
      sorted[place] = sorted[place - 1] as number;
    sorted[place] = mwh;
  }
  if (sorted.length < min) return null;
  const middle = sorted.length >> 1;
  const upper = sorted[middle] as number;
  return sorted.length % 2 === 1 ? upper : Math.round((upper + (sorted[middle - 1] as number)) / 2);
}

/** When the hours of a list begin, epoch milliseconds. */
export function timesOf(hours: WeeklyHours): number[] {
  return hours.filter((_, index) => index % 2 === 0).map((quarter) => quarter * quarterMs);
}

/** When the newest hour of an account begins, null if there is none. */
export function newestOf(habits: Habits): number | null {
  let newest: number | null = null;
  for (const hours of habits.values()) {
    const quarter = hours.at(-2);
    if (quarter !== undefined) newest = Math.max(newest ?? quarter, quarter);
  }
  return newest === null ? null : newest * quarterMs;
}

/** Where what comes behind `quarter` is in the list. Nearly always it is the newest, so the search begins there. */
function placeBehind(hours: WeeklyHours, quarter: number): number {
  let at = hours.length;
  while (at > 0 && (hours[at - 2] as number) > quarter) at -= 2;
  return at;
}

function quarterOf(time: number): number {
  // Rounded although it is whole: a quotient is stored as a fraction, which takes twice the room.
  return Math.round(time / quarterMs);
}
