import {
  type ExpressionSpecification,
  type GeoJSONSource,
  Map as MapLibre,
  type StyleSpecification,
  setWorkerUrl,
} from "maplibre-gl";
import workerUrl from "maplibre-gl/dist/maplibre-gl-worker.mjs?url";
import "maplibre-gl/dist/maplibre-gl.css";
import {
  type Box,
  fittingWorldPx,
  latitude,
  longitude,
  mercatorX,
  mercatorY,
  type View,
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
import { type Land, loadLand, noLand } from "./land.ts";

/** A driver that has not drawn a first frame by then is taken for broken. */
const startTimeoutMs = 8_000;

/**
 * The base map in MapLibre. Moving things are not its business: they lie on a canvas above, so that 2,000 moving markers
 * do not make it draw the land again 60 times a second.
 * @throws Error if WebGL or the worker does not start
 */
export async function createMapLibreMap(container: HTMLElement, options: BaseMapOptions): Promise<BaseMap> {
  setWorkerUrl(workerUrl);
  const map = new MapLibre({
    container,
    style: styleOf(options.palette),
    center: [10, 30],
    zoom: 1,
    maxZoom,
    attributionControl: false,
    renderWorldCopies: false,
    dragRotate: false,
    pitchWithRotate: false,
    touchPitch: false,
    fadeDuration: 0,
  });
  map.touchZoomRotate.disableRotation();
  map.keyboard.disableRotation();
  // The worker may be what does not start; the land comes through it, so nothing would ever be drawn.
  try {
    await firstFrame(map);
  } catch (error) {
    map.remove();
    throw error;
  }
  map.getCanvas().setAttribute("aria-label", "Map. Arrow keys move it, plus and minus zoom.");
  void showLand(map, "coarse");
  return wrap(map, options);
}

function firstFrame(map: MapLibre): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error("no frame was drawn in time")), startTimeoutMs);
    map.once("load", () => {
      clearTimeout(timer);
      resolve();
    });
    map.once("error", ({ error }) => {
      clearTimeout(timer);
      reject(error);
    });
  });
}

function wrap(map: MapLibre, { calm }: BaseMapOptions): BaseMap {
  const size = () => ({ width: map.getContainer().clientWidth, height: map.getContainer().clientHeight });
  const view = (): View => {
    const { lng, lat } = map.getCenter();
    return { x: mercatorX(lng), y: mercatorY(lat), worldPx: worldPxAt(map.getZoom()), ...size() };
  };
  const moveTo = (x: number, y: number, zoom: number) => {
    const target = { center: [longitude(x), latitude(y)] as [number, number], zoom };
    if (calm) map.jumpTo(target);
    else map.flyTo({ ...target, speed: 2.2, maxDuration: 1_600 });
  };
  return {
    kind: "maplibre",
    view,
    onMove: (listener) => {
      map.on("render", listener);
    },
    onUserMove: (listener) => {
      map.on("movestart", (event) => {
        if (event.originalEvent) listener();
      });
    },
    flyTo: (x, y, minZoom) => moveTo(x, y, Math.max(map.getZoom(), minZoom)),
    fit: (box: Box, paddingPx) => {
      const worldPx = fittingWorldPx(box, size(), paddingPx, worldPxAt(maxFitZoom));
      moveTo((box.west + box.east) / 2, (box.north + box.south) / 2, zoomOf(worldPx));
    },
    zoomBy: (levels) => {
      map.easeTo({ zoom: map.getZoom() + levels, duration: calm ? 0 : 220 });
    },
    setPalette: (palette) => paint(map, palette),
    resize: () => {
      map.resize();
    },
    destroy: () => map.remove(),
  };
}

async function showLand(map: MapLibre, detail: "coarse" | "fine"): Promise<void> {
  try {
    setLand(map, await loadLand(detail));
  } catch (error) {
    console.warn("the base map shows no land", error);
    return;
  }
  if (detail === "fine") return;
  const refine = () => {
    if (!needsFineLand(map.getZoom())) return;
    map.off("moveend", refine);
    void showLand(map, "fine");
  };
  map.on("moveend", refine);
  refine();
}

function setLand(map: MapLibre, { land, borders }: Land): void {
  map.getSource<GeoJSONSource>("land")?.setData(land);
  map.getSource<GeoJSONSource>("borders")?.setData(borders);
}

function styleOf(palette: Palette): StyleSpecification {
  return {
    version: 8,
    sources: {
      land: { type: "geojson", data: noLand, tolerance: 0.3 },
      borders: { type: "geojson", data: noLand, tolerance: 0.3 },
    },
    layers: [
      { id: "water", type: "background", paint: { "background-color": fading(palette.water, palette.land) } },
      { id: "land", type: "fill", source: "land", paint: { "fill-color": palette.land } },
      {
        id: "coast",
        type: "line",
        source: "land",
        paint: { "line-color": fading(palette.coast, palette.land) },
      },
      {
        id: "border",
        type: "line",
        source: "borders",
        paint: { "line-color": fading(palette.border, palette.land), "line-dasharray": [4, 3] },
      },
    ],
  };
}

function fading(near: string, into: string): ExpressionSpecification {
  const [from, to] = landFadeZooms;
  return ["interpolate", ["linear"], ["zoom"], from, near, to, into];
}

function paint(map: MapLibre, { water, land, coast, border }: Palette): void {
  map.setPaintProperty("water", "background-color", fading(water, land));
  map.setPaintProperty("land", "fill-color", land);
  map.setPaintProperty("coast", "line-color", fading(coast, land));
  map.setPaintProperty("border", "line-color", fading(border, land));
}
