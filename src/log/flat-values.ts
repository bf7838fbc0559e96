import type { Value, Values } from "../model/reading.ts";
import { bodyHeadItems, type Shape, unscaled } from "../wire/body.ts";

/** Longer texts are left to the decoder. */
const maxChars = 64;
const scratch = new DataView(new ArrayBuffer(8));
const units: number[] = [];

/**
 * The values of a body that has nothing but numbers, short ASCII texts, true, false and null, and no remarks: nearly all, in a
 * quarter of the time of a decoder that must be ready for everything. Null for any other, and for what is damaged: the decoder
 * (`readBody`) says what it is then.
 */
export function readFlatValues(body: Uint8Array, { id, names, decimals }: Shape): Values | null {
  const reader = { body, at: 0 };
  if (id === 0 || !skipHead(reader, names.length)) return null;
  const values: Values = {};
  for (let i = 0; i < names.length; i++) {
    const value = readItem(reader);
    if (value === undefined) return null;
    const places = decimals[i] as number;
    values[names[i] as string] = places === 0 ? value : unscaled(value, places);
  }
  return reader.at === body.length ? values : null;
}

interface Reader {
  readonly body: Uint8Array;
  at: number;
}

/** False if it is not an array of the head and so many values. */
function skipHead(reader: Reader, valueCount: number): boolean {
  const { body } = reader;
  const tag = body[0] as number;
  const count = tag === 0xdc ? ((body[1] as number) << 8) | (body[2] as number) : tag - 0x90;
  if (count !== bodyHeadItems + valueCount) return false;
  reader.at = tag === 0xdc ? 3 : 1;
  for (let i = 0; i < bodyHeadItems; i++) reader.at += integerBytes(body[reader.at] as number);
  return true;
}

/** The item at hand (MessagePack's specification, "Formats"); undefined if it is none of the simple ones. */
function readItem(reader: Reader): Value | undefined {
  const tag = reader.body[reader.at++] as number;
  if (tag < 0x80) return tag;
  if (tag >= 0xe0) return tag - 0x100;
  if (tag >= 0xa0 && tag <= 0xbf) return readText(reader, tag - 0xa0);
  switch (tag) {
    case 0xc0:
      return null;
    case 0xc2:
      return false;
    case 0xc3:
      return true;
    case 0xcb:
      return readDouble(reader);
    case 0xcc:
      return readUnsigned(reader, 1);
    case 0xcd:
      return readUnsigned(reader, 2);
    case 0xce:
      return readUnsigned(reader, 4);
    case 0xd0:
      return (readUnsigned(reader, 1) << 24) >> 24;
    case 0xd1:
      return (readUnsigned(reader, 2) << 16) >> 16;
    case 0xd2:
      return readUnsigned(reader, 4) | 0;
    case 0xd9:
      return readText(reader, reader.body[reader.at++] as number);
    default:
      return undefined;
  }
}

function readUnsigned(reader: Reader, bytes: number): number {
  let value = 0;
  for (let i = 0; i < bytes; i++) value = value * 0x100 + (reader.body[reader.at++] as number);
  return value;
}

function readDouble(reader: Reader): number {
  for (let i = 0; i < 8; i++) scratch.setUint8(i, reader.body[reader.at++] as number);
  return scratch.getFloat64(0);
}

function readText(reader: Reader, length: number): string | undefined {
  const { body, at } = reader;
  if (length > maxChars || at + length > body.length) return undefined;
  units.length = length;
  for (let i = 0; i < length; i++) {
    const byte = body[at + i] as number;
    if (byte > 0x7f) return undefined;
    units[i] = byte;
  }
  reader.at += length;
  return String.fromCharCode.apply(null, units);
}

/** Bytes of an integer that begins with `tag`, that included. */
export function integerBytes(tag: number): number {
  if (tag < 0x80 || tag >= 0xe0) return 1;
  return 1 + (1 << ((tag - 0xcc) & 3));
}
