import type { TimetablePattern } from "../model/timetable.ts";

/** A row of stop_times.txt; times are seconds of the service day, null where the table leaves them out. */
export interface Call {
  readonly stop: number;
  readonly sequence: number;
  readonly arriveS: number | null;
  readonly departS: number | null;
}

/** What trips share, with a count of them, so that what nobody uses any more is dropped. */
interface Shared {
  readonly key: string;
  readonly calls: readonly Call[];
  uses: number;
}

/** What is known of a trip's calls so far. */
interface TripCalls {
  readonly shared: Shared;
  /** What its calls' times are relative to. */
  readonly startS: number;
}

/**
 * Collects stop_times.txt into patterns: a timetable of millions of calls has some thousand different ones, so that it
 * needs a hundredth of the memory. Rows of a trip usually stand together; where they do not, they are put together here.
 */
export class PatternCollector {
  readonly #shared = new Map<string, Shared>();
  readonly #trips = new Map<number, TripCalls>();
  readonly #maxCalls: number;
  #open: { readonly trip: number; readonly calls: Call[] } | null = null;
  #calls = 0;

  /** @param maxCalls most calls of all patterns together */
  constructor(maxCalls: number) {
    this.#maxCalls = maxCalls;
  }

  /** @returns false if there are too many */
  add(trip: number, call: Call): boolean {
    if (this.#open?.trip !== trip) {
      this.#seal();
      this.#open = { trip, calls: this.#reopen(trip) };
    }
    this.#open.calls.push(call);
    return this.#calls + this.#open.calls.length <= this.#maxCalls;
  }

  /** The patterns, and by trip the place of its own and its first departure; a trip with fewer than two calls has none. */
  finish(): { patterns: TimetablePattern[]; ofTrip: Map<number, { pattern: number; startS: number }> } {
    this.#seal();
    const patterns: TimetablePattern[] = [];
    const places = new Map<Shared, { place: number; firstS: number } | null>();
    for (const shared of this.#shared.values()) {
      const made = makePattern(shared.calls);
      places.set(shared, made && { place: patterns.length, firstS: made.firstS });
      if (made) patterns.push(made.pattern);
    }
    const ofTrip = new Map<number, { pattern: number; startS: number }>();
    for (const [trip, { shared, startS }] of this.#trips) {
      const found = places.get(shared);
      if (found) ofTrip.set(trip, { pattern: found.place, startS: startS + found.firstS });
    }
    return { patterns, ofTrip };
  }

  #reopen(trip: number): Call[] {
    const known = this.#trips.get(trip);
    if (!known) return [];
    const { shared, startS } = known;
    if (--shared.uses === 0) {
      this.#shared.delete(shared.key);
      this.#calls -= shared.calls.length;
    }
    return shared.calls.map((call) => shift(call, startS));
  }

  #seal(): void {
    if (this.#open === null) return;
    const { trip, calls } = this.#open;
    calls.sort((one, other) => one.sequence - other.sequence);
    const startS = calls.find(({ departS }) => departS !== null)?.departS ?? 0;
    const relative = calls.map((call) => shift(call, -startS));
    const key = relative.map((call) => Object.values(call).join()).join(";");
    let shared = this.#shared.get(key);
    if (!shared) {
      shared = { key, calls: relative, uses: 0 };
      this.#shared.set(key, shared);
      this.#calls += relative.length;
    }
    shared.uses++;
    this.#trips.set(trip, { shared, startS });
    this.#open = null;
  }
}

function shift({ stop, sequence, arriveS, departS }: Call, byS: number): Call {
  return {
    stop,
    sequence,
    arriveS: arriveS === null ? null : arriveS + byS,
    departS: departS === null ? null : departS + byS,
  };
}

/**
 * Times that the table leaves out lie evenly between their neighbours' (GTFS: a stop without times is no timepoint, and its
 * times are interpolated by the consumer). Null for what is no trip: fewer than two stops, no time at either end, times
 * that go back.
 */
function makePattern(calls: readonly Call[]): { pattern: TimetablePattern; firstS: number } | null {
  const arriveS = calls.map((call) => call.arriveS ?? call.departS);
  const departS = calls.map((call) => call.departS ?? call.arriveS);
  const firstS = departS[0];
  if (calls.length < 2 || firstS === null || firstS === undefined || arriveS.at(-1) === null) return null;
  for (let at = 1; at < calls.length; at++) {
    if (arriveS[at] !== null) continue;
    const next = arriveS.findIndex((time, place) => place > at && time !== null);
    const fromS = departS[at - 1] as number;
    const evenlyS = Math.round(fromS + ((arriveS[next] as number) - fromS) / (next - at + 1));
    arriveS[at] = evenlyS;
    departS[at] = evenlyS;
  }
  const arrive = (arriveS as number[]).map((time) => time - firstS);
  const depart = (departS as number[]).map((time) => time - firstS);
  const goesBack = depart.some(
    (time, at) => time < (arrive[at] as number) || (arrive[at + 1] ?? time) < time,
  );
  if (goesBack) return null;
  const pattern = {
    stops: calls.map(({ stop }) => stop),
    sequences: calls.map(({ sequence }) => sequence),
    arriveS: arrive,
    departS: depart,
  };
  return { pattern, firstS };
}
