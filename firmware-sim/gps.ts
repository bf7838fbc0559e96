import { isoTime } from "../src/model/reading.ts";
import { type City, courseDeg, type Leg, legEnd } from "./city.ts";
import type { Device, DeviceSettings, Message } from "./device.ts";
import { bendDeg, roundTo, toCoordinates } from "./geo.ts";
import { createRandom, type Random, seedFor } from "./random.ts";
import type { Traffic } from "./traffic.ts";
import { type Driving, Vehicle } from "./vehicle.ts";

interface Kind {
  readonly name: string;
  readonly driving: Driving;
  /** Streets with a higher limit are not used. */
  readonly maxLimitKmh: number;
  /** Probability of a halt on a leg, and how long it lasts. */
  readonly haltChance: number;
  readonly haltS: readonly [number, number];
  readonly batteryHours: number;
}

const motor = { accelerationMs2: 1.7, brakingMs2: 2.8, isInTraffic: true };
const kinds: readonly Kind[] = [
  {
    name: "van",
    driving: { ...motor, maxSpeedMs: 24 },
    maxLimitKmh: 80,
    haltChance: 0.15,
    haltS: [25, 90],
    batteryHours: 30,
  },
  {
    name: "bike",
    driving: { accelerationMs2: 0.8, brakingMs2: 2, maxSpeedMs: 6.5, isInTraffic: false },
    maxLimitKmh: 50,
    haltChance: 0.1,
    haltS: [20, 60],
    batteryHours: 10,
  },
  {
    name: "taxi",
    driving: { ...motor, maxSpeedMs: 26, accelerationMs2: 2.1 },
    maxLimitKmh: 80,
    haltChance: 0.1,
    haltS: [15, 45],
    batteryHours: 18,
  },
  {
    name: "tracker",
    driving: { ...motor, maxSpeedMs: 22, accelerationMs2: 1.2 },
    maxLimitKmh: 80,
    haltChance: 0.1,
    haltS: [30, 120],
    batteryHours: 60,
  },
  {
    name: "phone",
    driving: { accelerationMs2: 0.6, brakingMs2: 1.5, maxSpeedMs: 1.45, isInTraffic: false },
    maxLimitKmh: 50,
    haltChance: 0.2,
    haltS: [10, 60],
    batteryHours: 14,
  },
];
const kindOrder = ["van", "taxi", "bike", "tracker", "van", "phone", "taxi", "tracker"] as const;

const noiseSigmaM = 2.5;
/** How long an error of the receiver lasts: reflections from houses change slowly, they do not flicker. */
const noiseMemoryS = 12;
const chargeHours = 1.5;

/** The `index`-th tracker's name: vans, taxis, a courier's bike, a walker's phone, native trackers. */
export function gpsDeviceName(index: number): string {
  return `${kindOrder[index % kindOrder.length]}-${index + 1}`;
}

/**
 * A tracker that roams the city. Most speak OwnTracks (`owntracks/<user>/<device>`, owntracks booklet, tech/json);
 * the ones named `tracker-…` speak the native format.
 */
export function createGpsDevice(
  city: City,
  traffic: Traffic,
  settings: DeviceSettings,
  name: string,
): Device {
  const random = createRandom(settings.seed);
  const kind = kinds.find((candidate) => name.startsWith(candidate.name)) as Kind;
  const tracker = new Tracker(city, traffic, kind, random);
  const fixSeed = seedFor(settings.seed, "fix");
  const receiver = new Receiver(createRandom(fixSeed), kind.batteryHours);
  const isNative = kind.name === "tracker";
  const topic = isNative ? `telemetry/gps/${name}` : `owntracks/city/${name}`;
  const describe = isNative ? describeNative : describeOwnTracks;
  return {
    id: settings.id,
    domain: "gps",
    topic: isNative ? `gps/${name}` : `gps/city/${name}`,
    model: isNative ? "tracker" : `OwnTracks ${kind.name}`,
    step(time, dtS) {
      tracker.step(time, dtS);
      receiver.step(dtS, tracker.vehicle.speedMs);
      return [];
    },
    report(time): Message[] {
      const payload = JSON.stringify(describe(time, name, tracker.vehicle, receiver));
      return [{ device: settings.id, topic, payload }];
    },
  };
}

/** Drives about: prefers to go straight on, halts now and then. */
class Tracker {
  readonly vehicle: Vehicle;
  readonly #city: City;
  readonly #kind: Kind;
  readonly #random: Random;
  #next: Leg;
  #haltAtM: number | null = null;
  #restS = 0;

  constructor(city: City, traffic: Traffic, kind: Kind, random: Random) {
    this.#city = city;
    this.#kind = kind;
    this.#random = random;
    const streets = city.edges.filter((edge) => edge.limitKmh <= kind.maxLimitKmh);
    const edge = streets[random.below(streets.length)] as Leg["edge"];
    const leg: Leg = { edge, isForward: random.chance(0.5) };
    this.vehicle = new Vehicle(city, traffic, kind.driving, { leg, offsetM: random.next() * edge.lengthM });
    this.#next = this.#chooseNext();
  }

