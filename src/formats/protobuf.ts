import protobuf from "protobufjs/minimal.js";
import type { JsonObject } from "./json-payload.ts";

type Reader = protobuf.Reader;

/** A field of a message, as its .proto file declares it. 64-bit numbers become doubles, bytes stay a view of the payload. */
export interface ProtoField {
  readonly name: string;
  readonly kind: ScalarKind | ProtoMessage;
  readonly isRepeated: boolean;
}

/** A message's fields by number. Fields that are not listed are skipped. */
export type ProtoMessage = ReadonlyMap<number, ProtoField>;

const scalars = {
  string: { wireType: 2, read: (reader: Reader): unknown => reader.stringVerify() },
  bytes: { wireType: 2, read: (reader: Reader): unknown => reader.bytes() },
  bool: { wireType: 0, read: (reader: Reader): unknown => reader.bool() },
  int32: { wireType: 0, read: (reader: Reader): unknown => reader.int32() },
  uint32: { wireType: 0, read: (reader: Reader): unknown => reader.uint32() },
  int64: { wireType: 0, read: (reader: Reader): unknown => toNumber(reader.int64()) },
  uint64: { wireType: 0, read: (reader: Reader): unknown => toNumber(reader.uint64()) },
  // Exact, as text: an id need not fit into a double.
  id64: { wireType: 0, read: (reader: Reader): unknown => toId(reader.uint64()) },
  float: { wireType: 5, read: (reader: Reader): unknown => reader.float() },
  double: { wireType: 1, read: (reader: Reader): unknown => reader.double() },
} as const;

/** The halves by hand: a Long's own conversion goes through text. protobufjs gives numbers where `long` is absent. */
function toNumber(value: protobuf.Long | number): number {
  if (typeof value === "number") return value;
  const high = value.unsigned ? value.high >>> 0 : value.high;
  return high * 2 ** 32 + (value.low >>> 0);
}

function toId(value: protobuf.Long | number): string {
  if (typeof value === "number") return String(value);
  return value.high === 0 ? String(value.low >>> 0) : `${value.high >>> 0}:${value.low >>> 0}`;
}

export type ScalarKind = keyof typeof scalars;

/** Declares a field. */
export function protoField(name: string, kind: ScalarKind | ProtoMessage): ProtoField {
  return { name, kind, isRepeated: false };
}

/** Declares a repeated field: a list, absent when empty. Packed encoding is not read; no format here needs it. */
export function repeatedField(name: string, kind: ScalarKind | ProtoMessage): ProtoField {
  return { name, kind, isRepeated: true };
}

/** Most messages and list items in one payload; each costs an object, however few bytes it has. */
const maxItems = 100_000;

/** How many items are left, shared by all levels. */
interface Budget {
  items: number;
}

/**
 * Reads a protobuf payload by its descriptor, into an object with the .proto file's names; a reason if it is broken: cut
 * off, a wrong wire type, text that is not UTF-8, too many items.
 */
export function readProto(payload: Uint8Array, message: ProtoMessage): JsonObject | string {
  const reader = protobuf.Reader.create(payload);
  try {
    return readMessage(reader, reader.len, message, { items: maxItems });
  } catch (error) {
    const why = error instanceof Error ? error.message.slice(0, 120) : "unreadable";
    return `payload: broken protobuf (${why})`;
  }
}

function readMessage(reader: Reader, end: number, message: ProtoMessage, budget: Budget): JsonObject {
  const result: { [name: string]: unknown } = {};
  while (reader.pos < end) {
    const tag = reader.uint32();
    const field = message.get(tag >>> 3);
    if (field === undefined) {
      reader.skipType(tag & 7, 0, tag >>> 3);
      continue;
    }
    const value = readField(reader, end, field, tag & 7, budget);
    if (!field.isRepeated) result[field.name] = value;
    else {
      if (--budget.items < 0) throw new Error(`more than ${maxItems} items`);
      const list = result[field.name];
      if (Array.isArray(list)) list.push(value);
      else result[field.name] = [value];
    }
  }
  if (reader.pos !== end) throw new Error(`a field runs over the end of its message at byte ${end}`);
  return result;
}

function readField(
  reader: Reader,
  end: number,
  field: ProtoField,
  wireType: number,
  budget: Budget,
): unknown {
  const { kind, name } = field;
  const expected = typeof kind === "string" ? scalars[kind].wireType : 2;
  if (wireType !== expected) throw new Error(`${name} has wire type ${wireType}, not ${expected}`);
  if (typeof kind === "string") return scalars[kind].read(reader);
  if (--budget.items < 0) throw new Error(`more than ${maxItems} items`);
  const length = reader.uint32();
  const innerEnd = reader.pos + length;
  if (innerEnd > end) throw new Error(`${name} is cut off at byte ${end}`);
  return readMessage(reader, innerEnd, kind, budget);
}
