import type { Domain, Values } from "../model/reading.ts";
import { nextQuote, type Quote, routeOf } from "./quote.ts";
import { nextRhythm } from "./rhythm.ts";
import { Series } from "./series.ts";
import type { Place } from "./topics.ts";
import { Trail } from "./trail.ts";

/** How many values a sparkline shows. */
export const maxHistory = 40;
/** Parts (phases, predicted stops) kept per thing; the one that came first makes room. */
export const maxParts = 32;

/** One reading as the stream gives it. */
export interface Observation {
  readonly topic: string;
  /** Epoch milliseconds. */
  readonly time: number;
  readonly values: Values;
  /** Only in snapshots: the time of each value that is older than `time`. */
  readonly times?: Readonly<Record<string, number>> | null;
  /** Remarks that are not measurements (an alert's text). */
  readonly attrs?: Values;
}

/** Values merged field by field by observation time. */
export interface Part {
  readonly values: Values;
  readonly times: Record<string, number>;
}

/** One row of the page: a device, a direction of a road station, or a fare's route. */
export class Thing {
  readonly domain: Domain;
  readonly key: string;
  readonly device: string;
  readonly name: string;
  /** The topic that people would subscribe to for it. */
  topic: string;
  /** The newest observation time, epoch milliseconds. */
  time: number;
  rhythmMs: number | null = null;
  /** By name; "" is the thing as a whole. */
  readonly parts = new Map<string, Part>();
  /** The main value's recent course. */
  readonly history = new Series(maxHistory);
  trail: Trail | null = null;
  quote: Quote | null = null;

  constructor(place: Place, observation: Observation) {
    this.domain = place.domain;
    this.key = place.key;
    this.device = place.device;
    this.name = place.name;
    this.topic = place.domain === "fare" ? observation.topic : place.key;
    this.time = observation.time;
  }

  /** Takes in one more observation. Returns whether its place on the map changed. */
  take(part: string, observation: Observation): boolean {
    const { time } = observation;
    const isNewest = time >= this.time;
    // A fare shows one quote, the newest; values of several must not mix.
    if (this.domain === "fare" && !isNewest) return false;
    this.rhythmMs = nextRhythm(this.rhythmMs, time - this.time);
    if (isNewest) this.time = time;
    mergeInto(this.partNamed(part), observation);
    if (this.domain === "fare") this.takeQuote(observation);
    if (isNewest) this.remember(part, observation.values);
    return this.takePosition(observation);
  }

  /** A value of the thing as a whole (for meters with phases: of `total`, else the sum of the phases). */
  value(name: string): number | string | boolean | null {
    for (const part of ["", "total"]) {
      const value = this.parts.get(part)?.values[name];
      if (isPlain(value)) return value;
    }
    return this.domain === "energy" && name === "powerW" ? this.sumOfParts(name) : null;
  }

  number(name: string): number | null {
    const value = this.value(name);
    return typeof value === "number" ? value : null;
  }

  text(name: string): string | null {
    const value = this.value(name);
    return typeof value === "string" && value !== "" ? value : null;
  }

  /** The value that the row's sparkline follows. */
  get mainValue(): number | null {
    if (this.domain === "fare") return this.quote ? this.quote.amountMinor : null;
    return this.number(mainNames[this.domain]);
  }

  private takeQuote(observation: Observation): void {
    const before = this.quote;
    this.quote = nextQuote(before, observation.time, observation.values);
    if (this.quote !== before) this.topic = observation.topic;
  }

  private remember(part: string, values: Values): void {
    const value = this.mainValue;
    if (value === null) return;
    // Many devices tell each value in a message of its own; the course has a step only where its value was observed.
    if (this.domain !== "fare" && !(mainNames[this.domain] in values)) return;
    // Phases change one by one; their sum is a step of the course only when the first of them comes round again.
    const first = this.parts.keys().next().value;
    if (this.domain === "energy" && part !== "" && part !== "total" && part !== first) return;
    this.history.push(value);
  }

  private takePosition({ time, values }: Observation): boolean {
    const { lat, lon } = values;
    if (typeof lat !== "number" || typeof lon !== "number") return false;
    if (this.trail) return this.trail.move(lat, lon, time);
    this.trail = new Trail(lat, lon, time);
    return true;
  }

  private partNamed(name: string): Part {
    // Each quote of a fare replaces the one before.
    const known = this.parts.get(name);
    if (known && this.domain !== "fare") return known;
    if (this.parts.size >= maxParts) this.parts.delete(this.parts.keys().next().value as string);
    const part: Part = { values: {}, times: {} };
    this.parts.set(name, part);
    return part;
  }

  private sumOfParts(name: string): number | null {
    let sum: number | null = null;
    for (const { values } of this.parts.values()) {
      const value = values[name];
      if (typeof value === "number") sum = (sum ?? 0) + value;
    }
    return sum;
  }
}

/** The value that each domain is about. */
export const mainNames = { gps: "speedKmh", energy: "powerW", road: "speedKmh", transit: "delayS" } as const;

function isPlain(value: unknown): value is number | string | boolean {
  return typeof value === "number" || typeof value === "string" || typeof value === "boolean";
}

function mergeInto(part: Part, { time, values, times }: Observation): void {
  for (const [name, value] of Object.entries(values)) {
    const at = times?.[name] ?? time;
    if (at < (part.times[name] ?? Number.NEGATIVE_INFINITY)) continue;
    part.values[name] = value;
    part.times[name] = at;
  }
}

/** The place of an observation; a fare's quotes have a topic each and share the row of their route. */
export function placeWithRoute(place: Place, values: Values): Place {
  if (place.domain !== "fare") return place;
  const route = routeOf(values);
  if (route === null) return place;
  const source = place.name.split("/")[0] ?? place.name;
  const key = `fare/${source}/${route}`;
  return { ...place, key, device: key, name: route.replace("-", " → "), part: "" };
}
