import { isoTime, type Values } from "../model/reading.ts";
import { DeviceCourses, type Devices } from "./device-courses.ts";
import { type EtaPlace, type EtaSettings, etaSettings } from "./eta-settings.ts";
import { accuracyOf, type Fix, type FixFilter, judge, newFixFilter, speedOf } from "./fixes.ts";
import { type Anchor, anchorAt, anchoredM, distanceM, isWithinM, type Position } from "./geo.ts";
import type { Insight } from "./insight.ts";
import { pointShape } from "./map-shapes.ts";
import type { Course } from "./rework.ts";
import type { Tell } from "./told-words.ts";

/** Ahead of a place's name in the channel. */
const ownLevel = "eta/";

/** Who has come nearer by less than that, or than the accuracy, has perhaps not moved at all, metres. */
const noiseM = 50;
/** Beyond any rounding of distances, metres. */
const roundingM = 1;
/** After a halt that was longer, milliseconds, the speed before it says nothing of the way that begins. */
const longHaltMs = 180_000;

type Place = EtaPlace & Anchor;

interface Approach {
  state: "coming" | "away" | "standing" | "arrived" | "unknown";
  /** How far away the device was when it was found to have come nearer or gone farther last, metres. */
  fromM: number;
  /** What was told, epoch milliseconds. */
  arrivesAt: number | null;
}

interface Fold {
  readonly filter: FixFilter;
  seen: number;
  averageKmh: number | null;
  /** Since when it has been slower than `minSpeedKmh`, null if it is not. */
  stoodSince: number | null;
  /** By place, while the device is not farther away than `maxDistanceM`. */
  readonly approaches: Map<string, Approach>;
  /** Where it was when that was reckoned last. */
  reckonedAt: Position | null;
  /** It stands for all places, and for the same ones as long as it is not farther than that from there; null: that is not known. */
  still: (Position & { readonly withinM: number }) | null;
  /** When the first of those who come is overdue, epoch milliseconds; null: to be looked for. */
  overdueAt: number | null;
}

/**
 * When devices will be at places: `trips/<device>/eta/<place>` with `state` (coming, away, standing, arrived, unknown), `etaS`
 * (seconds from the reading's time), `arrivesAt` (ISO 8601) and `distanceM` (straight). It is the straight distance times
 * `detour` by the average speed, an estimate that knows no roads; null unless the device comes nearer.
 */
export const eta: Insight<EtaSettings, Devices<Fold>> = {
  name: "eta",
  description: "When devices that tell their position will arrive at places",
  onByDefault: false,
  settings: etaSettings,
  writes: ["trips"],
  reads: ({ filters }) => filters,
  problem: ({ places }) => {
    const names = places.map(({ name }) => name);
    const twice = names.findIndex((name, index) => names.indexOf(name) < index);
    return twice < 0 ? null : `places.${twice}.name: there is another place ${JSON.stringify(names[twice])}`;
  },
  places: ({ places }) =>
    places.map(({ name, radiusM, ...position }) => ({
      kind: "place",
      name,
      geometry: { type: "Point", coordinates: pointShape(position) },
      radiusM,
    })),
  ending: ({ channel, values }) => {
    if (!channel?.startsWith(ownLevel) || values["state"] === "unknown") return null;
    return { state: "unknown", etaS: null, arrivesAt: null, distanceM: null };
  },
  stateVersion: 3,
  start: () => new Map(),
  create: (settings, devices) => {
    const names = new Set(settings.places.map(({ name }) => name));
    const course = new EtaCourse(settings);
    // Places may be others, and elsewhere.
    for (const { track } of devices.values()) track.base.still = null;
    return new DeviceCourses({
      ...settings,
      devices,
      course,
      closesAt: (fold) => course.closesAt(fold),
      tellTo: (device, emit) => (name, time, values) =>
        emit({ domain: "trips", device, channel: `${ownLevel}${name}`, time, values }),
      names: {
        isKnown: (name) => names.has(name),
        of: ({ device, channel = "" }) => [device, channel.slice(ownLevel.length)],
        isSo: ({ approaches }, name, values) => values["state"] === "away" || approaches.has(name),
        partOf: ({ approaches }) => approaches,
      },
    });
  },
};

class EtaCourse implements Course<Fix, Fold> {
  readonly #settings: EtaSettings;
  readonly #places: readonly Place[];
  readonly #byName: ReadonlyMap<string, Place>;

