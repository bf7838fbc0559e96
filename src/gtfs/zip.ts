import { createReadStream } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { crc32, createInflateRaw } from "node:zlib";

/** Most files in an archive, and most bytes of their list. */
const maxEntries = 10_000;
const maxDirectoryBytes = 8 * 1024 * 1024;
/** A file that unpacks to more is no timetable. */
const maxFileBytes = 8 * 1024 ** 3;

/*
 * Signatures and lengths of PKWARE's APPNOTE.TXT 6.3.10: 4.3.7 (local header), 4.3.12 (central directory), 4.3.14 and 4.3.15
 * (zip64), 4.3.16 (end of central directory).
 */
const localSignature = 0x04034b50;
const centralSignature = 0x02014b50;
const endSignature = 0x06054b50;
const end64Signature = 0x06064b50;
const locatorSignature = 0x07064b50;
const endBytes = 22;
const locatorBytes = 20;
const maxCommentBytes = 65_535;
const max32 = 0xffff_ffff;

/** An archive that cannot be read, and why. */
export class BadArchive extends Error {
  override readonly name = "BadArchive";
}

/** A file in an archive. */
export interface ZipEntry {
  readonly name: string;
  readonly method: number;
  readonly crc: number;
  readonly packedBytes: number;
  readonly bytes: number;
  readonly headerAt: number;
}

/**
 * A zip archive in a file. Only its list is in memory; what is in it is unpacked while it is read.
 */
export class ZipArchive {
  readonly entries: readonly ZipEntry[];
  readonly #path: string;
  readonly #file: FileHandle;

  private constructor(path: string, file: FileHandle, entries: readonly ZipEntry[]) {
    this.#path = path;
    this.#file = file;
    this.entries = entries;
  }

