import { z } from "zod";
import { distanceM, isPosition, isWithinM } from "./geo.ts";
import type { CommittedReading } from "./insight.ts";

/** One position of a device, as it was observed. */
export interface Fix {
  readonly time: number;
  readonly lat: number;
  readonly lon: number;
  /** Radius in which the device probably was, metres; absent if the receiver does not say. */
  readonly accuracyM?: number;
  readonly speedKmh?: number;
}

/** Settings of all insights that work on positions. */
export const fixSettings = {
  filters: z
    .array(z.string())
    .default(["gps/#"])
    .describe("Topics with the positions (`lat`, `lon`) of the devices"),
  maxAccuracyM: z
    .number()
    .positive()
    .max(100_000)
    .default(100)
    .describe("Positions that are less certain (`accuracyM` larger) are left out, in metres"),
  maxSpeedKmh: z
    .number()
    .positive()
    .max(2_000)
    .default(250)
    .describe("No device is faster: a position that it could not have come to is left out"),
  lateReadings: z
    .number()
    .int()
    .min(1)
    .max(256)
    .default(24)
    .describe(
      "So many positions of a device are kept, among which late ones take their place; later ones are ignored",
    ),
  maxDevices: z
    .number()
    .int()
    .min(1)
    .max(100_000)
    .default(3_000)
    .describe("Most devices followed; the one not heard of longest is forgotten"),
} as const;

/** The part of the settings that says which positions can be true. */
export interface FixLimits {
  readonly maxAccuracyM: number;
  readonly maxSpeedKmh: number;
}

/** Taken for the accuracy of a position that does not tell its own. */
const assumedAccuracyM = 15;
/** Clocks of trackers count in whole seconds: two times may be so much farther apart than they say. */
const clockSlackS = 1;
/** So many positions in a row that fit together, but not what was before, are believed. */
const jumpsBelieved = 3;

/** The position in a reading, null if it has none. */
export function fixOf({ time, values }: Pick<CommittedReading, "time" | "values">): Fix | null {
  const { lat, lon, accuracyM, speedKmh } = values;
  if (typeof lat !== "number" || typeof lon !== "number" || !isPosition(lat, lon)) return null;
  // Written out: spreads take longer than all the rest.
  if (isMeasure(accuracyM)) {
    return isMeasure(speedKmh) ? { time, lat, lon, accuracyM, speedKmh } : { time, lat, lon, accuracyM };
  }
  return isMeasure(speedKmh) ? { time, lat, lon, speedKmh } : { time, lat, lon };
}

/** What is kept to know good positions from bad ones. */
export interface FixFilter {
  last: Fix | null;
  /** The last one that did not fit, and how many in a row fit together with it. */
  doubtful: Fix | null;
  doubts: number;
  /** Positions left out because the device could not have come there, and because they were too uncertain. */
  jumps: number;
  inaccurate: number;
}

export function newFixFilter(): FixFilter {
  return { last: null, doubtful: null, doubts: 0, jumps: 0, inaccurate: 0 };
}

/**
 * Judges the next position: `good`; `elsewhere` if it is believed, but the way to it is not known (the first one, or the device
 * was carried off); `bad` if it is to be left out.
 */
export function judge(filter: FixFilter, fix: Fix, limits: FixLimits): "good" | "elsewhere" | "bad" {
  if (fix.accuracyM !== undefined && fix.accuracyM > limits.maxAccuracyM) {
    filter.inaccurate++;
    return "bad";
  }
  const { last, doubtful } = filter;
  if (last !== null && !isReachable(last, fix, limits)) {
    filter.doubts = doubtful !== null && isReachable(doubtful, fix, limits) ? filter.doubts + 1 : 1;
    filter.doubtful = fix;
    if (filter.doubts < jumpsBelieved) {
      filter.jumps++;
      return "bad";
    }
  }
  const isKnownWay = last !== null && filter.doubts < jumpsBelieved;
  filter.last = fix;
  filter.doubtful = null;
  filter.doubts = 0;
  return isKnownWay ? "good" : "elsewhere";
}

/** Metres that a position may be off. */
export function accuracyOf({ accuracyM = assumedAccuracyM }: Fix): number {
  return accuracyM;
}

/** The device's speed at a position: its own word, else by the way from the position before. Null if neither tells. */
export function speedOf(fix: Fix, before: Fix | null): number | null {
  if (fix.speedKmh !== undefined) return fix.speedKmh;
  if (before === null) return null;
  const metres = distanceM(before, fix);
  // Below that it is noise.
  if (metres < accuracyOf(fix) + accuracyOf(before)) return 0;
  return (metres / (fix.time - before.time)) * 3_600;
}

function isReachable(from: Fix, to: Fix, { maxSpeedKmh }: FixLimits): boolean {
  const seconds = (to.time - from.time) / 1_000 + clockSlackS;
  return isWithinM(from, to, (maxSpeedKmh / 3.6) * seconds + accuracyOf(from) + accuracyOf(to));
}

function isMeasure(value: unknown): value is number {
  return typeof value === "number" && Number.isFinite(value) && value >= 0;
}
