import { screenX, screenY, type View } from "../mercator.ts";
import type { Marker } from "./marker.ts";

/** Steps of fading along a trail; each is one stroke for all things together. */
const fadeSteps = 5;
/** Points of all trails together; with many things each trail gets shorter. */
const maxPoints = 12_000;
const minPoints = 5;
const strongest = 0.75;

/** Trails that fade towards their old end, shorter ones the more things are shown. */
export function drawTrails(
  context: CanvasRenderingContext2D,
  view: View,
  markers: readonly Marker[],
  shown: number,
  color: string,
): void {
  const limit = Math.max(minPoints, Math.floor(maxPoints / Math.max(1, shown)));
  context.strokeStyle = color;
  context.lineJoin = "round";
  context.lineCap = "butt";
  for (let step = 0; step < fadeSteps; step++) {
    context.beginPath();
    for (const marker of markers) trace(context, view, marker, limit, step);
    const strength = (step + 1) / fadeSteps;
    context.globalAlpha = strongest * strength ** 1.2;
    context.lineWidth = 1.2 + 1.6 * strength;
    context.stroke();
  }
  context.globalAlpha = 1;
}

/** One thing's piece of a fading step, the last of which ends at the marker. */
function trace(
  context: CanvasRenderingContext2D,
  view: View,
  marker: Marker,
  limit: number,
  step: number,
): void {
  const { trail } = marker;
  const { xs, ys } = trail;
  const kept = Math.min(limit, trail.connected);
  const oldest = xs.length - kept;
  // A point where the marker is still gliding to lies ahead of it.
  const isAhead = kept > 1 && xs.last === trail.x && ys.last === trail.y;
  const behind = isAhead ? kept - 1 : kept;
  const from = Math.floor((behind * step) / fadeSteps);
  const to = Math.floor((behind * (step + 1)) / fadeSteps);
  if (from === to) return;
  for (let i = from; i <= to; i++) {
    const px = i === behind ? marker.px : screenX(view, xs.at(oldest + i));
    const py = i === behind ? marker.py : screenY(view, ys.at(oldest + i));
    if (i === from) context.moveTo(px, py);
    else context.lineTo(px, py);
  }
}
