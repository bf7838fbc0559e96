import type { Values } from "../model/reading.ts";
import { putBounded } from "./bounded.ts";
import { positionOf } from "./geo.ts";
import { isMeasure, type RoadNetwork } from "./road-network.ts";
import type { RoadSettings } from "./road-settings.ts";

/** Slower than that, a vehicle stands, and its course is noise. */
const standKmh = 4;
/** Of each vehicle one position in so many milliseconds is kept, the last: more do not tell more of the traffic. */
const minIntervalMs = 5_000;
/** So late a vehicle's position is still put in its place. */
const lateMs = 120_000;

/** Where a vehicle was, and on which segment. */
interface Fix {
  readonly time: number;
  readonly lat: number;
  readonly lon: number;
  readonly speedKmh: number;
  readonly courseDeg: number | null;
  segment: string | null;
}

/** The last positions of each vehicle in the order of their times, one an interval. */
export type Vehicles = Map<string, Fix[]>;

/** Takes note of what a vehicle shows of a segment (`isGone`: that it does not show it after all). */
export type Sample = (segment: string, time: number, speedKmh: number, isGone: boolean) => void;

/**
 * Finds out on which segments vehicles drive, and how fast. One that stands belongs to the segment on which it moved last, as
 * long as it is there and has not stood for too long: then it is parked, for all that is known.
 */
export class Probes {
  readonly #network: RoadNetwork;
  readonly #vehicles: Vehicles;
  readonly #settings: RoadSettings;
  readonly #intervalMs: number;
  readonly #maxFixes: number;

  constructor(network: RoadNetwork, vehicles: Vehicles, settings: RoadSettings) {
    this.#network = network;
    this.#vehicles = vehicles;
    this.#settings = settings;
    this.#intervalMs = Math.max(minIntervalMs, settings.intervalS * 1_000);
    this.#maxFixes = Math.ceil((settings.maxStandS * 1_000 + lateMs) / this.#intervalMs) + 1;
  }

  /** Takes a position. One without a speed, or too uncertain, says nothing of the traffic. */
  take(vehicle: string, time: number, values: Values, sample: Sample): void {
    const place = positionOf(values);
    const { speedKmh, courseDeg, accuracyM } = values;
    if (place === null || !isMeasure(speedKmh)) return;
    if (isMeasure(accuracyM) && accuracyM > this.#settings.maxAccuracyM) return;
    const course = isMeasure(courseDeg) ? courseDeg : null;
    const fix: Fix = { time, ...place, speedKmh, courseDeg: course, segment: null };
    const fixes = this.#vehicles.get(vehicle) ?? [];
    putBounded(this.#vehicles, vehicle, fixes, this.#settings.maxVehicles);
    const at = this.#insert(fixes, fix, sample);
    if (at === null) return;
    this.#resolve(fixes, at, sample);
    // Those that stood afterwards stood where it went.
    for (let later = at + 1; later < fixes.length && isStanding(fixes[later] as Fix); later++)
      this.#resolve(fixes, later, sample);
  }

  /** Returns its place in the list, null if it is not needed. */
  #insert(fixes: Fix[], fix: Fix, sample: Sample): number | null {
    const cell = this.#cellOf(fix);
    let at = fixes.length;
    while (at > 0 && this.#cellOf(fixes[at - 1] as Fix) > cell) at--;
    const same = fixes[at - 1];
    if (same !== undefined && this.#cellOf(same) === cell) {
      if (same.time >= fix.time) return null;
      if (same.segment !== null) sample(same.segment, same.time, same.speedKmh, true);
      fixes[at - 1] = fix;
      return at - 1;
    }
    if (at === 0 && fixes.length >= this.#maxFixes) return null;
    fixes.splice(at, 0, fix);
    if (fixes.length <= this.#maxFixes) return at;
    fixes.shift();
    return at - 1;
  }

  #cellOf({ time }: Fix): number {
    return Math.floor(time / this.#intervalMs);
  }

  #resolve(fixes: readonly Fix[], at: number, sample: Sample): void {
    const fix = fixes[at] as Fix;
    const segment = this.#segmentOf(fixes, at);
    if (segment === fix.segment) return;
    if (fix.segment !== null) sample(fix.segment, fix.time, fix.speedKmh, true);
    fix.segment = segment;
    if (segment !== null) sample(segment, fix.time, fix.speedKmh, false);
  }

  #segmentOf(fixes: readonly Fix[], at: number): string | null {
    const fix = fixes[at] as Fix;
    if (!isStanding(fix)) return this.#network.match(fix, fix.courseDeg)?.name ?? null;
    let before = at - 1;
    while (before >= 0 && isStanding(fixes[before] as Fix)) before--;
    const moved = fixes[before];
    if (moved === undefined || moved.segment === null) return null;
    if (fix.time - moved.time > this.#settings.maxStandS * 1_000) return null;
    return this.#network.isNear(moved.segment, fix) ? moved.segment : null;
  }
}

function isStanding({ speedKmh }: Fix): boolean {
  return speedKmh < standKmh;
}
