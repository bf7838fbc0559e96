import type { Palette } from "../palette.ts";

/** Domains that have positions. */
export type MovingDomain = "gps" | "transit";

/** Edge of a marker's square, CSS pixels. */
export const markerPx = 30;
const directions = 48;

/** Markers painted once per domain, direction and state; drawing 2,000 images is far cheaper than 2,000 paths. */
export class Sprites {
  private readonly images = new Map<string, HTMLCanvasElement>();
  private palette: Palette;
  private pixelRatio = 1;

  constructor(palette: Palette) {
    this.palette = palette;
  }

  setPalette(palette: Palette): void {
    this.palette = palette;
    this.images.clear();
  }

  setPixelRatio(pixelRatio: number): void {
    if (pixelRatio === this.pixelRatio) return;
    this.pixelRatio = pixelRatio;
    this.images.clear();
  }

  /** The marker of a thing that heads so (degrees clockwise from north; null for unknown). */
  get(domain: MovingDomain, headingDeg: number | null, silent: boolean): HTMLCanvasElement {
    const direction =
      headingDeg === null ? -1 : Math.round((mod360(headingDeg) / 360) * directions) % directions;
    const key = `${domain} ${direction} ${silent}`;
    const known = this.images.get(key);
    if (known) return known;
    const made = this.paint(domain, direction, silent);
    this.images.set(key, made);
    return made;
  }

  private paint(domain: MovingDomain, direction: number, silent: boolean): HTMLCanvasElement {
    const canvas = document.createElement("canvas");
    canvas.width = canvas.height = markerPx * this.pixelRatio;
    const context = canvas.getContext("2d");
    if (!context) return canvas;
    context.scale(this.pixelRatio, this.pixelRatio);
    context.translate(markerPx / 2, markerPx / 2);
    if (direction >= 0) context.rotate((direction / directions) * 2 * Math.PI);
    const path = shapeOf(domain, direction >= 0);
    context.lineJoin = "round";
    context.shadowColor = "rgba(0, 0, 0, 0.3)";
    context.shadowBlur = 3 * this.pixelRatio;
    context.strokeStyle = this.palette.halo;
    context.lineWidth = 3.5;
    context.stroke(path);
    context.shadowColor = "transparent";
    context.fillStyle = silent ? this.palette.silent : this.palette.domain[domain];
    context.fill(path);
    return canvas;
  }
}

function shapeOf(domain: MovingDomain, hasHeading: boolean): Path2D {
  if (!hasHeading) return domain === "gps" ? disc(5.5) : square(5);
  return new Path2D(
    domain === "gps" ? "M0-9.5L6.8 7.5L0 4L-6.8 7.5Z" : "M0-10L5-5V7.5Q5 8.5 4 8.5H-4Q-5 8.5-5 7.5V-5Z",
  );
}

function disc(radius: number): Path2D {
  const path = new Path2D();
  path.arc(0, 0, radius, 0, 2 * Math.PI);
  return path;
}

function square(half: number): Path2D {
  const path = new Path2D();
  path.roundRect(-half, -half, 2 * half, 2 * half, 2);
  return path;
}

function mod360(degrees: number): number {
  return ((degrees % 360) + 360) % 360;
}
