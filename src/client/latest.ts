import type { Clock } from "../model/clock.ts";
import type { Values } from "../model/reading.ts";
import type { From, PlayOptions, ViewOptions } from "../wire/messages.ts";
import { type ErrorListener, FieldcastError, report, SafeCalls } from "./errors.ts";
import type { Reading, Replay, ViewChange } from "./reading.ts";
import type { Timers } from "./socket.ts";
import type { SubscribeOptions, Subscription, ViewChanges } from "./subscription.ts";

/** What a topic shows now: values merged field by field by observation time. Never changed in place. */
export interface Latest<V extends Values = Values> {
  readonly topic: string;
  /** Newest observation among the values, epoch milliseconds. */
  readonly time: number;
  readonly values: V;
  /** Observation time of each value that is older than `time`. */
  readonly times: Readonly<Record<string, number>>;
  /** Remarks of the reading that was observed last (an alert's text), absent if it has none. */
  readonly attrs?: Values;
}

/** Where a latest map starts: now, or as it was at a time. */
export type LatestFrom = Exclude<From, "now" | { readonly cursor: string } | { readonly last: number }>;

/** With a `where` a topic stays as it was when it last fulfilled it: that it no longer does is not told. */
export interface LatestOptions extends ViewOptions, PlayOptions {
  /** With `{ time }` the map is as it was then, and follows from there at `speed`. */
  readonly from?: LatestFrom;
  readonly onReplay?: (replay: Replay) => void;
  readonly onError?: ErrorListener;
  /** Topics beyond this many are left out, and `onError` hears of it once. 100,000 by default. */
  readonly maxTopics?: number;
}

/** A live map from topic to its latest. `subscribe` and `getSnapshot` are what React's useSyncExternalStore takes. */
export interface LatestMap<V extends Values = Values> {
  get(topic: string): Latest<V> | undefined;
  /** All of it; the same object until something changes. */
  getSnapshot(): ReadonlyMap<string, Latest<V>>;
  /**
   * How long ago a topic (or one of its values) was observed, in milliseconds; undefined if it is not there. While the map
   * shows the past, counted from the instant that it shows.
   */
  ageMs(topic: string, name?: string): number | undefined;
  /** Calls back after changes, once per frame however many there were. Returns an unsubscribe. */
  subscribe(listener: () => void): () => void;
  /** Changes what is wanted, as `Subscription.update` does. Topics that leave a `bbox` leave the map. */
  update(changes: ViewChanges): void;
  /** These are a subscription's own, so a map can be moved through time. */
  readonly replay: Replay | null;
  pause(): void;
  resume(): void;
  setSpeed(speed: number): void;
  seek(from: LatestFrom): void;
  close(): void;
}

const defaultMaxTopics = 100_000;

/** Starts a latest map on a subscription that `open` makes. */
export function followLatest(
  options: LatestOptions,
  { clock, timers }: { readonly clock: Clock; readonly timers: Timers },
  open: (options: SubscribeOptions) => Subscription,
): LatestMap {
  const store = new LatestStore(options, timers);
  const { maxTopics, ...rest } = options;
  const subscription = open({
    ...rest,
    onView: (change) => store.changeView(change),
    onReading: (reading) => store.add(reading),
    onSnapshot: () => store.reset(),
  });
  return {
    get: (topic) => store.get(topic),
    ageMs: (topic, name) => {
      const { replay } = subscription;
      const shown = replay === null || replay.state === "live" ? null : replay.time;
      return ageAt(shown ?? clock.now(), store.get(topic), name);
    },
    getSnapshot: () => store.getSnapshot(),
    subscribe: (listener) => store.subscribe(listener),
    update: (changes) => subscription.update(changes),
    get replay() {
      return subscription.replay;
    },
    pause: () => subscription.pause(),
    resume: () => subscription.resume(),
    setSpeed: (speed) => subscription.setSpeed(speed),
    seek: (from) => subscription.seek(from),
    close: () => subscription.close(),
  };
}

