import { type CongestionLevel, congestionLevelOf } from "../model/congestion.ts";
import type { Segment } from "./road-network.ts";
import type { RoadSettings } from "./road-settings.ts";

/** Most observations kept of a segment; beyond that the oldest are forgotten. */
const maxObservations = 500;
/** Nobody knows when a standing queue moves on: travel times are reckoned with this speed at least, km/h. */
const crawlKmh = 2;
const roundingError = 1e-9;

/** The flow and the mean speed of the same minutes may have times so far apart where each comes in a message of its own. */
const maxApartMs = 300_000;

/** What a sensor or a vehicle said of a segment's speed. */
export interface Observation {
  readonly time: number;
  /** The sensor's channel, or the vehicle. */
  readonly source: string;
  readonly speedKmh: number;
  /** How much it counts beside others, null for a vehicle. */
  readonly trust: number | null;
  /** Of what one sensor tells, the kind with the lowest rank counts (`sensedSpeed`). */
  readonly rank: number;
}

/** Nobody passed a sensor: that says nothing of the speed, but that a mean speed of 0 about then is no standstill. */
export const emptyRoad = { speedKmh: 0, rank: 9 } as const;

/** What is known of a segment at a time; values as they are told. */
export interface Estimate {
  readonly level: CongestionLevel;
  readonly speedKmh: number | null;
  readonly speedRatio: number | null;
  readonly travelTimeS: number | null;
  readonly delayS: number | null;
  /** Of how many sensors and vehicles it was made. */
  readonly sensors: number;
  readonly vehicles: number;
}

/** What is known at a moment, and how long that holds if nothing comes that was observed before. */
export interface Reckoning {
  readonly estimate: Estimate;
  /** When the first observation from the moment on was made, and until when all that counts does; epoch milliseconds, infinite: never. */
  readonly next: number;
  readonly until: number;
}

export const unknownEstimate: Estimate = {
  level: "unknown",
  speedKmh: null,
  speedRatio: null,
  travelTimeS: null,
  delayS: null,
  sensors: 0,
  vehicles: 0,
};

/**
 * Whether an estimate is worth telling after another: at once if the level is another one, else in its time. Who watches sees no
 * difference between 100 and 103 seconds, and of every vehicle that comes or goes one follows.
 */
export function isChange(
  told: Estimate,
  estimate: Estimate,
  changePct: number,
): "at once" | "in time" | "no" {
  if (told.level !== estimate.level) return "at once";
  if (told.travelTimeS === null || estimate.travelTimeS === null) return "no";
  const change = Math.abs(estimate.travelTimeS - told.travelTimeS);
  return 100 * change >= changePct * told.travelTimeS ? "in time" : "no";
}

/** Puts an observation in its place. Returns false if it is known: a duplicate. */
export function addObservation(list: Observation[], observation: Observation): boolean {
  let at = list.length;
  while (at > 0 && order(list[at - 1] as Observation, observation) > 0) at--;
  if (at > 0 && order(list[at - 1] as Observation, observation) === 0) return false;
  list.splice(at, 0, observation);
  if (list.length > maxObservations) list.shift();
  return true;
}

/** Takes back what a vehicle said. Returns false if it is not known any more. */
export function removeObservation(list: Observation[], time: number, source: string): boolean {
  const at = list.findLastIndex((one) => one.time === time && one.source === source);
  if (at >= 0) list.splice(at, 1);
  return at >= 0;
}

// By time; what is of the same time stands in the same order whichever came first, so that sums come out the same.
function order(one: Observation, other: Observation): number {
  if (one.time !== other.time) return one.time - other.time;
  if (one.source !== other.source) return one.source < other.source ? -1 : 1;
  return one.rank - other.rank;
}

/** How long an observation counts, milliseconds. */
export function staleMsOf({ trust }: Observation, settings: RoadSettings): number {
  return 1_000 * (trust === null ? settings.probeStaleS : settings.staleS);
}

