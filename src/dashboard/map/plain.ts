import type { Position } from "geojson";
import {
  type Box,
  boxAround,
  fittingWorldPx,
  mercatorX,
  mercatorY,
  screenX,
  screenY,
  type View,
  visibleBox,
  worldPxAt,
  zoomOf,
} from "../mercator.ts";
import type { Palette } from "../palette.ts";
import {
  type BaseMap,
  type BaseMapOptions,
  landFadeZooms,
  maxFitZoom,
  maxZoom,
  needsFineLand,
} from "./basemap.ts";
import { listenToGestures } from "./gestures.ts";
import { loadLand } from "./land.ts";

const flightMs = 500;

interface Ring {
  readonly points: readonly { readonly x: number; readonly y: number }[];
  readonly box: Box;
}

/** The map without WebGL: land drawn on a 2D canvas, with the same gestures. */
export function createPlainMap(container: HTMLElement, options: BaseMapOptions): BaseMap {
  return new PlainMap(container, options);
}

class PlainMap implements BaseMap {
  readonly kind = "plain";
  private readonly container: HTMLElement;
  private readonly canvas = document.createElement("canvas");
  private readonly calm: boolean;
  private palette: Palette;
  private rings: readonly Ring[] = [];
  private detail: "none" | "coarse" | "fine" = "none";
  private x = 0.5;
  private y = 0.4;
  private worldPx = worldPxAt(1);
  private frame = 0;
  private flight = 0;
  private readonly moveListeners: (() => void)[] = [];
  private readonly userListeners: (() => void)[] = [];

  constructor(container: HTMLElement, { palette, calm }: BaseMapOptions) {
    this.container = container;
    this.palette = palette;
    this.calm = calm;
    this.canvas.className = "plain-map";
    this.canvas.tabIndex = 0;
    this.canvas.setAttribute("role", "region");
    this.canvas.setAttribute("aria-label", "Map. Arrow keys move it, plus and minus zoom.");
    container.append(this.canvas);
    listenToGestures(this.canvas, {
      pan: (dx, dy) => this.byUser(() => this.panBy(dx, dy)),
      zoom: (levels, atX, atY) => this.byUser(() => this.zoomAround(levels, atX, atY)),
    });
    void this.load("coarse");
    this.resize();
  }

  view(): View {
    const { clientWidth: width, clientHeight: height } = this.container;
    return { x: this.x, y: this.y, worldPx: this.worldPx, width, height };
  }

  onMove(listener: () => void): void {
    this.moveListeners.push(listener);
  }

  onUserMove(listener: () => void): void {
    this.userListeners.push(listener);
  }

  flyTo(x: number, y: number, minZoom: number): void {
    this.glide(x, y, Math.max(this.worldPx, worldPxAt(minZoom)));
  }

  fit(box: Box, paddingPx: number): void {
    const worldPx = fittingWorldPx(box, this.view(), paddingPx, worldPxAt(maxFitZoom));
    this.glide((box.west + box.east) / 2, (box.north + box.south) / 2, worldPx);
  }

  zoomBy(levels: number): void {
    this.glide(this.x, this.y, this.worldPx * 2 ** levels);
  }

  setPalette(palette: Palette): void {
    this.palette = palette;
    this.changed();
  }

  resize(): void {
    const { width, height } = this.view();
    this.canvas.width = Math.round(width * devicePixelRatio);
    this.canvas.height = Math.round(height * devicePixelRatio);
    this.changed();
  }

  destroy(): void {
    cancelAnimationFrame(this.frame);
    cancelAnimationFrame(this.flight);
    this.canvas.remove();
  }

  private byUser(move: () => void): void {
    cancelAnimationFrame(this.flight);
    for (const listener of this.userListeners) listener();
    move();
    this.refine();
  }

  private panBy(dx: number, dy: number): void {
    this.moveTo(this.x - dx / this.worldPx, this.y - dy / this.worldPx, this.worldPx);
  }

  private zoomAround(levels: number, atX: number, atY: number): void {
    const { width, height } = this.view();
    const worldPx = clampWorld(this.worldPx * 2 ** levels);
    const shift = 1 / this.worldPx - 1 / worldPx;
    this.moveTo(this.x + (atX - width / 2) * shift, this.y + (atY - height / 2) * shift, worldPx);
  }

