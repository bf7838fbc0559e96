import {
  latitude,
  longitude,
  mercatorX,
  mercatorY,
  metresPerPx,
  screenX,
  screenY,
  type View,
  visibleBox,
} from "../mercator.ts";
import type { Palette } from "../palette.ts";

const minLinePx = 130;
const stepsDeg = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30];
const scaleWidthPx = 110;
const font = "10.5px system-ui, sans-serif";

/** Lines of latitude and longitude with their degrees, and a scale: where nothing else is known of a place, they are. */
export function drawGrid(context: CanvasRenderingContext2D, view: View, palette: Palette): void {
  const stepDeg = stepsDeg.find((step) => (step / 360) * view.worldPx >= minLinePx) ?? 30;
  const digits = Math.max(0, -Math.floor(Math.log10(stepDeg)));
  const box = visibleBox(view);
  context.font = font;
  context.fillStyle = palette.gridText;
  context.strokeStyle = palette.grid;
  context.lineWidth = 1;
  context.beginPath();
  for (const lon of multiples(longitude(box.west), longitude(box.east), stepDeg)) {
    const x = Math.round(screenX(view, mercatorX(lon))) + 0.5;
    context.moveTo(x, 0);
    context.lineTo(x, view.height);
    if (x > 60 && x < view.width - 190)
      context.fillText(degrees(lon, digits, "E", "W"), x + 4, view.height - 8);
  }
  for (const lat of multiples(latitude(box.south), latitude(box.north), stepDeg)) {
    const y = Math.round(screenY(view, mercatorY(lat))) + 0.5;
    context.moveTo(0, y);
    context.lineTo(view.width, y);
    if (y > 24 && y < view.height - 40) context.fillText(degrees(lat, digits, "N", "S"), 8, y - 4);
  }
  context.stroke();
}

function* multiples(from: number, to: number, step: number): Generator<number> {
  const first = Math.ceil(from / step);
  const last = Math.floor(to / step);
  for (let i = first; i <= last; i++) yield i * step;
}

function degrees(value: number, digits: number, positive: string, negative: string): string {
  const text = Math.abs(value).toFixed(digits);
  return Number(text) === 0 ? `${text}°` : `${text}° ${value > 0 ? positive : negative}`;
}

/** A bar of a round length with its length, in the lower right corner. */
export function drawScale(context: CanvasRenderingContext2D, view: View, palette: Palette): void {
  const perPx = metresPerPx(view);
  const roomM = perPx * scaleWidthPx;
  const power = 10 ** Math.floor(Math.log10(roomM));
  const lengthM = power * ([5, 2, 1].find((factor) => factor * power <= roomM) ?? 1);
  const width = lengthM / perPx;
  const right = view.width - 14.5;
  const y = view.height - 10.5;
  context.beginPath();
  context.moveTo(right - width, y - 5);
  context.lineTo(right - width, y);
  context.lineTo(right, y);
  context.lineTo(right, y - 5);
  context.strokeStyle = palette.gridText;
  context.lineWidth = 1.5;
  context.stroke();
  context.font = font;
  context.fillStyle = palette.gridText;
  context.textAlign = "right";
  context.fillText(lengthM >= 1000 ? `${lengthM / 1000} km` : `${lengthM} m`, right - 4, y - 4);
  context.textAlign = "left";
}
