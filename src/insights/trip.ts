import { accuracyOf, type Fix, type FixLimits, judge, newFixFilter, speedOf } from "./fixes.ts";
import { distanceM, isWithinM, nearestOnLine, type Position } from "./geo.ts";
import type { Course } from "./rework.ts";
import type { Tell } from "./told-words.ts";
import {
  type Rest,
  type Spot,
  speedingValues,
  statusOf,
  stopValues,
  type Trip,
  type TripEnd,
  type TripFold,
  trailValues,
  tripValues,
} from "./trip-words.ts";

/** When a device is taken to move and to stand. */
export interface TripLimits extends FixLimits {
  readonly stopRadiusM: number;
  readonly stopAfterS: number;
  readonly silentAfterS: number;
  readonly minMoveM: number;
  readonly minTripM: number;
  readonly statusS: number;
  readonly speedLimitKmh?: number | undefined;
  readonly speedingAfterS: number;
  readonly trailSpacingM: number;
  readonly trailToleranceM: number;
}

/** How a device's positions become its trips, stops and trail. `trips.ts` tells what the topics hold. */
export class TripCourse implements Course<Fix, TripFold> {
  readonly #limits: TripLimits;

  constructor(limits: TripLimits) {
    this.#limits = limits;
  }

  start(): TripFold {
    return {
      filter: newFixFilter(),
      seen: Number.NEGATIVE_INFINITY,
      state: "unknown",
      since: 0,
      rest: null,
      away: null,
      trip: null,
      counted: null,
      endedM: 0,
      endedTrips: 0,
      speeding: null,
      trailEnd: null,
      trailNext: null,
    };
  }

  step(fold: TripFold, fix: Fix, tell: Tell | null): void {
    this.#tellStatusSoFar(fold, fix.time, tell);
    fold.seen = fix.time;
    const before = fold.filter.last;
    const verdict = judge(fold.filter, fix, this.#limits);
    if (verdict === "bad") return;
    const isLost = verdict === "elsewhere" || this.#wasSilent(fold, before as Fix, fix);
    if (isLost) return this.#beginAnew(fold, before, fix, tell);
    if (fold.trip) this.#move(fold, fold.trip, fix, before as Fix, tell);
    else this.#stay(fold, fix, before as Fix, tell);
    this.#watchSpeed(fold, speedOf(fix, before), fix.time, tell);
  }

  settle(fold: TripFold, fix: Fix): void {
    this.step(fold, fix, null);
  }

  /** Nothing came for so long: a trip has ended for all that is known. Who stood is taken to stand still. */
  close(fold: TripFold, tell: Tell | null): void {
    if (fold.filter.last) this.#fallSilent(fold, fold.filter.last, tell);
  }

  /** A word about the way stays true when a late position would have been the better one. */
  isKept(name: string): boolean {
    return name === "trail";
  }

  #fallSilent(fold: TripFold, last: Fix, tell: Tell | null): void {
    if (!fold.trip) return;
    this.#endTrip(fold, last, "silent", tell);
    this.#endSpeeding(fold, last.time, tell);
    this.#change(fold, "unknown", last.time, tell, last.time + 1_000 * this.#limits.silentAfterS);
  }

  /** Silent for so long that what happened in between is not known. Who is found where it stood has not moved. */
  #wasSilent({ trip, rest }: TripFold, before: Fix, fix: Fix): boolean {
    if (fix.time - before.time <= 1_000 * this.#limits.silentAfterS) return false;
    return trip !== null || rest === null || this.#hasLeft(rest, fix);
  }

  #beginAnew(fold: TripFold, before: Fix | null, fix: Fix, tell: Tell | null): void {
    if (before && fold.trip) {
      if (fix.time - before.time > 1_000 * this.#limits.silentAfterS) this.#fallSilent(fold, before, tell);
      else this.#endTrip(fold, before, "jump", tell);
    }
    this.#endSpeeding(fold, before?.time ?? fix.time, tell);
    if (fold.state === "stopped" && fold.rest) tell?.("stop", fold.rest.lastTime, stopValues(fold.rest));
    fold.rest = restAt(fix, 0);
    fold.away = null;
    this.#change(fold, "unknown", fix.time, tell);
  }

  #hasLeft(rest: Rest, fix: Fix): boolean {
    return !isWithinM(rest, fix, Math.max(this.#limits.stopRadiusM, accuracyOf(fix)));
  }

  /** Not on a trip: a second position in a row that is away begins one. */
  #stay(fold: TripFold, fix: Fix, before: Fix, tell: Tell | null): void {
    const rest = fold.rest as Rest;
    if (!this.#hasLeft(rest, fix)) {
      rest.lastTime = fix.time;
      fold.away = null;
      const stoodMs = fix.time - rest.time;
      if (fold.state === "unknown" && stoodMs >= 1_000 * this.#limits.stopAfterS) {
        this.#change(fold, "stopped", rest.time, tell, fix.time);
      }
      return;
    }
    if (fold.away === null) {
      fold.away = fix;
      return;
    }
    if (fold.state === "stopped") tell?.("stop", rest.lastTime, stopValues(rest));
    const trip: Trip = {
      started: rest.lastTime,
      from: { lat: rest.lat, lon: rest.lon },
      distanceM: 0,
      maxKmh: 0,
    };
    fold.trip = trip;
    fold.counted = rest;
    fold.trailEnd = null;
    fold.trailNext = { time: rest.lastTime, lat: rest.lat, lon: rest.lon, tripM: 0 };
    fold.state = "moving";
    fold.since = rest.lastTime;
    const { away } = fold;
    fold.away = null;
    this.#move(fold, trip, away, null, tell);
    this.#move(fold, trip, fix, before, tell);
    // Who reports seldom may have come to its next stop already.
    if (fold.trip) tell?.("", fix.time, statusOf(fold));
  }

