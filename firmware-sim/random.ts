/** A stream of random numbers that depends only on its seed. */
export interface Random {
  /** In [0, 1). */
  next(): number;
  between(low: number, high: number): number;
  /** A whole number from 0 to `count - 1`. */
  below(count: number): number;
  chance(probability: number): boolean;
  /** Normally distributed, mean 0, standard deviation 1. */
  gauss(): number;
}

/** Makes one seed out of a seed and a name, so that each device has a stream of its own (FNV-1a, 32 bit). */
export function seedFor(seed: number, name: string): number {
  let hash = 0x811c9dc5 ^ seed;
  for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193);
  return mix(hash);
}

/** A number in [0, 1) for a place in a series: the same seed and index always give the same number. */
export function noiseAt(seed: number, index: number): number {
  return mix(seed ^ Math.imul(index | 0, 0x9e3779b1)) / 2 ** 32;
}

/** Like `noiseAt`, but continuous in `x`, with a bend at each whole number. */
export function smoothNoiseAt(seed: number, x: number): number {
  const index = Math.floor(x);
  const part = x - index;
  const blend = part * part * (3 - 2 * part);
  return noiseAt(seed, index) * (1 - blend) + noiseAt(seed, index + 1) * blend;
}

/** Mulberry32 (Tommy Ettinger, public domain): 32 bits of state are plenty for a simulated device. */
export function createRandom(seed: number): Random {
  let state = seed | 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  return {
    next,
    between: (low, high) => low + next() * (high - low),
    below: (count) => Math.floor(next() * count),
    chance: (probability) => next() < probability,
    gauss: () => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next()),
  };
}

// The finalizer of MurmurHash3: every input bit reaches every output bit.
function mix(value: number): number {
  let h = value | 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}
