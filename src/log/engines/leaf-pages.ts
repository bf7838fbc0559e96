import { closeSync, openSync, readSync } from "node:fs";
import type { Wal } from "./wal-check.ts";

/** First byte of a page that holds rows of a table (https://www.sqlite.org/fileformat2.html, 1.6). */
const tableLeaf = 0x0d;
/** Ahead of the first page's rows stands the header of the file. */
const fileHeaderBytes = 100;
/** No row of a log is larger: a length beyond it is damage. */
const maxRowBytes = 64 * 1024 * 1024;
/** Pages read from the file at a time. */
const chunkPages = 256;

export type Column = number | string | Uint8Array | null;

/** A row as it stands on a page, of whatever table: the pages do not say. */
export interface PageRow {
  readonly rowid: number;
  /** Null in place of a column that is the rowid. */
  readonly columns: readonly Column[];
}

/**
 * Every row that stands on any page of a database file or its write-ahead log, without the tree that leads to it: what SQLite cannot
 * reach behind a bad page. Also rows that were deleted or written again; the caller has to tell by their checksums and keys.
 */
export function* rowsOnPages(path: string, wal: Wal): Generator<PageRow> {
  const fd = openIfThere(path);
  try {
    const newest = new Map(wal.frames.map(({ page, bytes }) => [page, bytes]));
    const single = new Uint8Array(wal.pageBytes);
    const pageOf = (page: number) => {
      const found = newest.get(page);
      if (found) return found;
      if (fd === null) return null;
      return readSync(fd, single, 0, single.length, (page - 1) * single.length) === single.length
        ? single
        : null;
    };
    for (const { page, bytes } of wal.frames) yield* rowsOfLeaf(bytes, page, pageOf);
    if (fd === null) return;
    const chunk = new Uint8Array(chunkPages * wal.pageBytes);
    for (let page = 1; ; page += chunkPages) {
      const size = readSync(fd, chunk, 0, chunk.length, (page - 1) * wal.pageBytes);
      for (let at = 0; at + wal.pageBytes <= size; at += wal.pageBytes) {
        yield* rowsOfLeaf(chunk.subarray(at, at + wal.pageBytes), page + at / wal.pageBytes, pageOf);
      }
      if (size < chunk.length) return;
    }
  } finally {
    if (fd !== null) closeSync(fd);
  }
}

type PageOf = (page: number) => Uint8Array | null;

function* rowsOfLeaf(bytes: Uint8Array, page: number, pageOf: PageOf): Generator<PageRow> {
  const start = page === 1 ? fileHeaderBytes : 0;
  // Pages that a long row goes on to begin with a page number: below 870 GB none of them looks like this.
  if (bytes[start] !== tableLeaf) return;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const count = view.getUint16(start + 3);
  for (let cell = 0; cell < count; cell++) {
    const pointer = start + 8 + 2 * cell;
    if (pointer + 2 > bytes.length) return;
    const row = rowAt(bytes, view.getUint16(pointer), pageOf);
    if (row) yield row;
  }
}

/** Null if there is no row, or a bad one. */
function rowAt(bytes: Uint8Array, at: number, pageOf: PageOf): PageRow | null {
  try {
    const size = readVarint(bytes, at);
    const rowid = readVarint(bytes, size.end);
    if (size.value > maxRowBytes) return null;
    return { rowid: rowid.value, columns: readColumns(readPayload(bytes, rowid.end, size.value, pageOf)) };
  } catch (error) {
    if (error instanceof RangeError) return null;
    throw error;
  }
}

/** A row's bytes, with what of them stands on further pages (1.6, "Cell payload overflow pages"). */
function readPayload(bytes: Uint8Array, at: number, size: number, pageOf: PageOf): Buffer {
  const usable = bytes.length;
  const most = usable - 35;
  const least = Math.floor(((usable - 12) * 32) / 255) - 23;
  const fitting = least + ((size - least) % (usable - 4));
  const local = size <= most ? size : fitting <= most ? fitting : least;
  if (at + local > usable) throw new RangeError("a row goes past its page");
  const payload = Buffer.allocUnsafe(size);
  payload.set(bytes.subarray(at, at + local));
  if (local === size) return payload;
  let next = new DataView(bytes.buffer, bytes.byteOffset).getUint32(at + local);
  for (let done = local; done < size; ) {
    const more = next === 0 ? null : pageOf(next);
    if (more === null) throw new RangeError("a row ends early");
    next = new DataView(more.buffer, more.byteOffset).getUint32(0);
    const part = more.subarray(4, 4 + Math.min(size - done, usable - 4));
    payload.set(part, done);
    done += part.length;
  }
  return payload;
}

/** @throws RangeError if it is no row */
function readColumns(payload: Buffer): Column[] {
  const header = readVarint(payload, 0);
  const columns: Column[] = [];
  let value = header.value;
  for (let at = header.end; at < header.value; ) {
    const type = readVarint(payload, at);
    at = type.end;
    const bytes = columnBytes(type.value);
    if (value + bytes > payload.length) throw new RangeError("a column goes past its row");
    columns.push(readColumn(payload, type.value, value, bytes));
    value += bytes;
  }
  return columns;
}

/** By serial type (https://www.sqlite.org/fileformat2.html, 2.1). */
function columnBytes(type: number): number {
  if (type >= 12) return Math.floor((type - 12) / 2);
  return [0, 1, 2, 3, 4, 6, 8, 8, 0, 0][type] ?? 0;
}

function readColumn(payload: Buffer, type: number, at: number, bytes: number): Column {
  if (type >= 12) {
    return type % 2 === 0
      ? new Uint8Array(payload.subarray(at, at + bytes))
      : payload.toString("utf8", at, at + bytes);
  }
  if (type >= 1 && type <= 5) return payload.readIntBE(at, bytes);
  if (type === 6) return Number(payload.readBigInt64BE(at));
  if (type === 7) return payload.readDoubleBE(at);
  return type === 8 ? 0 : type === 9 ? 1 : null;
}

/** Up to nine bytes of seven bits, the highest first; those of a log stay below 2^53. @throws RangeError */
function readVarint(bytes: Uint8Array, start: number): { value: number; end: number } {
  let value = 0;
  for (let at = start; at < start + 8; at++) {
    const byte = bytes[at];
    if (byte === undefined) break;
    value = value * 0x80 + (byte & 0x7f);
    if (byte < 0x80) return { value, end: at + 1 };
  }
  throw new RangeError("no number of a log");
}

function openIfThere(path: string): number | null {
  try {
    return openSync(path, "r");
  } catch {
    return null;
  }
}
