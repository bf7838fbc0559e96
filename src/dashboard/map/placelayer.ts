import { type Box, screenX, screenY, type View, visibleBox, zoomOf } from "../mercator.ts";
import type { Palette } from "../palette.ts";
import type { View as PageView } from "../place.ts";
import { type CongestionLevel, congestionLevels } from "../words.ts";
import type { Point, ShownPlace } from "./places.ts";

type Kind = ShownPlace["kind"];

/** Which places each view is about. */
const shownKinds: Readonly<Record<PageView, readonly Kind[]>> = {
  devices: ["line", "segment", "fence"],
  alerts: ["segment", "fence"],
  roads: ["segment"],
  transit: ["line", "stop"],
  tracking: ["fence", "place"],
  energy: [],
  fares: [],
};

/** The worse the wider, so that it needs no colours. Those that are worst are drawn last. */
const widthsPx: Readonly<Record<CongestionLevel, number>> = {
  unknown: 2,
  free: 2.5,
  heavy: 3,
  slow: 4,
  queuing: 5,
  stationary: 6,
};
const drawingOrder: readonly CongestionLevel[] = ["unknown", ...congestionLevels.toReversed()];
/** The two directions of a road lie beside each other. */
const asidePx = 3;
/** Farther away stops are left out, and their names. */
const stopZoom = 11;
const stopNameZoom = 15;
/** Farther away a fence is too small for its name, CSS pixels. */
const namedFencePx = 46;
const font = "600 11.5px system-ui, sans-serif";

export interface PlaceLayerState {
  places(): readonly ShownPlace[];
  pageView(): PageView;
  /** What the topic of a segment says now. */
  levelOf(topic: string): CongestionLevel;
  view(): View;
}

/** Roads, fences, lines and stops, on a canvas of their own below that of the moving things: they are drawn far less often. */
export class PlaceLayer {
  private readonly canvas: HTMLCanvasElement;
  private readonly state: PlaceLayerState;

  constructor(canvas: HTMLCanvasElement, state: PlaceLayerState) {
    this.canvas = canvas;
    this.state = state;
  }

  draw(palette: Palette): void {
    const view = this.state.view();
    const context = prepare(this.canvas, view);
    if (!context) return;
    const kinds = shownKinds[this.state.pageView()];
    const seen = visibleBox(view, 20);
    const places = this.state.places().filter(({ kind, box }) => kinds.includes(kind) && overlaps(box, seen));
    const of = (kind: Kind) => places.filter((place) => place.kind === kind);
    drawLines(context, view, of("line"), palette);
    drawAreas(context, view, [...of("fence"), ...of("place")], palette);
    drawSegments(context, view, of("segment"), palette, this.state.levelOf);
    drawStops(context, view, of("stop"), palette);
  }
}

function prepare(canvas: HTMLCanvasElement, view: View): CanvasRenderingContext2D | null {
  const width = Math.round(view.width * devicePixelRatio);
  const height = Math.round(view.height * devicePixelRatio);
  if (canvas.width !== width || canvas.height !== height) {
    canvas.width = width;
    canvas.height = height;
  }
  const context = canvas.getContext("2d");
  if (!context) return null;
  context.setTransform(devicePixelRatio, 0, 0, devicePixelRatio, 0, 0);
  context.clearRect(0, 0, view.width, view.height);
  context.lineJoin = "round";
  context.lineCap = "round";
  context.font = font;
  context.textAlign = "center";
  return context;
}

function drawLines(
  context: CanvasRenderingContext2D,
  view: View,
  lines: readonly ShownPlace[],
  palette: Palette,
): void {
  context.beginPath();
  for (const place of lines) for (const line of place.lines) trace(context, view, line, 0);
  context.globalAlpha = 0.5;
  context.strokeStyle = palette.domain.transit;
  context.lineWidth = 2;
  context.stroke();
  context.globalAlpha = 1;
}

function drawAreas(
  context: CanvasRenderingContext2D,
  view: View,
  areas: readonly ShownPlace[],
  palette: Palette,
): void {
  context.beginPath();
  for (const area of areas) traceArea(context, view, area);
  context.fillStyle = palette.domain.gps;
  context.globalAlpha = 0.09;
  context.fill();
  context.globalAlpha = 0.8;
  context.strokeStyle = palette.domain.gps;
  context.lineWidth = 1.5;
  context.setLineDash([6, 4]);
  context.stroke();
  context.setLineDash([]);
  context.globalAlpha = 1;
  for (const { name, box } of areas) {
    if ((box.east - box.west) * view.worldPx < namedFencePx) continue;
    const [px, py] = [screenX(view, (box.west + box.east) / 2), screenY(view, box.north)];
    write(context, name, px, py + 15, palette.domain.gps, palette);
  }
}

