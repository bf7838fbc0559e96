/** A mean that is made value by value. */
export interface Mean {
  add(value: number): void;
  /** Only after the first value. */
  result(): number;
}

/** The mean that suits a value of this name, whose unit is in it. */
export function meanOf(name: string): Mean {
  if (name.endsWith("Deg")) return new DirectionMean();
  if (name === "lon") return new LongitudeMean();
  return new LinearMean(name.endsWith("Minor"));
}

class LinearMean implements Mean {
  readonly #isWhole: boolean;
  #count = 0;
  #mean = 0;

  /** @param isWhole whether the result is rounded, as money in minor units is */
  constructor(isWhole: boolean) {
    this.#isWhole = isWhole;
  }

  // Halves keep the difference of two huge values finite.
  add(value: number): void {
    this.#count++;
    this.#mean += (value / 2 - this.#mean / 2) * (2 / this.#count);
  }

  result(): number {
    return this.#isWhole ? Math.round(this.#mean) : this.#mean;
  }
}

/** Directions in degrees: that of the sum of their vectors, 0 to below 360. */
class DirectionMean implements Mean {
  #east = 0;
  #north = 0;

  add(value: number): void {
    const radians = (value * Math.PI) / 180;
    this.#east += Math.sin(radians);
    this.#north += Math.cos(radians);
  }

  result(): number {
    const degrees = (Math.atan2(this.#east, this.#north) * 180) / Math.PI;
    return degrees < 0 ? (degrees + 360) % 360 : degrees;
  }
}

/** Longitudes of a thing that may cross the antimeridian: each is taken the shorter way from the first. */
class LongitudeMean implements Mean {
  #first: number | null = null;
  #count = 0;
  #sumFromFirst = 0;

  add(value: number): void {
    this.#first ??= value;
    this.#count++;
    this.#sumFromFirst += wrap(value - this.#first);
  }

  result(): number {
    return wrap((this.#first ?? 0) + this.#sumFromFirst / this.#count);
  }
}

/** The same angle in -180 to 180 degrees; one that is there already stays exactly as it is. */
function wrap(degrees: number): number {
  if (degrees > 180) return degrees - 360;
  return degrees < -180 ? degrees + 360 : degrees;
}
