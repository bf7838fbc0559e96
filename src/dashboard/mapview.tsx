import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { EmptyState } from "./emptystate.tsx";
import { FitIcon, MinusIcon, PlusIcon } from "./icons.tsx";
import { LiveMap } from "./map/livemap.ts";
import type { Marker } from "./map/marker.ts";
import type { Page } from "./page.ts";
import { select } from "./page.ts";
import { RowValue, rowSubtitle } from "./rowvalue.tsx";
import { ageWords } from "./words.ts";

/** The map with its buttons, the tip at the pointer, and the welcome while nothing has arrived. */
export function MapView({ page }: { page: Page }) {
  const container = useRef<HTMLDivElement>(null);
  const [map, setMap] = useState<LiveMap | null>(null);
  const [hovered, setHovered] = useState<Marker | null>(null);
  useEffect(() => {
    const made = new LiveMap(page, container.current as HTMLElement, {
      onHover: setHovered,
      onSelect: (key) => {
        if (key === null) page.selected.value = null;
        else select(page, key);
      },
    });
    setMap(made);
    return () => made.stop();
  }, [page]);
  return (
    <>
      <div class="map" ref={container} />
      <div class="map-buttons">
        <MapButton label="Zoom in" onClick={() => map?.zoomBy(1)}>
          <PlusIcon />
        </MapButton>
        <MapButton label="Zoom out" onClick={() => map?.zoomBy(-1)}>
          <MinusIcon />
        </MapButton>
        <MapButton label="Show all devices" onClick={() => map?.fit()}>
          <FitIcon />
        </MapButton>
      </div>
      {hovered && <Tip page={page} marker={hovered} mapWidth={container.current?.clientWidth ?? 0} />}
      <EmptyState page={page} />
    </>
  );
}

interface MapButtonProps {
  readonly label: string;
  readonly onClick: () => void;
  readonly children: ComponentChildren;
}

function MapButton({ label, onClick, children }: MapButtonProps) {
  return (
    <button class="icon-button" type="button" aria-label={label} title={label} onClick={onClick}>
      {children}
    </button>
  );
}

/** Nearer to an edge than this, the tip opens towards the middle. */
const tipRoomPx = { x: 170, y: 60 };

interface TipProps {
  readonly page: Page;
  readonly marker: Marker;
  readonly mapWidth: number;
}

function Tip({ page, marker, mapWidth }: TipProps) {
  const { thing, px, py } = marker;
  const now = page.now.value;
  const side = px < tipRoomPx.x ? "right" : px > mapWidth - tipRoomPx.x ? "left" : "middle";
  const style = {
    transform: `translate(${Math.round(px)}px, ${Math.round(py)}px)`,
    "--accent": `var(--${thing.domain})`,
  };
  return (
    <div class="tip" data-side={side} data-below={py < tipRoomPx.y} style={style}>
      <div>
        <strong>{thing.name}</strong>
        <span class="subtitle">{rowSubtitle(thing)}</span>
        <RowValue thing={thing} now={now} scaleW={0} />
        <span class="age">{ageWords(now - thing.time)}</span>
      </div>
    </div>
  );
}
