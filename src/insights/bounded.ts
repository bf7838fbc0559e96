/**
 * Puts `key` last in a Map that is kept in the order of use, and forgets what was used longest ago beyond `max` entries.
 * @returns the forgotten key, undefined if there was room
 */
export function putBounded<Key, Value>(
  map: Map<Key, Value>,
  key: Key,
  value: Value,
  max: number,
): Key | undefined {
  map.delete(key);
  map.set(key, value);
  if (map.size <= max) return undefined;
  const [oldest] = map.keys();
  map.delete(oldest as Key);
  return oldest;
}