  constructor(settings: EtaSettings) {
    const places = settings.places.map((place) => ({ ...place, ...anchorAt(place) }));
    this.#settings = settings;
    this.#places = places;
    this.#byName = new Map(places.map((place) => [place.name, place]));
  }

  start(): Fold {
    return {
      filter: newFixFilter(),
      seen: Number.NEGATIVE_INFINITY,
      averageKmh: null,
      stoodSince: null,
      approaches: new Map(),
      reckonedAt: null,
      still: null,
      overdueAt: null,
    };
  }

  step(fold: Fold, fix: Fix, tell: Tell | null): void {
    const { filter } = fold;
    const before = filter.last;
    const isSilent = before !== null && fix.time - before.time > 1_000 * this.#settings.silentAfterS;
    const due = this.#dueBefore(fix.time);
    if (isSilent) this.close(fold, tell, Number.POSITIVE_INFINITY);
    else if (due > fold.seen) {
      if (this.closesAt(fold) <= due) this.close(fold, tell, due);
      this.#reckonAll(fold, due, tell);
    }
    fold.seen = fix.time;
    const verdict = judge(filter, fix, this.#settings);
    if (verdict === "bad") return;
    if (verdict === "elsewhere") fold.averageKmh = null;
    else this.#average(fold, fix, before as Fix);
    this.#noteArrivals(fold, fix, tell);
  }

  settle(fold: Fold, fix: Fix): void {
    this.step(fold, fix, null);
  }

  /** Nothing came up to `to`: who was foretold and has not come by then may be anywhere, and after a longer silence everybody. */
  close(fold: Fold, tell: Tell | null, to: number): void {
    const { filter, approaches, reckonedAt } = fold;
    fold.overdueAt = null;
    const silentAt = (filter.last?.time ?? 0) + 1_000 * this.#settings.silentAfterS;
    for (const [name, approach] of approaches) {
      if (approach.state === "unknown" || approach.state === "arrived") continue;
      const time = Math.min(silentAt, this.#overdueAt(approach));
      const place = this.#byName.get(name);
      if (time > to || place === undefined || reckonedAt === null) continue;
      approach.state = "unknown";
      approach.arrivesAt = null;
      tell?.(name, time, valuesOf(approach, distanceM(place, reckonedAt), time));
    }
  }

  /** When `close` has something to tell before the silence is long. */
  closesAt(fold: Fold): number {
    if (fold.overdueAt !== null) return fold.overdueAt;
    let first = Number.POSITIVE_INFINITY;
    for (const approach of fold.approaches.values()) first = Math.min(first, this.#overdueAt(approach));
    fold.overdueAt = first;
    return first;
  }

  /** Who is on the way and heard of is reckoned anew by then. */
  #overdueAt({ state, arrivesAt }: Pick<Approach, "state" | "arrivesAt">): number {
    if (state !== "coming" || arrivesAt === null) return Number.POSITIVE_INFINITY;
    return arrivesAt + 2_000 * this.#settings.everyS;
  }

  #dueBefore(time: number): number {
    const everyMs = 1_000 * this.#settings.everyS;
    return Math.floor(time / everyMs) * everyMs;
  }

  #average(fold: Fold, fix: Fix, before: Fix): void {
    const kmh = speedOf(fix, before) ?? 0;
    if (kmh < this.#settings.minSpeedKmh) fold.stoodSince ??= before.time;
    else {
      if (hasStood(fold, fix.time)) fold.averageKmh = null;
      fold.stoodSince = null;
    }
    const share = 1 - Math.exp(-(fix.time - before.time) / (1_000 * this.#settings.averageS));
    fold.averageKmh = fold.averageKmh === null ? kmh : fold.averageKmh + share * (kmh - fold.averageKmh);
  }

  #noteArrivals(fold: Fold, fix: Fix, tell: Tell | null): void {
    const { approaches } = fold;
    for (const place of this.#places) {
      if (!isWithinM(place, fix, place.radiusM) || approaches.get(place.name)?.state === "arrived") continue;
      const metres = distanceM(place, fix);
      const arrived: Approach = { state: "arrived", fromM: metres, arrivesAt: fix.time };
      approaches.set(place.name, arrived);
      fold.still = null;
      fold.overdueAt = null;
      tell?.(place.name, fix.time, valuesOf(arrived, metres, fix.time));
    }
  }

  /** At every full `everyS` that lies between two positions, for where the device was before (as in trip.ts). */
  #reckonAll(fold: Fold, due: number, tell: Tell | null): void {
    const { last } = fold.filter;
    if (last === null) return;
    const averageKmh = hasStood(fold, last.time) ? null : fold.averageKmh;
    fold.reckonedAt = last;
    const { maxDistanceM, minSpeedKmh } = this.#settings;
    const speedKmh = averageKmh === null || averageKmh < minSpeedKmh ? null : averageKmh;
    const { still } = fold;
    if (speedKmh === null && still !== null && isWithinM(still, last, still.withinM)) return;
    const here = anchorAt(last);
    let inReach = 0;
    let standing = 0;
    let toEdgeM = Number.POSITIVE_INFINITY;
    for (const place of this.#places) {
      const metres = anchoredM(place, here);
      toEdgeM = Math.min(toEdgeM, Math.abs(metres - maxDistanceM));
      if (metres > maxDistanceM) continue;
      inReach++;
      if (this.#reckon(fold, place, metres, speedKmh, due, tell) === "standing") standing++;
    }
    if (inReach < fold.approaches.size) this.#leave(fold, last, due, tell);
    const { lat, lon } = last;
    fold.still = standing === inReach ? { lat, lon, withinM: toEdgeM - roundingM } : null;
  }

  /** Places that are out of reach now. */
  #leave(fold: Fold, last: Fix, due: number, tell: Tell | null): void {
    const { approaches } = fold;
    for (const [name, approach] of approaches) {
      const place = this.#byName.get(name);
      const metres = place ? distanceM(place, last) : Number.POSITIVE_INFINITY;
      if (metres <= this.#settings.maxDistanceM) continue;
      const isNews = place !== undefined && approach.state !== "away";
      const gone: Approach = { ...approach, state: "away", arrivesAt: null };
      if (isNews) tell?.(name, due, valuesOf(gone, metres, due));
      approaches.delete(name);
      fold.overdueAt = null;
    }
  }

  /** @param speedKmh on average; null: it stands */
  #reckon(
    fold: Fold,
    place: Place,
    metres: number,
    speedKmh: number | null,
    due: number,
    tell: Tell | null,
  ): Approach["state"] {
    const known = fold.approaches.get(place.name);
    const last = fold.filter.last as Fix;
    // As with fences: noise at the edge is no coming and going.
    const noise = Math.max(noiseM, accuracyOf(last));
    if (known?.state === "arrived" && metres <= place.radiusM + noise) return known.state;
    if (known === undefined) {
      fold.approaches.set(place.name, { state: "unknown", fromM: metres, arrivesAt: null });
      return "unknown";
    }
    let { state } = known;
    if (speedKmh === null) state = "standing";
    else if (Math.abs(metres - known.fromM) >= noise) {
      state = metres < known.fromM ? "coming" : "away";
      known.fromM = metres;
    }
    const secondsToGo =
      state === "coming" ? (metres * this.#settings.detour * 3.6) / (speedKmh as number) : null;
    let arrivesAt = secondsToGo === null ? null : last.time + Math.round(secondsToGo) * 1_000;
    // By a position as old as that it would have come.
    if (this.#overdueAt({ state, arrivesAt }) <= due) [state, arrivesAt] = ["unknown", null];
    if (state === known.state && !this.#isNews(known.arrivesAt, arrivesAt, due)) return state;
    known.state = state;
    known.arrivesAt = arrivesAt;
    fold.overdueAt = null;
    tell?.(place.name, due, valuesOf(known, metres, due));
    return state;
  }

  /** Whether a time of arrival is worth telling after the one that was told. The nearer, the less it may be off. */
  #isNews(told: number | null, arrivesAt: number | null, now: number): boolean {
    if (told === null || arrivesAt === null) return false;
    if (told <= now && arrivesAt > told) return true;
    const { changeS, changePct } = this.#settings;
    return Math.abs(arrivesAt - told) >= Math.max(1_000 * changeS, (changePct / 100) * (arrivesAt - now));
  }
}

function hasStood({ stoodSince }: Fold, time: number): boolean {
  return stoodSince !== null && time - stoodSince > longHaltMs;
}

function valuesOf({ state, arrivesAt }: Approach, metres: number, time: number): Values {
  return {
    state,
    etaS: arrivesAt === null ? null : Math.max(0, Math.round((arrivesAt - time) / 1_000)),
    arrivesAt: arrivesAt === null ? null : isoTime(arrivesAt),
    distanceM: Math.round(metres),
  };
}
