import type { Reading } from "../model/reading.ts";
import { putBounded } from "./bounded.ts";
import { DueTimes } from "./due-times.ts";
import type { CommittedReading, Emit, Insight, InsightContext, Reducer } from "./insight.ts";
import { type Assessment, assess, type Call, isSameCall, saysTheSame } from "./transit-assess.ts";
import { headwayAt, notePassing, type Passing, type Passings } from "./transit-headways.ts";
import { heardAt, type Journey, newJourney, observe } from "./transit-journey.ts";
import { type Notice, noticeReading, noticesOf } from "./transit-notices.ts";
import { Paths } from "./transit-path.ts";
import { type TransitSettings, transitSettings } from "./transit-settings.ts";
import { TripSlots } from "./transit-slots.ts";
import { callReading, tripChannel, vehicleReading } from "./transit-told.ts";
import { type Run, TripFinder } from "./transit-trips.ts";

/** Most vehicles watched; the one silent longest is forgotten. */
const maxVehicles = 20_000;
/** Journeys kept of a vehicle, the newest ones: late readings still reach them. */
const maxJourneys = 4;

/** What is known of a vehicle. Times are epoch milliseconds. */
interface Vehicle {
  /** By run, in the order in which they were first heard of. */
  readonly journeys: Map<string, Journey>;
  /** When it last was on no trip of the timetable. */
  unmatchedAt: number;
  /** What was said of it, and for which time at the latest. */
  said: string;
  saidAt: number;
}

interface State {
  /** By device, in the order of use. */
  readonly vehicles: Map<string, Vehicle>;
  readonly passings: Passings;
}

/**
 * Vehicles on the timetable: `trips/transit/<vehicle>` tells its trip and delay, `arrivals/<stop>/<route>/<slot>` when it
 * comes, and `alerts/transit/…` what the passengers of a line or a stop should know. TRANSIT.md tells what the values mean.
 */
export const transit: Insight<TransitSettings, State> = {
  name: "transit",
  description: "Delays, predicted arrivals and notices of vehicles that run by a GTFS timetable",
  onByDefault: false,
  settings: transitSettings,
  writes: ["trips", "arrivals", "alerts"],
  reads: ({ filters }) => filters,
  timetables: ({ gtfs }) => [gtfs],
  stateVersion: 1,
  start: () => ({ vehicles: new Map(), passings: new Map() }),
  create: (settings, state, context) => new TransitReducer(settings, state, context),
};

class TransitReducer implements Reducer {
  readonly #settings: TransitSettings;
  readonly #state: State;
  readonly #finder: TripFinder;
  readonly #paths: Paths;
  readonly #slots: TripSlots;
  /** When vehicles become silent; only moved ahead when it has come. */
  readonly #due = new DueTimes();
  readonly #runs = new WeakMap<Journey, Run>();
  /** What followed of a journey last, and up to when calls were settled: mostly the same follows again. */
  readonly #assessed = new WeakMap<
    Journey,
    { readonly assessment: Assessment; readonly settledAt: number }
  >();
  /** By run, its stops as places of headways. */
  readonly #places = new WeakMap<Run, readonly string[]>();

  constructor(settings: TransitSettings, state: State, { timetables }: InsightContext) {
    const timetable = timetables?.get(settings.gtfs);
    if (!timetable) throw new Error(`the timetable ${settings.gtfs} was not loaded`);
    this.#settings = settings;
    this.#state = state;
    this.#finder = new TripFinder(timetable);
    this.#slots = new TripSlots(timetable);
    this.#paths = new Paths(timetable, settings.maxAwayM);
    for (const [name, vehicle] of state.vehicles) this.#restore(name, vehicle);
  }

  readonly #slotOf = (run: Run): number => this.#slots.slotOf(run);

