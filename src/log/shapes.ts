import { decimalsOf, freeShape, type Shape } from "../wire/body.ts";

/** Longer lists are written with their names each time: remembering them would cost more than it saves. */
const maxShapeNames = 256;
const maxShapeNameBytes = 8_192;

/** The dictionary of shapes, bounded; when it is full, new lists of names get the free shape. */
export class ShapeTable {
  readonly #maxShapes: number;
  readonly #byNames = new Map<string, Shape>();
  readonly #byId = new Map<number, Shape>([[freeShape.id, freeShape]]);
  #lastId = 0;
  #unstored: Shape[] = [];

  constructor(maxShapes: number, stored: readonly Shape[]) {
    this.#maxShapes = maxShapes;
    for (const shape of stored) this.#add(shape);
  }

  byId(id: number): Shape | undefined {
    return this.#byId.get(id);
  }

  /** The shape with exactly these names in this order, made if it is new and there is room. */
  resolve(names: readonly string[]): Shape {
    const key = names.join("\u0000");
    const known = this.#byNames.get(key);
    // A name can contain the separator.
    if (known) return sameNames(known.names, names) ? known : freeShape;
    const isLong = names.length > maxShapeNames || key.length > maxShapeNameBytes;
    if (isLong || this.#byNames.size >= this.#maxShapes) return freeShape;
    const shape = { id: this.#lastId + 1, names: [...names], decimals: names.map(decimalsOf) };
    this.#unstored.push(shape);
    return this.#add(shape);
  }

  /** What the next commit must tell the engine. Give it back with `untake` if the commit fails. */
  take(): Shape[] {
    const taken = this.#unstored;
    this.#unstored = [];
    return taken;
  }

  untake(taken: readonly Shape[]): void {
    this.#unstored = [...taken, ...this.#unstored];
  }

  /** The engine has lost all but `stored` of what it was told. */
  storedAre(stored: readonly Shape[]): void {
    const known = new Set([freeShape.id, ...stored.map(({ id }) => id)]);
    this.#unstored = [...this.#byId.values()].filter(({ id }) => !known.has(id));
  }

  #add(shape: Shape): Shape {
    this.#byNames.set(shape.names.join("\u0000"), shape);
    this.#byId.set(shape.id, shape);
    this.#lastId = Math.max(this.#lastId, shape.id);
    return shape;
  }
}

function sameNames(a: readonly string[], b: readonly string[]): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
