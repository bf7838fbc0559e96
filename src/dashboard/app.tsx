import { useEffect } from "preact/hooks";
import { domains } from "../model/reading.ts";
import { Card } from "./card.tsx";
import { FilterBox } from "./filterbox.tsx";
import { Header } from "./header.tsx";
import { InsightPanel } from "./insightpanel.tsx";
import { MapView } from "./mapview.tsx";
import type { Page } from "./page.ts";
import { Panel } from "./panel.tsx";
import { useRowCount } from "./rowcount.ts";

/** The whole page. */
export function App({ page }: { page: Page }) {
  const { columnRef, rowCount } = useRowCount(page);
  useEffect(() => {
    const close = (event: KeyboardEvent) => {
      if (event.key === "Escape") page.selected.value = null;
    };
    addEventListener("keydown", close);
    return () => removeEventListener("keydown", close);
  }, [page]);
  return (
    <>
      <Header page={page} />
      <main class="layout">
        <section class="map-area" aria-label="Map">
          <MapView page={page} />
          <Card page={page} />
        </section>
        <section class="side" aria-label="Devices">
          <FilterBox page={page} />
          <div class="panels" ref={columnRef}>
            {domains.map((domain) => (
              <Panel key={domain} page={page} domain={domain} rowCount={rowCount} />
            ))}
            <InsightPanel page={page} />
          </div>
        </section>
      </main>
    </>
  );
}
