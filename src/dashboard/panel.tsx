import { useMemo, useState } from "preact/hooks";
import type { Domain } from "../model/reading.ts";
import { DomainIcon } from "./icons.tsx";
import type { Page } from "./page.ts";
import { Row } from "./row.tsx";
import { Rows } from "./rows.ts";
import { summaryWords } from "./summary.ts";
import type { Thing } from "./thing.ts";
import { VirtualList } from "./virtuallist.tsx";
import { countWords } from "./words.ts";

const titles: Readonly<Record<Domain, string>> = {
  gps: "Tracking",
  energy: "Energy",
  road: "Road traffic",
  transit: "Transit",
  fare: "Fares",
};

const nouns: Readonly<Record<Domain, readonly [string, string]>> = {
  gps: ["tracker", "trackers"],
  energy: ["meter", "meters"],
  road: ["station", "stations"],
  transit: ["vehicle", "vehicles"],
  fare: ["route", "routes"],
};

interface PanelProps {
  readonly page: Page;
  readonly domain: Domain;
  /** Rows shown before "show all". */
  readonly rowCount: number;
}

/** One domain: its devices with their main value, its course and its age. */
export function Panel({ page, domain, rowCount }: PanelProps) {
  const [showsAll, setShowsAll] = useState(false);
  const rows = useMemo(() => new Rows(page.things, domain), [page, domain]);
  const now = page.now.value;
  const things = rows.list(page.filter.value, now);
  const count = page.things.devices(domain);
  return (
    <section
      class={count === 0 ? "panel empty" : "panel"}
      data-domain={domain}
      data-count={count}
      data-updates={page.things.updates(domain)}
      style={{ "--accent": `var(--${domain})` }}
      aria-label={titles[domain]}
    >
      <header class="panel-head">
        <DomainIcon domain={domain} />
        <h2>{titles[domain]}</h2>
        <PanelCount domain={domain} count={count} hasMatch={things.length > 0} />
        <span class="summary">{summaryWords(domain, page.things.of(domain).values(), now)}</span>
        {things.length > rowCount && (
          <button
            class="text-button"
            type="button"
            aria-expanded={showsAll}
            onClick={() => setShowsAll(!showsAll)}
          >
            {showsAll ? "Show less" : `Show all ${countWords(things.length)}`}
          </button>
        )}
      </header>
      <PanelBody page={page} domain={domain} things={things} rowCount={rowCount} showsAll={showsAll} />
    </section>
  );
}

interface PanelCountProps {
  readonly domain: Domain;
  readonly count: number;
  /** Whether any device passes the filter. */
  readonly hasMatch: boolean;
}

function PanelCount({ domain, count, hasMatch }: PanelCountProps) {
  if (count === 0) return <span class="count">nothing yet</span>;
  return (
    <span class="count">
      {countWords(count)} <span class="noun">{nouns[domain][count === 1 ? 0 : 1]}</span>
      {!hasMatch && " · no match"}
    </span>
  );
}

interface PanelBodyProps extends PanelProps {
  readonly things: readonly Thing[];
  readonly showsAll: boolean;
}

function PanelBody({ page, domain, things, rowCount, showsAll }: PanelBodyProps) {
  if (things.length === 0) return null;
  const now = page.now.value;
  const scaleW = domain === "energy" ? powerScale(things) : 0;
  const selected = page.selected.value;
  const row = (thing: Thing) => (
    <Row
      key={thing.key}
      page={page}
      thing={thing}
      now={now}
      scaleW={scaleW}
      isSelected={thing.key === selected}
    />
  );
  if (showsAll && things.length > rowCount) return <VirtualList things={things} renderRow={row} />;
  return <ul class="rows">{things.slice(0, rowCount).map(row)}</ul>;
}

/** The power that fills a bar: the greatest of the panel. */
function powerScale(things: readonly Thing[]): number {
  return things.reduce((most, thing) => Math.max(most, Math.abs(thing.number("powerW") ?? 0)), 1);
}