  step(time: number, dtS: number): void {
    if (this.#restS > 0) {
      this.#restS -= dtS;
      if (this.#restS <= 0) this.#haltAtM = null;
    }
    const isNew = this.vehicle.step(time, dtS, { next: this.#next, haltAtM: this.#haltAtM, effort: 1 });
    if (isNew) {
      this.#next = this.#chooseNext();
      const { lengthM } = this.vehicle.leg.edge;
      this.#haltAtM = this.#random.chance(this.#kind.haltChance)
        ? lengthM * this.#random.between(0.4, 0.8)
        : null;
    }
    const hasArrived = this.#haltAtM !== null && this.#haltAtM - this.vehicle.offsetM < 2;
    if (hasArrived && this.vehicle.speedMs === 0 && this.#restS <= 0) {
      this.#restS = this.#random.between(...this.#kind.haltS);
    }
  }

  #chooseNext(): Leg {
    const { leg } = this.vehicle;
    const exits = (this.#city.exits[legEnd(leg)] ?? []).filter(
      (exit) => exit.edge.id !== leg.edge.id && exit.edge.limitKmh <= this.#kind.maxLimitKmh,
    );
    const here = courseDeg(this.#city, leg);
    const weights = exits.map((exit) => (bendDeg(here, courseDeg(this.#city, exit)) < 30 ? 3 : 1));
    let draw = this.#random.next() * weights.reduce((sum, weight) => sum + weight, 0);
    for (const [i, exit] of exits.entries()) {
      draw -= weights[i] as number;
      if (draw < 0) return exit;
    }
    return { edge: leg.edge, isForward: !leg.isForward };
  }
}

/** The GPS receiver and the battery: errors of a few metres that drift, a charge that drains and is renewed. */
class Receiver {
  errorX = 0;
  errorY = 0;
  batteryPct: number;
  isCharging = false;
  readonly altitudeM: number;
  readonly #random: Random;
  readonly #batteryHours: number;

  constructor(random: Random, batteryHours: number) {
    this.#random = random;
    this.#batteryHours = batteryHours;
    this.batteryPct = random.between(35, 100);
    this.altitudeM = random.between(4, 24);
  }

  get accuracyM(): number {
    return Math.round(3 + 2 * Math.hypot(this.errorX, this.errorY));
  }

  get satellites(): number {
    return Math.max(5, 13 - Math.round(Math.hypot(this.errorX, this.errorY)));
  }

  step(dtS: number, speedMs: number): void {
    const keep = Math.exp(-dtS / noiseMemoryS);
    // A receiver at rest averages its error away.
    const sigma = noiseSigmaM * Math.sqrt(1 - keep * keep) * (speedMs === 0 ? 0.3 : 1);
    this.errorX = keep * this.errorX + sigma * this.#random.gauss();
    this.errorY = keep * this.errorY + sigma * this.#random.gauss();
    const hours = this.isCharging ? chargeHours : -this.#batteryHours;
    this.batteryPct = Math.min(100, Math.max(1, this.batteryPct + (100 * dtS) / (hours * 3600)));
    if (this.batteryPct < 12) this.isCharging = true;
    if (this.batteryPct >= 100) this.isCharging = false;
  }
}

function measure(vehicle: Vehicle, receiver: Receiver): { lat: number; lon: number } {
  const { x, y } = vehicle.point;
  return toCoordinates({ x: x + receiver.errorX, y: y + receiver.errorY });
}

function describeOwnTracks(time: number, name: string, vehicle: Vehicle, receiver: Receiver): object {
  const tst = Math.floor(time / 1000);
  return {
    _type: "location",
    tid: name.slice(0, 1) + name.slice(-1),
    ...measure(vehicle, receiver),
    tst,
    created_at: tst,
    acc: receiver.accuracyM,
    alt: Math.round(receiver.altitudeM),
    vac: 4,
    vel: Math.round(vehicle.speedMs * 3.6),
    cog: Math.round(vehicle.courseDeg) % 360,
    batt: Math.round(receiver.batteryPct),
    bs: receiver.isCharging ? 2 : 1,
    conn: "m",
    m: 2,
    t: "t",
  };
}

function describeNative(time: number, _name: string, vehicle: Vehicle, receiver: Receiver): object {
  return {
    time: isoTime(time),
    ...measure(vehicle, receiver),
    speedKmh: roundTo(vehicle.speedMs * 3.6, 1),
    courseDeg: roundTo(vehicle.courseDeg, 1) % 360,
    accuracyM: receiver.accuracyM,
    altM: roundTo(receiver.altitudeM, 1),
    satellites: receiver.satellites,
    batteryPct: roundTo(receiver.batteryPct, 1),
  };
}
