import type { SenmlName } from "./senml-name.ts";
import { type Measure, measureOf, wordsOf } from "./units.ts";

/** What a unit means beside a position, for names with one of the words; "" means any name. */
const positionMeasures: ReadonlyMap<string, readonly (readonly [words: string, measure: Measure])[]> =
  new Map([
    ["lat", [["", { to: "lat", scale: 1 }]]],
    ["lon", [["", { to: "lon", scale: 1 }]]],
    ["%EL", [["", { to: "batteryPct", scale: 1 }]]],
    ["m/s", [[" speed velocity sog ", { to: "speedKmh", scale: 3.6 }]]],
    ["km/h", [[" speed velocity sog ", { to: "speedKmh", scale: 1 }]]],
    ["deg", [[" course heading bearing track cog direction ", { to: "courseDeg", scale: 1 }]]],
    ["rad", [[" course heading bearing track cog direction ", { to: "courseDeg", scale: 180 / Math.PI }]]],
    [
      "m",
      [
        [" alt altitude elevation height ", { to: "altM", scale: 1 }],
        [" acc accuracy hacc ", { to: "accuracyM", scale: 1 }],
        [" odometer mileage ", { to: "odometerM", scale: 1 }],
      ],
    ],
    ["km", [[" odometer mileage ", { to: "odometerM", scale: 1000 }]]],
  ]);

/** What a record in `unit` says about a position; undefined if nothing. Wind has a speed and a direction too. */
export function positionMeasure(unit: string, name: string): Measure | undefined {
  const choices = positionMeasures.get(unit);
  if (choices === undefined) return undefined;
  const words = wordsOf(name);
  if (words.includes("wind")) return undefined;
  for (const [known, measure] of choices) {
    if (known === "" || words.some((word) => known.includes(` ${word} `))) return measure;
  }
  return undefined;
}

/** What a record in `unit` measures of electricity; undefined if nothing. */
export function electricMeasure(unit: string, { last, hints }: SenmlName): Measure | undefined {
  return unit === "/" && isPowerFactor(last) ? { to: "powerFactor", scale: 1 } : measureOf(unit, hints);
}

function isPowerFactor(name: string): boolean {
  const words = wordsOf(name);
  if (words.includes("pf") || words.includes("cosphi")) return true;
  return words.includes("power") && words.includes("factor");
}

/** A sum is the integral over time, in the unit times seconds (RFC 8428, 4.2): of watts, joules. */
const joules: ReadonlyMap<string, string> = new Map([
  ["W", "J"],
  ["kW", "kJ"],
  ["MW", "MJ"],
]);

/** What the sum of a record in `unit` is; undefined if nothing of ours. */
export function sumMeasure(unit: string, { hints }: SenmlName): Measure | undefined {
  const energyUnit = joules.get(unit);
  return energyUnit === undefined ? undefined : measureOf(energyUnit, hints);
}
