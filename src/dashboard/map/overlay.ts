import { contains, screenX, screenY, type View, visibleBox } from "../mercator.ts";
import type { Palette } from "../palette.ts";
import { isLate } from "../rhythm.ts";
import type { Thing } from "../thing.ts";
import type { Trail } from "../trail.ts";
import { Glides } from "./glide.ts";
import { drawGrid, drawScale } from "./grid.ts";
import { drawLabels } from "./labels.ts";
import type { Marker } from "./marker.ts";
import { Pace } from "./pace.ts";
import { type MovingDomain, markerPx, Sprites } from "./sprites.ts";
import { drawTrails } from "./trails.ts";

/** So near must a pointer be to a marker, CSS pixels. */
const reachPx = 16;
/** Names are written beside markers when so few are in view. */
const maxLabelled = 60;
const dimmed = 0.14;

export interface OverlayState {
  things(domain: MovingDomain): Iterable<Thing>;
  matches(thing: Thing): boolean;
  selectedKey(): string | null;
  /** Epoch milliseconds, for ages. */
  now(): number;
  view(): View;
}

/** The moving things, drawn on a canvas above the base map at a pace that the machine can bear. */
export class Overlay {
  private readonly canvas: HTMLCanvasElement;
  private readonly state: OverlayState;
  private readonly calm: boolean;
  private readonly sprites: Sprites;
  private readonly glides = new Glides();
  private readonly pace = new Pace(() => this.draw());
  private palette: Palette;
  private markers: Marker[] = [];
  private hoveredKey: string | null = null;

  constructor(canvas: HTMLCanvasElement, state: OverlayState, palette: Palette, calm: boolean) {
    this.canvas = canvas;
    this.state = state;
    this.palette = palette;
    this.calm = calm;
    this.sprites = new Sprites(palette);
  }

  setPalette(palette: Palette): void {
    this.palette = palette;
    this.sprites.setPalette(palette);
    this.wake();
  }

  setHovered(key: string | null): void {
    if (key === this.hoveredKey) return;
    this.hoveredKey = key;
    this.wake();
  }

  /** Draws soon, at a pace that leaves the main thread free. */
  wake(): void {
    this.pace.wake();
  }

  stop(): void {
    this.pace.stop();
  }

  /** The marker at a point of the canvas, the nearest within reach. */
  hit(px: number, py: number): Marker | null {
    let best: Marker | null = null;
    let bestPx = reachPx;
    for (const marker of this.markers) {
      const distancePx = Math.hypot(marker.px - px, marker.py - py);
      if (!marker.matches || distancePx > bestPx) continue;
      best = marker;
      bestPx = distancePx;
    }
    return best;
  }

  /** Draws now; the base map calls it in its own frame, so that both move as one. */
  draw(): void {
    const startedAt = performance.now();
    const view = this.state.view();
    const context = this.prepare(view);
    if (!context) return;
    drawGrid(context, view, this.palette);
    const isMoving = this.collect(view, startedAt);
    this.drawTrails(context, view);
    this.drawMarkers(context);
    if (this.markers.length <= maxLabelled) drawLabels(context, this.markers, this.palette);
    this.drawRing(context, this.state.selectedKey(), 2.5);
    this.drawRing(context, this.hoveredKey, 1.5);
    drawScale(context, view, this.palette);
    this.pace.drawn(startedAt);
    if (isMoving) this.wake();
  }

  private prepare(view: View): CanvasRenderingContext2D | null {
    const { canvas } = this;
    const width = Math.round(view.width * devicePixelRatio);
    const height = Math.round(view.height * devicePixelRatio);
    if (canvas.width !== width || canvas.height !== height) {
      canvas.width = width;
      canvas.height = height;
    }
    this.sprites.setPixelRatio(devicePixelRatio);
    const context = canvas.getContext("2d");
    context?.setTransform(devicePixelRatio, 0, 0, devicePixelRatio, 0, 0);
    context?.clearRect(0, 0, view.width, view.height);
    return context;
  }

  /** Finds what is in view. Returns whether any of it is gliding. */
  private collect(view: View, now: number): boolean {
    const box = visibleBox(view, 60);
    let isMoving = false;
    this.markers = [];
    for (const domain of ["gps", "transit"] as const) {
      for (const thing of this.state.things(domain)) {
        const { trail } = thing;
        if (!trail || !contains(box, trail.x, trail.y)) continue;
        const isGliding = this.glides.place(trail, this.calm ? 0 : thing.rhythmMs, now, view.worldPx);
        isMoving ||= isGliding;
        const px = screenX(view, this.glides.x);
        const py = screenY(view, this.glides.y);
        this.markers.push({ thing, domain, trail, px, py, matches: this.state.matches(thing) });
      }
    }
    return isMoving;
  }

  private drawTrails(context: CanvasRenderingContext2D, view: View): void {
    for (const domain of ["gps", "transit"] as const) {
      const markers = this.markers.filter((marker) => marker.domain === domain && marker.matches);
      drawTrails(context, view, markers, this.markers.length, this.palette.domain[domain]);
    }
  }

  private drawMarkers(context: CanvasRenderingContext2D): void {
    const now = this.state.now();
    for (const { thing, domain, trail, px, py, matches } of this.markers) {
      const silent = isLate(now - thing.time, thing.rhythmMs);
      const image = this.sprites.get(domain, headingOf(thing, trail), silent);
      context.globalAlpha = matches ? 1 : dimmed;
      context.drawImage(image, px - markerPx / 2, py - markerPx / 2, markerPx, markerPx);
    }
    context.globalAlpha = 1;
  }

  private drawRing(context: CanvasRenderingContext2D, key: string | null, width: number): void {
    const marker = key === null ? undefined : this.markers.find(({ thing }) => thing.key === key);
    if (!marker) return;
    context.beginPath();
    context.arc(marker.px, marker.py, 16, 0, 2 * Math.PI);
    context.strokeStyle = this.palette.domain[marker.domain];
    context.lineWidth = width;
    context.stroke();
  }
}

/** A standing receiver's course is noise, so the marker keeps the direction in which it last moved. */
function headingOf(thing: Thing, trail: Trail): number | null {
  const speedKmh = thing.number("speedKmh");
  const courseDeg = thing.number("courseDeg");
  if (courseDeg !== null && (speedKmh === null || speedKmh > 1)) return courseDeg;
  return trail.headingDeg;
}
