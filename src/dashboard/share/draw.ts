import type { BaseMap } from "../map/basemap.ts";
import { screenX, screenY } from "../mercator.ts";
import type { Palette } from "../palette.ts";
import type { Track } from "./track.ts";

const lineWidthPx = 3;
const markerPx = 7;

/** Draws the way and where it ends above a base map. */
export function drawTrack(canvas: HTMLCanvasElement, base: BaseMap, track: Track, palette: Palette): void {
  const view = base.view();
  canvas.width = Math.round(view.width * devicePixelRatio);
  canvas.height = Math.round(view.height * devicePixelRatio);
  const context = canvas.getContext("2d");
  if (!context) return;
  context.setTransform(devicePixelRatio, 0, 0, devicePixelRatio, 0, 0);
  context.lineJoin = "round";
  context.lineCap = "round";
  context.beginPath();
  for (const stretch of track.stretches()) {
    for (const [at, { x, y }] of stretch.entries()) {
      const [px, py] = [screenX(view, x), screenY(view, y)];
      if (at === 0) context.moveTo(px, py);
      else context.lineTo(px, py);
    }
  }
  for (const [color, width] of [
    [palette.halo, lineWidthPx + 3],
    [palette.domain.gps, lineWidthPx],
  ] as const) {
    context.strokeStyle = color;
    context.lineWidth = width;
    context.stroke();
  }
  const { last } = track;
  if (last === null) return;
  context.beginPath();
  context.arc(screenX(view, last.x), screenY(view, last.y), markerPx, 0, 2 * Math.PI);
  context.fillStyle = palette.domain.gps;
  context.fill();
  context.strokeStyle = palette.halo;
  context.lineWidth = 2.5;
  context.stroke();
}
