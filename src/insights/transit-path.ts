import type { Timetable, TimetablePattern, TimetableTrip } from "../model/timetable.ts";
import {
  type Box,
  bearingDeg,
  bendDeg,
  boxAround,
  distanceM,
  isInBox,
  metresPerDegree,
  nearestOnLine,
  type Position,
  widen,
} from "./geo.ts";

/** Lines of a path that share a box, so that one look tells that a place is not near any of them. */
const linesPerBlock = 8;
/** Within so much of a stop a vehicle counts as standing at it, unless the next stop is nearer than twice that. */
const stopRadiusM = 30;

/** A way to say how well a place on the path fits: metres away, and what else speaks against it. */
interface Candidate {
  readonly atM: number;
  readonly cost: number;
}

interface Block {
  readonly from: number;
  readonly to: number;
  readonly box: Box;
}

/** What a vehicle says of where it is. */
export interface Sight {
  readonly place: Position;
  readonly courseDeg: number | null;
  /** Epoch milliseconds. */
  readonly time: number;
}

/**
 * The way that a trip takes, from its first stop to its last, in metres from the beginning of its line. Without a shape
 * the stops are joined by straight lines.
 */
export class Path {
  /** Where the stops are, ascending. */
  readonly stopM: readonly number[];
  /** How far from each stop a vehicle counts as standing there. */
  readonly #radiusM: readonly number[];
  readonly #points: readonly Position[];
  readonly #lats: Float64Array;
  readonly #pointM: readonly number[];
  readonly #blocks: readonly Block[];

