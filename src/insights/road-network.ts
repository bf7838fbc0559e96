import type { Values } from "../model/reading.ts";
import {
  type Box,
  bearingDeg,
  bendDeg,
  boxAround,
  distanceM,
  nearestOnLine,
  type Position,
  widen,
} from "./geo.ts";
import { GridIndex } from "./grid-index.ts";
import {
  joinM,
  lineLengthM,
  placeOfCorner,
  type RoadSettings,
  type SegmentSettings,
  type SensorSettings,
} from "./road-settings.ts";

/** A vehicle whose course differs by more from a line's is not on it but crosses it, degrees. */
const maxBendDeg = 45;
/** A road that bends back by more than this at a junction is the same road in the other direction, degrees. */
const turnBackDeg = 150;

/** A stretch of road, joined to others. */
export interface Segment {
  readonly name: string;
  /** Its place in the settings. */
  readonly order: number;
  readonly lengthM: number;
  readonly freeFlowKmh: number;
  readonly freeFlowS: number;
  readonly oneWay: boolean;
  /** Whence traffic comes to it, and where it goes. */
  readonly upstream: Segment[];
  readonly downstream: Segment[];
}

/** A sensor at a segment. */
interface Mounted {
  readonly segment: Segment;
  readonly sensor: SensorSettings;
}

/** A straight piece of a segment's line. */
interface Piece {
  readonly segment: Segment;
  readonly from: Position;
  readonly to: Position;
  readonly bearing: number;
}

/** A segment with the pieces of its line; none without a line. */
interface Drawn {
  readonly segment: Segment;
  readonly pieces: readonly Piece[];
}

/** The roads: which segment a sensor measures, and which one a vehicle is on. */
export class RoadNetwork {
  readonly segments: ReadonlyMap<string, Segment>;
  readonly #sensors = new Map<string, Mounted[]>();
  readonly #pieces: GridIndex<Piece>;
  readonly #matchM: number;

  constructor(settings: Pick<RoadSettings, "segments" | "matchM">) {
    const drawn = settings.segments.map(draw);
    this.segments = new Map(drawn.map(({ segment }) => [segment.name, segment]));
    this.#matchM = settings.matchM;
    const boxOf = ({ from, to }: Piece): Box => widen(boxAround([from, to]), settings.matchM);
    this.#pieces = new GridIndex(
      drawn.flatMap(({ pieces }) => pieces),
      boxOf,
    );
    join(drawn);
    for (const { name, sensors } of settings.segments) {
      const segment = this.segments.get(name) as Segment;
      for (const sensor of sensors) {
        const mounted = this.#sensors.get(sensor.device) ?? [];
        mounted.push({ segment, sensor });
        this.#sensors.set(sensor.device, mounted);
      }
    }
  }

  /** The segments that a sensor's channel measures. */
  measuredBy(device: string, channel: string | undefined): readonly Mounted[] {
    const mounted = this.#sensors.get(device) ?? [];
    return mounted.filter(({ sensor }) => sensor.channel === undefined || sensor.channel === channel);
  }

  /**
   * The segment on which a moving vehicle is: the nearest one that runs its way. Null if there is none; and, without a
   * course, if there are several.
   */
  match(place: Position, courseDeg: number | null): Segment | null {
    let best: Segment | null = null;
    let bestScore = Number.POSITIVE_INFINITY;
    for (const { piece, awayM } of this.#near(place)) {
      const { segment, bearing } = piece;
      if (courseDeg === null) {
        if (best !== null && best !== segment) return null;
        best = segment;
        continue;
      }
      const bend = bendDeg(courseDeg, bearing);
      const turn = segment.oneWay ? bend : Math.min(bend, 180 - bend);
      if (turn > maxBendDeg) continue;
      // A receiver's course is good to some degrees: going quite across counts as much as being half of `matchM` away.
      const score = awayM + (turn / maxBendDeg) * (this.#matchM / 2);
      if (score < bestScore) [best, bestScore] = [segment, score];
    }
    return best;
  }

  /** True if the place is close enough to be on the segment. */
  isNear(segment: string, place: Position): boolean {
    return this.#near(place).some(({ piece }) => piece.segment.name === segment);
  }

  #near(place: Position): { readonly piece: Piece; readonly awayM: number }[] {
    return this.#pieces
      .at(place)
      .map((piece) => ({ piece, awayM: nearestOnLine(place, piece.from, piece.to).distanceM }))
      .filter(({ awayM }) => awayM <= this.#matchM);
  }
}

