/** Sets an entry of a map that holds at most `max`: the oldest is forgotten for a new one, and returned. */
export function setBounded<K, V>(map: Map<K, V>, key: K, value: V, max: number): V | undefined {
  let forgotten: V | undefined;
  if (!map.has(key) && map.size >= max) {
    const oldest = map.keys().next().value as K;
    forgotten = map.get(oldest);
    map.delete(oldest);
  }
  map.set(key, value);
  return forgotten;
}
