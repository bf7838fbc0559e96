import { isTime } from "./reading.ts";

// ISO 8601 with an offset; JavaScript's own reading of anything else differs from engine to engine.
const isoInstant = /^(\d{4})-(\d\d)-(\d\d)T\d\d:\d\d(:\d\d([.,]\d{1,9})?)?(Z|[+-]\d\d:\d\d)$/;

/**
 * The instant that someone asks for: ISO 8601 with an offset (`2026-11-22T14:05:00Z`, seconds and less may be left out), or
 * a whole number of epoch milliseconds. Null if it is neither, or beyond the years 0 to 9999.
 */
export function readInstant(raw: unknown): number | null {
  if (typeof raw === "number") return isTime(raw) ? raw : null;
  if (typeof raw !== "string") return null;
  const match = isoInstant.exec(raw);
  if (!match) return null;
  const [, year, month, day] = match.map(Number) as [number, number, number, number];
  // `Date.parse` makes 3 March of 31 February.
  if (day > new Date(Date.UTC(year, month, 0)).getUTCDate()) return null;
  const time = Math.floor(Date.parse(raw.replace(",", ".")));
  return isTime(time) ? time : null;
}
