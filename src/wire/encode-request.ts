const utf8 = new TextEncoder();
const scratch = new DataView(new ArrayBuffer(8));

/**
 * A request in MessagePack: what JSON can say, and bytes; members that are undefined are left out. It takes the SDK a tenth of
 * the room that a general encoder does, and browsers load the SDK. For small messages only.
 */
export function encodeMsgpackRequest(request: object): Uint8Array<ArrayBuffer> {
  const out: number[] = [];
  writeValue(request, out);
  return Uint8Array.from(out);
}

// The first bytes are those of https://github.com/msgpack/msgpack/blob/master/spec.md, "Formats".
function writeValue(value: unknown, out: number[]): void {
  if (typeof value === "number") writeNumber(value, out);
  else if (typeof value === "string") writeText(value, out);
  else if (typeof value === "boolean") out.push(value ? 0xc3 : 0xc2);
  else if (typeof value !== "object" || value === null) out.push(0xc0);
  else if (value instanceof Uint8Array) {
    writeSized(value.length, 0xc4, 1, out);
    pushAll(value, out);
  } else if (Array.isArray(value)) {
    if (value.length < 16) out.push(0x90 | value.length);
    else writeSized(value.length, 0xdc, 2, out);
    for (const item of value) writeValue(item, out);
  } else writeMap(value, out);
}

function writeMap(value: object, out: number[]): void {
  const members = Object.entries(value).filter(([, member]) => member !== undefined);
  if (members.length < 16) out.push(0x80 | members.length);
  else writeSized(members.length, 0xde, 2, out);
  for (const [name, member] of members) {
    writeText(name, out);
    writeValue(member, out);
  }
}

function writeText(text: string, out: number[]): void {
  const bytes = utf8.encode(text);
  if (bytes.length < 32) out.push(0xa0 | bytes.length);
  else writeSized(bytes.length, 0xd9, 1, out);
  pushAll(bytes, out);
}

function writeNumber(value: number, out: number[]): void {
  if (!Number.isSafeInteger(value)) {
    scratch.setFloat64(0, value);
    out.push(0xcb);
    pushScratch(8, out);
  } else if (value >= -32 && value < 128) out.push(value & 0xff);
  // A negative one needs as many bytes as its complement and the sign.
  else if (value < 0) writeSized(value, 0xd0, 1, out, -2 * value - 1);
  else writeSized(value, 0xcc, 1, out);
}

/** Writes the shortest of the forms that begin with `tag`, for `bytes` bytes and on in powers of two. */
function writeSized(value: number, tag: number, bytes: number, out: number[], reach = value): void {
  if (bytes < 8 && reach >= 256 ** bytes) return writeSized(value, tag + 1, 2 * bytes, out, reach);
  scratch.setBigInt64(0, BigInt(value));
  out.push(tag);
  pushScratch(bytes, out);
}

function pushScratch(bytes: number, out: number[]): void {
  for (let at = 8 - bytes; at < 8; at++) out.push(scratch.getUint8(at));
}

/** Spread into `push` a long one would overflow the stack. */
function pushAll(bytes: Uint8Array, out: number[]): void {
  for (const byte of bytes) out.push(byte);
}
