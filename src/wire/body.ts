import { decode } from "@msgpack/msgpack";
import type { Value, Values } from "../model/reading.ts";
import type { MsgpackWriter } from "./writer.ts";

/** The order and scaling of the values in a body. */
export interface Shape {
  /** Small, starts at 1, never used twice within an epoch. */
  readonly id: number;
  readonly names: readonly string[];
  /** Decimals kept per value: a number is written as `value × 10^decimals` when that is exact. */
  readonly decimals: readonly number[];
}

/** The shape that has no list of names: one map of names to values follows instead. */
export const freeShape: Shape = { id: 0, names: [], decimals: [] };

/** Ahead of the values: seq, topic, shape, time. */
export const bodyHeadItems = 4;

/** What a body says, its numbers for topic and shape not yet looked up. */
export interface Body {
  readonly seq: number;
  readonly topicId: number;
  readonly shapeId: number;
  /** Epoch milliseconds. */
  readonly time: number;
  /** The values in the shape's order, and what `bodyExtras` reads behind them. */
  readonly rest: readonly unknown[];
}

// Degrees to 1 cm, speeds and angles to a hundredth, electrical values as meters give them. A value that needs more
// is still sent exactly, in an array of one.
const usualDecimals: Readonly<Record<string, number>> = {
  lat: 7,
  lon: 7,
  altM: 2,
  speedKmh: 2,
  courseDeg: 2,
  accuracyM: 2,
  hdop: 2,
  powerW: 1,
  apparentPowerVa: 1,
  reactivePowerVar: 1,
  powerFactor: 2,
  voltageV: 2,
  currentA: 3,
  frequencyHz: 2,
  occupancyPct: 2,
  speedRatio: 4,
};

/** How many decimals a value of this name is scaled by in a body. */
export function decimalsOf(name: string): number {
  return Object.hasOwn(usualDecimals, name) ? (usualDecimals[name] as number) : 0;
}

const powersOfTen = [1, 10, 100, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9];

/** What a body may carry behind its values. */
export interface BodyExtras {
  /** Milliseconds before `time` of each value, in the values' order; in the free shape only. */
  readonly ages: readonly number[] | null;
  /** Remarks that are not measurements. */
  readonly attrs: Values | null;
}

/**
 * Writes one body. `values` must have exactly the names of `shape`, in its order, unless it is the free shape.
 * @param ages with the free shape only: elsewhere the place behind the values is that of `attrs`
 */
export function writeBody(
  writer: MsgpackWriter,
  seq: number,
  topicId: number,
  shape: Shape,
  time: number,
  values: Values,
  ages: readonly number[] | null = null,
  attrs: Values | null = null,
): void {
  const { names, decimals } = shape;
  const isFree = shape.id === 0;
  const hasAges = isFree && (ages !== null || attrs !== null);
  writer.arrayHeader(bodyHeadItems + valueItems(shape) + (hasAges ? 1 : 0) + (attrs ? 1 : 0));
  writer.number(seq);
  writer.number(topicId);
  writer.number(shape.id);
  writer.number(time);
  if (isFree) writer.map(values);
  else {
    for (let i = 0; i < names.length; i++) {
      writeScaled(writer, values[names[i] as string] as Value, decimals[i] as number);
    }
  }
  if (hasAges) writer.value(ages);
  if (attrs) writer.value(attrs);
}

function writeScaled(writer: MsgpackWriter, value: Value, decimals: number): void {
  if (decimals === 0) return writer.value(value);
  if (typeof value === "number") {
    const power = powersOfTen[decimals] as number;
    const scaled = Math.round(value * power);
    if (Number.isSafeInteger(scaled) && scaled / power === value) return writer.number(scaled);
  } else if (!Array.isArray(value)) return writer.value(value);
  writer.arrayHeader(1);
  writer.value(value);
}

/** The values of a decoded body; what stands behind them is not read here. */
export function bodyValues(shape: Shape, rest: readonly unknown[]): Values {
  if (shape.id === 0) return rest[0] as Values;
  const values: Values = {};
  for (let i = 0; i < shape.names.length; i++) {
    const decimals = shape.decimals[i] as number;
    const item = rest[i] as Value;
    values[shape.names[i] as string] = decimals === 0 ? item : unscaled(item, decimals);
  }
  return values;
}

/** What `writeBody` made of a value whose name is scaled. */
export function unscaled(item: Value, decimals: number): Value {
  if (typeof item === "number") return item / (powersOfTen[decimals] as number);
  return Array.isArray(item) ? (item[0] as Value) : item;
}

/** What stands behind the values of a decoded body. */
export function bodyExtras(shape: Shape, rest: readonly unknown[]): BodyExtras {
  const [first, second] = rest.slice(valueItems(shape));
  const [ages, attrs] = shape.id === 0 ? [first, second] : [null, first];
  return { ages: (ages ?? null) as BodyExtras["ages"], attrs: (attrs ?? null) as BodyExtras["attrs"] };
}

/** Number of a body's items that are values of `shape`. */
function valueItems(shape: Shape): number {
  return shape.id === 0 ? 1 : shape.names.length;
}

/** Splits a decoded body array. Returns null if it is not one. */
export function splitBody(items: unknown): Body | null {
  if (!Array.isArray(items) || items.length < bodyHeadItems) return null;
  const [seq, topicId, shapeId, time] = items as number[];
  if (typeof seq !== "number" || typeof topicId !== "number") return null;
  if (typeof shapeId !== "number" || typeof time !== "number") return null;
  return { seq, topicId, shapeId, time, rest: items.slice(bodyHeadItems) };
}

/** Bounds for decoding what came over a network or from a file: five bytes can otherwise allocate 128 MB. */
export const decodeLimits = {
  maxStrLength: 1 << 20,
  maxBinLength: 1 << 20,
  maxArrayLength: 65_536,
  maxMapLength: 4_096,
  maxExtLength: 0,
} as const;

/**
 * Decodes one body.
 * @throws Error if the bytes are not one
 */
export function readBody(bytes: Uint8Array): Body {
  const body = splitBody(decode(bytes, decodeLimits));
  if (!body) throw new Error("not a body: expected an array of seq, topic, shape, time and values");
  return body;
}
