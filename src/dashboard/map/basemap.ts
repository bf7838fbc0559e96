import type { Box, View } from "../mercator.ts";
import type { Palette } from "../palette.ts";

/** How deep the map zooms (MapLibre's levels, 512 px tiles). */
export const maxZoom = 19;
/** As near as fitting to data goes: one lone device is shown in its neighbourhood, not on its doorstep. */
export const maxFitZoom = 15;

/**
 * Natural Earth is drawn for maps of countries; in a city its coast runs through streets. Between these zooms water and
 * coast fade, and only the grid is left.
 */
export const landFadeZooms = [7.5, 10] as const;

/** What lies under the moving things: land and water, and the viewport. */
export interface BaseMap {
  readonly kind: "maplibre" | "plain";
  view(): View;
  /** Calls back in the frame in which the view changes. */
  onMove(listener: () => void): void;
  /** Calls back when a person (not the program) moves the map. */
  onUserMove(listener: () => void): void;
  /** Brings a point to the middle, at least as near as `minZoom`. */
  flyTo(x: number, y: number, minZoom: number): void;
  fit(box: Box, paddingPx: number): void;
  zoomBy(levels: number): void;
  setPalette(palette: Palette): void;
  resize(): void;
  destroy(): void;
}

export interface BaseMapOptions {
  readonly palette: Palette;
  /** No flights and no gliding, as the user asked the system for. */
  readonly calm: boolean;
}

/** Natural Earth at 1:50 m is too coarse from this zoom on. */
const fineLandZoom = 5;

/** Whether the fine land is worth its 4 MB: not far away, and not where the land has faded. */
export function needsFineLand(zoom: number): boolean {
  return zoom >= fineLandZoom && zoom < landFadeZooms[1];
}
