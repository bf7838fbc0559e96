import type { Log } from "../log/contract.ts";
import type { Clock } from "../model/clock.ts";
import type { Reading } from "../model/reading.ts";

/** Most devices whose connection is known; the one heard of first is forgotten. */
const maxDevices = 100_000;
/** Changes gather for so long, so that a thousand devices that connect make few readings. Milliseconds. */
const gatherMs = 1_000;
/** Characters of device ids in one reading. */
const maxIdChars = 16_384;

/** Follows which devices publish through which MQTT connection. */
export interface DeviceConnections {
  /** A client of the broker connected, or its connection closed. */
  onConnection(client: string, isOpen: boolean): void;
  /** A packet of this client had readings. */
  onReadings(client: string | null, readings: readonly Reading[]): void;
  close(): void;
}

/**
 * Tells the insight `presence` through the log, where it is in order with the readings and there after a restart: readings of
 * `presence/connections` with `event` (connected, closed) and the devices in `attrs`, and one of `restarted` at each start,
 * since connections do not survive the gateway. A device belongs to the client that published its last reading; clients of
 * other brokers (sources) are not known.
 */
export function followDeviceConnections(log: Log, clock: Clock): DeviceConnections {
  const connections = new Connections(log, clock);
  if (log.head > 0) connections.restarted();
  return connections;
}

class Connections implements DeviceConnections {
  readonly #log: Log;
  readonly #clock: Clock;
  readonly #open = new Set<string>();
  /** Of the last reading that came through each client: most publish one device, and need no more than this. */
  readonly #lastOf = new Map<string, Pick<Reading, "domain" | "device">>();
  readonly #clientOf = new Map<string, string>();
  readonly #devicesOf = new Map<string, Set<string>>();
  /** What the log does not know yet: whether the device is connected. */
  #changes = new Map<string, boolean>();
  #timer: NodeJS.Timeout | null = null;
  #isClosed = false;

  constructor(log: Log, clock: Clock) {
    this.#log = log;
    this.#clock = clock;
  }

  onConnection(client: string, isOpen: boolean): void {
    if (isOpen) this.#open.add(client);
    else {
      this.#open.delete(client);
      this.#lastOf.delete(client);
    }
    for (const device of this.#devicesOf.get(client) ?? []) this.#changed(device, isOpen);
  }

  onReadings(client: string | null, readings: readonly Reading[]): void {
    if (client === null) return;
    const last = this.#lastOf.get(client);
    if (last && areAllOf(readings, last)) return;
    if (!this.#open.has(client)) return;
    for (const { domain, device } of readings) {
      const key = `${domain}/${device}`;
      this.#lastOf.set(client, { domain, device });
      if (this.#clientOf.get(key) === client) continue;
      this.#leave(key);
      this.#clientOf.set(key, client);
      const devices = this.#devicesOf.get(client);
      if (devices) devices.add(key);
      else this.#devicesOf.set(client, new Set([key]));
      this.#changed(key, true);
      if (this.#clientOf.size > maxDevices) this.#leave(this.#clientOf.keys().next().value as string);
    }
  }

  close(): void {
    this.#isClosed = true;
    if (this.#timer) clearTimeout(this.#timer);
  }

  restarted(): void {
    // If the log cannot take it now, presence corrects itself as devices come back.
    this.#append("restarted", [])?.catch(() => {});
  }

  #append(event: "connected" | "closed" | "restarted", devices: readonly string[]): Promise<void> | null {
    const values = { event, devices: devices.length };
    const reading = { domain: "presence", device: "connections", time: this.#clock.now(), values } as const;
    return this.#log.append({
      readings: [devices.length > 0 ? { ...reading, attrs: { devices } } : reading],
    });
  }

  #leave(device: string): void {
    const client = this.#clientOf.get(device);
    if (client === undefined) return;
    this.#clientOf.delete(device);
    this.#lastOf.delete(client);
    const devices = this.#devicesOf.get(client);
    devices?.delete(device);
    if (devices?.size === 0) this.#devicesOf.delete(client);
  }

  #changed(device: string, isConnected: boolean): void {
    // All close with the gateway, and the next start says so.
    if (this.#isClosed) return;
    this.#changes.set(device, isConnected);
    this.#timer ??= setTimeout(() => this.#tell(), gatherMs).unref();
  }

  #tell(): void {
    this.#timer = null;
    const changes = [...this.#changes];
    this.#changes = new Map();
    for (const isConnected of [false, true]) {
      const devices = changes.filter(([, value]) => value === isConnected).map(([device]) => device);
      for (const part of parts(devices)) this.#tellOf(part, isConnected);
    }
  }

  #tellOf(devices: readonly string[], isConnected: boolean): void {
    const again = () => {
      for (const device of devices) if (!this.#changes.has(device)) this.#changed(device, isConnected);
    };
    try {
      this.#append(isConnected ? "connected" : "closed", devices)?.catch(again);
    } catch {
      // The log has no room for the topic: presence goes without connections.
    }
  }
}

function* parts(devices: readonly string[]): Generator<string[]> {
  let part: string[] = [];
  let chars = 0;
  for (const device of devices) {
    if (chars + device.length > maxIdChars && part.length > 0) {
      yield part;
      part = [];
      chars = 0;
    }
    part.push(device);
    chars += device.length;
  }
  if (part.length > 0) yield part;
}

function areAllOf(
  readings: readonly Reading[],
  { domain, device }: Pick<Reading, "domain" | "device">,
): boolean {
  for (const reading of readings) if (reading.device !== device || reading.domain !== domain) return false;
  return true;
}
