import { type City, type Edge, type Leg, legEnd, legStart } from "./city.ts";
import { isWeekend, localHour } from "./localtime.ts";
import { noiseAt, seedFor, smoothNoiseAt } from "./random.ts";

/** How full and how fast the streets are: a pure function of the seed and the time. */
export interface Traffic {
  /** Vehicles per hour on the leg. */
  flowVph(leg: Leg, time: number): number;
  /** Speed of the traffic over the speed limit, which counts as free flow; about 0.05 to 1.05. */
  speedRatio(leg: Leg, time: number): number;
}

interface Jam {
  readonly leg: Leg;
  readonly start: number;
  readonly end: number;
  /** Speed ratio in the worst of it. */
  readonly ratio: number;
}

// Share of capacity by local hour: two peaks on working days, one broad one at weekends.
const workdayProfile = [
  0.06, 0.04, 0.03, 0.04, 0.08, 0.22, 0.55, 0.88, 0.92, 0.66, 0.55, 0.56, 0.6, 0.62, 0.7, 0.86, 0.95, 0.88,
  0.64, 0.46, 0.36, 0.28, 0.2, 0.12,
];
const weekendProfile = [
  0.12, 0.09, 0.07, 0.05, 0.05, 0.07, 0.11, 0.17, 0.26, 0.38, 0.5, 0.57, 0.62, 0.63, 0.62, 0.6, 0.58, 0.54,
  0.48, 0.4, 0.32, 0.26, 0.21, 0.16,
];

const defaultJamEveryMs = 12 * 60_000;
/** No jam is over later than this after the beginning of its slot. */
const maxJamMs = 13 * 60_000;
const jamRampMs = 60_000;
/** A jam reaches the legs that feed it after this time. */
const jamSpreadMs = 150_000;
/** Jams happen on this many of the busiest edges, which are also the first ones to get sensors. */
const jamEdgeCount = 8;

/** The edges in the order in which they get sensors: the fast and long first, spread over the streets. */
export function busiestEdges(city: City): Edge[] {
  const taken = new Map<string, number>();
  const ranked = city.edges
    .toSorted((a, b) => b.limitKmh * b.lengthM - a.limitKmh * a.lengthM || a.id - b.id)
    .map((edge) => {
      const rank = taken.get(edge.street) ?? 0;
      taken.set(edge.street, rank + 1);
      return { edge, rank };
    });
  return ranked.toSorted((a, b) => a.rank - b.rank).map(({ edge }) => edge);
}

/** @param jamEveryMs a jam begins about so often, in one place or another */
export function createTraffic(city: City, seed: number, jamEveryMs = defaultJamEveryMs): Traffic {
  const jamEdges = busiestEdges(city).slice(0, jamEdgeCount);
  const jamSeed = seedFor(seed, "jams");
  const jamSlots = Math.floor(maxJamMs / jamEveryMs);
  const flowSeed = seedFor(seed, "flow");

  function jamOf(slot: number): Jam {
    const draw = (n: number): number => noiseAt(jamSeed, slot * 8 + n);
    const edge = jamEdges[Math.floor(draw(0) * jamEdges.length)] as Edge;
    const start = slot * jamEveryMs + draw(1) * 120_000;
    const end = start + (6 + 5 * draw(2)) * 60_000;
    return { leg: { edge, isForward: draw(3) < 0.5 }, start, end, ratio: 0.07 + 0.3 * draw(4) };
  }

  function jamRatio(leg: Leg, time: number): number {
    const slot = Math.floor(time / jamEveryMs);
    let ratio = Number.POSITIVE_INFINITY;
    for (let of = slot; of >= slot - jamSlots; of--) ratio = Math.min(ratio, ratioIn(jamOf(of), leg, time));
    return ratio;
  }

  function saturation(leg: Leg, time: number): number {
    const profile = isWeekend(time) ? weekendProfile : workdayProfile;
    const hour = localHour(time);
    const index = Math.floor(hour);
    const share =
      (profile[index] as number) * (index + 1 - hour) +
      (profile[(index + 1) % 24] as number) * (hour - index);
    // Towards the centre in the morning, away from it in the evening.
    const tide = leg.isForward === hour < 12 ? 1.08 : 0.92;
    const series = flowSeed + leg.edge.id * 2 + (leg.isForward ? 1 : 0);
    return share * tide * (0.85 + 0.3 * smoothNoiseAt(series, time / 180_000));
  }

  return {
    flowVph(leg, time) {
      const throughput = 0.35 + 0.65 * Math.min(1, jamRatio(leg, time));
      return capacityVph(leg.edge) * saturation(leg, time) * throughput;
    },
    speedRatio(leg, time) {
      // The volume-delay curve of the US Bureau of Public Roads (1964), steeper for city streets.
      const loaded = 1.04 / (1 + 0.35 * saturation(leg, time) ** 4);
      const series = flowSeed - leg.edge.id * 2 - (leg.isForward ? 1 : 0);
      const ripple = 0.97 + 0.06 * smoothNoiseAt(series, time / 40_000);
      return Math.max(0.05, Math.min(loaded, jamRatio(leg, time)) * ripple);
    },
  };
}

function capacityVph(edge: Edge): number {
  return edge.limitKmh >= 80 ? 3200 : edge.limitKmh * 22;
}

function ratioIn(jam: Jam, leg: Leg, time: number): number {
  const isHere = jam.leg.edge.id === leg.edge.id && jam.leg.isForward === leg.isForward;
  const isUpstream = !isHere && jam.leg.edge.id !== leg.edge.id && legEnd(leg) === legStart(jam.leg);
  if (!isHere && !isUpstream) return Number.POSITIVE_INFINITY;
  const start = jam.start + (isUpstream ? jamSpreadMs : 0);
  const strength = Math.min(1, (time - start) / jamRampMs, (jam.end - time) / jamRampMs);
  if (strength <= 0) return Number.POSITIVE_INFINITY;
  const worst = isUpstream ? Math.min(0.6, jam.ratio * 2) : jam.ratio;
  return 1 - strength * (1 - worst);
}