  reduce(reading: CommittedReading, emit: Emit): void {
    const { values, time, device, channel, committedAt } = reading;
    // Forecasts of others are no observations.
    if (channel !== undefined || values["event"] === "alert" || values["event"] === "prediction") return;
    const vehicle = this.#vehicle(device);
    const before = currentOf(vehicle);
    const run = this.#finder.find(values, time);
    const journey = run === null ? null : this.#journey(vehicle, run);
    if (run === null || journey === null) vehicle.unmatchedAt = Math.max(vehicle.unmatchedAt, time);
    else observe(journey, run, this.#paths.of(run.trip), reading, this.#settings.maxAwayM);
    const current = currentOf(vehicle);
    const touched = new Set([journey, ...(current === before ? [] : [before, current])]);
    for (const one of touched) if (one) this.#tell(device, vehicle, one, committedAt, emit);
    if (current === null) this.#say(vehicle, vehicleReading(device, null, vehicle.unmatchedAt), emit);
    else if (!this.#due.get(device)) this.#await(device, vehicle, committedAt);
  }

  advance(now: number, emit: Emit): void {
    for (let next = this.#due.take(now); next !== null; next = this.#due.take(now)) {
      const vehicle = this.#state.vehicles.get(next.key);
      const current = vehicle && currentOf(vehicle);
      if (!vehicle || !current) continue;
      if (this.#silentAt(current) <= next.due) this.#tell(next.key, vehicle, current, next.due, emit);
      else this.#await(next.key, vehicle, next.due);
    }
  }

  /** A timetable that has changed may no longer have what the vehicle was on. */
  #restore(name: string, vehicle: Vehicle): void {
    for (const [key, journey] of vehicle.journeys) {
      const run = this.#finder.restore(key);
      if (run && isWithin(journey, run)) this.#runs.set(journey, run);
      else vehicle.journeys.delete(key);
    }
    const current = currentOf(vehicle);
    // A silence that was told already is told once more, and found to be no news.
    if (current) this.#due.set(name, this.#silentAt(current));
  }

  #vehicle(device: string): Vehicle {
    const { vehicles } = this.#state;
    const vehicle = vehicles.get(device) ?? { journeys: new Map(), unmatchedAt: 0, said: "", saidAt: 0 };
    const forgotten = putBounded(vehicles, device, vehicle, maxVehicles);
    if (forgotten !== undefined) this.#due.delete(forgotten);
    return vehicle;
  }

  /** Null for a journey older than those that are kept. */
  #journey({ journeys }: Vehicle, run: Run): Journey | null {
    const known = journeys.get(run.key);
    if (known) return known;
    const journey = newJourney(run.key);
    journeys.set(run.key, journey);
    this.#runs.set(journey, run);
    if (journeys.size <= maxJourneys) return journey;
    const [oldest] = [...journeys.values()].sort(
      (one, other) => startAtOf(this.#runs, one) - startAtOf(this.#runs, other),
    );
    journeys.delete((oldest as Journey).run);
    return oldest === journey ? null : journey;
  }

  #silentAt(journey: Journey): number {
    return heardAt(journey) + this.#settings.silentS * 1_000;
  }

