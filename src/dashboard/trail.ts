import { mercatorX, mercatorY } from "./mercator.ts";
import { Series } from "./series.ts";

/** Most points a trail keeps. */
export const maxTrailPoints = 64;
/** Points nearer to the last one kept (about 12 m in middle latitudes) are left out, so that a trail shows a way. */
const spacing = 5e-7;
/**
 * Faster than about 400 m/s nothing moves that is tracked here: such a jump starts a new trail instead of drawing a line
 * across. The slack is for clocks that count in seconds.
 */
const maxStepPerSecond = 1e-5;
const stepSlack = 1e-5;
/** Movements below about 1 m are the receiver's noise. */
const minStep = 4e-8;

/** Where a thing is and was, in mercator units. */
export class Trail {
  x: number;
  y: number;
  /** Direction of the last real movement, degrees clockwise from north; null before there was one. */
  headingDeg: number | null = null;
  /** Observation time of the newest position, epoch milliseconds. */
  time: number;
  /** Where it was, the newest last; where it is now follows after them. */
  readonly xs = new Series(maxTrailPoints);
  readonly ys = new Series(maxTrailPoints);
  /** How many of the newest points belong together. */
  connected = 0;

  constructor(lat: number, lon: number, time: number) {
    this.x = mercatorX(lon);
    this.y = mercatorY(lat);
    this.time = time;
    this.keep();
  }

  /** Moves on. A position observed before the newest one changes nothing. Returns whether it moved. */
  move(lat: number, lon: number, time: number): boolean {
    if (time < this.time) return false;
    const maxStep = stepSlack + (maxStepPerSecond * (time - this.time)) / 1000;
    this.time = time;
    const x = mercatorX(lon);
    const y = mercatorY(lat);
    const step = Math.hypot(x - this.x, y - this.y);
    if (step < minStep) return false;
    if (step > maxStep) this.connected = 0;
    else this.headingDeg = (Math.atan2(x - this.x, this.y - y) * 180) / Math.PI;
    this.x = x;
    this.y = y;
    const fromKept = Math.hypot(x - (this.xs.last as number), y - (this.ys.last as number));
    if (this.connected === 0 || fromKept >= spacing) this.keep();
    return true;
  }

  private keep(): void {
    this.xs.push(this.x);
    this.ys.push(this.y);
    this.connected = Math.min(this.connected + 1, maxTrailPoints);
  }
}
