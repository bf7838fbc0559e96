import { type Domain, domains } from "../src/model/reading.ts";
import { createCity } from "./city.ts";
import type { Answer, CommandTakers, ReceivedCommand } from "./commands.ts";
import type { Device, DeviceSettings, Message } from "./device.ts";
import { createEnergyDevice, energyDeviceName } from "./energy.ts";
import { createFareDevice, fareDeviceName } from "./fare.ts";
import { createGpsDevice, gpsDeviceName } from "./gps.ts";
import { createRoutes } from "./lines.ts";
import { noiseAt, seedFor } from "./random.ts";
import { createRoadDevice, roadStation } from "./road.ts";
import { createTraffic } from "./traffic.ts";
import { createTransitDevice } from "./transit.ts";

export const defaultSeed = 1;
export const defaultDevices: Readonly<Record<Domain, number>> = {
  gps: 8,
  energy: 6,
  road: 8,
  transit: 10,
  fare: 6,
};
/** Milliseconds between two reports of a device. */
export const defaultIntervalMs: Readonly<Record<Domain, number>> = {
  gps: 1000,
  energy: 2000,
  road: 3000,
  transit: 1000,
  fare: 3000,
};
export const maxDevicesPerDomain = 1000;
export const minIntervalMs = 50;
const maxIntervalMs = 3_600_000;

export interface FleetSettings {
  readonly seed: number;
  /** Epoch milliseconds; the fleet's clock begins here. */
  readonly startTime: number;
  readonly domains: readonly Domain[];
  /** Devices per domain; what is missing has its default. */
  readonly devices?: Readonly<Partial<Record<Domain, number>>>;
  readonly intervalMs?: Readonly<Partial<Record<Domain, number>>>;
  /** A traffic jam begins about so often. */
  readonly jamEveryMs?: number;
}

/** The simulated devices. The same settings and the same steps give the same messages. */
export interface Fleet extends CommandTakers {
  readonly devices: readonly Device[];
  /** The fleet's clock, epoch ms. */
  readonly time: number;
  /** The length of a step. */
  readonly tickMs: number;
  /** What the devices kept from the time before the fleet's clock begins, each device's oldest first. */
  past(): Message[];
  /** Moves everything on by one tick and returns what the devices say, in order of time. */
  step(): Message[];
}

interface Member {
  readonly device: Device;
  intervalMs: number;
  /** Epoch milliseconds. */
  nextReport: number;
}

/** What `identify` tells. */
const firmware = "fieldcast-sim 1";

/** The physics are stable up to about this step. */
const maxTickMs = 500;

export function createFleet(settings: FleetSettings): Fleet {
  const intervals = { ...defaultIntervalMs, ...settings.intervalMs };
  const members = createDevices(settings).map((device): Member => {
    const intervalMs = intervals[device.domain];
    // Real devices do not report in step with each other.
    const nextReport = settings.startTime + noiseAt(seedFor(settings.seed, device.id), 0) * intervalMs;
    return { device, intervalMs, nextReport };
  });
  const byId = new Map(members.map((member) => [member.device.id, member]));
  const memberOf = (id: string): Member => {
    const member = byId.get(id);
    if (!member) throw new Error(`there is no device ${id}`);
    return member;
  };
  const tickMs = Math.min(maxTickMs, ...settings.domains.map((domain) => intervals[domain]));
  let time = settings.startTime;
  return {
    devices: members.map(({ device }) => device),
    get time() {
      return time;
    },
    tickMs,
    past: () => members.flatMap(({ device }) => device.past?.() ?? []),
    topicOf: (id) => memberOf(id).device.topic,
    carryOut(id, command) {
      if (command.expiresAt < time) return null;
      const member = memberOf(id);
      if (command.command === "identify") {
        return {
          ok: true,
          result: { model: member.device.model, firmware, uptimeS: (time - settings.startTime) / 1000 },
        };
      }
      if (command.command === "set-interval") return changeInterval(member, command, time, tickMs);
      return { ok: false, error: `${id} knows identify and set-interval, not ${command.command}` };
    },
    step() {
      time += tickMs;
      const messages: Message[] = [];
      for (const member of members) {
        messages.push(...member.device.step(time, tickMs / 1000));
        if (time < member.nextReport) continue;
        messages.push(...member.device.report(time));
        member.nextReport += member.intervalMs;
      }
      return messages;
    },
  };
}

function changeInterval(member: Member, { params }: ReceivedCommand, time: number, tickMs: number): Answer {
  const { seconds } = params;
  const [low, high] = [tickMs / 1000, maxIntervalMs / 1000];
  if (typeof seconds !== "number" || !(seconds >= low && seconds <= high)) {
    return { ok: false, error: `seconds: a number from ${low} to ${high} is needed` };
  }
  member.intervalMs = seconds * 1000;
  member.nextReport = time + member.intervalMs;
  return { ok: true, result: { seconds } };
}

function createDevices(settings: FleetSettings): Device[] {
  const city = createCity();
  const traffic = createTraffic(city, settings.seed, settings.jamEveryMs);
  const routes = createRoutes(city);
  const create: Record<Domain, (device: DeviceSettings, index: number) => Device> = {
    gps: (device, index) => createGpsDevice(city, traffic, device, gpsDeviceName(index)),
    energy: createEnergyDevice,
    road: (device, index) => createRoadDevice(city, traffic, device, index),
    transit: (device, index) => createTransitDevice(city, traffic, routes, device, index),
    fare: createFareDevice,
  };
  const counts = { ...defaultDevices, ...settings.devices };
  return domains
    .filter((domain) => settings.domains.includes(domain))
    .flatMap((domain) =>
      Array.from({ length: counts[domain] }, (_, index) => {
        const id = `${domain}-${nameOf[domain](index)}`;
        const seed = seedFor(settings.seed, id);
        return create[domain]({ id, seed, startTime: settings.startTime }, index);
      }),
    );
}

const nameOf: Readonly<Record<Domain, (index: number) => string>> = {
  gps: gpsDeviceName,
  energy: energyDeviceName,
  road: roadStation,
  transit: (index) => `vehicle-${index + 1}`,
  fare: fareDeviceName,
};
