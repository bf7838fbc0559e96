import { Encoder } from "@msgpack/msgpack";
import type { Value, Values } from "../model/reading.ts";

const utf8 = new TextEncoder();
/** Up to this length, characters, text is written in a loop if it is ASCII: a call of the encoder costs as much as some fifty. */
const maxLoopedChars = 64;

/**
 * Appends MessagePack values to one growing buffer. It exists because a reading's body is a fixed, flat array: written
 * directly it costs a fraction of what a general encoder does, and it lands where the frame needs it.
 */
export class MsgpackWriter {
  private readonly pieceBytes: number;
  private bytes: Uint8Array<ArrayBuffer>;
  private view: DataView;
  /** What is being written lies in `bytes` from here to `length`; what lies ahead of it was cut off. */
  private start = 0;
  private length = 0;
  private readonly general = new Encoder({ maxDepth: 32 });

  /** @param pieceBytes memory is asked for in pieces of this size, or larger ones where needed */
  constructor(pieceBytes = 4096) {
    this.pieceBytes = pieceBytes;
    this.bytes = new Uint8Array(pieceBytes);
    this.view = new DataView(this.bytes.buffer);
  }

  /** Bytes written since the last `take` or `cut`. */
  get size(): number {
    return this.length - this.start;
  }

  /** A copy of what was written, and starts anew. */
  take(): Uint8Array<ArrayBuffer> {
    const taken = this.bytes.slice(this.start, this.length);
    this.length = this.start;
    return taken;
  }

  /**
   * What was written, as a view of a piece of memory that it shares with what was cut off before and after it: a piece of its own for each
   * costs more than a few bytes do. One who keeps few of many should copy them, since each keeps the whole piece.
   */
  cut(): Uint8Array<ArrayBuffer> {
    const taken = this.bytes.subarray(this.start, this.length);
    this.start = this.length;
    return taken;
  }

  /** Takes back a part that was cut off and all behind it: nobody may look at them any more. */
  uncut(part: Uint8Array): void {
    if (part.buffer === this.bytes.buffer) this.start = part.byteOffset;
    this.length = this.start;
  }

  /** Takes back what was written since the last `take` or `cut`. */
  drop(): void {
    this.length = this.start;
  }

  arrayHeader(count: number): void {
    this.reserve(5);
    if (count < 16) this.bytes[this.length++] = 0x90 | count;
    else if (count < 0x10000) this.tagged16(0xdc, count);
    else this.tagged32(0xdd, count);
  }

  /** Any JSON-like value. */
  value(value: Value): void {
    if (typeof value === "number") this.number(value);
    else if (typeof value === "string") this.text(value);
    else {
      this.reserve(1);
      if (value === null) this.bytes[this.length++] = 0xc0;
      else if (value === false) this.bytes[this.length++] = 0xc2;
      else if (value === true) this.bytes[this.length++] = 0xc3;
      else this.raw(this.general.encodeSharedRef(value));
    }
  }

  /** A map of values by name. What the general encoder makes of it, in a third of the time. */
  map(values: Values): void {
    const names = Object.keys(values);
    this.reserve(5);
    if (names.length < 16) this.bytes[this.length++] = 0x80 | names.length;
    else if (names.length < 0x10000) this.tagged16(0xde, names.length);
    else this.tagged32(0xdf, names.length);
    for (let i = 0; i < names.length; i++) {
      const name = names[i] as string;
      this.text(name);
      this.value(values[name] ?? null);
    }
  }

  /** The shortest integer form if `value` is a safe integer, else float 64. */
  number(value: number): void {
    this.reserve(9);
    if (!Number.isSafeInteger(value) || Object.is(value, -0)) this.float(value);
    else if (value >= 0) this.unsigned(value);
    else this.negative(value);
  }

