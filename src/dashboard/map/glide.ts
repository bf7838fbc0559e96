import type { Trail } from "../trail.ts";

/** Longest glide; a device that reports once a minute jumps near its new place rather than creep for a minute. */
const maxGlideMs = 1_500;
/** Farther than this the eye gains nothing from a glide. */
const maxGlidePx = 400;

interface Glide {
  fromX: number;
  fromY: number;
  toX: number;
  toY: number;
  startedAt: number;
  durationMs: number;
}

/** Where markers are shown between two positions: they glide to the new one in about the time until the next. */
export class Glides {
  private readonly glides = new WeakMap<Trail, Glide>();
  /** Where the last thing asked for is shown, in mercator units. */
  x = 0;
  y = 0;

  /** Sets `x` and `y` to where a thing is shown now. Returns whether it is still on its way. */
  place(trail: Trail, rhythmMs: number | null, now: number, worldPx: number): boolean {
    let glide = this.glides.get(trail);
    if (!glide) {
      glide = { fromX: trail.x, fromY: trail.y, toX: trail.x, toY: trail.y, startedAt: now, durationMs: 0 };
      this.glides.set(trail, glide);
    }
    this.at(glide, now);
    if (glide.toX !== trail.x || glide.toY !== trail.y) this.redirect(glide, trail, rhythmMs, now, worldPx);
    return now - glide.startedAt < glide.durationMs;
  }

  private at(glide: Glide, now: number): void {
    const done = glide.durationMs <= 0 ? 1 : Math.min(1, (now - glide.startedAt) / glide.durationMs);
    this.x = glide.fromX + (glide.toX - glide.fromX) * done;
    this.y = glide.fromY + (glide.toY - glide.fromY) * done;
  }

  private redirect(glide: Glide, trail: Trail, rhythmMs: number | null, now: number, worldPx: number): void {
    const distancePx = Math.hypot(trail.x - this.x, trail.y - this.y) * worldPx;
    const isWorth = distancePx > 0.5 && distancePx < maxGlidePx;
    glide.fromX = this.x;
    glide.fromY = this.y;
    glide.toX = trail.x;
    glide.toY = trail.y;
    glide.startedAt = now;
    glide.durationMs = isWorth ? Math.min(maxGlideMs, rhythmMs ?? 0) : 0;
    this.at(glide, now);
  }
}
