import type { Signal } from "@preact/signals";
import { AlertIcon, DevicesIcon, DomainIcon } from "./icons.tsx";
import type { Page } from "./page.ts";
import { hashOf, type Place, type View, views } from "./place.ts";
import { firingOf } from "./views/alerts.ts";

const titles: Readonly<Record<View, string>> = {
  devices: "Devices",
  alerts: "Alerts",
  roads: "Roads",
  transit: "Transit",
  tracking: "Tracking",
  energy: "Energy",
  fares: "Fares",
};

const domainOf = {
  roads: "road",
  transit: "transit",
  tracking: "gps",
  energy: "energy",
  fares: "fare",
} as const;
/** More alerts are not counted one by one. */
const maxCounted = 99;

/** The views of the page; how many alerts fire stands beside theirs. */
export function Navigation({ page }: { page: Page }) {
  return (
    <nav class="navigation" aria-label="Views">
      {views.map((view) => (
        <a key={view} href={hashOf(view)} aria-current={isOpen(page.place, view) ? "page" : undefined}>
          <ViewIcon view={view} />
          <span>{titles[view]}</span>
          {view === "alerts" && <FiringCount page={page} />}
        </a>
      ))}
    </nav>
  );
}

function isOpen(place: Signal<Place>, view: View): boolean {
  return place.value.view === view;
}

function ViewIcon({ view }: { view: View }) {
  if (view === "devices") return <DevicesIcon />;
  if (view === "alerts") return <AlertIcon />;
  const domain = domainOf[view];
  return (
    <span class="view-icon" style={{ "--accent": `var(--${domain})` }}>
      <DomainIcon domain={domain} />
    </span>
  );
}

function FiringCount({ page }: { page: Page }) {
  void page.now.value;
  const { count, worst } = firingOf(page.insights.of("alerts").values());
  const words = count > maxCounted ? `${maxCounted}+` : String(count);
  return (
    <span class="badge" data-severity={worst ?? "none"} data-count={count}>
      {words}
      <span class="unseen"> firing</span>
    </span>
  );
}