  #await(device: string, vehicle: Vehicle, now: number): void {
    const current = currentOf(vehicle);
    if (!current) return;
    const silentAt = this.#silentAt(current);
    if (silentAt > now) this.#due.set(device, silentAt);
  }

  /**
   * Says what has changed about a journey.
   * @param hasOther its headway may be another, because of other vehicles
   */
  #tell(device: string, vehicle: Vehicle, journey: Journey, now: number, emit: Emit, hasOther = false): void {
    const run = this.#runs.get(journey);
    if (!run) return;
    const silentAt = this.#silentAt(journey);
    const isSilent = now >= silentAt;
    const current = currentOf(vehicle);
    const isReplaced = current !== journey;
    const path = this.#paths.of(run.trip);
    const around = { isSilent, isReplaced, awayMs: this.#settings.awayS * 1_000 };
    const assessment = assess(journey, run, path, around);
    const time = Math.max(journey.saidAt, isSilent ? silentAt : heardAt(journey));
    journey.saidAt = time;
    const settledAt = heardAt(journey) - this.#settings.settleS * 1_000;
    const before = this.#assessed.get(journey);
    this.#assessed.set(journey, { assessment, settledAt });
    if (before && !hasOther && saysTheSame(before.assessment, assessment, before.settledAt, settledAt))
      return;
    const told = before?.assessment.calls ?? [];
    const behind = this.#tellCalls(device, journey, run, assessment.calls, told, emit);
    this.#tellNotices(device, journey, run, assessment, emit);
    if (!isReplaced) {
      const headway = assessment.left && this.#headway(device, run, assessment.left.stop);
      const known = { run, timetable: this.#finder.timetable, assessment, headway };
      this.#say(vehicle, vehicleReading(device, known, time), emit);
    }
    for (const passing of behind) this.#tellOther(passing, now, emit);
  }

  /** Returns the vehicles behind it whose headways have changed. */
  #tellCalls(
    device: string,
    journey: Journey,
    run: Run,
    calls: readonly Call[],
    before: readonly Call[],
    emit: Emit,
  ): Passing[] {
    const changed: Passing[] = [];
    for (const [at, call] of calls.entries()) {
      if (isSameCall(before[at], call)) continue;
      const key = String(call.stop);
      const said = `${call.state} ${call.arriveAt} ${call.departAt}`;
      if (journey.said.get(key) === said) continue;
      journey.said.set(key, said);
      emit(callReading(device, run, this.#finder.timetable, this.#slotOf, call, journey.saidAt));
      if (call.state === "departed" && call.departAt !== null) {
        changed.push(...this.#notePassing(device, run, call, call.departAt));
      }
    }
    return changed;
  }

  #notePassing(vehicle: string, run: Run, { stop }: Call, at: number): Passing[] {
    const scheduledAt = run.startAt + (run.pattern.departS[stop] as number) * 1_000;
    const passing = { at, scheduledAt, vehicle, run: run.key };
    return notePassing(this.#state.passings, this.#placeOf(run, stop), passing);
  }

  #headway(vehicle: string, run: Run, stop: number) {
    return headwayAt(this.#state.passings, this.#placeOf(run, stop), vehicle, run.key);
  }

  #placeOf(run: Run, stop: number): string {
    const known = this.#places.get(run) ?? placesOf(run);
    this.#places.set(run, known);
    return known[stop] as string;
  }

  #tellOther({ vehicle: device, run }: Passing, now: number, emit: Emit): void {
    const vehicle = this.#state.vehicles.get(device);
    const journey = vehicle?.journeys.get(run);
    if (vehicle && journey) this.#tell(device, vehicle, journey, now, emit, true);
  }

  #tellNotices(device: string, journey: Journey, run: Run, assessment: Assessment, emit: Emit): void {
    const route = this.#finder.timetable.routes[run.trip.route];
    const known = {
      journey,
      run,
      routeId: route?.id ?? "",
      routeName: route?.name ?? "",
      assessment,
      headwayAt: (stop: number) => this.#headway(device, run, stop),
    };
    const notices = new Map(noticesOf(known, this.#settings).map((notice) => [notice.key, notice]));
    const tell = (notice: Notice, isFiring: boolean) => {
      const { key, about, values, text } = notice;
      const said = JSON.stringify({ isFiring, about, values: { ...values, vehicle: device }, text });
      if (journey.said.get(`! ${key}`) === said) return;
      journey.said.set(`! ${key}`, said);
      const told = { ...notice, values: { ...values, vehicle: device } };
      emit(noticeReading(told, isFiring, tripChannel(run), journey.saidAt));
    };
    for (const notice of notices.values()) tell(notice, notice.isFiring);
    // What is no longer found was a detour that is over, or was corrected.
    for (const [place, said] of journey.said) {
      if (!place.startsWith("! ") || notices.has(place.slice(2))) continue;
      const { about, values, text } = JSON.parse(said) as Notice;
      tell({ key: place.slice(2), about, values, text, isFiring: false }, false);
    }
  }

  #say(vehicle: Vehicle, reading: Reading, emit: Emit): void {
    const said = JSON.stringify(reading.values);
    const time = Math.max(vehicle.saidAt, reading.time);
    if (said === vehicle.said) return;
    vehicle.said = said;
    vehicle.saidAt = time;
    emit({ ...reading, time });
  }
}

/** The journey that a vehicle is on: the one it was heard of last; null if it is on no trip. */
function currentOf({ journeys, unmatchedAt }: Vehicle): Journey | null {
  let current: Journey | null = null;
  for (const journey of journeys.values()) {
    const [at, best] = [heardAt(journey), current === null ? 0 : heardAt(current)];
    if (current === null || at > best || (at === best && journey.run > current.run)) current = journey;
  }
  return current === null || unmatchedAt > heardAt(current) ? null : current;
}

function startAtOf(runs: WeakMap<Journey, Run>, journey: Journey): number {
  return runs.get(journey)?.startAt ?? 0;
}

/** A direction of a line at each of its stops. */
function placesOf({ trip: { route, direction }, stopIds }: Run): string[] {
  return stopIds.map((stopId) => `${route} ${direction} ${stopId}`);
}

/** Whether what was seen fits the run's stops. */
function isWithin({ zones }: Journey, { stopIds }: Run): boolean {
  return Math.max(0, ...zones.keys()) <= 2 * stopIds.length - 2;
}
