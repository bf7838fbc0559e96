import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { rowPx } from "./measures.ts";
import type { Thing } from "./thing.ts";

const visibleRows = 12;
/** Rows kept ready above and below what is visible. */
const spareRows = 6;

interface VirtualListProps {
  readonly things: readonly Thing[];
  readonly renderRow: (thing: Thing) => JSX.Element;
}

/** A scrolling list of any length that holds only the rows in view. */
export function VirtualList({ things, renderRow }: VirtualListProps) {
  const [top, setTop] = useState(0);
  const last = Math.max(0, things.length - visibleRows);
  const first = Math.max(0, Math.min(last, Math.floor(top / rowPx)) - spareRows);
  const shown = things.slice(first, first + visibleRows + 2 * spareRows);
  const before = first * rowPx;
  const after = (things.length - first - shown.length) * rowPx;
  return (
    <ul
      class="rows scrolling"
      style={{ maxHeight: `${visibleRows * rowPx}px` }}
      onScroll={(event) => setTop(event.currentTarget.scrollTop)}
    >
      <li class="spacer" key="before" aria-hidden="true" style={{ height: `${before}px` }} />
      {shown.map(renderRow)}
      <li class="spacer" key="after" aria-hidden="true" style={{ height: `${after}px` }} />
    </ul>
  );
}
