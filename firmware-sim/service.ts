import type { City } from "./city.ts";
import { toCoordinates } from "./geo.ts";
import type { HfpEvent, HfpState } from "./hfp.ts";
import {
  dwellS,
  legIndexAt,
  oppositeOf,
  type Route,
  type Stop,
  scheduledPlaceM,
  scheduledS,
} from "./lines.ts";
import type { Random } from "./random.ts";
import type { Traffic } from "./traffic.ts";
import { type Driving, Vehicle } from "./vehicle.ts";

/** Something that happened to a vehicle in service; `stop` is where. */
export interface Occurrence {
  readonly event: HfpEvent;
  readonly stop: Stop | null;
}

export interface ServiceSettings {
  readonly city: City;
  readonly traffic: Traffic;
  readonly routes: readonly Route[];
  /** The route it begins on, somewhere on its way. */
  readonly route: Route;
  readonly vehicle: number;
  readonly random: Random;
  readonly startTime: number;
}

const driving: Driving = { accelerationMs2: 1.1, brakingMs2: 1.8, maxSpeedMs: 22.5, isInTraffic: true };
const stopRadiusM = 35;
/** Probability that nobody wants to get on or off at a stop. */
const passChance = 0.12;
/** Probability of a long stop: a wheelchair, a question, a forgotten ticket. */
const longStopChance = 0.1;
const layoverS = 120;
const shortestTurnMs = 30_000;
const minuteMs = 60_000;
/** Beyond this the dispatcher gives the vehicle a later trip. */
const maxStartDelayMs = 5 * minuteMs;

/** A vehicle in service: it follows its route and timetable, dwells at stops, turns at the end. */
export class Service {
  readonly #settings: ServiceSettings;
  readonly #random: Random;
  #route: Route;
  #vehicle: Vehicle;
  #legIndex: number;
  /** The timetable's departure of this trip, epoch ms, a whole minute. */
  #departAt: number;
  #nextStop: number;
  #phase: "signing in" | "driving" | "dwelling" | "leaving" | "signed out" = "signing in";
  #isInRadius = false;
  #isPassing = false;
  #isDoorOpen = false;
  /** Boarding takes until this instant, should the timetable not want more. */
  #boardedAt = 0;
  #occupancyPct: number;

