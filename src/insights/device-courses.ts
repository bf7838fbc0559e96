import type { Values } from "../model/reading.ts";
import { putBounded } from "./bounded.ts";
import { DueTimes } from "./due-times.ts";
import { type Fix, fixOf } from "./fixes.ts";
import type { CommittedReading, Emit, Reducer, Shown } from "./insight.ts";
import { type Course, Rework, type Track } from "./rework.ts";
import type { Tell } from "./told-words.ts";

/** What is kept of a device. */
interface Device<Fold> {
  readonly track: Track<Fix, Fold>;
  /** When its newest position came, by the log's clock. */
  heardAt: number;
  /** When something is to be told if nothing comes, by the device's clock; absent: not before it counts as silent. */
  closesAt?: number;
}

/** By device, in the order in which they were last heard. The state of insights that follow positions. */
export type Devices<Fold> = Map<string, Device<Fold>>;

/** What a course tells under names that the settings may have no more, or for something else. */
interface NamesOfSettings<Fold> {
  isKnown(name: string): boolean;
  /** The device and the name that a topic is about. */
  of(shown: Shown): readonly [device: string, name: string];
  /** Whether it is so by what is known of the device, or may be. */
  isSo(fold: Fold, name: string, values: Values): boolean;
  /** What a fold keeps by name. */
  partOf(fold: Fold): Map<string, unknown>;
}

interface Options<Fold> {
  readonly devices: Devices<Fold>;
  readonly course: Course<Fix, Fold>;
  readonly lateReadings: number;
  readonly maxDevices: number;
  /** The course is closed when nothing came for so long, seconds; infinite: never. */
  readonly silentAfterS: number;
  /** When the course has something to tell before that, by the device's clock; infinite: never. */
  closesAt?(fold: Fold): number;
  /** Puts what is told of a device into the log. */
  tellTo(device: string, emit: Emit): Tell;
  /** Of what is told under names of the settings; absent: all stands. */
  readonly names?: NamesOfSettings<Fold>;
}

/** Takes each device's positions along a course: what `trips`, `geofence` and `eta` have in common. */
export class DeviceCourses<Fold> implements Reducer {
  readonly #options: Options<Fold>;
  readonly #rework: Rework<Fix, Fold>;
  /** Moved ahead only when it has come (`advance`), since positions come so much more often. */
  readonly #silent = new DueTimes();

  constructor(options: Options<Fold>) {
    this.#options = options;
    this.#rework = new Rework(options.course, options.lateReadings);
    for (const [name, device] of options.devices) {
      if (options.names) forgetNames(device.track, options.names);
      if (!isSilent(device)) this.#await(name, device);
    }
  }

  reduce(reading: CommittedReading, emit: Emit): void {
    const fix = fixOf(reading);
    if (fix === null) return;
    const { devices, maxDevices } = this.#options;
    const name = nameOf(reading);
    const device = devices.get(name) ?? { track: this.#rework.newTrack(), heardAt: reading.committedAt };
    const forgotten = putBounded(devices, name, device, maxDevices);
    if (forgotten !== undefined) this.#silent.delete(forgotten);
    const isNewest = this.#rework.take(device.track, fix, this.#options.tellTo(name, emit));
    if (isNewest) device.heardAt = reading.committedAt;
    const isSooner = this.#noteClosing(device);
    const isAwaited = this.#silent.get(name) !== undefined;
    if (isAwaited ? isSooner : isNewest) this.#await(name, device);
  }

  advance(now: number, emit: Emit): void {
    for (let next = this.#silent.take(now); next !== null; next = this.#silent.take(now)) {
      const device = this.#options.devices.get(next.key);
      if (!device) continue;
      if (this.#dueOf(device) <= next.due) this.#close(next.key, device, emit);
      if (!isSilent(device)) this.#await(next.key, device);
    }
  }

  #close(name: string, device: Device<Fold>, emit: Emit): void {
    const { closesAt = Number.POSITIVE_INFINITY } = device;
    const to = closesAt < this.#silentAt(device) ? closesAt : Number.POSITIVE_INFINITY;
    this.#rework.close(device.track, this.#options.tellTo(name, emit), to);
    this.#noteClosing(device);
  }

  /** Returns whether something is to be told sooner than was known. */
  #noteClosing(device: Device<Fold>): boolean {
    if (!this.#options.closesAt) return false;
    const before = device.closesAt ?? Number.POSITIVE_INFINITY;
    device.closesAt = this.#options.closesAt(this.#rework.head(device.track));
    return device.closesAt < before;
  }

  stands(shown: Shown): boolean {
    const { names, devices } = this.#options;
    if (names === undefined) return true;
    const [about, name] = names.of(shown);
    if (!names.isKnown(name)) return false;
    const track = devices.get(about)?.track;
    if (track === undefined || names.isSo(this.#rework.head(track), name, shown.values)) return true;
    // It is something else now, and begins anew.
    for (const byName of [names.partOf(track.base), track.told]) byName.delete(name);
    return false;
  }

  #await(name: string, device: Device<Fold>): void {
    const due = this.#dueOf(device);
    if (due < Number.POSITIVE_INFINITY) this.#silent.set(name, due);
  }

  #dueOf(device: Device<Fold>): number {
    const { heardAt, closesAt = Number.POSITIVE_INFINITY } = device;
    // What comes late may be followed by more that is as late.
    const lateMs = Math.max(0, heardAt - newestOf(device));
    return Math.ceil(Math.min(this.#silentAt(device), closesAt) + lateMs);
  }

  /** When the device has been silent for long, by its clock: which may be ahead. */
  #silentAt(device: Device<Fold>): number {
    return newestOf(device) + 1_000 * this.#options.silentAfterS;
  }
}

function newestOf<Fold>({ track, heardAt }: Device<Fold>): number {
  return track.items.at(-1)?.time ?? heardAt;
}

function isSilent<Fold>({ track }: Device<Fold>): boolean {
  return track.isClosed && track.closedTo === undefined;
}

/** Under what name a device's results stand: its id, with its domain ahead if that is not `gps`. */
function nameOf({ domain, device, deviceKey }: CommittedReading): string {
  return domain === "gps" ? device : deviceKey;
}

/** Forgets what is known under names that are no more, so that they begin anew if they come back. */
function forgetNames<Fold>(
  { base, told }: Track<Fix, Fold>,
  { partOf, isKnown }: NamesOfSettings<Fold>,
): void {
  for (const byName of [partOf(base), told]) {
    for (const name of byName.keys()) if (!isKnown(name)) byName.delete(name);
  }
}
