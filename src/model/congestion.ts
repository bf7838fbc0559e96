/** DATEX II's levels, the worst first; `unknown` stands beside them where no free-flow speed or no speed is known. */
const knownLevels = ["stationary", "queuing", "slow", "heavy", "free"] as const;
export type CongestionLevel = (typeof knownLevels)[number] | "unknown";

export const congestionLevels: ReadonlySet<string> = new Set([...knownLevels, "unknown"]);

/**
 * DATEX II's level for a speed ratio (1 = free flow): AbnormalTrafficTypeEnum and TrafficStatusEnum (v3). Each band's lower
 * bound belongs to it.
 */
export function congestionLevelOf(speedRatio: number): CongestionLevel {
  if (speedRatio < 0.1) return "stationary";
  if (speedRatio < 0.25) return "queuing";
  if (speedRatio < 0.75) return "slow";
  return speedRatio < 0.9 ? "heavy" : "free";
}

/** True if the level is known and as bad as `limit`, or worse. */
export function isCongested(level: CongestionLevel, limit: CongestionLevel): boolean {
  return level !== "unknown" && rank(level) <= rank(limit);
}

/** The worse of two levels; a known one is worse than an unknown one. */
export function worseLevel(one: CongestionLevel, other: CongestionLevel): CongestionLevel {
  return rank(one) <= rank(other) ? one : other;
}

function rank(level: CongestionLevel): number {
  return level === "unknown" ? knownLevels.length : knownLevels.indexOf(level);
}
