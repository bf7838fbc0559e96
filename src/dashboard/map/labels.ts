import type { Palette } from "../palette.ts";
import type { Marker } from "./marker.ts";

const font = "500 11.5px system-ui, sans-serif";
const heightPx = 14;
const gapPx = 20;

interface Box {
  readonly left: number;
  readonly right: number;
  readonly top: number;
}

/** Names beside markers, as many as fit without touching one another. Drawn, because the page has no glyph files. */
export function drawLabels(
  context: CanvasRenderingContext2D,
  markers: readonly Marker[],
  palette: Palette,
): void {
  const taken: Box[] = [];
  context.font = font;
  context.textBaseline = "middle";
  context.lineWidth = 3;
  context.lineJoin = "round";
  context.strokeStyle = palette.halo;
  context.fillStyle = palette.text;
  // The selection by name keeps labels from flickering when markers pass each other.
  const ordered = markers
    .filter(({ matches }) => matches)
    .sort((a, b) => (a.thing.key < b.thing.key ? -1 : 1));
  for (const { thing, px, py } of ordered) {
    const left = px + gapPx;
    const box = { left, right: left + context.measureText(thing.name).width, top: py - heightPx / 2 };
    if (taken.some((other) => overlaps(other, box)) || markers.some((marker) => covers(marker, box)))
      continue;
    taken.push(box);
    context.strokeText(thing.name, left, py);
    context.fillText(thing.name, left, py);
  }
  context.textBaseline = "alphabetic";
}

function overlaps(a: Box, b: Box): boolean {
  return a.left < b.right + 4 && b.left < a.right + 4 && Math.abs(a.top - b.top) < heightPx;
}

function covers({ px, py }: Marker, box: Box): boolean {
  return px > box.left - 4 && px < box.right + 8 && py > box.top - 6 && py < box.top + heightPx + 6;
}
