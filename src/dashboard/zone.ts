const formats = new Map<string, Intl.DateTimeFormat | null>();
/** Zones that are remembered; forgotten all at once beyond this. */
const maxFormats = 64;

/**
 * The instant at which the browser's clock shows what a clock in an IANA zone shows at `time`, to the second; `time` itself without a zone,
 * and for one that the browser does not know.
 */
export function shownAt(time: number, timezone: string | null): number {
  const parts = timezone === null ? undefined : formatOf(timezone)?.formatToParts(time);
  if (parts === undefined) return time;
  const part = (type: Intl.DateTimeFormatPartTypes) =>
    Number(parts.find((one) => one.type === type)?.value ?? 0);
  const day = new Date(part("year"), part("month") - 1, part("day"));
  return day.setHours(part("hour"), part("minute"), part("second"));
}

/** The zone and how far its clock is ahead at `time`: `Europe/Helsinki (GMT+2)`. */
export function zoneWords(timezone: string, time: number): string {
  const parts = formatOf(timezone)?.formatToParts(time);
  const offset = parts?.find(({ type }) => type === "timeZoneName")?.value;
  return offset === undefined || offset === timezone ? timezone : `${timezone} (${offset})`;
}

function formatOf(timezone: string): Intl.DateTimeFormat | null {
  const known = formats.get(timezone);
  if (known !== undefined) return known;
  if (formats.size >= maxFormats) formats.clear();
  const made = newFormat(timezone);
  formats.set(timezone, made);
  return made;
}

function newFormat(timeZone: string): Intl.DateTimeFormat | null {
  const numeric = "numeric" as const;
  const day = { year: numeric, month: numeric, day: numeric };
  const clock = { hour: numeric, minute: numeric, second: numeric, hourCycle: "h23" as const };
  try {
    return new Intl.DateTimeFormat("en", { timeZone, timeZoneName: "shortOffset", ...day, ...clock });
  } catch {
    return null;
  }
}