function traceArea(context: CanvasRenderingContext2D, view: View, { lines, radius }: ShownPlace): void {
  for (const line of lines) {
    const [first] = line;
    if (radius === null) trace(context, view, line, 0);
    else if (first) {
      const [px, py, radiusPx] = [screenX(view, first.x), screenY(view, first.y), radius * view.worldPx];
      context.moveTo(px + radiusPx, py);
      context.arc(px, py, radiusPx, 0, 2 * Math.PI);
    }
    context.closePath();
  }
}

function drawSegments(
  context: CanvasRenderingContext2D,
  view: View,
  segments: readonly ShownPlace[],
  palette: Palette,
  levelOf: PlaceLayerState["levelOf"],
): void {
  const byLevel = new Map<CongestionLevel, ShownPlace[]>(drawingOrder.map((level) => [level, []]));
  for (const segment of segments) byLevel.get(levelOf(segment.filter))?.push(segment);
  for (const [level, ofLevel] of byLevel) {
    if (ofLevel.length === 0) continue;
    context.beginPath();
    for (const { lines } of ofLevel) for (const line of lines) trace(context, view, line, asidePx);
    const strokes = [
      [palette.halo, widthsPx[level] + 2],
      [palette.level[level], widthsPx[level]],
    ] as const;
    for (const [color, width] of strokes) {
      context.strokeStyle = color;
      context.lineWidth = width;
      context.stroke();
    }
  }
}

function drawStops(
  context: CanvasRenderingContext2D,
  view: View,
  stops: readonly ShownPlace[],
  palette: Palette,
): void {
  const zoom = zoomOf(view.worldPx);
  if (zoom < stopZoom) return;
  const radiusPx = zoom < 13 ? 2.5 : 4;
  const points = stops.flatMap(({ name, lines }) => lines.flat().map((point) => ({ name, point })));
  context.beginPath();
  for (const { point } of points) {
    const [px, py] = [screenX(view, point.x), screenY(view, point.y)];
    context.moveTo(px + radiusPx, py);
    context.arc(px, py, radiusPx, 0, 2 * Math.PI);
  }
  context.fillStyle = palette.halo;
  context.fill();
  context.strokeStyle = palette.domain.transit;
  context.lineWidth = 1.5;
  context.stroke();
  if (zoom < stopNameZoom) return;
  for (const { name, point } of points) {
    write(context, name, screenX(view, point.x), screenY(view, point.y) - 9, palette.text, palette);
  }
}

function write(
  context: CanvasRenderingContext2D,
  text: string,
  px: number,
  py: number,
  color: string,
  { halo }: Palette,
): void {
  context.strokeStyle = halo;
  context.lineWidth = 3;
  context.strokeText(text, px, py);
  context.fillStyle = color;
  context.fillText(text, px, py);
}

/** A line so far to the right of its way; points nearer than a pixel to the one before are left out. */
function trace(context: CanvasRenderingContext2D, view: View, line: readonly Point[], rightPx: number): void {
  const points: { readonly px: number; readonly py: number }[] = [];
  for (const { x, y } of line) {
    const [px, py] = [screenX(view, x), screenY(view, y)];
    const last = points.at(-1);
    if (last && Math.abs(px - last.px) < 1 && Math.abs(py - last.py) < 1) continue;
    points.push({ px, py });
  }
  for (const [at, point] of points.entries()) {
    const [from, to] = [points[at - 1] ?? point, points[at + 1] ?? point];
    const lengthPx = Math.hypot(to.px - from.px, to.py - from.py) || 1;
    const px = point.px - (rightPx * (to.py - from.py)) / lengthPx;
    const py = point.py + (rightPx * (to.px - from.px)) / lengthPx;
    if (at === 0) context.moveTo(px, py);
    else context.lineTo(px, py);
  }
}

function overlaps(one: Box, other: Box): boolean {
  return (
    one.west <= other.east && one.east >= other.west && one.north <= other.south && one.south >= other.north
  );
}
