import { crc32, deflateRawSync } from "node:zlib";

/** A date that never changes, so that the same files make the same archive: 1980-01-01, DOS's first. */
const dosDate = 0x21;

/** A zip archive of some small files (PKWARE's APPNOTE.TXT 6.3.10: 4.3.7, 4.3.12, 4.3.16). */
export function zip(files: ReadonlyMap<string, string>): Buffer {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  let at = 0;
  for (const [name, text] of files) {
    const packed = deflateRawSync(text);
    const names = Buffer.from(name);
    const shared = describe(Buffer.from(text), packed, names);
    const local = Buffer.concat([numbers([0x04034b50, 4]), shared, names, packed]);
    const place = numbers([0, 2], [0, 2], [0, 2], [0, 4], [at, 4]);
    directory.push(numbers([0x02014b50, 4], [20, 2]), shared, place, names);
    parts.push(local);
    at += local.length;
  }
  const list = Buffer.concat(directory);
  const { size } = files;
  const end = numbers([0x06054b50, 4], [0, 4], [size, 2], [size, 2], [list.length, 4], [at, 4], [0, 2]);
  return Buffer.concat([...parts, list, end]);
}

/** What a file's header and its entry in the list have in common. */
function describe(text: Buffer, packed: Buffer, name: Buffer): Buffer {
  const method = 8;
  const sizes = [[packed.length, 4] as const, [text.length, 4] as const, [name.length, 2] as const];
  return numbers([20, 2], [0x800, 2], [method, 2], [0, 2], [dosDate, 2], [crc32(text), 4], ...sizes, [0, 2]);
}

/** Little-endian numbers of 2 or 4 bytes. */
function numbers(...values: readonly (readonly [value: number, bytes: number])[]): Buffer {
  return Buffer.concat(
    values.map(([value, bytes]) => {
      const buffer = Buffer.alloc(bytes);
      buffer.writeUIntLE(value, 0, bytes);
      return buffer;
    }),
  );
}