  /**
   * @throws BadArchive if it is none
   * @throws Error if the file cannot be read
   */
  static async open(path: string): Promise<ZipArchive> {
    const file = await open(path);
    try {
      return new ZipArchive(path, file, await readDirectory(file));
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /**
   * The bytes of a file, some tens of kilobytes at a time.
   * @throws BadArchive if they are damaged
   */
  async *read(entry: ZipEntry): AsyncGenerator<Uint8Array> {
    if (entry.method !== 0 && entry.method !== 8) {
      throw new BadArchive(`${entry.name}: packed with method ${entry.method}; use deflate`);
    }
    const from = await this.#dataAt(entry);
    if (entry.packedBytes === 0) return;
    const packed = createReadStream(this.#path, { start: from, end: from + entry.packedBytes - 1 });
    const inflate = entry.method === 8 ? createInflateRaw() : null;
    if (inflate) packed.on("error", (error) => inflate.destroy(error)).pipe(inflate);
    let crc = 0;
    let bytes = 0;
    try {
      for await (const piece of (inflate ?? packed) as AsyncIterable<Uint8Array>) {
        bytes += piece.length;
        if (bytes > maxFileBytes) throw new BadArchive(`${entry.name}: more than ${maxFileBytes} bytes`);
        crc = crc32(piece, crc);
        yield piece;
      }
    } catch (error) {
      if (error instanceof BadArchive) throw error;
      throw new BadArchive(`${entry.name}: damaged (${(error as Error).message})`);
    } finally {
      packed.destroy();
      inflate?.destroy();
    }
    if (bytes !== entry.bytes || crc !== entry.crc) {
      throw new BadArchive(`${entry.name}: damaged, its check sum is wrong`);
    }
  }

  async close(): Promise<void> {
    await this.#file.close();
  }

  /** The local header repeats the name, and may have more behind it than the list says. */
  async #dataAt({ name, headerAt }: ZipEntry): Promise<number> {
    const header = await readAt(this.#file, headerAt, 30);
    if (header.readUInt32LE(0) !== localSignature) throw new BadArchive(`${name}: its header is not there`);
    return headerAt + 30 + header.readUInt16LE(26) + header.readUInt16LE(28);
  }
}

async function readAt(file: FileHandle, at: number, length: number): Promise<Buffer> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, at);
  if (bytesRead < length) throw new BadArchive("the archive is cut off");
  return buffer;
}

async function readDirectory(file: FileHandle): Promise<ZipEntry[]> {
  const { size } = await file.stat();
  const { count, bytes, at } = await findDirectory(file, size);
  if (count > maxEntries || bytes > maxDirectoryBytes) {
    throw new BadArchive(`${count} files in the archive; at most ${maxEntries}`);
  }
  const directory = await readAt(file, at, bytes);
  const entries: ZipEntry[] = [];
  for (let offset = 0; entries.length < count; ) {
    if (offset + 46 > bytes || directory.readUInt32LE(offset) !== centralSignature) {
      throw new BadArchive("the archive's list of files is damaged");
    }
    const nameBytes = directory.readUInt16LE(offset + 28);
    const extraBytes = directory.readUInt16LE(offset + 30);
    const end = offset + 46 + nameBytes + extraBytes;
    if (end > bytes) throw new BadArchive("the archive's list of files is damaged");
    entries.push(entryAt(directory, offset, nameBytes, extraBytes));
    offset = end + directory.readUInt16LE(offset + 32);
  }
  return entries;
}

function entryAt(directory: Buffer, offset: number, nameBytes: number, extraBytes: number): ZipEntry {
  const nameAt = offset + 46;
  const name = directory.toString("utf8", nameAt, nameAt + nameBytes);
  if ((directory.readUInt16LE(offset + 8) & 1) !== 0) throw new BadArchive(`${name}: encrypted`);
  const small = {
    bytes: directory.readUInt32LE(offset + 24),
    packedBytes: directory.readUInt32LE(offset + 20),
    headerAt: directory.readUInt32LE(offset + 42),
  };
  const extra = directory.subarray(nameAt + nameBytes, nameAt + nameBytes + extraBytes);
  return {
    name,
    method: directory.readUInt16LE(offset + 10),
    crc: directory.readUInt32LE(offset + 16),
    ...largeSizes(extra, small),
  };
}

/** Sizes that do not fit into 32 bits stand in an extra field, in this order, those that are needed (APPNOTE 4.5.3). */
function largeSizes<Sizes extends Record<string, number>>(extra: Buffer, small: Sizes): Sizes {
  const sizes: Record<string, number> = { ...small };
  for (let at = 0; at + 4 <= extra.length; at += 4 + extra.readUInt16LE(at + 2)) {
    if (extra.readUInt16LE(at) !== 1) continue;
    let valueAt = at + 4;
    for (const name of Object.keys(small)) {
      if (small[name] !== max32 || valueAt + 8 > extra.length) continue;
      sizes[name] = Number(extra.readBigUInt64LE(valueAt));
      valueAt += 8;
    }
  }
  return sizes as Sizes;
}

interface Directory {
  readonly count: number;
  readonly bytes: number;
  readonly at: number;
}

/** The archive ends with a record that says where its list is; a comment may follow. */
async function findDirectory(file: FileHandle, size: number): Promise<Directory> {
  const tailBytes = Math.min(size, endBytes + maxCommentBytes + locatorBytes);
  const tail = await readAt(file, size - tailBytes, tailBytes);
  for (let at = tailBytes - endBytes; at >= 0; at--) {
    if (tail.readUInt32LE(at) !== endSignature) continue;
    if (at + endBytes + tail.readUInt16LE(at + 20) !== tailBytes) continue;
    const directory = {
      count: tail.readUInt16LE(at + 10),
      bytes: tail.readUInt32LE(at + 12),
      at: tail.readUInt32LE(at + 16),
    };
    const locatorAt = at - locatorBytes;
    const isLarge = directory.at === max32 || directory.count === 0xffff;
    if (!isLarge || locatorAt < 0 || tail.readUInt32LE(locatorAt) !== locatorSignature) return directory;
    const large = await readAt(file, Number(tail.readBigUInt64LE(locatorAt + 8)), 56);
    if (large.readUInt32LE(0) !== end64Signature) throw new BadArchive("the archive's end is damaged");
    const number = (offset: number) => Number(large.readBigUInt64LE(offset));
    return { count: number(32), bytes: number(40), at: number(48) };
  }
  throw new BadArchive("not a zip archive, or cut off");
}