  private glide(x: number, y: number, worldPx: number): void {
    cancelAnimationFrame(this.flight);
    if (this.calm) return this.moveTo(x, y, worldPx);
    const from = { x: this.x, y: this.y, zoom: zoomOf(this.worldPx) };
    const zoom = zoomOf(clampWorld(worldPx));
    const startedAt = performance.now();
    const step = () => {
      const done = Math.min(1, (performance.now() - startedAt) / flightMs);
      const eased = 1 - (1 - done) ** 3;
      const between = (a: number, b: number) => a + (b - a) * eased;
      this.moveTo(between(from.x, x), between(from.y, y), worldPxAt(between(from.zoom, zoom)));
      if (done < 1) this.flight = requestAnimationFrame(step);
      else this.refine();
    };
    step();
  }

  private moveTo(x: number, y: number, worldPx: number): void {
    this.x = Math.max(0, Math.min(1, x));
    this.y = Math.max(0, Math.min(1, y));
    this.worldPx = clampWorld(worldPx);
    this.changed();
  }

  private refine(): void {
    if (this.detail === "coarse" && needsFineLand(zoomOf(this.worldPx))) void this.load("fine");
  }

  private async load(detail: "coarse" | "fine"): Promise<void> {
    this.detail = detail;
    try {
      const { land } = await loadLand(detail);
      this.rings = land.geometry.coordinates.flat().map(ringOf);
      this.changed();
    } catch (error) {
      console.warn("the base map shows no land", error);
    }
  }

  private changed(): void {
    cancelAnimationFrame(this.frame);
    this.frame = requestAnimationFrame(() => {
      drawLand(this.canvas, this.view(), this.rings, this.palette);
      for (const listener of this.moveListeners) listener();
    });
  }
}

function clampWorld(worldPx: number): number {
  return Math.max(worldPxAt(0), Math.min(worldPxAt(maxZoom), worldPx));
}

function ringOf(positions: readonly Position[]): Ring {
  const points = positions.map(([lon, lat]) => ({
    x: mercatorX(lon as number),
    y: mercatorY(lat as number),
  }));
  return { points, box: boxAround(points) as Box };
}

function drawLand(canvas: HTMLCanvasElement, view: View, rings: readonly Ring[], palette: Palette): void {
  const context = canvas.getContext("2d");
  if (!context) return;
  context.setTransform(devicePixelRatio, 0, 0, devicePixelRatio, 0, 0);
  context.fillStyle = palette.land;
  context.fillRect(0, 0, view.width, view.height);
  const [from, to] = landFadeZooms;
  const faded = (zoomOf(view.worldPx) - from) / (to - from);
  if (faded >= 1) return;
  context.globalAlpha = Math.min(1, 1 - faded);
  context.fillStyle = palette.water;
  context.fillRect(0, 0, view.width, view.height);
  const seen = visibleBox(view, 20);
  context.beginPath();
  for (const { points, box } of rings) {
    const isOutside =
      box.east < seen.west || box.west > seen.east || box.south < seen.north || box.north > seen.south;
    if (!isOutside) traceRing(context, view, points);
  }
  context.globalAlpha = 1;
  context.fillStyle = palette.land;
  context.fill("evenodd");
  context.globalAlpha = Math.min(1, 1 - faded);
  context.strokeStyle = palette.coast;
  context.lineWidth = 1;
  context.stroke();
  context.globalAlpha = 1;
}

/** Points nearer than a pixel to the one before are left out: at world zoom that is most of them. */
function traceRing(context: CanvasRenderingContext2D, view: View, points: Ring["points"]): void {
  let lastX = Number.NaN;
  let lastY = Number.NaN;
  for (const point of points) {
    const x = screenX(view, point.x);
    const y = screenY(view, point.y);
    if (Math.abs(x - lastX) < 1 && Math.abs(y - lastY) < 1) continue;
    if (Number.isNaN(lastX)) context.moveTo(x, y);
    else context.lineTo(x, y);
    lastX = x;
    lastY = y;
  }
  context.closePath();
}
