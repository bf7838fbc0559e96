import { type City, courseDeg, isGreen, type Leg, pointOn } from "./city.ts";
import { bendDeg, type Point } from "./geo.ts";
import type { Traffic } from "./traffic.ts";

/** How a kind of vehicle moves. */
export interface Driving {
  readonly maxSpeedMs: number;
  readonly accelerationMs2: number;
  readonly brakingMs2: number;
  /** False for those who pass a traffic jam: bicycles, pedestrians. */
  readonly isInTraffic: boolean;
}

/** What the driver wants in this step. */
export interface Intent {
  /** The leg after this one; null to wait at the end. */
  readonly next: Leg | null;
  /** Where on this leg to stop, null for nowhere. */
  readonly haltAtM: number | null;
  /** Share of the possible speed, 0 to 1. */
  readonly effort: number;
}

/** Distance from a junction at which to wait for green. */
const stopLineM = 6;
const turnSpeedMs = 5.5;
const turnDeg = 35;
/** Whoever would have to brake harder than this for a red light drives on. */
const hardBrakingMs2 = 3;

/** A vehicle on the street network: it accelerates, brakes for halts, bends and red lights, and follows the traffic. */
export class Vehicle {
  leg: Leg;
  offsetM: number;
  speedMs = 0;
  accelerationMs2 = 0;
  odometerM = 0;
  readonly #city: City;
  readonly #traffic: Traffic;
  readonly #driving: Driving;

  constructor(city: City, traffic: Traffic, driving: Driving, at: { leg: Leg; offsetM: number }) {
    this.#city = city;
    this.#traffic = traffic;
    this.#driving = driving;
    this.leg = at.leg;
    this.offsetM = at.offsetM;
  }

  get point(): Point {
    return pointOn(this.#city, this.leg, this.offsetM);
  }

  get courseDeg(): number {
    return courseDeg(this.#city, this.leg);
  }

  /** Moves on by `dtS` seconds, to the instant `time`. Returns true if a new leg was entered. */
  step(time: number, dtS: number, intent: Intent): boolean {
    const before = this.speedMs;
    const wanted = Math.min(this.#cruiseMs(time) * intent.effort, this.#brakeCurveMs(time, intent));
    const gained = before + this.#driving.accelerationMs2 * dtS;
    const kept = before - this.#driving.brakingMs2 * dtS;
    this.speedMs = Math.max(0, Math.min(gained, Math.max(wanted, kept)));
    if (this.speedMs < 0.1 && wanted < 0.1) this.speedMs = 0;
    this.accelerationMs2 = (this.speedMs - before) / dtS;
    return this.#move(this.#reach(this.speedMs * dtS, intent), intent.next);
  }

  #cruiseMs(time: number): number {
    const ratio = this.#driving.isInTraffic ? this.#traffic.speedRatio(this.leg, time) : 1;
    return Math.min(this.#driving.maxSpeedMs, (this.leg.edge.limitKmh / 3.6) * ratio);
  }

  /** The highest speed from which everything ahead can still be met. */
  #brakeCurveMs(time: number, intent: Intent): number {
    const { brakingMs2 } = this.#driving;
    const toEndM = this.leg.edge.lengthM - this.offsetM;
    let limit = Number.POSITIVE_INFINITY;
    const meet = (distanceM: number, speedMs: number): void => {
      // Aiming at 70 % of the brakes leaves a reserve for the coarseness of a step.
      limit = Math.min(limit, Math.sqrt(speedMs ** 2 + 1.4 * brakingMs2 * Math.max(0, distanceM)));
    };
    if (intent.haltAtM !== null) meet(intent.haltAtM - this.offsetM - 0.5, 0);
    if (intent.next === null) meet(toEndM - stopLineM, 0);
    else if (bendDeg(this.courseDeg, courseDeg(this.#city, intent.next)) > turnDeg) meet(toEndM, turnSpeedMs);
    const toLineM = toEndM - stopLineM;
    const canStop = toLineM > 0 && this.speedMs ** 2 / (2 * toLineM) < hardBrakingMs2;
    if (canStop && !isGreen(this.#city, this.leg, time)) meet(toLineM - 1, 0);
    return limit;
  }

  /** No halt is overrun, whatever the size of the step. */
  #reach(distanceM: number, intent: Intent): number {
    const halt = intent.haltAtM ?? Number.POSITIVE_INFINITY;
    const end = intent.next === null ? this.leg.edge.lengthM : Number.POSITIVE_INFINITY;
    return Math.max(0, Math.min(distanceM, Math.min(halt, end) - this.offsetM));
  }

  #move(distanceM: number, next: Leg | null): boolean {
    this.offsetM += distanceM;
    this.odometerM += distanceM;
    if (next === null || this.offsetM < this.leg.edge.lengthM) return false;
    this.offsetM = Math.min(this.offsetM - this.leg.edge.lengthM, next.edge.lengthM);
    this.leg = next;
    return true;
  }
}
