import type { Reading, Values } from "../model/reading.ts";
import { putBounded } from "./bounded.ts";
import { DueTimes } from "./due-times.ts";
import type { CommittedReading, Emit, Insight, InsightContext, Reducer, Shown } from "./insight.ts";
import { type Assessment, assess, type Call } from "./transit-assess.ts";
import { transitEnding } from "./transit-endings.ts";
import { Headways, type Passing, type Passings } from "./transit-headways.ts";
import { currentOf, heardAt, type Journey, newJourney, observe } from "./transit-journey.ts";
import { type Followed, follow, isAsTold, isToldVehicle, newsOf, type ToldVehicle } from "./transit-news.ts";
import { nextSettling, noticeNews, noticeReading } from "./transit-notices.ts";
import { Paths } from "./transit-path.ts";
import { transitPlaces } from "./transit-places.ts";
import { type TransitSettings, transitSettings } from "./transit-settings.ts";
import { TripSlots } from "./transit-slots.ts";
import { callReading, type KnownVehicle, tripChannel, vehicleReading } from "./transit-told.ts";
import { isLongOver, type Run, TripFinder } from "./transit-trips.ts";

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
  places: ({ gtfs }, { timetables }) => {
    const timetable = timetables?.get(gtfs);
    return timetable === undefined ? [] : transitPlaces(timetable);
  },
  ending: transitEnding,
  endsWhenOff: true,
  stateVersion: 2,
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
  readonly #followed = new WeakMap<Journey, Followed>();
  /** What `currentOf` finds; only a reading of the vehicle changes it. */
  readonly #currents = new WeakMap<Vehicle, Journey | null>();
  readonly #headways: Headways;
  readonly #told = new WeakMap<Vehicle, ToldVehicle>();

  constructor(settings: TransitSettings, state: State, { timetables }: InsightContext) {
    const timetable = timetables?.get(settings.gtfs);
    if (!timetable) throw new Error(`the timetable ${settings.gtfs} was not loaded`);
    this.#settings = settings;
    this.#state = state;
    this.#finder = new TripFinder(timetable);
    this.#slots = new TripSlots(timetable);
    this.#paths = new Paths(timetable, settings.maxAwayM);
    this.#headways = new Headways(state.passings);
    for (const [name, vehicle] of state.vehicles) this.#restore(name, vehicle);
  }

  readonly #slotOf = (run: Run): number => this.#slots.slotOf(run);

  reduce(reading: CommittedReading, emit: Emit): void {
    const { values, time, device, channel, committedAt } = reading;
    // Forecasts of others are no observations.
    if (channel !== undefined || values["event"] === "alert" || values["event"] === "prediction") return;
    const vehicle = this.#vehicle(device);
    const before = this.#currentOf(vehicle);
    const run = this.#finder.find(values, time);
    const journey = run === null ? null : this.#journey(vehicle, run);
    const followed = journey && this.#follow(journey);
    if (!followed) vehicle.unmatchedAt = Math.max(vehicle.unmatchedAt, time);
    else if (!observe(journey, followed.run, followed.path, reading, this.#settings.maxAwayM)) {
      followed.assessment = null;
    }
    // A journey that is current and is heard of stays so.
    const current = followed && journey === before ? before : currentOf(vehicle);
    this.#currents.set(vehicle, current);
    if (journey) this.#tell(device, vehicle, journey, committedAt, emit);
    if (before && before !== current && before !== journey)
      this.#tell(device, vehicle, before, committedAt, emit);
    if (current && before !== current && current !== journey)
      this.#tell(device, vehicle, current, committedAt, emit);
    if (current === null) this.#say(vehicle, vehicleReading(device, null, vehicle.unmatchedAt), null, emit);
    else if (this.#due.get(device) === undefined) this.#await(device, vehicle, committedAt);
  }

  advance(now: number, emit: Emit): void {
    for (let next = this.#due.take(now); next !== null; next = this.#due.take(now)) {
      const vehicle = this.#state.vehicles.get(next.key);
      const current = vehicle && this.#currentOf(vehicle);
      if (!vehicle || !current) continue;
      if (this.#silentAt(current) <= next.due) this.#tell(next.key, vehicle, current, next.due, emit);
      else this.#await(next.key, vehicle, next.due);
    }
  }

  /** Of a trip that is over for hours nobody will tell more either, unless its vehicle is still followed. */
  stands({ domain, device, values }: Shown, now: number): boolean {
    const run = this.#finder.runOf(values);
    if (run === null || (domain === "arrivals" && !run.stopIds.includes(device))) return false;
    const isFollowed = this.#state.vehicles.get(String(values["vehicle"]))?.journeys.has(run.key) ?? false;
    return isFollowed || !isLongOver(run, now);
  }

  /** A timetable that has changed may no longer have what the vehicle was on. */
  #restore(name: string, vehicle: Vehicle): void {
    for (const [key, journey] of vehicle.journeys) {
      const run = this.#finder.restore(key);
      if (run && isWithin(journey, run)) this.#runs.set(journey, run);
      else vehicle.journeys.delete(key);
    }
    const current = this.#currentOf(vehicle);
    // A silence that was told already is told once more, and found to be no news.
    if (current) this.#due.set(name, this.#silentAt(current));
  }

  /** Undefined for a journey that is not kept any more. */
  #follow(journey: Journey): Followed | undefined {
    const known = this.#followed.get(journey);
    const run = this.#runs.get(journey);
    if (known || !run) return known;
    const followed = follow(run, this.#paths.of(run.trip));
    this.#followed.set(journey, followed);
    return followed;
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
      (one, other) => this.#startAtOf(one) - this.#startAtOf(other),
    );
    journeys.delete((oldest as Journey).run);
    return oldest === journey ? null : journey;
  }

  #currentOf(vehicle: Vehicle): Journey | null {
    const known = this.#currents.get(vehicle);
    if (known !== undefined) return known;
    const current = currentOf(vehicle);
    this.#currents.set(vehicle, current);
    return current;
  }

  #silentAt(journey: Journey): number {
    return heardAt(journey) + this.#settings.silentS * 1_000;
  }

  #await(device: string, vehicle: Vehicle, now: number): void {
    const current = this.#currentOf(vehicle);
    if (!current) return;
    const silentAt = this.#silentAt(current);
    if (silentAt > now) this.#due.set(device, silentAt);
  }

  #startAtOf(journey: Journey): number {
    return this.#runs.get(journey)?.startAt ?? 0;
  }

  /**
   * Says what has changed about a journey.
   * @param hasOther its headway may be another, because of other vehicles
   */
  #tell(device: string, vehicle: Vehicle, journey: Journey, now: number, emit: Emit, hasOther = false): void {
    const followed = this.#follow(journey);
    if (!followed) return;
    const { run, path, assessment: before } = followed;
    const heard = heardAt(journey);
    const silentAt = this.#silentAt(journey);
    const isSilent = now >= silentAt;
    const isReplaced = this.#currentOf(vehicle) !== journey;
    const around = { isSilent, isReplaced, awayMs: this.#settings.awayS * 1_000 };
    const assessment = assess(journey, run, path, around, before);
    followed.assessment = assessment;
    journey.saidAt = Math.max(journey.saidAt, isSilent ? silentAt : heard);
    const news = newsOf(followed, before, journey, heard);
    const changed = news.flatMap((call) => this.#tellCall(device, journey, followed, call, emit));
    const settledAt = heard - this.#settings.settleS * 1_000;
    const isOther = assessment.behind !== before?.behind || assessment.state !== before.state;
    if (isOther || hasOther || settledAt >= followed.settlesAt) {
      this.#tellNotices(device, journey, followed, assessment, emit);
      followed.settlesAt = nextSettling(assessment.behind, journey, settledAt);
    }
    if (!isReplaced) {
      const { left } = assessment;
      const headway = left && this.#headways.at(device, followed, left.stop);
      const known = { run, timetable: this.#finder.timetable, assessment, headway };
      const told = this.#told.get(vehicle);
      if (!told || !isAsTold(told, known))
        this.#say(vehicle, vehicleReading(device, known, journey.saidAt), known, emit);
    }
    for (const { passing, place } of changed) this.#tellOther(passing, place, now, emit);
  }

  /** Returns the vehicles behind it whose headways have changed, and where. */
  #tellCall(device: string, journey: Journey, followed: Followed, call: Call, emit: Emit) {
    const { stop, state, departAt } = call;
    const { timetable } = this.#finder;
    emit(callReading(device, followed.run, timetable, this.#slotOf, call, journey.saidAt));
    if (state !== "departed" || departAt === null) return [];
    const place = followed.places[stop] as string;
    return this.#headways.note(device, followed, stop, departAt).map((passing) => ({ passing, place }));
  }

  #tellOther({ vehicle: device, run }: Passing, place: string, now: number, emit: Emit): void {
    const vehicle = this.#state.vehicles.get(device);
    const journey = vehicle?.journeys.get(run);
    const followed = journey && this.#follow(journey);
    if (!followed || !this.#headways.isChanged(device, followed, place)) return;
    this.#tell(device, vehicle as Vehicle, journey, now, emit, true);
  }

  #tellNotices(
    device: string,
    journey: Journey,
    followed: Followed,
    assessment: Assessment,
    emit: Emit,
  ): void {
    const { run } = followed;
    const route = this.#finder.timetable.routes[run.trip.route];
    const known = {
      journey,
      run,
      vehicle: device,
      routeId: route?.id ?? "",
      routeName: route?.name ?? "",
      assessment,
      headwayAt: (stop: number) => this.#headways.at(device, followed, stop),
    };
    for (const notice of noticeNews(known, this.#settings))
      emit(noticeReading(notice, tripChannel(run), journey.saidAt));
  }

  #say(vehicle: Vehicle, reading: Reading, known: KnownVehicle | null, emit: Emit): void {
    const told = this.#told.get(vehicle)?.values ?? (JSON.parse(vehicle.said || "{}") as Values);
    const isTold = isToldVehicle(told, reading.values);
    const values = isTold ? told : reading.values;
    this.#told.set(vehicle, { values, known });
    if (isTold) return;
    vehicle.said = JSON.stringify(values);
    vehicle.saidAt = Math.max(vehicle.saidAt, reading.time);
    emit({ ...reading, time: vehicle.saidAt });
  }
}

/** Whether what was seen fits the run's stops. */
function isWithin({ zones }: Journey, { stopIds }: Run): boolean {
  return Math.max(0, ...zones.keys()) <= 2 * stopIds.length - 2;
}
