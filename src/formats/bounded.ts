/** How much of something is remembered, and how often something had to be forgotten for it since the process began. */
export interface Limit {
  /** For `/metrics`: `traccar-devices`. */
  readonly name: string;
  readonly max: number;
  forgotten: number;
}

const limits: Limit[] = [];

/** Declares a limit, once for each thing that is remembered and not for each map of it. */
export function declareLimit(name: string, max: number): Limit {
  const limit = { name, max, forgotten: 0 };
  limits.push(limit);
  return limit;
}

/** How much was forgotten since the process began, by limit; those that were never reached too. */
export function forgottenByLimit(): Record<string, number> {
  return Object.fromEntries(limits.map(({ name, forgotten }) => [name, forgotten]));
}

/** A map that keeps to a limit: the oldest entry is forgotten for a new one. */
export class BoundedMap<K, V> {
  readonly #limit: Limit;
  readonly #entries = new Map<K, V>();
  // One iterator for good: each new one first steps over what was deleted, which with 10,000 entries takes 12 µs.
  readonly #keysByAge = this.#entries.keys();

  constructor(limit: Limit) {
    this.#limit = limit;
  }

  get(key: K): V | undefined {
    return this.#entries.get(key);
  }

  /** Returns what was forgotten for it. An entry that is set again keeps its age. */
  set(key: K, value: V): V | undefined {
    let forgotten: V | undefined;
    if (this.#entries.size >= this.#limit.max && !this.#entries.has(key)) {
      const oldest = this.#keysByAge.next().value as K;
      forgotten = this.#entries.get(oldest);
      this.#entries.delete(oldest);
      this.#limit.forgotten++;
    }
    this.#entries.set(key, value);
    return forgotten;
  }

  delete(key: K): void {
    this.#entries.delete(key);
  }
}

/** Sets an entry of a small map that keeps to a limit: the oldest is forgotten for a new one, and returned. */
export function setBounded<K, V>(map: Map<K, V>, key: K, value: V, limit: Limit): V | undefined {
  let forgotten: V | undefined;
  if (!map.has(key) && map.size >= limit.max) {
    const oldest = map.keys().next().value as K;
    forgotten = map.get(oldest);
    map.delete(oldest);
    limit.forgotten++;
  }
  map.set(key, value);
  return forgotten;
}