  constructor(stops: readonly Position[], shape: readonly Position[], maxAwayM: number) {
    const points = shape.length >= 2 ? shape : stops;
    this.#points = points;
    this.#lats = Float64Array.from(points, ({ lat }) => lat);
    this.#pointM = lengthsOf(points);
    this.stopM = points === stops ? this.#pointM : this.#placeStops(stops);
    this.#radiusM = this.stopM.map((atM, stop) => {
      const gapM = Math.min(
        atM - (this.stopM[stop - 1] ?? Number.NEGATIVE_INFINITY),
        (this.stopM[stop + 1] ?? Number.POSITIVE_INFINITY) - atM,
      );
      return Math.min(stopRadiusM, gapM / 4);
    });
    this.#blocks = makeBlocks(points, maxAwayM);
  }

  /**
   * Where on the path a vehicle is, metres; null if it is farther away than `maxAwayM`. Where the path passes a place twice,
   * the time and the course decide: 10 s off the timetable count as much as a metre aside, driving against the direction as
   * 100 m. What it drove before does not, so that readings may come in any order.
   * @param scheduledAt when the timetable has a vehicle at a place of the path, epoch milliseconds
   */
  find(sight: Sight, maxAwayM: number, scheduledAt: (atM: number) => number): number | null {
    let best: Candidate | null = null;
    // Most lines of a block are too far away, and nearly always their latitudes tell.
    const awayDeg = (maxAwayM / metresPerDegree) * (1 + 1e-7);
    const south = sight.place.lat - awayDeg;
    const north = sight.place.lat + awayDeg;
    const lats = this.#lats;
    for (const { from, to, box } of this.#blocks) {
      if (!isInBox(sight.place, box)) continue;
      for (let line = from; line < to; line++) {
        // No pair of them: that would be an object for each line.
        const one = lats[line] as number;
        const other = lats[line + 1] as number;
        if ((one < south && other < south) || (one > north && other > north)) continue;
        const found = this.#onLine(line, sight, maxAwayM, scheduledAt);
        if (found && (best === null || found.cost < best.cost)) best = found;
      }
    }
    return best?.atM ?? null;
  }

  /** The zone of a place of the path: 2k at stop k, where a vehicle counts as standing there, 2k+1 between it and the next. */
  zoneAt(atM: number): number {
    const after = this.stopsBehind(atM);
    if (this.#isAt(after - 1, atM)) return 2 * (after - 1);
    if (this.#isAt(after, atM)) return 2 * after;
    return Math.max(0, Math.min(2 * after - 1, 2 * this.stopM.length - 2));
  }

  /** How many stops are at or behind a place of the path. */
  stopsBehind(atM: number): number {
    let [low, high] = [0, this.stopM.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.stopM[middle] as number) <= atM) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #isAt(stop: number, atM: number): boolean {
    const stopM = this.stopM[stop];
    return stopM !== undefined && Math.abs(stopM - atM) <= (this.#radiusM[stop] as number);
  }

  #onLine(
    line: number,
    { place, courseDeg, time }: Sight,
    maxAwayM: number,
    scheduledAt: (atM: number) => number,
  ): Candidate | null {
    const from = this.#points[line] as Position;
    const to = this.#points[line + 1] as Position;
    const { distanceM: awayM, share } = nearestOnLine(place, from, to);
    if (awayM > maxAwayM) return null;
    const fromM = this.#pointM[line] as number;
    const atM = fromM + share * ((this.#pointM[line + 1] as number) - fromM);
    const offS = Math.abs(time - scheduledAt(atM)) / 1_000;
    const isAgainst = courseDeg !== null && bendDeg(courseDeg, bearingDeg(from, to)) > 120;
    return { atM, cost: awayM + offS / 10 + (isAgainst ? 100 : 0) };
  }

  /** Each stop where the line comes nearest to it, but never ahead of the stop before. */
  #placeStops(stops: readonly Position[]): number[] {
    const found: number[] = [];
    let line = 0;
    let behindM = 0;
    for (const [index, stop] of stops.entries()) {
      const rest = stops.length - 1 - index;
      const at = rest === 0 ? this.#lastNear(stop, line) : this.#firstNear(stop, line);
      line = at.line;
      behindM = Math.max(behindM, at.atM);
      found.push(behindM);
    }
    return found;
  }

  /** The nearest place within the first stretch of the line that comes close to the stop, so that a loop is not cut short. */
  #firstNear(stop: Position, fromLine: number): { line: number; atM: number } {
    const closeM = 50;
    let best = { line: fromLine, atM: this.#pointM[fromLine] ?? 0, awayM: Number.POSITIVE_INFINITY };
    for (let line = fromLine; line + 1 < this.#points.length; line++) {
      const here = this.#nearest(stop, line);
      if (here.awayM < best.awayM) best = here;
      else if (best.awayM <= closeM && here.awayM > 2 * closeM) break;
    }
    return best;
  }

  #lastNear(stop: Position, fromLine: number): { line: number; atM: number } {
    let best = { line: fromLine, atM: this.#pointM[fromLine] ?? 0, awayM: Number.POSITIVE_INFINITY };
    for (let line = fromLine; line + 1 < this.#points.length; line++) {
      const here = this.#nearest(stop, line);
      if (here.awayM <= best.awayM) best = here;
    }
    return best;
  }

  #nearest(stop: Position, line: number): { line: number; atM: number; awayM: number } {
    const from = this.#points[line] as Position;
    const { distanceM: awayM, share } = nearestOnLine(stop, from, this.#points[line + 1] as Position);
    const fromM = this.#pointM[line] as number;
    return { line, atM: fromM + share * ((this.#pointM[line + 1] as number) - fromM), awayM };
  }
}

function lengthsOf(points: readonly Position[]): number[] {
  const lengths = [0];
  for (let at = 1; at < points.length; at++) {
    const lineM = distanceM(points[at - 1] as Position, points[at] as Position);
    lengths.push((lengths[at - 1] as number) + lineM);
  }
  return lengths;
}

function makeBlocks(points: readonly Position[], maxAwayM: number): Block[] {
  const blocks: Block[] = [];
  for (let from = 0; from + 1 < points.length; from += linesPerBlock) {
    const to = Math.min(from + linesPerBlock, points.length - 1);
    blocks.push({ from, to, box: widen(boxAround(points.slice(from, to + 1)), maxAwayM) });
  }
  return blocks;
}

/** The paths of a timetable, each made when it is asked for first: trips of one pattern and shape share theirs. */
export class Paths {
  readonly #timetable: Timetable;
  readonly #maxAwayM: number;
  readonly #made = new Map<string, Path>();

  constructor(timetable: Timetable, maxAwayM: number) {
    this.#timetable = timetable;
    this.#maxAwayM = maxAwayM;
  }

  of({ pattern, shape }: TimetableTrip): Path {
    const key = `${pattern} ${shape}`;
    const known = this.#made.get(key);
    if (known) return known;
    const { stops } = this.#timetable.patterns[pattern] as TimetablePattern;
    const places = stops.map((stop) => this.#timetable.stops[stop] as Position);
    const path = new Path(places, this.#shape(shape), this.#maxAwayM);
    this.#made.set(key, path);
    return path;
  }

  #shape(place: number | null): Position[] {
    const shape = place === null ? undefined : this.#timetable.shapes[place];
    if (!shape) return [];
    return Array.from(shape.lats, (lat, at) => ({ lat, lon: shape.lons[at] as number }));
  }
}
