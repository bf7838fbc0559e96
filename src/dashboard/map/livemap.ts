import { effect } from "@preact/signals";
import { boxAround, contains, visibleBox } from "../mercator.ts";
import type { Page } from "../page.ts";
import { palettes } from "../palette.ts";
import { matchesName } from "../rows.ts";
import type { Thing } from "../thing.ts";
import type { Trail } from "../trail.ts";
import { congestionLevel } from "../words.ts";
import type { BaseMap } from "./basemap.ts";
import { createBaseMap } from "./choosebase.ts";
import type { Marker } from "./marker.ts";
import { Overlay } from "./overlay.ts";
import { PlaceLayer } from "./placelayer.ts";
import { loadPlaces } from "./places.ts";
import { listenToPointer } from "./pointer.ts";

const fitPaddingPx = 70;
/** A device that was chosen in a list is shown at least this near. */
const selectedZoom = 13.5;
/** So long after the first position the map still widens to what comes; later the viewport is the user's. */
const settleMs = 12_000;
const settleCheckMs = 1_000;

export interface LiveMapListeners {
  onHover(marker: Marker | null): void;
  onSelect(key: string | null): void;
}

/** The base map with the moving things above it, joined to the page. */
export class LiveMap {
  private readonly page: Page;
  private readonly container: HTMLElement;
  private readonly listeners: LiveMapListeners;
  private readonly calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  private readonly cleanups: (() => void)[] = [];
  private base: BaseMap | null = null;
  private stopped = false;
  private firstFitAt: number | null = null;
  private isUsers = false;

  constructor(page: Page, container: HTMLElement, listeners: LiveMapListeners) {
    this.page = page;
    this.container = container;
    this.listeners = listeners;
    void this.start();
  }

  /** Shows every thing with a position (that the filter means). */
  fit(): void {
    const box = boxAround(this.positions());
    if (box) this.base?.fit(box, Math.min(fitPaddingPx, this.container.clientWidth / 8));
  }

  zoomBy(levels: number): void {
    this.isUsers = true;
    this.base?.zoomBy(levels);
  }

  stop(): void {
    this.stopped = true;
    for (const cleanup of this.cleanups) cleanup();
    this.base?.destroy();
  }

  private async start(): Promise<void> {
    const ground = document.createElement("div");
    ground.className = "ground";
    const canvas = document.createElement("canvas");
    canvas.className = "overlay";
    canvas.setAttribute("aria-hidden", "true");
    const placeCanvas = document.createElement("canvas");
    placeCanvas.className = "overlay";
    placeCanvas.setAttribute("aria-hidden", "true");
    this.container.replaceChildren(ground, placeCanvas, canvas);
    const palette = palettes[this.page.theme.value];
    const force = new URLSearchParams(location.search).get("map");
    const base = await createBaseMap(ground, { palette, calm: this.calm }, force);
    if (this.stopped) return base.destroy();
    this.base = base;
    this.container.dataset["map"] = base.kind;
    this.joinPlaces(base, placeCanvas);
    this.join(base, this.makeOverlay(canvas, base));
  }

  private makeOverlay(canvas: HTMLCanvasElement, base: BaseMap): Overlay {
    const { page } = this;
    const state = {
      things: (domain: "gps" | "transit") => page.things.of(domain).values(),
      matches: (thing: Thing) => matchesName(thing, page.filter.value),
      selectedKey: () => page.selected.value,
      now: () => page.timeLine.now(),
      view: () => base.view(),
    };
    return new Overlay(canvas, state, palettes[page.theme.value], this.calm);
  }

  private joinPlaces(base: BaseMap, canvas: HTMLCanvasElement): void {
    const { page } = this;
    const layer = new PlaceLayer(canvas, {
      places: () => page.places.value,
      pageView: () => page.place.value.view,
      levelOf: (topic) => congestionLevel(page.insights.of("congestion").get(topic)?.values["level"]),
      view: () => base.view(),
    });
    const draw = () => layer.draw(palettes[page.theme.value]);
    base.onMove(draw);
    const resizing = new ResizeObserver(draw);
    resizing.observe(this.container);
    const drawing = effect(() => {
      void page.now.value;
      draw();
    });
    const loading = effect(() => {
      // A gateway that was started again may have other roads.
      if (page.connection.value.kind !== "live") return;
      loadPlaces().then(
        (places) => {
          page.places.value = places;
        },
        (error) => console.warn("the map shows no roads, fences and lines", error),
      );
    });
    this.cleanups.push(() => resizing.disconnect(), drawing, loading);
  }

  private join(base: BaseMap, overlay: Overlay): void {
    const { page } = this;
    const wake = () => overlay.wake();
    base.onMove(() => overlay.draw());
    base.onUserMove(() => {
      this.isUsers = true;
      this.hover(overlay, null);
    });
    page.onReadings.add(wake);
    const resizing = new ResizeObserver(() => {
      base.resize();
      overlay.wake();
    });
    resizing.observe(this.container);
    const settling = setInterval(() => this.settle(), settleCheckMs);
    this.cleanups.push(
      () => page.onReadings.delete(wake),
      () => resizing.disconnect(),
      () => clearInterval(settling),
      () => overlay.stop(),
      effect(() => {
        const palette = palettes[page.theme.value];
        base.setPalette(palette);
        overlay.setPalette(palette);
      }),
      effect(() => {
        void [page.filter.value, page.selected.value, page.now.value];
        overlay.wake();
      }),
      effect(() => this.flyToSelected(page.flights.value)),
      listenToPointer(this.container, {
        onMove: (px, py) => this.hover(overlay, overlay.hit(px, py)),
        onLeave: () => this.hover(overlay, null),
        onClick: (px, py) => this.listeners.onSelect(overlay.hit(px, py)?.thing.key ?? null),
      }),
    );
    this.settle();
  }

  private hover(overlay: Overlay, marker: Marker | null): void {
    this.container.classList.toggle("over-marker", marker !== null);
    overlay.setHovered(marker?.thing.key ?? null);
    this.listeners.onHover(marker);
  }

  /** Fits to the first data, and while it settles again when something is out of view. */
  private settle(): void {
    if (!this.base || this.isUsers) return;
    const now = performance.now();
    if (this.firstFitAt !== null && now - this.firstFitAt > settleMs) return;
    const positions = [...this.positions()];
    if (positions.length === 0) return;
    const box = visibleBox(this.base.view());
    const isAllSeen = positions.every(({ x, y }) => contains(box, x, y));
    if (this.firstFitAt !== null && isAllSeen) return;
    this.firstFitAt ??= now;
    this.fit();
  }

  private flyToSelected(flights: number): void {
    const key = this.page.selected.peek();
    const trail = key === null ? null : this.page.things.get(key)?.trail;
    if (flights === 0 || !trail) return;
    this.isUsers = true;
    this.base?.flyTo(trail.x, trail.y, selectedZoom);
  }

  private *positions(): Generator<Trail> {
    const filter = this.page.filter.peek();
    for (const domain of ["gps", "transit"] as const) {
      for (const thing of this.page.things.of(domain).values()) {
        if (thing.trail && matchesName(thing, filter)) yield thing.trail;
      }
    }
  }
}
