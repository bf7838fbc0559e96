/**
 * The part of MessagePack (https://github.com/msgpack/msgpack/blob/master/spec.md) that the protocol uses, for the client:
 * a quarter of the bytes of a general library, which pages have to load. The gateway sends no bytes and no
 * extension types, so these are not read.
 */

const toText = new TextDecoder();
/** Deeper nesting than any message has; more would exhaust the stack. */
const maxDepth = 64;
/** Up to this length a loop is faster than the decoder of the runtime. */
const shortTextBytes = 24;

/**
 * Reads the values that `bytes` hold end to end. What they claim to hold is never more than what is there: it costs no more
 * memory than their own length allows.
 * @throws Error if they are cut off, or are not MessagePack
 */
export function* decodeItems(bytes: Uint8Array): Generator<unknown, void, undefined> {
  const reader = new Reader(bytes);
  while (reader.hasMore) yield reader.item(0);
}

class Reader {
  private readonly bytes: Uint8Array;
  private readonly view: DataView;
  private at = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  get hasMore(): boolean {
    return this.at < this.bytes.length;
  }

  item(depth: number): unknown {
    const tag = this.unsigned(1);
    if (tag < 0x80) return tag;
    if (tag >= 0xe0) return tag - 0x100;
    if (tag < 0x90) return this.map(tag & 0x0f, depth);
    if (tag < 0xa0) return this.array(tag & 0x0f, depth);
    if (tag < 0xc0) return this.text(tag & 0x1f);
    return this.tagged(tag, depth);
  }

  private tagged(tag: number, depth: number): unknown {
    if (tag === 0xc0) return null;
    if (tag === 0xc2 || tag === 0xc3) return tag === 0xc3;
    if (tag === 0xca) return this.view.getFloat32(this.skip(4));
    if (tag === 0xcb) return this.view.getFloat64(this.skip(8));
    if (tag >= 0xcc && tag <= 0xcf) return this.unsigned(1 << (tag - 0xcc));
    if (tag === 0xd0) return this.view.getInt8(this.skip(1));
    if (tag === 0xd1) return this.view.getInt16(this.skip(2));
    if (tag === 0xd2) return this.view.getInt32(this.skip(4));
    if (tag === 0xd3) return this.view.getInt32(this.skip(4)) * 2 ** 32 + this.unsigned(4);
    if (tag >= 0xd9 && tag <= 0xdb) return this.text(this.unsigned(1 << (tag - 0xd9)));
    if (tag === 0xdc || tag === 0xdd) return this.array(this.unsigned(tag === 0xdc ? 2 : 4), depth);
    if (tag === 0xde || tag === 0xdf) return this.map(this.unsigned(tag === 0xde ? 2 : 4), depth);
    throw new Error(`0x${tag.toString(16)} begins no value of this protocol`);
  }

  private array(count: number, depth: number): unknown[] {
    this.check(count, depth);
    const items: unknown[] = [];
    for (let n = 0; n < count; n++) items.push(this.item(depth + 1));
    return items;
  }

  private map(count: number, depth: number): Record<string, unknown> {
    this.check(count * 2, depth);
    const map: Record<string, unknown> = {};
    for (let n = 0; n < count; n++) {
      const key = this.item(depth + 1);
      // Set like any other it would change the object's prototype.
      if (typeof key !== "string" || key === "__proto__") throw new Error("not the key of a map");
      map[key] = this.item(depth + 1);
    }
    return map;
  }

  /** Each of so many items has a byte at least. */
  private check(items: number, depth: number): void {
    if (items > this.bytes.length - this.at) throw cutOff();
    if (depth >= maxDepth) throw new Error("nested too deep");
  }

  private text(length: number): string {
    const start = this.skip(length);
    let text = "";
    for (let at = start; at < this.at; at++) {
      const byte = this.bytes[at] as number;
      if (byte >= 0x80 || length > shortTextBytes) {
        return toText.decode(this.bytes.subarray(start, this.at));
      }
      text += String.fromCharCode(byte);
    }
    return text;
  }

  /** Big-endian, of 1, 2, 4 or 8 bytes; exact up to 2^53. */
  private unsigned(bytes: number): number {
    if (bytes === 1) return this.view.getUint8(this.skip(1));
    if (bytes === 2) return this.view.getUint16(this.skip(2));
    if (bytes === 4) return this.view.getUint32(this.skip(4));
    return this.unsigned(4) * 2 ** 32 + this.unsigned(4);
  }

  private skip(length: number): number {
    const start = this.at;
    this.at += length;
    if (this.at > this.bytes.length) throw cutOff();
    return start;
  }
}

function cutOff(): Error {
  return new Error("the frame is cut off");
}
