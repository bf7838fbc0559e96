import { nearLon, type Position } from "./geo.ts";

/** A corner on the plane of longitudes (written so that edges take the short way) and latitudes. */
interface Corner {
  readonly x: number;
  readonly y: number;
  /** Its place in the list, from 1. */
  readonly number: number;
}

interface Edge {
  readonly from: Corner;
  readonly to: Corner;
  readonly west: number;
  readonly east: number;
}

/**
 * Says why the corners are not the outline of one area: fewer than three different ones, all on one line, or edges that cross;
 * null if they are. Edges may touch: so an outline can lead in to a hole and out again. Not for areas that hold a pole.
 */
export function outlineProblem(positions: readonly Position[]): string | null {
  const corners = differentCorners(positions);
  if (corners.length < 3) return "it needs three different corners, in the order of the way around";
  const edges = corners.map((from, at) => edgeBetween(from, corners[(at + 1) % corners.length] as Corner));
  const crossing = findCrossing(edges);
  if (crossing !== null) {
    const [one, other] = crossing.map(({ from, to }) => `${from.number} to ${to.number}`);
    return `the edges from corner ${one} and ${other} cross; list the corners in the order of the way around`;
  }
  const [a] = corners as [Corner];
  const isLine = corners.every((b, at) => turn(a, b, corners[(at + 1) % corners.length] as Corner) === 0);
  return isLine ? "all of its corners are on one line, so nothing is inside" : null;
}

/** Without those that repeat the one before (the last one: the first one). */
function differentCorners(positions: readonly Position[]): Corner[] {
  const corners: Corner[] = [];
  let x = positions[0]?.lon ?? 0;
  for (const [index, { lat, lon }] of positions.entries()) {
    x = nearLon(lon, x);
    const before = corners.at(-1);
    if (before?.x !== x || before.y !== lat) corners.push({ x, y: lat, number: index + 1 });
  }
  const [first, last] = [corners[0], corners.at(-1)];
  if (corners.length > 1 && first?.x === last?.x && first?.y === last?.y) corners.pop();
  return corners;
}

function edgeBetween(from: Corner, to: Corner): Edge {
  return { from, to, west: Math.min(from.x, to.x), east: Math.max(from.x, to.x) };
}

/** From west to east, so that each edge is compared with those only that begin before it ends. */
function findCrossing(edges: readonly Edge[]): [Edge, Edge] | null {
  const sorted = edges.toSorted((one, other) => one.west - other.west);
  for (const [at, one] of sorted.entries()) {
    for (let next = at + 1; next < sorted.length; next++) {
      const other = sorted[next] as Edge;
      if (other.west > one.east) break;
      if (cross(one, other)) return one.from.number < other.from.number ? [one, other] : [other, one];
    }
  }
  return null;
}

function cross(one: Edge, other: Edge): boolean {
  return (
    turn(one.from, one.to, other.from) * turn(one.from, one.to, other.to) < 0 &&
    turn(other.from, other.to, one.from) * turn(other.from, other.to, one.to) < 0
  );
}

/** 1 if `c` is left of the line from `a` to `b`, -1 if it is right of it, 0 on it. */
function turn(a: Corner, b: Corner, c: Corner): number {
  return Math.sign((b.x - a.x) * (c.y - a.y) - (b.y - a.y) * (c.x - a.x));
}
