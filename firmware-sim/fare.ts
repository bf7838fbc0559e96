import { isoTime } from "../src/model/reading.ts";
import type { Device, DeviceSettings, Message } from "./device.ts";
import { dayMs, localDay } from "./localtime.ts";
import { createRandom, type Random, seedFor } from "./random.ts";

interface Airport {
  readonly code: string;
  readonly zone: string;
}

/** A flight on sale. Amounts are minor units of the currency; `exponent` as in ISO 4217. */
interface Flight {
  readonly from: Airport;
  readonly to: Airport;
  readonly carrier: string;
  readonly number: string;
  readonly cabin: string;
  readonly currency: string;
  readonly exponent: number;
  readonly usualMinor: number;
  /** Local wall times; the arrival is `nights` days later. */
  readonly departs: string;
  readonly arrives: string;
  readonly nights: number;
}

const helsinki: Airport = { code: "HEL", zone: "Europe/Helsinki" };
const euro = { currency: "EUR", exponent: 2, cabin: "economy", carrier: "ZZ" };
const flights: readonly Flight[] = [
  {
    ...euro,
    from: helsinki,
    to: { code: "ARN", zone: "Europe/Stockholm" },
    number: "803",
    usualMinor: 8900,
    departs: "07:25",
    arrives: "07:30",
    nights: 0,
  },
  {
    ...euro,
    from: helsinki,
    to: { code: "LHR", zone: "Europe/London" },
    number: "1331",
    usualMinor: 18_450,
    departs: "08:00",
    arrives: "09:10",
    nights: 0,
  },
  {
    ...euro,
    from: helsinki,
    to: { code: "BKK", zone: "Asia/Bangkok" },
    number: "141",
    cabin: "business",
    usualMinor: 189_000,
    departs: "23:45",
    arrives: "16:05",
    nights: 1,
  },
  {
    from: { code: "LHR", zone: "Europe/London" },
    to: { code: "JFK", zone: "America/New_York" },
    carrier: "ZY",
    number: "117",
    cabin: "economy",
    currency: "GBP",
    exponent: 2,
    usualMinor: 32_100,
    departs: "16:38",
    arrives: "19:04",
    nights: 0,
  },
  {
    from: { code: "HND", zone: "Asia/Tokyo" },
    to: { code: "ITM", zone: "Asia/Tokyo" },
    carrier: "ZX",
    number: "13",
    cabin: "economy",
    currency: "JPY",
    exponent: 0,
    usualMinor: 12_800,
    departs: "07:00",
    arrives: "08:10",
    nights: 0,
  },
  {
    from: { code: "KWI", zone: "Asia/Kuwait" },
    to: { code: "DXB", zone: "Asia/Dubai" },
    carrier: "ZW",
    number: "673",
    cabin: "economy",
    currency: "KWD",
    exponent: 3,
    usualMinor: 45_125,
    departs: "09:15",
    arrives: "12:00",
    nights: 0,
  },
];

const source = "sim";
const validityMs = 15 * 60_000;
/** What the feed has kept of the time before its beginning. */
const pastMs = 60 * 60_000;
const pastStepMs = 60_000;
/** Now and then an offer that is over in seconds. */
const flashChance = 0.03;
const flashValidityMs = 20_000;
/** Prices are sold in steps of this share of the usual price, like the booking classes of an airline. */
const stepShare = 0.02;

/** The `index`-th offer's name, `HEL-ARN-1`. */
export function fareDeviceName(index: number): string {
  const flight = flightAt(index);
  return `${flight.from.code}-${flight.to.code}-${index + 1}`;
}

/** One offer of a quote feed: `fares/<source>/<from>-<to>/quote`, decimal strings and ISO 4217 codes. */
export function createFareDevice(settings: DeviceSettings, index: number): Device {
  const flight = flightAt(index);
  const random = createRandom(settings.seed);
  const offer = new Offer(random);
  const date = (localDay(settings.startTime) + 20 + random.below(60)) * dayMs;
  const topic = `fares/${source}/${flight.from.code}-${flight.to.code}/quote`;
  const quoteId = fareDeviceName(index);
  const quoteAt = (time: number, at: Offer): Message => {
    const quote = describeQuote({ time, quoteId, flight, offer: at, date });
    return { device: settings.id, topic, payload: JSON.stringify(quote) };
  };
  return {
    id: settings.id,
    domain: "fare",
    topic: `fare/${source}/${quoteId}`,
    model: "quote feed",
    step(_time, dtS) {
      offer.step(dtS);
      return [];
    },
    report: (time) => [quoteAt(time, offer)],
    // Told again so late, a quote must still stand, or nobody would count it.
    past: () => {
      const walk = new Offer(createRandom(seedFor(settings.seed, "past")), offer.level);
      walk.validityMs = pastMs + validityMs;
      const quotes: Message[] = [];
      for (let time = settings.startTime; time > settings.startTime - pastMs; time -= pastStepMs) {
        quotes.push(quoteAt(time, walk));
        walk.wander(pastStepMs / 1000);
      }
      return quotes.reverse();
    },
  };
}

