import { z } from "zod";
import { isoTime, type Value, type Values } from "../model/reading.ts";
import { putBounded } from "./bounded.ts";
import { DueTimes } from "./due-times.ts";
import type { CommittedReading, Emit, Insight, Reducer } from "./insight.ts";

/** Most devices watched; the one silent longest is forgotten. */
const maxDevices = 100_000;
/** Intervals kept of each device, of which the median is its rhythm. */
const maxIntervals = 9;
/** What comes sooner than this after a sign of life belongs to the same one: many devices send one message a value. */
const burstMs = 1_000;

/** Where the gateway tells which devices' connections opened and closed (app/connections.ts). */
const connections = { domain: "presence", device: "connections" } as const;

const seconds = (max: number) => z.number().positive().max(max);

const settings = z.strictObject({
  filters: z
    .array(z.string())
    .default(["gps/#", "energy/#", "road/#", "transit/#"])
    .describe("Topics whose devices are watched"),
  staleAfterIntervals: z
    .number()
    .min(1)
    .max(1_000)
    .default(3)
    .describe("A device is stale when it is silent for so many of its usual intervals"),
  offlineAfterIntervals: z
    .number()
    .min(1)
    .max(10_000)
    .default(10)
    .describe("A device is offline when it is silent for so many of its usual intervals"),
  minStaleS: seconds(86_400).default(10).describe("No device is stale sooner, in seconds"),
  maxStaleS: seconds(31_536_000).default(21_600).describe("Every device is stale by then, in seconds"),
  minOfflineS: seconds(31_536_000).default(300).describe("No silent device is offline sooner, in seconds"),
  assumedIntervalS: seconds(86_400)
    .default(100)
    .describe("Taken for the usual interval until a device has shown its own, in seconds"),
  closedS: seconds(86_400)
    .default(30)
    .describe("A device whose MQTT connection closed is offline so many seconds later, unless it comes back"),
  refreshS: seconds(86_400)
    .default(600)
    .describe("How old `lastSeen` may become while a device is online, in seconds"),
});

type Settings = z.infer<typeof settings>;

type PresenceState = "online" | "stale" | "offline";

/** What is known of a device. Times are the log's, epoch milliseconds. */
interface Device {
  state: PresenceState;
  seen: number;
  /** When the newest sign of life began. */
  signBegan: number;
  /** Between signs of life, milliseconds, the newest last. */
  intervals: number[];
  /** Their median, null if there are none. */
  rhythmMs: number | null;
  connected: boolean | null;
  /** When its connection closed, if nothing has come since. */
  closedAt: number | null;
  /** When `lastSeen` was last told. */
  toldAt: number;
}

/** By device (`gps/van-7`), in the order of their last sign of life. */
type State = Map<string, Device>;

/**
 * Which devices are there: `presence/<domain>/<device>` with `state` (online, stale, offline), `lastSeen` (ISO 8601), `rhythmS`
 * (median of the last intervals between its signs of life, seconds) and `connected` (of its MQTT connection; null if not
 * known). It goes by when readings came, not by when they were observed: who uploads old ones now is there now. A reading is
 * made when the state or the connection changes, and at most every `refreshS` otherwise.
 */
export const presence: Insight<Settings, State> = {
  name: "presence",
  description: "Which devices are online, stale after their own rhythm, or offline",
  onByDefault: true,
  settings,
  writes: ["presence"],
  reads: ({ filters }) => [...filters, `${connections.domain}/${connections.device}`],
  problem: ({ minStaleS, maxStaleS, staleAfterIntervals, offlineAfterIntervals }) => {
    if (minStaleS > maxStaleS) return `maxStaleS: ${maxStaleS} is less than minStaleS (${minStaleS})`;
    return offlineAfterIntervals < staleAfterIntervals
      ? `offlineAfterIntervals: ${offlineAfterIntervals} is less than staleAfterIntervals (${staleAfterIntervals})`
      : null;
  },
  stateVersion: 1,
  start: () => new Map(),
  create: (settings, state) => new PresenceReducer(settings, state),
};

class PresenceReducer implements Reducer {
  readonly #settings: Settings;
  readonly #devices: State;
  readonly #due = new DueTimes();

  constructor(settings: Settings, devices: State) {
    this.#settings = settings;
    this.#devices = devices;
    for (const [key, device] of devices) this.#await(key, device);
  }

  reduce(reading: CommittedReading, emit: Emit): void {
    if (reading.domain === connections.domain) this.#connection(reading, emit);
    else this.#signOfLife(reading.deviceKey, reading.committedAt, emit);
  }

  advance(now: number, emit: Emit): void {
    for (let next = this.#due.take(now); next !== null; next = this.#due.take(now)) {
      const device = this.#devices.get(next.key);
      if (!device) continue;
      // Signs of life only move the due time ahead (`#hasten`), since they come so much more often: it may be later by now.
      const change = this.#nextChange(device);
      if (change && change.at <= next.due) this.#change(next.key, device, change.to, next.due, emit);
      this.#await(next.key, device);
    }
  }

