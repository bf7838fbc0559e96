/** Turns wall-clock time of one IANA zone into UTC. */
export interface TimeZone {
  /**
   * The instant of a wall-clock time, both in epoch milliseconds (the wall clock read as if it were UTC). An hour that
   * the end of summer time repeats is taken closest to `near`; one that its start skips, with the offset before it.
   */
  toUtc(localMs: number, near: number): number;
}

/** For the time between two wall-clock times of one unknown zone, which is the same in any. */
export const anyZone: TimeZone = { toUtc: (localMs) => localMs };

const maxZones = 64;
const maxOffsets = 256;
const dayMs = 86_400_000;
/** Offsets change on quarters of an hour of UTC. */
const quarterMs = 900_000;

const zones = new Map<string, TimeZone>();

/**
 * The zone with this IANA name, e.g. `Europe/Berlin`; made once per name.
 * @throws RangeError with what to write instead, if there is no such zone
 */
export function timeZone(name: string): TimeZone {
  let zone = zones.get(name);
  if (zone === undefined) {
    zone = createZone(name);
    if (zones.size >= maxZones) zones.clear();
    zones.set(name, zone);
  }
  return zone;
}

function createZone(name: string): TimeZone {
  const format = createFormat(name);
  const offsets = new Map<number, number>();
  const offsetAt = (utcMs: number): number => {
    const quarter = Math.floor(utcMs / quarterMs);
    let offset = offsets.get(quarter);
    if (offset === undefined) {
      offset = readOffset(format.format(quarter * quarterMs));
      if (offsets.size >= maxOffsets) offsets.clear();
      offsets.set(quarter, offset);
    }
    return offset;
  };
  return {
    toUtc(localMs, near) {
      const before = offsetAt(localMs - dayMs);
      const after = offsetAt(localMs + dayMs);
      const early = localMs - before;
      const late = localMs - after;
      if (before === after) return early;
      const isLate = offsetAt(late) === after;
      if (offsetAt(early) !== before) return isLate ? late : early;
      return isLate && Math.abs(late - near) < Math.abs(early - near) ? late : early;
    },
  };
}

function createFormat(name: string): Intl.DateTimeFormat {
  try {
    return new Intl.DateTimeFormat("en", { timeZone: name, timeZoneName: "longOffset" });
  } catch {
    throw new RangeError(
      `timezone: ${JSON.stringify(name)} is not an IANA zone; write one like "Europe/Berlin"`,
    );
  }
}

/** Milliseconds in the `GMT+01:00` that ends a formatted date; `GMT` alone is zero. */
function readOffset(formatted: string): number {
  const match = /GMT(?:([+-])(\d\d):(\d\d)(?::(\d\d))?)?$/.exec(formatted);
  if (match === null || match[1] === undefined) return 0;
  const seconds = Number(match[2]) * 3600 + Number(match[3]) * 60 + Number(match[4] ?? 0);
  return (match[1] === "-" ? -1000 : 1000) * seconds;
}
