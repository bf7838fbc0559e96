import { z } from "zod";
import { currencyExponent } from "../model/currency.ts";
import type { Values } from "../model/reading.ts";
import { putBounded } from "./bounded.ts";
import { DueTimes } from "./due-times.ts";
import { askedFilter, askedOf, maxAskedWatches } from "./fare-asked.ts";
import { type FiguresFold, figuresCourse, type PriceFold, type Quoted } from "./fare-price.ts";
import { type Quote, quoteOf } from "./fare-quote.ts";
import {
  fareOfSelection,
  isOfWatch,
  maxWatches,
  selectionKey,
  selectionsOf,
  type WatchFold,
  type WatchSettings,
  watchCourse,
  watchesProblem,
  watchOf,
  watchSettings,
} from "./fare-watch.ts";
import type { CommittedReading, Emit, Insight, Reducer, Shown } from "./insight.ts";
import { Rework, type Track } from "./rework.ts";
import type { Tell } from "./told-words.ts";

const hourMs = 3_600_000;
/** That an offer ended is told so much later, milliseconds: what is quoted at that very moment may take its place. */
const afterEndMs = 1;

const whole = (min: number, max: number) => z.int().min(min).max(max);

const settings = z.strictObject({
  filters: z.array(z.string()).default(["fare/#"]).describe("Topics of quotes"),
  windowH: whole(1, 744)
    .default(168)
    .describe("Low, high and the typical band are those of so many hours; the window slides by 1/24 of it"),
  assumedValidityH: whole(1, 744)
    .default(24)
    .describe("How long a quote stands that does not tell when it ends, in hours"),
  noisePct: z
    .number()
    .min(0)
    .max(50)
    .multipleOf(0.01, "use at most two decimals")
    .default(1)
    .describe("Moves of a price up to this are noise, as of exchange rates: they do not arm a watch again"),
  lateQuotes: whole(1, 256)
    .default(16)
    .describe("So many moments of a fare are kept, among which late quotes take their place"),
  maxFlights: whole(1, 100_000)
    .default(1_200)
    .describe("Most flights with figures; the one quoted longest ago is forgotten"),
  maxRoutes: whole(1, 100_000).default(500).describe("Most routes with figures"),
  watches: z.array(watchSettings).max(maxWatches).default([]).describe("Prices that somebody waits for"),
});

type Settings = z.infer<typeof settings>;

interface State {
  /** By topic (device and channel), in the order of their last quote. */
  readonly routes: Map<string, Track<Quoted, FiguresFold>>;
  readonly flights: Map<string, Track<Quoted, FiguresFold>>;
  /** By what they select. */
  readonly watched: Map<string, Track<Quoted, WatchFold>>;
  /** By name: what people asked for. States of earlier versions have none. */
  asked?: Map<string, WatchSettings>;
}

/**
 * What fares cost: `watches/routes/…` and `watches/flights/…` have the price now, its change, the low and high of a window and
 * what is typical; `watches/<name>` fires when a price is where somebody wants it. FARES.md tells the topics and values.
 */
export const fares: Insight<Settings, State> = {
  name: "fares",
  description: "Prices of flights and routes with what is low, high and typical, and watches that fire",
  onByDefault: false,
  settings,
  writes: ["watches"],
  reads: ({ filters }) => [...filters, askedFilter],
  problem: ({ watches, noisePct }) => watchesProblem(watches, noisePct),
  ending: ({ device, channel, values }) =>
    channel !== undefined || device.includes("/") || values["state"] === "removed"
      ? null
      : { state: "removed" },
  stateVersion: 2,
  start: () => ({ routes: new Map(), flights: new Map(), watched: new Map(), asked: new Map() }),
  create: (settings, state) => new FaresReducer(settings, state),
};

class FaresReducer implements Reducer {
  readonly #settings: Settings;
  readonly #state: State;
  readonly #figures: Rework<Quoted, FiguresFold>;
  /** By what they select. */
  readonly #watches = new Map<string, Rework<Quoted, WatchFold>>();
  /** Selections whose watches may be others than before the start. */
  readonly #isReviewDue = new Set<string>();
  /** When the cheapest offer ends; keys are of `dueKey`. */
  readonly #due = new DueTimes();
  readonly #asked: Map<string, WatchSettings>;
  /** By name: watches of the settings. */
  readonly #configured: ReadonlyMap<string, WatchSettings>;