  text(value: string): void {
    // Three bytes are the most that one UTF-16 code unit takes in UTF-8.
    this.reserve(5 + value.length * 3);
    if (value.length <= maxLoopedChars && this.ascii(value)) return;
    const headerBytes = value.length < 32 ? 1 : value.length < 0x100 ? 2 : value.length < 0x10000 ? 3 : 5;
    const start = this.length + headerBytes;
    const { written } = utf8.encodeInto(value, this.bytes.subarray(start));
    this.textHeader(written, headerBytes, start);
    this.length += written;
  }

  /** Writes text whose characters are one byte each; false, with nothing written, if it has others. */
  private ascii(value: string): boolean {
    const { bytes } = this;
    const count = value.length;
    const start = this.length + (count < 32 ? 1 : 2);
    for (let i = 0; i < count; i++) {
      const code = value.charCodeAt(i);
      if (code > 0x7f) return false;
      bytes[start + i] = code;
    }
    if (count < 32) bytes[this.length] = 0xa0 | count;
    else {
      bytes[this.length] = 0xd9;
      bytes[this.length + 1] = count;
    }
    this.length = start + count;
    return true;
  }

  raw(bytes: Uint8Array): void {
    this.reserve(bytes.length);
    this.bytes.set(bytes, this.length);
    this.length += bytes.length;
  }

  // The header's width was guessed from the character count; longer UTF-8 moves the text along.
  private textHeader(written: number, guessedBytes: number, start: number): void {
    const headerBytes = written < 32 ? 1 : written < 0x100 ? 2 : written < 0x10000 ? 3 : 5;
    if (headerBytes !== guessedBytes) {
      this.bytes.copyWithin(this.length + headerBytes, start, start + written);
    }
    if (headerBytes === 1) this.bytes[this.length++] = 0xa0 | written;
    else if (headerBytes === 2) {
      this.bytes[this.length++] = 0xd9;
      this.bytes[this.length++] = written;
    } else if (headerBytes === 3) this.tagged16(0xda, written);
    else this.tagged32(0xdb, written);
  }

  private float(value: number): void {
    this.bytes[this.length] = 0xcb;
    this.view.setFloat64(this.length + 1, value);
    this.length += 9;
  }

  private unsigned(value: number): void {
    if (value < 0x80) this.bytes[this.length++] = value;
    else if (value < 0x100) {
      this.bytes[this.length++] = 0xcc;
      this.bytes[this.length++] = value;
    } else if (value < 0x10000) this.tagged16(0xcd, value);
    else if (value < 0x100000000) this.tagged32(0xce, value);
    else {
      this.bytes[this.length] = 0xcf;
      this.view.setUint32(this.length + 1, Math.floor(value / 0x100000000));
      this.view.setUint32(this.length + 5, value >>> 0);
      this.length += 9;
    }
  }

  private negative(value: number): void {
    if (value >= -0x20) this.bytes[this.length++] = value & 0xff;
    else if (value >= -0x80) {
      this.bytes[this.length++] = 0xd0;
      this.bytes[this.length++] = value & 0xff;
    } else if (value >= -0x8000) this.tagged16(0xd1, value & 0xffff);
    else if (value >= -0x80000000) this.tagged32(0xd2, value >>> 0);
    else {
      this.bytes[this.length] = 0xd3;
      this.view.setBigInt64(this.length + 1, BigInt(value));
      this.length += 9;
    }
  }

  private tagged16(tag: number, value: number): void {
    this.bytes[this.length] = tag;
    this.view.setUint16(this.length + 1, value);
    this.length += 3;
  }

  private tagged32(tag: number, value: number): void {
    this.bytes[this.length] = tag;
    this.view.setUint32(this.length + 1, value);
    this.length += 5;
  }

  private reserve(bytes: number): void {
    if (this.length + bytes <= this.bytes.length) return;
    const { size } = this;
    const piece = new Uint8Array(Math.max(this.pieceBytes, 2 * (size + bytes)));
    piece.set(this.bytes.subarray(this.start, this.length));
    this.bytes = piece;
    this.view = new DataView(piece.buffer);
    this.start = 0;
    this.length = size;
  }
}
