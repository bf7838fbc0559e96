import { type NumberField, numberField } from "./fields.ts";
import { parseSenmlName, type SenmlName } from "./senml-name.ts";
import type { Measure } from "./unit-factors.ts";
import { measureOf, wordsOf } from "./units.ts";

/** Most meanings that a decoder remembers; then it begins anew. */
const maxMeanings = 10_000;

/** What a record of some name and unit says. */
export interface SenmlMeaning {
  readonly name: SenmlName;
  /** What its value is; undefined for what has no place in the contract. */
  readonly value: NumberField | undefined;
  /** What its sum over time is. */
  readonly sum: NumberField | undefined;
  readonly isPosition: boolean;
  /** Device and channel, as a key; positions apart from the rest. */
  readonly place: string;
}

/** Meanings by base name, name and unit; worked out once, because packs repeat them record after record. */
export class SenmlMeanings {
  readonly #byBaseName = new Map<string, Map<string, Map<string, SenmlMeaning | string>>>();
  #count = 0;

  /** The meaning, or the reason why the name names nothing. */
  of(baseName: string, name: string, unit: string): SenmlMeaning | string {
    const known = this.#byBaseName.get(baseName)?.get(name)?.get(unit);
    if (known !== undefined) return known;
    const meaning = workOut(baseName, name, unit);
    if (typeof meaning !== "string") this.#keep(baseName, name, unit, meaning);
    return meaning;
  }

  #keep(baseName: string, name: string, unit: string, meaning: SenmlMeaning): void {
    if (this.#count >= maxMeanings) {
      this.#byBaseName.clear();
      this.#count = 0;
    }
    this.#count++;
    const byName = getOrMake(this.#byBaseName, baseName);
    getOrMake(byName, name).set(unit, meaning);
  }
}

function getOrMake<V>(maps: Map<string, Map<string, V>>, key: string): Map<string, V> {
  const known = maps.get(key);
  if (known !== undefined) return known;
  const made = new Map<string, V>();
  maps.set(key, made);
  return made;
}

function workOut(baseName: string, ownName: string, unit: string): SenmlMeaning | string {
  const name = parseSenmlName(baseName, ownName);
  if (typeof name === "string") return name;
  const position = positionMeasure(unit, name.last);
  const isPosition = position !== undefined;
  const value = toField("v", position ?? electricMeasure(unit, name));
  const sum = toField("s", sumMeasure(unit, name));
  const place = isPosition ? `position\n${name.device}` : `${name.channel ?? ""}\n${name.device}`;
  return { name, value, sum, isPosition, place };
}

function toField(from: string, measure: Measure | undefined): NumberField | undefined {
  return measure === undefined ? undefined : numberField(from, measure.to, measure.scale);
}

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
function positionMeasure(unit: string, name: string): Measure | undefined {
  const choices = positionMeasures.get(unit);
  if (choices === undefined) return undefined;
  const words = wordsOf(name);
  if (words.includes("wind")) return undefined;
  for (const [known, measure] of choices) {
    // A record without a name of its own has only its unit to tell: what moves at a speed is the device.
    const isSpeed = measure.to === "speedKmh" && words.length === 0;
    if (known === "" || isSpeed || words.some((word) => known.includes(` ${word} `))) return measure;
  }
  return undefined;
}

/** What a record in `unit` measures of electricity; undefined if nothing. */
function electricMeasure(unit: string, { last, hints }: SenmlName): Measure | undefined {
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
function sumMeasure(unit: string, { hints }: SenmlName): Measure | undefined {
  const energyUnit = joules.get(unit);
  return energyUnit === undefined ? undefined : measureOf(energyUnit, hints);
}