  #signOfLife(key: string, now: number, emit: Emit): void {
    let device = this.#devices.get(key);
    const isQuicker = device !== undefined && noteArrival(device, now);
    device ??= unknownDevice(now);
    const forgotten = putBounded(this.#devices, key, device, maxDevices);
    if (forgotten !== undefined) this.#due.delete(forgotten);
    device.closedAt = null;
    if (device.state !== "online") {
      this.#change(key, device, "online", now, emit);
      this.#await(key, device);
      return;
    }
    if (isQuicker) this.#hasten(key, device);
    if (now - device.toldAt >= this.#settings.refreshS * 1_000) this.#tell(key, device, now, emit);
  }

  #connection({ values, attrs, committedAt }: CommittedReading, emit: Emit): void {
    const { event } = values;
    if (event === "restarted") return this.#forgetConnections();
    for (const key of deviceKeys(attrs?.["devices"])) {
      const device = this.#devices.get(key);
      if (!device) continue;
      const connected = event === "connected";
      device.closedAt = connected ? null : committedAt;
      if (device.connected !== connected) {
        device.connected = connected;
        this.#tell(key, device, committedAt, emit);
      }
      this.#await(key, device);
    }
  }

  // The gateway was away: who is connected is known when they connect again. Until then nothing is told, or every start
  // would make a reading for each device.
  #forgetConnections(): void {
    for (const [key, device] of this.#devices) {
      device.closedAt = null;
      device.connected = null;
      this.#await(key, device);
    }
  }

  #change(key: string, device: Device, state: PresenceState, now: number, emit: Emit): void {
    device.state = state;
    this.#tell(key, device, now, emit);
  }

  #tell(key: string, device: Device, time: number, emit: Emit): void {
    device.toldAt = time;
    const { rhythmMs } = device;
    const values: Values = {
      state: device.state,
      lastSeen: isoTime(device.seen),
      connected: device.connected,
    };
    if (rhythmMs !== null) values["rhythmS"] = rhythmMs / 1_000;
    emit({ domain: "presence", device: key, time, values });
  }

  #await(key: string, device: Device): void {
    const change = this.#nextChange(device);
    if (change) this.#due.set(key, change.at);
    else this.#due.delete(key);
  }

  /** A quicker rhythm makes silence noticed sooner. */
  #hasten(key: string, device: Device): void {
    const change = this.#nextChange(device);
    if (change && change.at < (this.#due.get(key) ?? Number.POSITIVE_INFINITY)) this.#due.set(key, change.at);
  }

  /** What the device becomes, and when, if it stays silent; null if nothing any more. */
  #nextChange({ state, seen, closedAt, rhythmMs }: Device): { to: PresenceState; at: number } | null {
    if (state === "offline") return null;
    const { staleAfterIntervals, offlineAfterIntervals, assumedIntervalS, ...limits } = this.#settings;
    const intervalMs = rhythmMs ?? assumedIntervalS * 1_000;
    const staleMs = Math.min(
      Math.max(staleAfterIntervals * intervalMs, limits.minStaleS * 1_000),
      limits.maxStaleS * 1_000,
    );
    const silentMs = Math.max(staleMs, offlineAfterIntervals * intervalMs, limits.minOfflineS * 1_000);
    const staleAt = Math.ceil(seen + staleMs);
    const closedAtLatest = closedAt === null ? Number.POSITIVE_INFINITY : closedAt + limits.closedS * 1_000;
    const offlineAt = Math.ceil(Math.min(seen + silentMs, closedAtLatest));
    return state === "online" && staleAt < offlineAt
      ? { to: "stale", at: staleAt }
      : { to: "offline", at: offlineAt };
  }
}

/** All fields at once and in one order: V8 looks up those of objects that grew differently one by one. */
function unknownDevice(now: number): Device {
  return {
    state: "offline",
    seen: now,
    signBegan: now,
    intervals: [],
    rhythmMs: null,
    connected: null,
    closedAt: null,
    toldAt: 0,
  };
}

/** Returns whether the device shows a quicker rhythm than before. */
function noteArrival(device: Device, now: number): boolean {
  device.seen = now;
  const intervalMs = now - device.signBegan;
  if (intervalMs < burstMs) return false;
  device.signBegan = now;
  device.intervals.push(intervalMs);
  const before = device.rhythmMs;
  const gone = device.intervals.length > maxIntervals ? device.intervals.shift() : undefined;
  // One on the same side of the median took its place: the usual case, and no need to sort.
  if (before !== null && gone !== undefined && Math.sign(gone - before) === Math.sign(intervalMs - before)) {
    return false;
  }
  device.rhythmMs = medianOf(device.intervals);
  return before === null || device.rhythmMs < before;
}

/** Of an even number the lower one of the two in the middle. Counted and not sorted: they are few, and this makes no garbage. */
function medianOf(numbers: readonly number[]): number {
  const middle = (numbers.length - 1) >> 1;
  for (const candidate of numbers) {
    let smaller = 0;
    let same = 0;
    for (const number of numbers) {
      if (number < candidate) smaller++;
      else if (number === candidate) same++;
    }
    if (smaller <= middle && middle < smaller + same) return candidate;
  }
  throw new Error("there are no numbers");
}

function deviceKeys(value: Value | undefined): string[] {
  return Array.isArray(value) ? value.filter((key) => typeof key === "string") : [];
}
