import type { Values } from "../model/reading.ts";
import { bodyExtras, bodyValues, freeShape, readBody, type Shape, writeBody } from "../wire/body.ts";
import type { MsgpackWriter } from "../wire/writer.ts";

/**
 * A topic's merged values. Never changed in place: whoever was given one may keep it.
 *
 * A class, since V8 allots literals that live on for a second among the old objects, and what old objects refer to outlives them
 * until the next full collection: every reading would.
 */
export class LatestState {
  /** The highest seq that contributed. */
  readonly seq: number;
  /** The newest observation time among the values. */
  readonly time: number;
  readonly values: Values;
  /** Observation time of each value that is older than `time`; null if there is none. */
  readonly times: Readonly<Record<string, number>> | null;
  /** Remarks of the reading that set `time`; null if it has none. */
  readonly attrs: Values | null;
  /** The shape with exactly the names of `values`, if one is known. */
  readonly shape: Shape | null;

  constructor(
    seq: number,
    time: number,
    values: Values,
    times: Readonly<Record<string, number>> | null,
    attrs: Values | null,
    shape: Shape | null,
  ) {
    this.seq = seq;
    this.time = time;
    this.values = values;
    this.times = times;
    this.attrs = attrs;
    this.shape = shape;
  }
}

interface Observation {
  readonly seq: number;
  readonly time: number;
  readonly values: Values;
  readonly attrs: Values | null;
  readonly shape: Shape;
}

/**
 * Merges an observation, field by field: a value replaces one that was observed earlier or at the same time. Records must
 * come in seq order; merging the same stretch of records again, whole and in order, changes nothing.
 */
export function mergeLatest(old: LatestState | null, reading: Observation, maxFields: number): LatestState {
  const { seq, time, values, attrs } = reading;
  const shape = reading.shape.id === 0 ? null : reading.shape;
  if (old && isEmpty(values)) return old;
  // Most devices always send the same fields: then nothing of the old state is left.
  if (!old || isEmpty(old.values) || (time >= old.time && shape !== null && shape === old.shape)) {
    return withinLimit(new LatestState(seq, time, values, null, attrs, shape), maxFields);
  }
  return time >= old.time ? mergeNewer(old, reading, maxFields) : mergeLate(old, reading, maxFields);
}

function isEmpty(values: Values): boolean {
  for (const _name in values) return false;
  return true;
}

function mergeNewer(old: LatestState, reading: Observation, maxFields: number): LatestState {
  const { seq, time, attrs } = reading;
  const values = { ...old.values, ...reading.values };
  const times: Record<string, number> = {};
  let older = 0;
  for (const name of Object.keys(old.values)) {
    if (Object.hasOwn(reading.values, name)) continue;
    const observed = old.times?.[name] ?? old.time;
    if (observed === time) continue;
    times[name] = observed;
    older++;
  }
  if (older > 0) return withinLimit(new LatestState(seq, time, values, times, attrs, null), maxFields);
  // Same instant, or the reading has every name: then its shape fits if the names are the same.
  const isWhole = Object.keys(values).length === reading.shape.names.length;
  const shape = isWhole ? reading.shape : null;
  return withinLimit(new LatestState(seq, time, values, null, attrs, shape), maxFields);
}

/** Late data fills in what is missing or even older; it never replaces a newer value. */
function mergeLate(old: LatestState, reading: Observation, maxFields: number): LatestState {
  const taken: Values = {};
  const times: Record<string, number> = {};
  for (const [name, value] of Object.entries(reading.values)) {
    const has = Object.hasOwn(old.values, name);
    if (has && (old.times?.[name] ?? old.time) > reading.time) continue;
    taken[name] = value;
    times[name] = reading.time;
  }
  if (Object.keys(taken).length === 0) return old;
  const values = { ...old.values, ...taken };
  const allTimes = { ...old.times, ...times };
  return withinLimit(new LatestState(reading.seq, old.time, values, allTimes, old.attrs, null), maxFields);
}

function withinLimit(state: LatestState, maxFields: number): LatestState {
  const count = state.shape ? state.shape.names.length : Object.keys(state.values).length;
  if (count <= maxFields) return state;
  const observed = (name: string) => state.times?.[name] ?? state.time;
  const names = Object.keys(state.values).sort((a, b) => observed(b) - observed(a));
  const values: Values = {};
  const times: Record<string, number> = {};
  for (const name of names.slice(0, maxFields)) {
    values[name] = state.values[name] as Values[string];
    if (observed(name) < state.time) times[name] = observed(name);
  }
  const { seq, time, attrs } = state;
  return new LatestState(seq, time, values, Object.keys(times).length > 0 ? times : null, attrs, null);
}

/** A state as an engine keeps it: a body in the free shape, ages in the values' order. */
export function encodeLatest(writer: MsgpackWriter, topicId: number, state: LatestState): Uint8Array {
  const { seq, time, values, times, attrs } = state;
  const ages = times && Object.keys(values).map((name) => time - (times[name] ?? time));
  writeBody(writer, seq, topicId, freeShape, time, values, ages, attrs);
  return writer.take();
}

/** Undoes `encodeLatest`. @throws Error if the bytes are not a body */
export function decodeLatest(bytes: Uint8Array): LatestState {
  const { seq, time, rest } = readBody(bytes);
  const values = bodyValues(freeShape, rest);
  const { ages, attrs } = bodyExtras(freeShape, rest);
  if (!ages) return new LatestState(seq, time, values, null, attrs, null);
  const times: Record<string, number> = {};
  for (const [index, name] of Object.keys(values).entries()) {
    const age = ages[index] ?? 0;
    if (age > 0) times[name] = time - age;
  }
  return new LatestState(seq, time, values, times, attrs, null);
}