class LatestStore {
  private readonly topics = new Map<string, Latest>();
  private snapshot: ReadonlyMap<string, Latest> | null = null;
  private readonly listeners = new Set<() => void>();
  private isNotifying = false;
  private isOverfull = false;
  private readonly options: LatestOptions;
  private readonly calls: SafeCalls;

  constructor(options: LatestOptions, timers: Timers) {
    this.options = options;
    this.calls = new SafeCalls(options.onError, timers);
  }

  add(reading: Reading): void {
    const known = this.topics.get(reading.topic);
    if (!known && this.topics.size >= (this.options.maxTopics ?? defaultMaxTopics)) return this.refuse();
    const merged = mergeLatest(known, reading);
    if (merged === known) return;
    this.topics.set(reading.topic, merged);
    this.changed();
  }

  reset(): void {
    this.topics.clear();
    this.changed();
  }

  changeView({ entered, left, reset }: ViewChange): void {
    const inView = new Set(entered);
    const gone = reset ? [...this.topics.keys()].filter((topic) => !inView.has(topic)) : left;
    for (const topic of gone) this.topics.delete(topic);
    if (gone.length > 0) this.changed();
  }

  get(topic: string): Latest | undefined {
    return this.topics.get(topic);
  }

  getSnapshot(): ReadonlyMap<string, Latest> {
    this.snapshot ??= new Map(this.topics);
    return this.snapshot;
  }

  subscribe(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  // A frame's readings arrive in one go, so the microtask runs after the last of them.
  private changed(): void {
    this.snapshot = null;
    if (this.isNotifying) return;
    this.isNotifying = true;
    queueMicrotask(() => this.notify());
  }

  private notify(): void {
    this.isNotifying = false;
    for (const listener of this.listeners) this.calls.call("listener", listener);
  }

  private refuse(): void {
    if (this.isOverfull) return;
    this.isOverfull = true;
    const error = new FieldcastError(
      "too-many-topics",
      `more than ${this.topics.size} topics match the filter`,
    );
    report(error, this.options.onError);
  }
}

/**
 * What a topic shows after one more reading: each value is the one observed last, so a late reading fills in what was
 * missing and overwrites nothing newer. Of two observations of the same instant the one that came later counts.
 */
export function mergeLatest(
  known: Latest | undefined,
  reading: Pick<Reading, "topic" | "time" | "values" | "times" | "attrs">,
): Latest {
  const values = new Map(known ? Object.entries(known.values) : []);
  const observedAt = new Map<string, number>();
  if (known) for (const name of values.keys()) observedAt.set(name, timeOf(known, name));
  let hasChanged = false;
  for (const [name, value] of Object.entries(reading.values)) {
    const time = timeOf(reading, name);
    if (time < (observedAt.get(name) ?? Number.NEGATIVE_INFINITY)) continue;
    values.set(name, value);
    observedAt.set(name, time);
    hasChanged = true;
  }
  if (known && !hasChanged) return known;
  let time = Number.NEGATIVE_INFINITY;
  for (const observed of observedAt.values()) time = Math.max(time, observed);
  if (observedAt.size === 0) time = reading.time;
  const older = [...observedAt].filter(([, observed]) => observed < time);
  const attrs = known && reading.time < known.time ? known.attrs : reading.attrs;
  return {
    topic: reading.topic,
    time,
    values: Object.fromEntries(values),
    times: Object.fromEntries(older),
    ...(attrs && { attrs }),
  };
}

function ageAt(now: number, latest: Latest | undefined, name: string | undefined): number | undefined {
  if (!latest || (name !== undefined && !Object.hasOwn(latest.values, name))) return undefined;
  // A device whose clock is ahead has just been heard.
  return Math.max(0, now - (name === undefined ? latest.time : timeOf(latest, name)));
}

function timeOf(source: Pick<Reading, "time" | "times">, name: string): number {
  const { time, times } = source;
  // Own names only: a value may be called `constructor`.
  return times && Object.hasOwn(times, name) ? (times[name] as number) : time;
}
