import type { FunctionComponent } from "preact";
import { useEffect } from "preact/hooks";
import { Card } from "./card.tsx";
import { FilterBox } from "./filterbox.tsx";
import { Header } from "./header.tsx";
import { MapView } from "./mapview.tsx";
import { Navigation } from "./navigation.tsx";
import type { Page } from "./page.ts";
import type { View } from "./place.ts";
import { TimeBar } from "./timebar.tsx";
import { AlertsView } from "./views/alertsview.tsx";
import { DevicesView } from "./views/devicesview.tsx";
import { EnergyView } from "./views/energyview.tsx";
import { FaresView } from "./views/faresview.tsx";
import { RoadsView } from "./views/roadsview.tsx";
import { TrackingView } from "./views/trackingview.tsx";
import { TransitView } from "./views/transitview.tsx";

const components: Readonly<Record<View, FunctionComponent<{ page: Page }>>> = {
  devices: DevicesView,
  alerts: AlertsView,
  roads: RoadsView,
  transit: TransitView,
  tracking: TrackingView,
  energy: EnergyView,
  fares: FaresView,
};

/** The whole page. */
export function App({ page }: { page: Page }) {
  useEffect(() => {
    const close = (event: KeyboardEvent) => {
      // A dialog above the card is closed first.
      if (event.key === "Escape" && !document.querySelector("dialog[open]")) page.selected.value = null;
    };
    addEventListener("keydown", close);
    return () => removeEventListener("keydown", close);
  }, [page]);
  const { view } = page.place.value;
  const OpenView = components[view];
  return (
    <>
      <Header page={page} />
      <div class="second-bar">
        <Navigation page={page} />
        <TimeBar page={page} />
      </div>
      <main class="layout" data-view={view}>
        <section class="map-area" aria-label="Map">
          <MapView page={page} />
          <Card page={page} />
        </section>
        <section class="side" aria-label={view}>
          {view !== "energy" && <FilterBox page={page} />}
          {view === "devices" ? (
            <OpenView page={page} />
          ) : (
            <div key={view} class="panels view" data-view={view}>
              <OpenView page={page} />
            </div>
          )}
        </section>
      </main>
    </>
  );
}
