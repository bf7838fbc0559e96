import { bearingDeg, distanceM, type Point } from "./geo.ts";

/** A stretch of street between two junctions, drivable both ways. */
export interface Edge {
  readonly id: number;
  readonly street: string;
  readonly from: number;
  readonly to: number;
  readonly lengthM: number;
  readonly limitKmh: number;
  /** Which of the two phases of a traffic light lets this street go. */
  readonly phase: 0 | 1;
}

/** An edge in the direction of travel. */
export interface Leg {
  readonly edge: Edge;
  readonly isForward: boolean;
}

export interface City {
  /** Junctions. */
  readonly nodes: readonly Point[];
  readonly edges: readonly Edge[];
  /** The legs that leave each junction. */
  readonly exits: readonly (readonly Leg[])[];
  /** Junctions by name: `c3r2` is where avenue 3 meets street 2, `ring4` lies on the ring road. */
  readonly names: ReadonlyMap<string, number>;
}

interface Street {
  readonly name: string;
  readonly limitKmh: number;
  readonly phase: 0 | 1;
  readonly through: readonly string[];
}

// Avenues run north, streets run east: name, metres east or north of the origin, speed limit in km/h.
const avenues: readonly (readonly [string, number, number])[] = [
  ["West Avenue", -1900, 40],
  ["Mill Avenue", -1250, 40],
  ["Library Avenue", -650, 30],
  ["Station Avenue", 0, 50],
  ["Market Avenue", 600, 40],
  ["Harbour Avenue", 1250, 50],
  ["East Avenue", 1950, 40],
];
const crossStreets: readonly (readonly [string, number, number])[] = [
  ["Shore Street", -300, 40],
  ["Fish Street", 250, 30],
  ["Long Street", 800, 50],
  ["Church Street", 1400, 40],
  ["Park Street", 2050, 40],
  ["North Street", 2750, 50],
];
const ringNodeCount = 9;
const ringLimitKmh = 80;
const gridTiltRad = 0.2;

/** Where the ring road is reached from the grid. */
const ramps: readonly (readonly [string, string])[] = [
  ["c0r1", "ring0"],
  ["c1r5", "ring3"],
  ["c3r5", "ring4"],
  ["c5r5", "ring5"],
  ["c6r1", "ring8"],
];

/** The park and the railway yard: pairs of junctions without a street between them. */
const gaps: ReadonlySet<string> = new Set(["c1r3 c2r3", "c2r3 c3r3", "c2r3 c2r4", "c4r1 c4r2"]);

/** Builds the street network: a tilted, uneven grid with a half ring around its north. */
export function createCity(): City {
  const nodes: Point[] = [];
  const names = new Map<string, number>();
  for (const [name, point] of [...gridNodes(), ...ringNodes()]) {
    names.set(name, nodes.length);
    nodes.push(point);
  }
  const edges: Edge[] = [];
  for (const street of streets()) {
    for (const [i, name] of street.through.slice(0, -1).entries()) {
      const next = street.through[i + 1] as string;
      if (gaps.has(`${name} ${next}`)) continue;
      const from = names.get(name) as number;
      const to = names.get(next) as number;
      const lengthM = distanceM(nodes[from] as Point, nodes[to] as Point);
      const { limitKmh, phase } = street;
      edges.push({ id: edges.length, street: street.name, from, to, lengthM, limitKmh, phase });
    }
  }
  const exits = nodes.map((_, node) =>
    edges.flatMap((edge): Leg[] => {
      if (edge.from === node) return [{ edge, isForward: true }];
      return edge.to === node ? [{ edge, isForward: false }] : [];
    }),
  );
  return { nodes, edges, exits, names };
}

function gridNodes(): [string, Point][] {
  return avenues.flatMap(([, eastM], c) =>
    crossStreets.map(([, northM], r): [string, Point] => {
      const x = eastM + 60 * Math.sin(1.3 * r + c);
      const y = northM + 50 * Math.cos(1.1 * c + 0.7 * r);
      const [sin, cos] = [Math.sin(gridTiltRad), Math.cos(gridTiltRad)];
      return [`c${c}r${r}`, { x: x * cos - y * sin, y: x * sin + y * cos }];
    }),
  );
}

function ringNodes(): [string, Point][] {
  return Array.from({ length: ringNodeCount }, (_, i) => {
    const angle = Math.PI * (1 - i / (ringNodeCount - 1)) + gridTiltRad;
    return [`ring${i}`, { x: -250 + 2900 * Math.cos(angle), y: 700 + 2900 * Math.sin(angle) }];
  });
}

function streets(): Street[] {
  const columns = [...avenues.keys()];
  const rows = [...crossStreets.keys()];
  const ring = Array.from({ length: ringNodeCount }, (_, i) => `ring${i}`);
  return [
    ...avenues.map(
      ([name, , limitKmh], c): Street => ({
        name,
        limitKmh,
        phase: 0,
        through: rows.map((r) => `c${c}r${r}`),
      }),
    ),
    ...crossStreets.map(
      ([name, , limitKmh], r): Street => ({
        name,
        limitKmh,
        phase: 1,
        through: columns.map((c) => `c${c}r${r}`),
      }),
    ),
    { name: "Ring Road", limitKmh: ringLimitKmh, phase: 1, through: ring },
    ...ramps.map((through, i): Street => ({ name: `Ring Ramp ${i + 1}`, limitKmh: 50, phase: 0, through })),
  ];
}

/** The legs between consecutive junctions of a path, e.g. of a transit line. */
export function legsAlong(city: City, path: readonly string[]): Leg[] {
  return path.slice(1).map((name, i) => {
    const from = city.names.get(path[i] as string);
    const to = city.names.get(name);
    const leg = from === undefined ? undefined : city.exits[from]?.find((exit) => legEnd(exit) === to);
    if (!leg) throw new Error(`the city has no street from ${path[i]} to ${name}`);
    return leg;
  });
}

export function legStart(leg: Leg): number {
  return leg.isForward ? leg.edge.from : leg.edge.to;
}

export function legEnd(leg: Leg): number {
  return leg.isForward ? leg.edge.to : leg.edge.from;
}

/** The place `offsetM` metres along the leg. */
export function pointOn(city: City, leg: Leg, offsetM: number): Point {
  const from = city.nodes[legStart(leg)] as Point;
  const to = city.nodes[legEnd(leg)] as Point;
  const part = offsetM / leg.edge.lengthM;
  return { x: from.x + (to.x - from.x) * part, y: from.y + (to.y - from.y) * part };
}

/** Course of travel on the leg, degrees clockwise from north. */
export function courseDeg(city: City, leg: Leg): number {
  return bearingDeg(city.nodes[legStart(leg)] as Point, city.nodes[legEnd(leg)] as Point);
}

const lightCycleMs = 50_000;
const greenMs = 21_000;

/** True if the traffic light at the end of the leg, should there be one, shows green. */
export function isGreen(city: City, leg: Leg, time: number): boolean {
  const node = legEnd(leg);
  const isCrossing = (city.exits[node]?.length ?? 0) >= 4 && leg.edge.limitKmh < ringLimitKmh;
  if (!isCrossing) return true;
  const shiftedMs = time + node * 17_000 + leg.edge.phase * (lightCycleMs / 2);
  return shiftedMs % lightCycleMs < greenMs;
}
