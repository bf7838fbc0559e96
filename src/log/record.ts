import type { Values } from "../model/reading.ts";
import { bodyExtras, bodyValues, freeShape, readBody, type Shape } from "../wire/body.ts";
import type { LogRecord, Topic } from "./contract.ts";
import { integerBytes, readFlatValues } from "./flat-values.ts";

/** What the head of a body says, read without decoding its values. */
export interface BodyHead {
  seq: number;
  topicId: number;
  shapeId: number;
  time: number;
}

/** A committed record; its values are decoded from the body when they are first asked for. */
export class StoredRecord implements LogRecord {
  readonly seq: number;
  readonly topic: Topic;
  readonly time: number;
  readonly shapeId: number;
  readonly body: Uint8Array;
  /** Set when it is committed. */
  committedAt: number | undefined = undefined;
  readonly #shape: Shape;
  #values: Values | null;
  #attrs: Values | null;

  /**
   * @param values what `body` says, null to decode it on demand
   * @param attrs what `body` says if `values` is given
   */
  constructor(
    seq: number,
    topic: Topic,
    shape: Shape,
    time: number,
    values: Values | null,
    body: Uint8Array,
    attrs: Values | null,
  ) {
    this.seq = seq;
    this.topic = topic;
    this.time = time;
    this.shapeId = shape.id;
    this.body = body;
    this.#shape = shape;
    this.#values = values;
    this.#attrs = attrs;
  }

  get shape(): Shape {
    return this.#shape;
  }

  get values(): Values {
    return this.#values ?? this.#decode();
  }

  get attrs(): Values | null {
    if (this.#values === null) this.#decode();
    return this.#attrs;
  }

  #decode(): Values {
    this.#values = readFlatValues(this.body, this.#shape);
    if (this.#values !== null) return this.#values;
    const { rest } = readBody(this.body);
    this.#attrs = bodyExtras(this.#shape, rest).attrs;
    this.#values = bodyValues(this.#shape, rest);
    return this.#values;
  }
}

/**
 * A record from a stored body.
 * @param seq what it must be; null takes what the body says
 * @throws Error if the body does not fit the dictionary: the store is damaged
 */
export function recordFromBody(
  seq: number | null,
  body: Uint8Array,
  topicOfId: (id: number) => Topic | undefined,
  shapeOfId: (id: number) => Shape | undefined,
): StoredRecord {
  const head = readBodyHead(body);
  const topic = topicOfId(head.topicId);
  const shape = head.shapeId === 0 ? freeShape : shapeOfId(head.shapeId);
  if ((seq !== null && head.seq !== seq) || !topic || !shape) {
    throw new Error(
      `the stored record ${seq ?? head.seq} is damaged: it says seq ${head.seq}, topic ${head.topicId}, shape ${head.shapeId}`,
    );
  }
  return new StoredRecord(head.seq, topic, shape, head.time, null, body, null);
}

/**
 * Reads the four integers a body begins with (wire/body.ts, `writeBody`).
 * @throws Error if the bytes begin otherwise
 */
export function readBodyHead(body: Uint8Array): BodyHead {
  const head = { seq: 0, topicId: 0, shapeId: 0, time: 0 };
  readHeadAt(body, 0, head);
  return head;
}

/** The same at a place in larger memory, into an object that the caller keeps: for reading very many. */
export function readHeadAt(bytes: Uint8Array, start: number, head: BodyHead): void {
  const tag = bytes[start] as number;
  let at = start;
  if (tag >= 0x94 && tag <= 0x9f) at += 1;
  else if (tag === 0xdc) at += 3;
  else if (tag === 0xdd) at += 5;
  else throw new Error("not a body: it does not begin with an array of four or more");
  head.seq = readInteger(bytes, at);
  at += integerBytes(bytes[at] as number);
  head.topicId = readInteger(bytes, at);
  at += integerBytes(bytes[at] as number);
  head.shapeId = readInteger(bytes, at);
  at += integerBytes(bytes[at] as number);
  head.time = readInteger(bytes, at);
  // What is missing is no number, and makes none of those behind it.
  if (Number.isNaN(head.time)) throw new Error(notAnInteger);
}

/** Where a body that was just written says what it is about, behind its seq. */
export function bodyIdentityStart(body: Uint8Array): number {
  const tag = body[0] as number;
  const at = tag === 0xdc ? 3 : tag === 0xdd ? 5 : 1;
  return at + integerBytes(body[at] as number);
}

const notAnInteger = "not a body: seq, topic, shape and time must be integers";

/**
 * Integers as MessagePack writes them (its specification, "int format family"). From the bytes, since a DataView for each body would
 * cost more than the look.
 */
function readInteger(bytes: Uint8Array, at: number): number {
  const tag = bytes[at] as number;
  if (tag < 0x80) return tag;
  if (tag >= 0xe0) return tag - 0x100;
  switch (tag) {
    case 0xcc:
    case 0xcd:
    case 0xce:
    case 0xcf:
      return readRest(bytes, at, 0);
    case 0xd0:
    case 0xd1:
    case 0xd2:
    case 0xd3:
      return readRest(bytes, at, (bytes[at + 1] as number) >= 0x80 ? -1 : 0);
    default:
      throw new Error(notAnInteger);
  }
}

/** The bytes behind a tag, the highest first; NaN if some are missing. @param sign what stands above them: 0, or -1 for less than 0 */
function readRest(bytes: Uint8Array, at: number, sign: number): number {
  const end = at + integerBytes(bytes[at] as number);
  let value = sign;
  for (let next = at + 1; next < end; next++) value = value * 0x100 + (bytes[next] as number);
  return value;
}
