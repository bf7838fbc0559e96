import { z } from "zod";
import { DueTimes } from "./due-times.ts";
import { type Fix, fixOf, fixSettings, keepDevice, nameOf } from "./fixes.ts";
import type { CommittedReading, Emit, Insight, Reducer } from "./insight.ts";
import { Rework, type Tell, type Track } from "./rework.ts";
import { TripCourse, type TripFold } from "./trip.ts";

const metres = (max: number) => z.number().positive().max(max);
const seconds = (max: number) => z.number().positive().max(max);

const settings = z.strictObject({
  stopRadiusM: metres(10_000).default(40).describe("Who stays within that stands, in metres"),
  stopAfterS: seconds(86_400).default(180).describe("Standing for so long ends a trip, in seconds"),
  silentAfterS: seconds(86_400)
    .default(900)
    .describe("A trip of which nothing is heard for so long has ended, and the state is unknown, in seconds"),
  minMoveM: metres(1_000)
    .default(15)
    .describe("Distance is counted in steps of at least that, and of the accuracy, in metres"),
  minTripM: z.number().min(0).max(100_000).default(100).describe("Shorter trips are not told, in metres"),
  statusS: seconds(3_600).default(60).describe("How often the state is told during a trip, in seconds"),
  speedLimitKmh: metres(500).optional().describe("Faster is speeding; absent: it is not watched"),
  speedingAfterS: z
    .number()
    .min(0)
    .max(3_600)
    .default(10)
    .describe("Too fast for so long is speeding, in seconds"),
  trailSpacingM: metres(10_000)
    .default(200)
    .describe("Points of the trail are no farther apart than that and the next position"),
  trailToleranceM: metres(1_000)
    .default(10)
    .describe("A position so far off the straight line is a point of the trail, in metres"),
  ...fixSettings,
});

type Settings = z.infer<typeof settings>;

interface Device {
  readonly track: Track<Fix, TripFold>;
  /** When its newest position came, by the log's clock. */
  heardAt: number;
}

/** By device. */
type State = Map<string, Device>;

/**
 * Where devices went. `trips/<device>`: `state` (moving, stopped, unknown) since when, the trip under way, totals, and how
 * many positions were left out. Below it `trip` (one reading per trip, at its end), `stop` (one per stop, at its end), `trail`
 * (the way as few points as show it) and `speeding`. gps.md tells what the values mean.
 */
export const trips: Insight<Settings, State> = {
  name: "trips",
  description: "Trips, stops, distance, trail and speeding of devices that tell their position",
  onByDefault: false,
  settings,
  writes: ["trips"],
  reads: ({ filters }) => filters,
  stateVersion: 1,
  start: () => new Map(),
  create: (settings, state) => new TripsReducer(settings, state),
};

class TripsReducer implements Reducer {
  readonly #settings: Settings;
  readonly #devices: State;
  readonly #rework: Rework<Fix, TripFold>;
  /** Moved ahead only when it has come (`advance`), since positions come so much more often. */
  readonly #silent = new DueTimes();

  constructor(settings: Settings, devices: State) {
    this.#settings = settings;
    this.#devices = devices;
    this.#rework = new Rework(new TripCourse(settings), settings.lateReadings);
    for (const [name, device] of devices)
      if (!device.track.isClosed) this.#silent.set(name, this.#dueOf(device));
  }

  reduce(reading: CommittedReading, emit: Emit): void {
    const fix = fixOf(reading);
    if (fix === null) return;
    const name = nameOf(reading);
    const create = () => ({ track: this.#rework.newTrack(), heardAt: reading.committedAt });
    const { kept: device, forgotten } = keepDevice(this.#devices, name, create, this.#settings.maxDevices);
    if (forgotten !== undefined) this.#silent.delete(forgotten);
    if (!this.#rework.take(device.track, fix, tellTo(name, emit))) return;
    device.heardAt = reading.committedAt;
    if (this.#silent.get(name) === undefined) this.#silent.set(name, this.#dueOf(device));
  }

  advance(now: number, emit: Emit): void {
    for (let next = this.#silent.take(now); next !== null; next = this.#silent.take(now)) {
      const device = this.#devices.get(next.key);
      if (!device) continue;
      const due = this.#dueOf(device);
      if (due > next.due) this.#silent.set(next.key, due);
      else this.#rework.close(device.track, tellTo(next.key, emit));
    }
  }

  #dueOf({ heardAt, track }: Device): number {
    // Clocks of devices may be ahead.
    const newest = track.items.at(-1)?.time ?? heardAt;
    return Math.ceil(Math.max(heardAt, newest) + 1_000 * this.#settings.silentAfterS);
  }
}

function tellTo(device: string, emit: Emit): Tell {
  return (channel, time, values) =>
    emit(
      channel === ""
        ? { domain: "trips", device, time, values }
        : { domain: "trips", device, channel, time, values },
    );
}
