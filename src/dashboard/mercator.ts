/** Web Mercator as maps use it: the world is the square 0..1, x eastward, y southward (EPSG:3857, scaled). */

/** Latitude at which Web Mercator is cut off so that the world is a square, degrees. */
export const maxLatitude = 85.0511287798066;

export function mercatorX(lon: number): number {
  return lon / 360 + 0.5;
}

export function mercatorY(lat: number): number {
  const sin = Math.sin((clampLatitude(lat) * Math.PI) / 180);
  return 0.5 - Math.log((1 + sin) / (1 - sin)) / (4 * Math.PI);
}

export function longitude(x: number): number {
  return (x - 0.5) * 360;
}

export function latitude(y: number): number {
  return (Math.atan(Math.sinh((0.5 - y) * 2 * Math.PI)) * 180) / Math.PI;
}

function clampLatitude(lat: number): number {
  return Math.max(-maxLatitude, Math.min(maxLatitude, lat));
}

/** What a map shows: its centre in mercator units, the world's width in CSS pixels, and its own size. */
export interface View {
  readonly x: number;
  readonly y: number;
  readonly worldPx: number;
  readonly width: number;
  readonly height: number;
}

/** A box in mercator units. */
export interface Box {
  readonly west: number;
  readonly north: number;
  readonly east: number;
  readonly south: number;
}

export function screenX(view: View, x: number): number {
  return (x - view.x) * view.worldPx + view.width / 2;
}

export function screenY(view: View, y: number): number {
  return (y - view.y) * view.worldPx + view.height / 2;
}

/** The box that is visible, `marginPx` wider on each side. */
export function visibleBox(view: View, marginPx = 0): Box {
  const halfX = (view.width / 2 + marginPx) / view.worldPx;
  const halfY = (view.height / 2 + marginPx) / view.worldPx;
  return { west: view.x - halfX, north: view.y - halfY, east: view.x + halfX, south: view.y + halfY };
}

export function contains(box: Box, x: number, y: number): boolean {
  return x >= box.west && x <= box.east && y >= box.north && y <= box.south;
}

/** The smallest box around points, null without any. */
export function boxAround(points: Iterable<{ readonly x: number; readonly y: number }>): Box | null {
  let west = Number.POSITIVE_INFINITY;
  let north = Number.POSITIVE_INFINITY;
  let east = Number.NEGATIVE_INFINITY;
  let south = Number.NEGATIVE_INFINITY;
  for (const { x, y } of points) {
    west = Math.min(west, x);
    east = Math.max(east, x);
    north = Math.min(north, y);
    south = Math.max(south, y);
  }
  return west <= east ? { west, north, east, south } : null;
}

/** The world's width in pixels at which `box` fills the view but for a padding, at most `maxWorldPx`. */
export function fittingWorldPx(
  box: Box,
  size: Pick<View, "width" | "height">,
  paddingPx: number,
  maxWorldPx: number,
): number {
  const room = (px: number) => Math.max(40, px - 2 * paddingPx);
  const byWidth = room(size.width) / Math.max(box.east - box.west, 1e-9);
  const byHeight = room(size.height) / Math.max(box.south - box.north, 1e-9);
  return Math.min(byWidth, byHeight, maxWorldPx);
}

/** Metres per CSS pixel at the middle of a view (the sphere of EPSG:3857, radius 6,378,137 m). */
export function metresPerPx(view: View): number {
  const equatorM = 2 * Math.PI * 6_378_137;
  return (equatorM * Math.cos((latitude(view.y) * Math.PI) / 180)) / view.worldPx;
}

/** The world's width in pixels at a zoom level, with the 512 px tiles that MapLibre counts in. */
export function worldPxAt(zoom: number): number {
  return 512 * 2 ** zoom;
}

export function zoomOf(worldPx: number): number {
  return Math.log2(worldPx / 512);
}
