import type { Values } from "../model/reading.ts";
import { putBounded } from "./bounded.ts";
import { currentOf, type Journey, newJourney } from "./transit-journey.ts";
import { type Followed, follow, type ToldVehicle } from "./transit-news.ts";
import type { Path } from "./transit-path.ts";
import type { Run, Spoken } from "./transit-trips.ts";

/** Most vehicles watched; the one silent longest is forgotten. */
const maxVehicles = 20_000;
/** Journeys kept of a vehicle, the newest ones: late readings still reach them. */
const maxJourneys = 4;

/** What is known of a vehicle, as the state keeps it. Times are epoch milliseconds. */
export interface Vehicle {
  /** By run, in the order in which they were first heard of. */
  readonly journeys: Map<string, Journey>;
  /** When it last was on no trip of the timetable. */
  unmatchedAt: number;
  /** What was said of it, and for which time at the latest. */
  said: Values;
  saidAt: number;
}

/** A vehicle with what goes with its state, and is made again from that after a restart. */
export interface Tracked {
  readonly device: string;
  readonly vehicle: Vehicle;
  /** Its journeys by run, as in the state. */
  readonly followed: Map<string, Followed>;
  /** The one it is on; null if it is on no trip. Only a reading of it changes that. */
  current: Followed | null;
  /** What was told of it last; null: the state alone knows. */
  told: ToldVehicle | null;
  /** Whether it is known when it becomes silent. */
  isAwaited: boolean;
  /** What its readings spoke of last. */
  readonly spoken: Spoken;
}

/** What finds a run by its key; null if the timetable has it no more. */
type FindRun = (key: string) => Run | null;

/** The vehicles and their journeys: one look-up for each reading. */
export class Fleet {
  readonly #vehicles: Map<string, Vehicle>;
  readonly #tracked = new Map<string, Tracked>();
  readonly #pathOf: (run: Run) => Path;

  /** @param vehicles by device, in the order of use; journeys that the timetable does not have any more are taken out */
  constructor(vehicles: Map<string, Vehicle>, findRun: FindRun, pathOf: (run: Run) => Path) {
    this.#vehicles = vehicles;
    this.#pathOf = pathOf;
    for (const [device, vehicle] of vehicles) this.#restore(device, vehicle, findRun);
  }

  all(): Iterable<Tracked> {
    return this.#tracked.values();
  }

  get(device: string): Tracked | undefined {
    return this.#tracked.get(device);
  }

  /** The vehicle, new if need be. @param forgotten is told which had to make room */
  use(device: string, forgotten: (device: string) => void): Tracked {
    const known = this.#tracked.get(device);
    // Until then the order of use does not matter (`putBounded`).
    if (known !== undefined && 2 * this.#vehicles.size <= maxVehicles) return known;
    const vehicle = known?.vehicle ?? { journeys: new Map(), unmatchedAt: 0, said: {}, saidAt: 0 };
    const oldest = putBounded(this.#vehicles, device, vehicle, maxVehicles);
    if (oldest !== undefined) {
      this.#tracked.delete(oldest);
      forgotten(oldest);
    }
    return known ?? this.#track(device, vehicle);
  }

  /** The vehicle's journey on a run, new if need be; null for one older than those that are kept. */
  journey({ vehicle: { journeys }, followed }: Tracked, run: Run): Followed | null {
    const known = followed.get(run.key);
    if (known !== undefined) return known;
    const made = follow(newJourney(run.key), run, this.#pathOf(run));
    journeys.set(run.key, made.journey);
    followed.set(run.key, made);
    if (followed.size <= maxJourneys) return made;
    const [oldest] = [...followed.values()].sort((one, other) => one.run.startAt - other.run.startAt);
    const { key } = (oldest as Followed).run;
    journeys.delete(key);
    followed.delete(key);
    return oldest === made ? null : made;
  }

  /** Finds what the vehicle is on now. */
  settle(tracked: Tracked): void {
    const { vehicle, followed } = tracked;
    const current = currentOf(vehicle);
    tracked.current = current && (followed.get(current.run) ?? null);
  }

  #track(device: string, vehicle: Vehicle): Tracked {
    const spoken = { tripId: null, quarter: 0, run: null };
    const more = { current: null, told: null, isAwaited: false, spoken };
    const tracked: Tracked = { device, vehicle, followed: new Map(), ...more };
    this.#tracked.set(device, tracked);
    return tracked;
  }

  /** A timetable that has changed may no longer have what the vehicle was on. */
  #restore(device: string, vehicle: Vehicle, findRun: FindRun): void {
    const tracked = this.#track(device, vehicle);
    for (const [key, journey] of vehicle.journeys) {
      const run = findRun(key);
      if (run && isWithin(journey, run)) tracked.followed.set(key, follow(journey, run, this.#pathOf(run)));
      else vehicle.journeys.delete(key);
    }
    this.settle(tracked);
  }
}

/** Whether what was seen fits the run's stops. */
function isWithin({ zones }: Journey, { stopIds }: Run): boolean {
  return Math.max(0, ...zones.keys()) <= 2 * stopIds.length - 2;
}
