import { frameKinds } from "../../../src/wire/frames.ts";

const empty = Buffer.alloc(0);

/** Gives out whole WebSocket frames of a stream of bytes that may be cut anywhere. */
export class FrameReader {
  #rest: Buffer = empty;
  readonly #onFrame: (opcode: number, payload: Buffer) => void;

  /** @param onFrame the payload is only valid during the call */
  constructor(onFrame: (opcode: number, payload: Buffer) => void) {
    this.#onFrame = onFrame;
  }

  /** Takes the bytes of `chunk` from `start` to `end`. */
  push(chunk: Buffer, start: number, end: number): void {
    const fresh = chunk.subarray(start, end);
    const bytes = this.#rest.length === 0 ? fresh : Buffer.concat([this.#rest, fresh]);
    let at = 0;
    while (at < bytes.length) {
      const head = headOf(bytes, at);
      if (head === null || head.end > bytes.length) break;
      this.#onFrame((bytes[at] as number) & 0x0f, bytes.subarray(head.start, head.end));
      at = head.end;
    }
    // A copy: the chunk's memory is used again.
    this.#rest = at === bytes.length ? empty : Buffer.from(bytes.subarray(at));
  }
}

/** Where the payload of the unmasked frame at `at` lies; null if its header is not complete (RFC 6455, 5.2). */
function headOf(bytes: Buffer, at: number): { start: number; end: number } | null {
  const short = bytes[at + 1];
  if (short === undefined) return null;
  const start = at + (short < 126 ? 2 : short === 126 ? 4 : 10);
  if (bytes.length < start) return null;
  if (short < 126) return { start, end: start + short };
  const length = short === 126 ? bytes.readUInt16BE(at + 2) : Number(bytes.readBigUInt64BE(at + 2));
  return { start, end: start + length };
}

/** What a `readings` frame says, as far as someone who only checks the order needs it. */
export interface ReadingsFrame {
  /** The position after it. */
  readonly through: number;
  /** Seq and topic number of each reading, in turn. */
  readonly pairs: readonly number[];
}

/** Reads the heads of a `readings` frame and skips the values; null for every other frame. */
export function readReadings(frame: Buffer): ReadingsFrame | null {
  // `[0, id, seq]` (wire/PROTOCOL.md, "The MessagePack frames").
  if (frame[0] !== 0x93 || frame[1] !== frameKinds.readings) return null;
  const idEnd = skip(frame, 2);
  const through = readUnsigned(frame, idEnd);
  const pairs: number[] = [];
  for (let at = skip(frame, idEnd); at < frame.length; at = skip(frame, at)) {
    const first = at + (frame[at] === 0xdc ? 3 : 1);
    pairs.push(readUnsigned(frame, first), readUnsigned(frame, skip(frame, first)));
  }
  return { through, pairs };
}

/** A MessagePack integer that is not negative. @throws Error if there is something else at `at` */
function readUnsigned(bytes: Buffer, at: number): number {
  const tag = bytes[at] as number;
  if (tag < 0x80) return tag;
  if (tag === 0xcc) return bytes.readUInt8(at + 1);
  if (tag === 0xcd) return bytes.readUInt16BE(at + 1);
  if (tag === 0xce) return bytes.readUInt32BE(at + 1);
  if (tag === 0xcf) return Number(bytes.readBigUInt64BE(at + 1));
  throw new Error(`expected an unsigned integer, found tag ${tag}`);
}

/** The end of the MessagePack value that begins at `at`. */
function skip(bytes: Buffer, at: number): number {
  const tag = bytes[at] as number;
  if (tag < 0x80 || tag >= 0xe0) return at + 1;
  if (tag < 0x90) return skipItems(bytes, at + 1, 2 * (tag & 0x0f));
  if (tag < 0xa0) return skipItems(bytes, at + 1, tag & 0x0f);
  if (tag < 0xc0) return at + 1 + (tag & 0x1f);
  if (tag < 0xc4) return at + 1;
  if (tag === 0xca) return at + 5;
  if (tag === 0xcb) return at + 9;
  if (tag >= 0xcc && tag <= 0xd3) return at + 1 + 2 ** ((tag - 0xcc) % 4);
  if (tag === 0xd9) return at + 2 + bytes.readUInt8(at + 1);
  if (tag === 0xda) return at + 3 + bytes.readUInt16BE(at + 1);
  if (tag === 0xdc) return skipItems(bytes, at + 3, bytes.readUInt16BE(at + 1));
  if (tag === 0xde) return skipItems(bytes, at + 3, 2 * bytes.readUInt16BE(at + 1));
  throw new Error(`a value with tag ${tag} does not belong into a frame of the bench`);
}

function skipItems(bytes: Buffer, from: number, count: number): number {
  let at = from;
  for (let i = 0; i < count; i++) at = skip(bytes, at);
  return at;
}
