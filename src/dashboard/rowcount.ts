import { useEffect, useRef, useState } from "preact/hooks";
import { domains } from "../model/reading.ts";
import { emptyPanelPx, panelHeadPx, panelsGapPx, rowPx } from "./measures.ts";
import type { Page } from "./page.ts";

const minRows = 3;
const maxRows = 12;
/** On phones the column has no height of its own. */
const phoneRows = 5;

/** How many rows each panel shows at first: as many as let all panels with devices fit into the column. */
export function useRowCount(page: Page) {
  const columnRef = useRef<HTMLDivElement>(null);
  const [heightPx, setHeightPx] = useState(0);
  useEffect(() => {
    const column = columnRef.current;
    if (!column) return;
    const observer = new ResizeObserver(() => {
      const scrolls = getComputedStyle(column).overflowY !== "visible";
      setHeightPx(scrolls ? column.clientHeight : 0);
    });
    observer.observe(column);
    return () => observer.disconnect();
  }, []);
  // Read, so that the count follows panels that come to life.
  void page.now.value;
  const full = domains.filter((domain) => page.things.devices(domain) > 0).length;
  return { columnRef, rowCount: heightPx === 0 ? phoneRows : rowsFor(heightPx, full) };
}

function rowsFor(heightPx: number, fullPanels: number): number {
  if (fullPanels === 0) return minRows;
  const empty = (domains.length - fullPanels) * emptyPanelPx;
  const roomPx = heightPx - empty - (domains.length + 1) * panelsGapPx - fullPanels * panelHeadPx;
  return Math.max(minRows, Math.min(maxRows, Math.floor(roomPx / fullPanels / rowPx)));
}
