import type { Reading } from "../model/reading.ts";
import { DueTimes } from "./due-times.ts";
import type { CommittedReading, Emit, Insight, InsightContext, Reducer, Shown } from "./insight.ts";
import { type Assessment, assess, type Call } from "./transit-assess.ts";
import { transitEnding } from "./transit-endings.ts";
import { Fleet, type Tracked, type Vehicle } from "./transit-fleet.ts";
import {
  correctHeadway,
  type HeadwayChange,
  Headways,
  headwayAt,
  type PassingAt,
  type Passings,
} from "./transit-headways.ts";
import { heardAt, observe } from "./transit-journey.ts";
import { type Followed, isAsTold, isToldVehicle, newsOf, toldOf } from "./transit-news.ts";
import { isBunched, nextSettling, noticeNews, noticeReading } from "./transit-notices.ts";
import { Paths } from "./transit-path.ts";
import { transitPlaces } from "./transit-places.ts";
import { type TransitSettings, transitSettings } from "./transit-settings.ts";
import { TripSlots } from "./transit-slots.ts";
import { callReading, type KnownVehicle, tripChannel, vehicleReading } from "./transit-told.ts";
import { isLongOver, type Run, TripFinder } from "./transit-trips.ts";

const noPassings: readonly PassingAt[] = [];

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
  stateVersion: 5,
  start: () => ({ vehicles: new Map(), passings: new Map() }),
  create: (settings, state, context) => new TransitReducer(settings, state, context),
};

class TransitReducer implements Reducer {
  readonly #settings: TransitSettings;
  readonly #finder: TripFinder;
  readonly #slots: TripSlots;
  /** When vehicles become silent; only moved ahead when it has come. */
  readonly #due = new DueTimes();
  readonly #fleet: Fleet;
  readonly #headways: Headways;

  constructor(settings: TransitSettings, state: State, { timetables }: InsightContext) {
    const timetable = timetables?.get(settings.gtfs);
    if (!timetable) throw new Error(`the timetable ${settings.gtfs} was not loaded`);
    this.#settings = settings;
    this.#finder = new TripFinder(timetable);
    this.#slots = new TripSlots(timetable);
    this.#headways = new Headways(state.passings);
    const paths = new Paths(timetable, settings.maxAwayM);
    this.#fleet = new Fleet(
      state.vehicles,
      (key) => this.#finder.restore(key),
      ({ trip }) => paths.of(trip),
    );
    // A silence that was told already is told once more, and found to be no news.
    for (const tracked of this.#fleet.all()) this.#await(tracked, Number.NEGATIVE_INFINITY);
  }

  readonly #slotOf = (run: Run): number => this.#slots.slotOf(run);

  readonly #forget = (device: string): void => this.#due.delete(device);

  reduce(reading: CommittedReading, emit: Emit): void {
    const { values, time, device, channel, committedAt } = reading;
    // Forecasts of others are no observations.
    if (channel !== undefined || values["event"] === "alert" || values["event"] === "prediction") return;
    const tracked = this.#fleet.use(device, this.#forget);
    const { vehicle, current: before } = tracked;
    const run = this.#finder.find(values, time, tracked.spoken);
    const followed = run && this.#fleet.journey(tracked, run);
    if (!followed) vehicle.unmatchedAt = Math.max(vehicle.unmatchedAt, time);
    else {
      const { journey, path } = followed;
      const isOnward = observe(journey, followed.run, path, reading, this.#settings.maxAwayM);
      if (!isOnward) followed.assessment = null;
    }
    // A journey that is current and is heard of stays so.
    if (!followed || followed !== before) this.#fleet.settle(tracked);
    const { current } = tracked;
    if (followed) this.#tell(tracked, followed, committedAt, emit);
    if (before && before !== current && before !== followed) this.#tell(tracked, before, committedAt, emit);
    if (current && before !== current && current !== followed)
      this.#tell(tracked, current, committedAt, emit);
    if (current === null) {
      this.#say(tracked, vehicleReading(device, null, vehicle.unmatchedAt), null, emit);
    } else if (!tracked.isAwaited) this.#await(tracked, committedAt);
  }

  advance(now: number, emit: Emit): void {
    for (let next = this.#due.take(now); next !== null; next = this.#due.take(now)) {
      const tracked = this.#fleet.get(next.key);
      if (!tracked) continue;
      tracked.isAwaited = false;
      const { current } = tracked;
      if (!current) continue;
      if (this.#silentAt(current) <= next.due) this.#tell(tracked, current, next.due, emit);
      else this.#await(tracked, next.due);
    }
  }

  /** Of a trip that is over for hours nobody will tell more either, unless its vehicle is still followed. */
  stands({ domain, device, values }: Shown, now: number): boolean {
    const run = this.#finder.runOf(values);
    if (run === null || (domain === "arrivals" && !run.stopIds.includes(device))) return false;
    const isFollowed = this.#fleet.get(String(values["vehicle"]))?.followed.has(run.key) ?? false;
    return isFollowed || !isLongOver(run, now);
  }

  #silentAt({ journey }: Followed): number {
    return heardAt(journey) + this.#settings.silentS * 1_000;
  }

  /** Has it looked at when it will have been silent for long, if that is after `now`. */
  #await(tracked: Tracked, now: number): void {
    if (!tracked.current) return;
    const silentAt = this.#silentAt(tracked.current);
    tracked.isAwaited = silentAt > now;
    if (tracked.isAwaited) this.#due.set(tracked.device, silentAt);
  }

