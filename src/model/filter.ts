/** Most levels a filter may have; deeper filters are refused so that matching stays cheap. */
export const maxFilterLevels = 64;

/**
 * Says why `filter` is not a valid MQTT topic filter (MQTT 3.1.1, 4.7.1), or returns null if it is one.
 * The words are meant for the person who wrote the filter.
 */
export function filterProblem(filter: string): string | null {
  if (filter === "") return "the filter is empty; use `#` for everything";
  if (filter.includes("\u0000")) return "the filter contains a null character";
  const levels = filter.split("/");
  if (levels.length > maxFilterLevels) return `the filter has more than ${maxFilterLevels} levels`;
  for (const [index, level] of levels.entries()) {
    if (level.includes("#") && (level !== "#" || index !== levels.length - 1)) {
      return "`#` must stand alone in the last level, as in `gps/#`";
    }
    if (level.includes("+") && level !== "+") return "`+` must fill a whole level, as in `gps/+`";
  }
  return null;
}

/** True if `filter` has a wildcard. */
export function hasWildcard(filter: string): boolean {
  return filter.includes("+") || filter.includes("#");
}

/**
 * True if `topic` matches the valid MQTT filter `filter`. `gps/#` also matches `gps` (MQTT 3.1.1, 4.7.1.2), and a
 * leading wildcard does not match topics that begin with `$` (4.7.2).
 */
export function matchesFilter(filter: string, topic: string): boolean {
  if (filter === topic) return true;
  if (topic.startsWith("$") && !filter.startsWith("$")) return false;
  const want = filter.split("/");
  const have = topic.split("/");
  for (let i = 0; i < want.length; i++) {
    const level = want[i];
    if (level === "#") return true;
    if (i >= have.length || (level !== "+" && level !== have[i])) return false;
  }
  return want.length === have.length;
}