  constructor(settings: Settings, state: State) {
    this.#settings = settings;
    this.#state = state;
    this.#figures = new Rework(figuresCourse(settings.windowH * hourMs), settings.lateQuotes);
    state.asked ??= new Map();
    this.#asked = state.asked;
    this.#configured = new Map(settings.watches.map((watch) => [watch.name, watch]));
    // The settings' words count, should both have the same name.
    for (const { name } of settings.watches) this.#asked.delete(name);
    for (const [selection, watches] of bySelection([...settings.watches, ...this.#asked.values()])) {
      this.#watch(selection, watches);
      if (state.watched.has(selection)) this.#isReviewDue.add(selection);
    }
    for (const [selection, { told }] of state.watched) {
      for (const name of told.keys()) if (!this.#isWatch(name)) told.delete(name);
      if (!this.#watches.has(selection)) state.watched.delete(selection);
    }
    for (const kind of kinds) {
      for (const key of state[kind].keys()) this.#await(kind, key, this.#head(kind, key));
    }
  }

  reduce(reading: CommittedReading, emit: Emit): void {
    if (reading.domain === "watches") return this.#ask(reading, emit);
    const quote = quoteOf(reading, this.#settings.assumedValidityH * hourMs);
    if (quote === null) return;
    const quoted = { time: quote.time, offers: [quote.offer] };
    const { maxRoutes, maxFlights } = this.#settings;
    this.#take("routes", routeKey(quote), quoted, maxRoutes, emit);
    const flight = flightKey(quote);
    if (flight !== null) this.#take("flights", flight, quoted, maxFlights, emit);
    if (this.#watches.size === 0) return;
    for (const selection of selectionsOf(quote)) {
      if (this.#watches.has(selection))
        this.#take("watched", selection, quoted, maxWatches + maxAskedWatches, emit);
    }
  }

  advance(now: number, emit: Emit): void {
    for (let next = this.#due.take(now); next !== null; next = this.#due.take(now)) {
      const [kind, key] = partsOf(next.key);
      this.#take(kind, key, { time: next.due - afterEndMs, offers: [] }, Number.POSITIVE_INFINITY, emit);
    }
    for (const selection of this.#isReviewDue) this.#review(selection, now, emit);
    this.#isReviewDue.clear();
  }

  /** Whether there is such a watch, and what is shown is not of other words of it. */
  stands({ device, values }: Shown): boolean {
    const watch = this.#configured.get(device) ?? this.#asked.get(device);
    return watch !== undefined && isOfWatch(values, watchOf(watch, this.#settings.noisePct), watch);
  }

  #isWatch(name: string): boolean {
    return this.#configured.has(name) || this.#asked.has(name);
  }

  /** Somebody asks for a watch, or that there be none. */
  #ask({ device, values, time }: CommittedReading, emit: Emit): void {
    const asked = askedOf(device, values, this.#settings.watches, this.#settings.noisePct);
    if (asked === null) return;
    const { name, watch } = asked;
    const before = this.#asked.get(name);
    if (watch === null ? !before : !before && this.#asked.size >= maxAskedWatches) return;
    if (watch === null) this.#asked.delete(name);
    else this.#asked.set(name, watch);
    const selections = [before, watch].flatMap((one) => (one ? [selectionKey(one)] : []));
    for (const selection of new Set(selections)) this.#regroup(selection, name, time, emit);
    if (watch === null) emit({ domain: "watches", device: name, time, values: { state: "removed" } });
  }

  /** The watches of a selection are others now. @param changed the one that came, went or has other words */
  #regroup(selection: string, changed: string, time: number, emit: Emit): void {
    const all = [...this.#settings.watches, ...this.#asked.values()];
    const watches = all.filter((watch) => selectionKey(watch) === selection);
    const track = this.#state.watched.get(selection);
    if (watches.length === 0) {
      this.#watches.delete(selection);
      this.#state.watched.delete(selection);
      this.#due.delete(dueKey("watched", selection));
      return;
    }
    this.#watch(selection, watches);
    if (!track) return;
    // What it said stays said.
    track.told.delete(changed);
    this.#review(selection, time, emit);
    this.#await("watched", selection, this.#head("watched", selection));
  }

  #watch(selection: string, watches: readonly WatchSettings[]): void {
    const { noisePct, lateQuotes } = this.#settings;
    const course = watchCourse(watches.map((watch) => watchOf(watch, noisePct)));
    this.#watches.set(selection, new Rework(course, lateQuotes));
  }

  #take(kind: Kind, key: string, quoted: Quoted, max: number, emit: Emit): void {
    const forgotten =
      kind === "watched"
        ? this.#follow(this.#state.watched, key, this.#watches.get(key), quoted, max, tellWatch(key, emit))
        : this.#follow(this.#state[kind], key, this.#figures, quoted, max, tellFigures(key, emit));
    if (forgotten !== undefined) this.#due.delete(dueKey(kind, forgotten));
    this.#await(kind, key, this.#head(kind, key));
  }

  /** Shows the price to watches that are new, and says what they make of it: not before `time`, or "removed" would still stand. */
  #review(selection: string, time: number, emit: Emit): void {
    const track = this.#state.watched.get(selection);
    if (!track) return;
    const known = new Set(track.told.keys());
    const tell = tellWatch(selection, emit);
    this.#watches.get(selection)?.review(track, (name, at, values) => {
      if (known.has(name)) tell(name, at, values);
    });
    for (const [name, words] of track.told) {
      const word = words.at(-1);
      if (word && !known.has(name)) tell(name, Math.max(time, word.time), word.values);
    }
  }

  #follow<Fold extends PriceFold>(
    tracks: Map<string, Track<Quoted, Fold>>,
    key: string,
    rework: Rework<Quoted, Fold> | undefined,
    quoted: Quoted,
    max: number,
    tell: Tell,
  ): string | undefined {
    if (rework === undefined) return undefined;
    const track = tracks.get(key) ?? rework.newTrack();
    rework.take(track, quoted, tell);
    // What ends is no news of a fare.
    return quoted.offers.length > 0 ? putBounded(tracks, key, track, max) : undefined;
  }

  #head(kind: Kind, key: string): PriceFold | undefined {
    const { watched } = this.#state;
    const track = kind === "watched" ? undefined : this.#state[kind].get(key);
    if (track !== undefined) return this.#figures.head(track);
    const watchedTrack = kind === "watched" ? watched.get(key) : undefined;
    return watchedTrack && this.#watches.get(key)?.head(watchedTrack);
  }

  #await(kind: Kind, key: string, head: PriceFold | undefined): void {
    if (head?.best) this.#due.set(dueKey(kind, key), head.best.until + afterEndMs);
    else this.#due.delete(dueKey(kind, key));
  }
}

const kinds = ["routes", "flights", "watched"] as const;
type Kind = (typeof kinds)[number];

// What ends at the same time ends in the order of these keys.
function dueKey(kind: Kind, key: string): string {
  return `${kind} ${key}`;
}

function partsOf(due: string): [Kind, string] {
  const at = due.indexOf(" ");
  return [due.slice(0, at) as Kind, due.slice(at + 1)];
}

function bySelection(watches: readonly WatchSettings[]): Map<string, WatchSettings[]> {
  const groups = new Map<string, WatchSettings[]>();
  for (const watch of watches) {
    const key = selectionKey(watch);
    const group = groups.get(key);
    if (group) group.push(watch);
    else groups.set(key, [watch]);
  }
  return groups;
}

/** Its topic without the first level; the currency, which is the channel, stands last. */
function routeKey({ from, to, cabin, currency }: Quote): string {
  return `routes/${from}-${to}/${cabin}/${currency}`;
}

function flightKey({ from, to, cabin, currency, offer: { flight, departs } }: Quote): string | null {
  return flight === null ? null : `flights/${from}-${to}/${flight}/${departs}/${cabin}/${currency}`;
}

function tellFigures(key: string, emit: Emit): Tell {
  return (_name, time, values) => {
    const at = key.lastIndexOf("/");
    const [device, channel] = [key.slice(0, at), key.slice(at + 1)];
    emit({ domain: "watches", device, channel, time, values: withFew(values, moneyValues(channel)) });
  };
}

function tellWatch(selection: string, emit: Emit): Tell {
  return (device, time, values) => {
    const { from, to, currency } = fareOfSelection(selection);
    const fare = { from, to, ...moneyValues(currency) };
    emit({ domain: "watches", device, time, values: withFew(values, fare) });
  };
}

/** V8 makes a slow dictionary of an object into which more than twelve values are spread; the first ones it copies as they are. */
function withFew(values: Values, few: Values): Values {
  return { ...values, ...few };
}

function moneyValues(currency: string): Values {
  return { currency, exponent: currencyExponent(currency) ?? null };
}