  constructor(settings: ServiceSettings) {
    this.#settings = settings;
    this.#random = settings.random;
    this.#route = settings.route;
    const { stops } = settings.route;
    const runS = (stops.at(-1) as Stop).arriveS * this.#random.between(0.05, 0.85);
    this.#departAt = Math.floor((settings.startTime - runS * 1000) / minuteMs) * minuteMs;
    const delayS = this.#random.between(0, 75);
    const placedS = (settings.startTime - this.#departAt) / 1000 - delayS;
    const atM = scheduledPlaceM(settings.route, placedS) + 1;
    this.#legIndex = legIndexAt(settings.route, atM);
    this.#nextStop = stops.findIndex((stop) => stop.atM > atM);
    this.#vehicle = this.#placeVehicle(atM - (settings.route.legStartM[this.#legIndex] as number));
    this.#occupancyPct = this.#random.below(50);
  }

  /** The stop at which it stands or which it is just leaving. */
  get stopHere(): Stop | null {
    const { stops } = this.#route;
    if (this.#phase === "dwelling") return stops[this.#nextStop] ?? null;
    return this.#phase === "leaving" ? (stops[this.#nextStop - 1] ?? null) : null;
  }

  state(time: number): HfpState {
    const isAtStop = this.#phase === "dwelling" || this.#phase === "signed out";
    return {
      route: this.#route,
      vehicle: this.#settings.vehicle,
      departAt: this.#departAt,
      place: toCoordinates(this.#vehicle.point),
      speedMs: this.#vehicle.speedMs,
      accelerationMs2: this.#vehicle.accelerationMs2,
      courseDeg: this.#vehicle.courseDeg,
      delayS: this.#delayS(time),
      odometerM: this.#vehicle.odometerM,
      isDoorOpen: this.#isDoorOpen,
      occupancyPct: this.#occupancyPct,
      nextStop: this.#route.stops[this.#nextStop + (isAtStop ? 1 : 0)] ?? null,
    };
  }

  /** Moves on by `dtS` seconds, to the instant `time`. */
  step(time: number, dtS: number): Occurrence[] {
    switch (this.#phase) {
      case "signing in":
        this.#phase = this.#nextStop === 0 ? "dwelling" : "driving";
        return [{ event: "vja", stop: null }];
      case "signed out":
        this.#turn(time);
        return [];
      case "dwelling":
        return this.#dwell(time);
      default:
        return this.#drive(time, dtS);
    }
  }

  #drive(time: number, dtS: number): Occurrence[] {
    const stop = this.#route.stops[this.#nextStop] as Stop;
    const legStartM = this.#route.legStartM[this.#legIndex] as number;
    const isStopHere = !this.#isPassing && legIndexAt(this.#route, stop.atM) === this.#legIndex;
    const intent = {
      next: this.#route.legs[this.#legIndex + 1] ?? null,
      haltAtM: isStopHere ? stop.atM - legStartM : null,
      // Who is late hurries.
      effort: this.#delayS(time) > 20 ? 1 : 0.85,
    };
    if (this.#vehicle.step(time, dtS, intent)) this.#legIndex += 1;
    return [...this.#watchLeft(), ...this.#watchAhead(time, stop)];
  }

  #watchLeft(): Occurrence[] {
    const left = this.#route.stops[this.#nextStop - 1];
    if (this.#phase !== "leaving" || !left || this.#placeM - left.atM <= stopRadiusM) return [];
    this.#phase = "driving";
    return [{ event: "dep", stop: left }];
  }

  #watchAhead(time: number, stop: Stop): Occurrence[] {
    const occurrences: Occurrence[] = [];
    const toStopM = stop.atM - this.#placeM;
    if (!this.#isInRadius && toStopM < stopRadiusM) {
      this.#isInRadius = true;
      occurrences.push({ event: "arr", stop });
    }
    if (this.#isPassing && toStopM <= 0) {
      occurrences.push({ event: "pas", stop });
      this.#headForNextStop(time);
    } else if (!this.#isPassing && toStopM < 2 && this.#vehicle.speedMs === 0) {
      occurrences.push({ event: "ars", stop });
      this.#phase = "dwelling";
      const extraS = this.#random.chance(longStopChance) ? this.#random.between(15, 40) : 0;
      this.#boardedAt = time + (dwellS * this.#random.between(0.5, 1.3) + extraS) * 1000;
    }
    return occurrences;
  }

  #dwell(time: number): Occurrence[] {
    const { stops } = this.#route;
    const stop = stops[this.#nextStop] as Stop;
    const isLast = this.#nextStop === stops.length - 1;
    // Nobody leaves before the timetable does.
    const leaveAt = Math.max(this.#boardedAt, isLast ? 0 : this.#departAt + stop.departS * 1000);
    if (!this.#isDoorOpen) {
      const isEarly = this.#nextStop === 0 && time < leaveAt - shortestTurnMs;
      if (isEarly) return [];
      this.#isDoorOpen = true;
      return [{ event: "doo", stop }];
    }
    if (time < leaveAt) return [];
    this.#isDoorOpen = false;
    this.#occupancyPct = Math.min(95, Math.max(0, this.#occupancyPct + this.#random.below(31) - 15));
    const closed: Occurrence = { event: "doc", stop };
    if (isLast) {
      this.#phase = "signed out";
      return [closed, { event: "vjout", stop }];
    }
    this.#headForNextStop(time);
    this.#phase = "leaving";
    return [closed];
  }

  #headForNextStop(time: number): void {
    const isEarly = this.#delayS(time) < 0;
    this.#nextStop += 1;
    this.#isInRadius = false;
    const isLast = this.#nextStop === this.#route.stops.length - 1;
    this.#isPassing = !isLast && !isEarly && this.#random.chance(passChance);
  }

  /** Begins the trip back. A late vehicle starts late, until the dispatcher gives it a later trip. */
  #turn(time: number): void {
    const endS = (this.#route.stops.at(-1) as Stop).arriveS;
    const planned = ceilMinute(this.#departAt + (endS + layoverS) * 1000);
    const soonest = time + shortestTurnMs;
    this.#departAt = soonest - planned > maxStartDelayMs ? ceilMinute(soonest) : planned;
    this.#route = oppositeOf(this.#settings.routes, this.#route);
    this.#legIndex = 0;
    this.#nextStop = 0;
    this.#isInRadius = true;
    this.#boardedAt = soonest;
    this.#occupancyPct = 0;
    this.#vehicle = this.#placeVehicle((this.#route.stops[0] as Stop).atM);
    this.#phase = "signing in";
  }

  #placeVehicle(offsetM: number): Vehicle {
    const leg = this.#route.legs[this.#legIndex];
    if (!leg) throw new Error(`route ${this.#route.id} has no legs`);
    return new Vehicle(this.#settings.city, this.#settings.traffic, driving, { leg, offsetM });
  }

  get #placeM(): number {
    return (this.#route.legStartM[this.#legIndex] as number) + this.#vehicle.offsetM;
  }

  /** Seconds behind the timetable; at a stop the time between arrival and departure is on time. */
  #delayS(time: number): number {
    const sinceS = (time - this.#departAt) / 1000;
    if (this.#phase === "driving" || this.#phase === "leaving") {
      return sinceS - scheduledS(this.#route, this.#placeM);
    }
    const stop = this.#route.stops[this.#nextStop] as Stop;
    if (sinceS < stop.arriveS) return this.#nextStop === 0 ? 0 : sinceS - stop.arriveS;
    return Math.max(0, sinceS - stop.departS);
  }
}

function ceilMinute(time: number): number {
  return Math.ceil(time / minuteMs) * minuteMs;
}
