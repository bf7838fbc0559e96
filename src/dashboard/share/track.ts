import { type Box, boxAround, mercatorX, mercatorY } from "../mercator.ts";

/** Most points that the page keeps; older ones are thinned out, every other one, when there are more. */
export const maxPoints = 20_000;
/** A silence so long breaks the line, as in GPX exports. Milliseconds. */
const maxPauseMs = 10 * 60_000;

/** A position in mercator units (mercator.ts). */
export interface TrackPoint {
  readonly time: number;
  readonly x: number;
  readonly y: number;
  readonly lat: number;
  readonly lon: number;
  readonly speedKmh: number | null;
}

/** A reading as the link's events have it. */
export interface SharedReading {
  readonly time: string;
  readonly values: Readonly<Record<string, unknown>>;
}

/** The way of the shared device in the order of observation, late positions in their places. */
export class Track {
  #points: TrackPoint[] = [];

  get points(): readonly TrackPoint[] {
    return this.#points;
  }

  get last(): TrackPoint | null {
    return this.#points.at(-1) ?? null;
  }

  /** Takes what has a position; of two of the same time the later one counts. */
  add(reading: SharedReading): void {
    const { lat, lon, speedKmh } = reading.values;
    const time = Date.parse(reading.time);
    if (typeof lat !== "number" || typeof lon !== "number" || Number.isNaN(time)) return;
    const speed = typeof speedKmh === "number" ? speedKmh : null;
    const point = { time, x: mercatorX(lon), y: mercatorY(lat), lat, lon, speedKmh: speed };
    const points = this.#points;
    let at = points.length;
    while (at > 0 && (points[at - 1] as TrackPoint).time > time) at--;
    const isSame = at > 0 && (points[at - 1] as TrackPoint).time === time;
    if (isSame) points[at - 1] = point;
    else points.splice(at, 0, point);
    if (points.length > maxPoints) this.#thin();
  }

  /** The stretches without a long silence in them. */
  stretches(): TrackPoint[][] {
    const stretches: TrackPoint[][] = [];
    let before: TrackPoint | null = null;
    for (const point of this.#points) {
      if (before === null || point.time - before.time > maxPauseMs) stretches.push([]);
      stretches.at(-1)?.push(point);
      before = point;
    }
    return stretches;
  }

  box(): Box | null {
    return boxAround(this.#points);
  }

  #thin(): void {
    const recent = maxPoints / 2;
    const old = this.#points.slice(0, -recent).filter((_, at) => at % 2 === 0);
    this.#points = [...old, ...this.#points.slice(-recent)];
  }
}