/**
 * The segment's speed at a time from what was observed before it: a mean in which everything counts by its trust, and half
 * as much for every `halfLifeS` of age. Of a sensor the newest counts, since that is a mean of many vehicles already. A vehicle
 * counts every time it is seen (once an interval): such samples, evenly spaced in time, add up to distance over time, the mean
 * speed of the stretch (Edie, Discussion of traffic stream measurements and definitions, 1963).
 */
export function estimateAt(
  list: readonly Observation[],
  time: number,
  segment: Segment,
  settings: RoadSettings,
): Reckoning {
  const { staleS, probeStaleS, probeTrust, minVehicles } = settings;
  // Half as much for every `halfLifeS`; an exponential takes a third of the time of a power.
  const decay = Math.LN2 / (1_000 * settings.halfLifeS);
  const sensors: Observation[] = [];
  const vehicles = new Set<string>();
  let next = Number.POSITIVE_INFINITY;
  let until = Number.POSITIVE_INFINITY;
  let weights = 0;
  let sum = 0;
  const oldest = time - 1_000 * Math.max(staleS, probeStaleS);
  for (let at = list.length - 1; at >= 0; at--) {
    const one = list[at] as Observation;
    if (one.time <= oldest) break;
    if (one.time >= time) next = one.time;
    else if (one.trust !== null) noteSensor(sensors, one, list, time, settings);
    else if (time - one.time < 1_000 * probeStaleS) {
      vehicles.add(one.source);
      const weight = probeTrust * Math.exp((one.time - time) * decay);
      weights += weight;
      sum += weight * one.speedKmh;
      until = one.time + 1_000 * probeStaleS;
    }
  }
  for (const one of sensors) until = Math.min(until, one.time + 1_000 * staleS);
  if (sensors.length === 0 && vehicles.size < minVehicles) return { estimate: unknownEstimate, next, until };
  for (const one of sensors) {
    const weight = (one.trust as number) * Math.exp((one.time - time) * decay);
    weights += weight;
    sum += weight * one.speedKmh;
  }
  return { estimate: estimateOf(sum / weights, segment, sensors.length, vehicles.size), next, until };
}

/** Of each sensor the newest observation counts, and of these the one with the lowest rank. From the newest back. */
function noteSensor(
  sensors: Observation[],
  one: Observation,
  list: readonly Observation[],
  time: number,
  { staleS }: RoadSettings,
): void {
  if (time - one.time >= 1_000 * staleS || one.rank === emptyRoad.rank) return;
  let at = sensors.length - 1;
  while (at >= 0 && (sensors[at] as Observation).source !== one.source) at--;
  if (at >= 0 && one.rank >= (sensors[at] as Observation).rank) return;
  if (one.speedKmh === 0 && isEmptyAbout(list, one, time)) return;
  if (at >= 0) sensors[at] = one;
  else sensors.push(one);
}

/** Whether the same sensor said, by `time`, that nobody passed about when it told a speed of 0. */
function isEmptyAbout(
  list: readonly Observation[],
  { source, time: at }: Observation,
  time: number,
): boolean {
  return list.some(
    (one) =>
      one.rank === emptyRoad.rank &&
      one.source === source &&
      one.time < time &&
      Math.abs(one.time - at) <= maxApartMs,
  );
}

function estimateOf(speedKmh: number, segment: Segment, sensors: number, vehicles: number): Estimate {
  // Rounded down, so that it is in the same band as the exact one; a whole hundredth, or a half, must not fall by a rounding error.
  const speedRatio = Math.floor((speedKmh / segment.freeFlowKmh) * 100 + roundingError) / 100;
  const travelTimeS = (segment.lengthM / Math.max(speedKmh, crawlKmh)) * 3.6;
  return {
    level: congestionLevelOf(speedRatio),
    speedKmh: Math.round(speedKmh + roundingError),
    speedRatio,
    travelTimeS: tenths(travelTimeS),
    delayS: tenths(Math.max(0, travelTimeS - segment.freeFlowS)),
    sensors,
    vehicles,
  };
}

function tenths(value: number): number {
  return Math.round(value * 10) / 10;
}