/**
 * What a sensor's reading says of the speed there, km/h: its speed; else its `speedRatio` of the segment's free-flow speed; else
 * what flow and occupancy of a single loop give, v = q·L/o (Athol, Interdependence of certain operational characteristics
 * within a moving traffic stream, 1965). The better kind has the lower rank. Null if it says nothing.
 */
export function sensedSpeed(
  values: Values,
  { segment, sensor: { loopLengthM } }: Mounted,
): { readonly speedKmh: number; readonly rank: number } | null {
  const { speedKmh, speedRatio, flowVph, occupancyPct } = values;
  const isOccupied = isMeasure(occupancyPct) && occupancyPct > 0;
  // Nobody passed: a mean speed over no vehicles is no standstill.
  const isEmpty = tellsEmptyRoad(values);
  if (isMeasure(speedKmh) && !(speedKmh === 0 && isEmpty)) return { speedKmh, rank: 0 };
  if (isMeasure(speedRatio) && !(speedRatio === 0 && isEmpty))
    return { speedKmh: speedRatio * segment.freeFlowKmh, rank: 1 };
  if (loopLengthM === undefined || !isOccupied || !isMeasure(flowVph) || flowVph === 0) return null;
  // Vehicles/h · m / (1000 m/km · occupancyPct/100).
  return { speedKmh: (flowVph * loopLengthM) / (10 * occupancyPct), rank: 2 };
}

/** Whether a sensor's reading says that nobody passed, and nobody stands there. */
export function tellsEmptyRoad({ flowVph, occupancyPct }: Values): boolean {
  return flowVph === 0 && !(isMeasure(occupancyPct) && occupancyPct > 0);
}

export function isMeasure(value: unknown): value is number {
  return typeof value === "number" && Number.isFinite(value) && value >= 0;
}

function draw({ name, line, lengthM, freeFlowKmh, oneWay }: SegmentSettings, order: number): Drawn {
  const metres = lengthM ?? (line === undefined ? 0 : lineLengthM(line));
  const freeFlowS = (metres / freeFlowKmh) * 3.6;
  const segment = {
    name,
    order,
    lengthM: metres,
    freeFlowKmh,
    freeFlowS,
    oneWay,
    upstream: [],
    downstream: [],
  };
  const corners = (line ?? []).map(placeOfCorner);
  const pieces = corners.slice(1).flatMap((to, index): Piece[] => {
    const from = corners[index] as Position;
    // A corner that is written twice leads nowhere.
    return distanceM(from, to) === 0 ? [] : [{ segment, from, to, bearing: bearingDeg(from, to) }];
  });
  return { segment, pieces };
}

/** Finds which segments follow each other: one begins where the other ends, and does not lead back. */
function join(drawn: readonly Drawn[]): void {
  const withLine = drawn.filter(({ pieces }) => pieces.length > 0);
  const starts = new GridIndex(withLine, ({ pieces }) => {
    const { from } = pieces[0] as Piece;
    return widen(boxAround([from]), joinM);
  });
  for (const { segment, pieces } of withLine) {
    const end = pieces.at(-1) as Piece;
    for (const next of starts.at(end.to)) {
      const start = next.pieces[0] as Piece;
      if (next.segment === segment || distanceM(end.to, start.from) > joinM) continue;
      if (bendDeg(end.bearing, start.bearing) > turnBackDeg) continue;
      segment.downstream.push(next.segment);
      next.segment.upstream.push(segment);
    }
  }
}