  /**
   * Says what has changed about a journey.
   * @param hasOther its headway may be another, because of other vehicles
   */
  #tell(tracked: Tracked, followed: Followed, now: number, emit: Emit, hasOther = false): void {
    const { journey, run, path, assessment: before } = followed;
    const heard = heardAt(journey);
    const silentAt = this.#silentAt(followed);
    const isSilent = now >= silentAt;
    const isReplaced = tracked.current !== followed;
    const around = { isSilent, isReplaced, awayMs: this.#settings.awayS * 1_000 };
    const assessment = assess(journey, run, path, around, before);
    followed.assessment = assessment;
    journey.saidAt = Math.max(journey.saidAt, isSilent ? silentAt : heard);
    const news = newsOf(followed, before, heard);
    const changed = news.length === 0 ? noPassings : this.#tellCalls(tracked.device, followed, news, emit);
    if (hasOther || isNoticeDue(followed, before, heard - this.#settings.settleS * 1_000))
      this.#tellNotices(tracked.device, followed, assessment, emit);
    if (!isReplaced) this.#tellVehicle(tracked, followed, assessment, emit);
    for (const one of changed) this.#tellOther(one, now, emit);
  }

  /** Returns the passings behind it, whose headways may have changed. */
  #tellCalls(device: string, followed: Followed, news: readonly Call[], emit: Emit): PassingAt[] {
    const { timetable } = this.#finder;
    const { run, journey } = followed;
    const changed: PassingAt[] = [];
    for (const call of news) {
      const { stop, state, departAt } = call;
      emit(callReading(device, run, timetable, this.#slotOf, call, journey.saidAt));
      if (state !== "departed" || departAt === null) continue;
      changed.push(...this.#headways.note(device, followed, stop, departAt));
    }
    return changed;
  }

  #tellOther(at: PassingAt, now: number, emit: Emit): void {
    const { vehicle, run } = at.passing;
    const tracked = this.#fleet.get(vehicle);
    const followed = tracked?.followed.get(run);
    if (!tracked || !followed) return;
    const change = correctHeadway(followed, at);
    if (change === null || !this.#matters(tracked, followed, at.place, change)) return;
    this.#tell(tracked, followed, now, emit, true);
  }

  /** Whether something that is told follows from another headway: the vehicle's own, or whether it is bunched. */
  #matters({ current }: Tracked, followed: Followed, place: string, { was, is }: HeadwayChange): boolean {
    const { assessment, places } = followed;
    if (assessment === null) return true;
    const { left } = assessment;
    if (current === followed && left !== null && places[left.stop] === place) return true;
    return isBunched(was, this.#settings) || isBunched(is, this.#settings);
  }

  #tellVehicle(tracked: Tracked, followed: Followed, assessment: Assessment, emit: Emit): void {
    const { device, told } = tracked;
    const { left } = assessment;
    const headway = left && headwayAt(followed, left.stop);
    if (told && isAsTold(told, followed.run, assessment, headway)) return;
    const known = { run: followed.run, timetable: this.#finder.timetable, assessment, headway };
    this.#say(tracked, vehicleReading(device, known, followed.journey.saidAt), known, emit);
  }

  #tellNotices(device: string, followed: Followed, assessment: Assessment, emit: Emit): void {
    const { run, journey } = followed;
    const route = this.#finder.timetable.routes[run.trip.route];
    const known = {
      journey,
      run,
      vehicle: device,
      routeId: route?.id ?? "",
      routeName: route?.name ?? "",
      assessment,
      headwayAt: (stop: number) => headwayAt(followed, stop),
    };
    for (const notice of noticeNews(known, this.#settings))
      emit(noticeReading(notice, tripChannel(run), journey.saidAt));
    const settledAt = heardAt(journey) - this.#settings.settleS * 1_000;
    followed.settlesAt = nextSettling(assessment.behind, journey, settledAt);
  }

  #say(tracked: Tracked, reading: Reading, known: KnownVehicle | null, emit: Emit): void {
    const { vehicle } = tracked;
    const isTold = isToldVehicle(vehicle.said, reading.values);
    if (!isTold) vehicle.said = reading.values;
    tracked.told = toldOf(vehicle.said, known);
    if (isTold) return;
    vehicle.saidAt = Math.max(vehicle.saidAt, reading.time);
    emit({ ...reading, time: vehicle.saidAt });
  }
}

/** Whether a look at the notices can find anything new: until then, what lies behind the vehicle may still change. */
function isNoticeDue(followed: Followed, before: Assessment | null, settledAt: number): boolean {
  const { assessment, journey } = followed;
  if (assessment === null || before === null || assessment.state !== before.state) return true;
  // Late it may be seen on its way after the time since which a detour was told.
  if (assessment.state === "away") return true;
  // What the vehicle has passed since is added at the end.
  if (assessment.behind !== before.behind) {
    const added = assessment.behind.slice(before.behind.length);
    followed.settlesAt = Math.min(followed.settlesAt, nextSettling(added, journey, Number.NEGATIVE_INFINITY));
  }
  return settledAt >= followed.settlesAt;
}
