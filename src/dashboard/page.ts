import { batch, type Signal, signal } from "@preact/signals";
import type { Fieldcast } from "../client/client.ts";
import type { Clock } from "../model/clock.ts";
import type { Connection } from "./connection.ts";
import { InsightRows } from "./insightrows.ts";
import type { ShownPlace } from "./map/places.ts";
import type { Theme } from "./palette.ts";
import { type Place, watchPlace } from "./place.ts";
import { RateMeter } from "./rate.ts";
import { SharedLinks } from "./shares.ts";
import { watchTheme } from "./theme.ts";
import { Things } from "./things.ts";
import { TimeLine } from "./timeline.ts";

/** Lists and cards are made anew this often while readings come; nobody reads numbers that change faster. */
const refreshMs = 250;
/** Ages grow this often also when nothing comes. */
const ageTickMs = 1_000;

/** Everything the page shows. Components read the signals; readings reach them only through `refresh`. */
export interface Page {
  /** The time of this moment, whatever is shown. */
  readonly wall: Clock;
  /** The time that is shown. */
  readonly timeLine: TimeLine;
  /** For what a view needs besides the page's own readings. */
  readonly client: Fieldcast;
  readonly things: Things;
  readonly insights: InsightRows;
  readonly shares: SharedLinks;
  readonly rate: RateMeter;
  /** The moment that all ages on the page refer to, epoch milliseconds; set by each refresh. */
  readonly now: Signal<number>;
  readonly perSecond: Signal<number>;
  readonly connection: Signal<Connection>;
  /** Which view is open, as the address says. */
  readonly place: Signal<Place>;
  /** What stands on the map. */
  readonly places: Signal<readonly ShownPlace[]>;
  readonly filter: Signal<string>;
  /** Key of the thing whose card is open. */
  readonly selected: Signal<string | null>;
  /** Grows with each wish to bring the selected thing into view. */
  readonly flights: Signal<number>;
  readonly theme: Signal<Theme>;
  /** Listeners that want to know of new readings at once (the map, which keeps its own pace). */
  readonly onReadings: Set<() => void>;
}

export function createPage(wall: Clock, client: Fieldcast): Page {
  return {
    wall,
    client,
    timeLine: new TimeLine(wall),
    things: new Things(),
    insights: new InsightRows(),
    shares: new SharedLinks(),
    rate: new RateMeter(),
    now: signal(wall.now()),
    perSecond: signal(0),
    connection: signal<Connection>({ kind: "reconnecting", lostAt: null, wasLive: false }),
    place: watchPlace(),
    places: signal<readonly ShownPlace[]>([]),
    filter: signal(""),
    selected: signal(null),
    flights: signal(0),
    theme: watchTheme(),
    onReadings: new Set(),
  };
}

/** Opens a thing's card and moves the map there. */
export function select(page: Page, key: string): void {
  batch(() => {
    page.selected.value = key;
    page.flights.value++;
  });
}

/** Keeps the components up to date: some times a second while readings come, else once a second for the ages. */
export function keepFresh(page: Page): void {
  let shownVersion = -1;
  let shownAt = Number.NEGATIVE_INFINITY;
  const refresh = () => {
    const wallNow = page.wall.now();
    const version = page.things.version + page.insights.version;
    if (version === shownVersion && Math.abs(wallNow - shownAt) < ageTickMs) return;
    shownVersion = version;
    shownAt = wallNow;
    const now = page.timeLine.now();
    batch(() => {
      // Held at an instant, the page still has to show what comes of it: a signal that stays the same tells nobody.
      page.now.value = now === page.now.value ? now + 1 : now;
      page.perSecond.value = page.rate.perSecond(wallNow);
    });
  };
  setInterval(refresh, refreshMs);
}
