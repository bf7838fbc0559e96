/**
 * Puts `key` into a Map that is kept in the order of use, and forgets what was used longest ago beyond `max` entries. In a
 * Map that is less than half full the order is that of the first use, which costs less and does no harm: what is used at
 * all moves on before it is its turn.
 * @returns the forgotten key, undefined if there was room
 */
export function putBounded<Key, Value>(
  map: Map<Key, Value>,
  key: Key,
  value: Value,
  max: number,
): Key | undefined {
  if (2 * map.size > max) map.delete(key);
  map.set(key, value);
  if (map.size <= max) return undefined;
  const [oldest] = map.keys();
  map.delete(oldest as Key);
  return oldest;
}