function flightAt(index: number): Flight {
  return flights[index % flights.length] as Flight;
}

/** A price that wanders around its usual level, jumps at times, and comes back. */
class Offer {
  seats: number;
  validityMs = validityMs;
  /** Logarithm of price over usual price. */
  level: number;
  readonly #random: Random;

  constructor(random: Random, level?: number) {
    this.#random = random;
    this.seats = 1 + random.below(9);
    this.level = level ?? 0.12 * random.gauss();
  }

  /** The price alone; looked at backwards it wanders in the same way. */
  wander(dtS: number): void {
    const random = this.#random;
    // Ornstein-Uhlenbeck with a memory of 5 minutes, and about one jump in 4 minutes.
    this.level += (-this.level * dtS) / 300 + 0.008 * Math.sqrt(dtS) * random.gauss();
    if (random.chance(dtS / 240)) this.level += random.chance(0.5) ? -0.18 : 0.15;
    this.level = Math.max(-0.6, Math.min(0.9, this.level));
  }

  step(dtS: number): void {
    const random = this.#random;
    this.wander(dtS);
    if (random.chance(dtS / 45)) this.seats = Math.max(1, Math.min(9, this.seats + random.below(5) - 2));
    if (random.chance(dtS / 20)) this.validityMs = random.chance(flashChance) ? flashValidityMs : validityMs;
  }

  totalMinor(flight: Flight): number {
    const step = Math.round(flight.usualMinor * stepShare);
    const price = flight.usualMinor * Math.exp(this.level);
    return Math.max(step, Math.round(price / step) * step);
  }
}

interface Quote {
  readonly time: number;
  readonly quoteId: string;
  readonly flight: Flight;
  readonly offer: Offer;
  /** The local day of departure as if it were UTC, epoch ms. */
  readonly date: number;
}

function describeQuote({ time, quoteId, flight, offer, date }: Quote): object {
  const totalMinor = offer.totalMinor(flight);
  // Charges do not follow the price.
  const taxMinor = Math.min(totalMinor - 1, Math.round(flight.usualMinor * 0.3));
  const amount = (minor: number): string => decimal(minor, flight.exponent);
  return {
    v: 1,
    type: "fare.quote",
    quoteId,
    source,
    quotedAt: isoTime(time),
    expiresAt: isoTime(time + offer.validityMs),
    origin: flight.from.code,
    destination: flight.to.code,
    tripType: "oneway",
    passengers: { adult: 1 },
    price: {
      currency: flight.currency,
      total: amount(totalMinor),
      base: amount(totalMinor - taxMinor),
      tax: amount(taxMinor),
    },
    bookableSeats: offer.seats,
    slices: [{ segments: [describeSegment(flight, date)] }],
  };
}

function describeSegment(flight: Flight, date: number): object {
  const local = (day: number, clock: string): string => `${isoTime(day).slice(0, 10)}T${clock}:00`;
  return {
    carrier: flight.carrier,
    number: flight.number,
    operating: flight.carrier,
    from: flight.from.code,
    to: flight.to.code,
    departLocal: local(date, flight.departs),
    departTz: flight.from.zone,
    arriveLocal: local(date + flight.nights * dayMs, flight.arrives),
    arriveTz: flight.to.zone,
    cabin: flight.cabin,
    fareBasis: "KSIM10",
  };
}

/** Minor units as a decimal string, without floating point: 45125 with exponent 3 is `45.125`. */
export function decimal(minor: number, exponent: number): string {
  if (exponent === 0) return String(minor);
  const digits = String(minor).padStart(exponent + 1, "0");
  return `${digits.slice(0, -exponent)}.${digits.slice(-exponent)}`;
}
