import { type Box, isInBox, type Position } from "./geo.ts";

/** Cells of the finest level are 360/2^17 degrees (some 300 m): smaller things share a cell with their neighbours. */
const maxLevel = 17;

/** Items of one size: by cell, the places of the items in the index. */
interface Level {
  readonly level: number;
  readonly cells: Map<number, number[]>;
}

/**
 * Finds the things whose boxes hold a place, among tens of thousands. A grid of several levels: each thing is in the level
 * whose cells are just larger than it, and so in four cells at most; finding looks into one cell a level, at most 18.
 * Give each thing the box in which it matters (`widen` it by how far away it may be noticed).
 */
export class GridIndex<Item> {
  readonly #items: readonly Item[];
  readonly #boxes: readonly Box[];
  readonly #levels: readonly Level[];

  constructor(items: readonly Item[], boxOf: (item: Item) => Box) {
    this.#items = items;
    this.#boxes = items.map(boxOf);
    const levels = new Map<number, Level>();
    for (const [index, box] of this.#boxes.entries()) {
      const level = levelOf(box);
      const own = levels.get(level) ?? { level, cells: new Map<number, number[]>() };
      levels.set(level, own);
      for (const cell of cellsOf(box, level)) {
        const inCell = own.cells.get(cell);
        if (inCell) inCell.push(index);
        else own.cells.set(cell, [index]);
      }
    }
    this.#levels = [...levels.values()];
  }

  /** The things whose boxes hold the place, in the order in which they were given. */
  at(place: Position): Item[] {
    const found: number[] = [];
    for (const { level, cells } of this.#levels) {
      const inCell = cells.get(cellAt(column(place.lon, level), row(place.lat, level)));
      if (inCell === undefined) continue;
      const before = found.length;
      for (const index of inCell) if (isInBox(place, this.#boxes[index] as Box)) found.push(index);
      // Those of one cell are in their order.
      if (before > 0 && found.length > before) found.sort((one, other) => one - other);
    }
    const items: Item[] = [];
    for (const index of found) items.push(this.#items[index] as Item);
    return items;
  }
}

function levelOf({ west, south, east, north }: Box): number {
  const size = Math.max(east - west, north - south);
  let level = 0;
  while (level < maxLevel && 360 / 2 ** (level + 1) >= size) level++;
  return level;
}

function cellsOf({ west, south, east, north }: Box, level: number): Set<number> {
  const cells = new Set<number>();
  const [firstRow, lastRow] = [row(south, level), row(north, level)];
  const [firstColumn, lastColumn] = [flatColumn(west, level), flatColumn(east, level)];
  for (let x = firstColumn; x <= lastColumn; x++) {
    for (let y = firstRow; y <= lastRow; y++) cells.add(cellAt(x % 2 ** level, y));
  }
  return cells;
}

function cellAt(column: number, row: number): number {
  return column * 2 ** maxLevel + row;
}

/** Cells from 180 degrees west; beyond the date line they begin again. */
function column(lon: number, level: number): number {
  return flatColumn(lon, level) % 2 ** level;
}

function flatColumn(lon: number, level: number): number {
  return Math.floor(((lon + 180) / 360) * 2 ** level);
}

function row(lat: number, level: number): number {
  return Math.floor(((lat + 90) / 360) * 2 ** level);
}