  #move(fold: TripFold, trip: Trip, fix: Fix, before: Fix | null, tell: Tell | null): void {
    const stepM = distanceM(fold.counted as Position, fix);
    if (stepM >= Math.max(this.#limits.minMoveM, accuracyOf(fix))) {
      trip.distanceM += stepM;
      fold.counted = fix;
      this.#followTrail(fold, trip, fix, tell);
    }
    trip.maxKmh = Math.max(trip.maxKmh, speedOf(fix, before) ?? 0);
    const { rest } = fold;
    if (rest === null || this.#hasLeft(rest, fix)) {
      fold.rest = restAt(fix, trip.distanceM);
      return;
    }
    rest.lastTime = fix.time;
    if (fix.time - rest.time >= 1_000 * this.#limits.stopAfterS) {
      trip.distanceM = rest.tripM;
      this.#endTrip(fold, rest, "stopped", tell);
      this.#change(fold, "stopped", rest.time, tell, fix.time);
    }
  }

  #endTrip(fold: TripFold, end: Spot, reason: TripEnd, tell: Tell | null): void {
    const trip = fold.trip as Trip;
    const { trailNext } = fold;
    if (trailNext) tell?.("trail", trailNext.time, trailValues(trailNext));
    fold.trip = null;
    fold.counted = null;
    fold.trailNext = null;
    fold.endedM += trip.distanceM;
    if (trip.distanceM < this.#limits.minTripM) return;
    fold.endedTrips++;
    tell?.("trip", end.time, tripValues(trip, end, reason));
  }

  /** A point of the trail is told when the next would leave it aside by more than the tolerance, or is far off. */
  #followTrail(fold: TripFold, { distanceM: tripM }: Trip, fix: Fix, tell: Tell | null): void {
    const { trailEnd: end, trailNext: next } = fold;
    fold.trailNext = { time: fix.time, lat: fix.lat, lon: fix.lon, tripM };
    if (next === null) return;
    const { trailSpacingM, trailToleranceM } = this.#limits;
    const isNeeded =
      end === null ||
      distanceM(end, fix) >= trailSpacingM ||
      nearestOnLine(next, end, fix).distanceM > trailToleranceM;
    if (!isNeeded) return;
    fold.trailEnd = next;
    tell?.("trail", next.time, trailValues(next));
  }

  #watchSpeed(fold: TripFold, kmh: number | null, time: number, tell: Tell | null): void {
    const { speedLimitKmh, speedingAfterS } = this.#limits;
    if (speedLimitKmh === undefined || kmh === null) return;
    if (kmh <= speedLimitKmh) return this.#endSpeeding(fold, time, tell);
    fold.speeding ??= { since: time, maxKmh: 0, isTold: false };
    const { speeding } = fold;
    speeding.maxKmh = Math.max(speeding.maxKmh, kmh);
    if (speeding.isTold || time - speeding.since < 1_000 * speedingAfterS) return;
    speeding.isTold = true;
    tell?.("speeding", time, speedingValues(speeding, speedLimitKmh, null));
  }

  #endSpeeding(fold: TripFold, time: number, tell: Tell | null): void {
    const { speeding } = fold;
    fold.speeding = null;
    if (speeding?.isTold)
      tell?.("speeding", time, speedingValues(speeding, this.#limits.speedLimitKmh ?? 0, time));
  }

  #change(fold: TripFold, state: TripFold["state"], since: number, tell: Tell | null, time = since): void {
    fold.state = state;
    fold.since = since;
    tell?.("", time, statusOf(fold));
  }

  /**
   * While it moves, at every full `statusS` that lies between two positions: what holds for all that was before. (Not with the
   * positions themselves: those times would depend on which of them came late.)
   */
  #tellStatusSoFar(fold: TripFold, time: number, tell: Tell | null): void {
    if (fold.state !== "moving") return;
    const everyMs = 1_000 * this.#limits.statusS;
    const due = (Math.floor(fold.seen / everyMs) + 1) * everyMs;
    if (due <= time && time - fold.seen <= 1_000 * this.#limits.silentAfterS) tell?.("", due, statusOf(fold));
  }
}

function restAt({ time, lat, lon }: Fix, tripM: number): Rest {
  return { time, lat, lon, lastTime: time, tripM };
}
