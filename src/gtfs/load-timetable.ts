import type { Timetable } from "../model/timetable.ts";
import { BadTable } from "./rows.ts";
import { type TimetableLimits, TimetableTables } from "./tables.ts";
import { BadArchive, ZipArchive, type ZipEntry } from "./zip.ts";

/** A timetable that cannot be loaded, and why. */
export class BadTimetable extends Error {
  override readonly name = "BadTimetable";
}

/** A timetable, and what was left out of it, for people. */
export interface LoadedTimetable {
  readonly timetable: Timetable;
  readonly problems: readonly string[];
}

/**
 * Loads a GTFS Schedule archive (https://gtfs.org/documentation/schedule/reference/). It is read as a stream, so that what
 * it costs in memory is what is kept: stops, trips, the patterns that they share, and shapes.
 * @throws BadTimetable if it cannot be used
 */
export async function loadTimetable(path: string, limits?: TimetableLimits): Promise<LoadedTimetable> {
  try {
    const archive = await ZipArchive.open(path);
    try {
      return await readTables(archive, new TimetableTables(limits));
    } finally {
      await archive.close();
    }
  } catch (error) {
    throw new BadTimetable(`${path}: ${(error as Error).message}`, { cause: error });
  }
}

async function readTables(archive: ZipArchive, tables: TimetableTables): Promise<LoadedTimetable> {
  for (const name of tables.names) {
    const entry = findTable(archive, name);
    if (entry) await readTable(archive, entry, name, tables);
    else if (tables.isRequired(name)) throw new BadArchive(`${name} is missing; is this a GTFS archive?`);
  }
  return { timetable: tables.finish(), problems: tables.problems };
}

/** Some archives have the tables in a folder. */
function findTable({ entries }: ZipArchive, name: string): ZipEntry | undefined {
  return (
    entries.find((entry) => entry.name === name) ?? entries.find((entry) => entry.name.endsWith(`/${name}`))
  );
}

async function readTable(archive: ZipArchive, entry: ZipEntry, name: string, tables: TimetableTables) {
  const reader = tables.reader(name);
  try {
    for await (const piece of archive.read(entry)) reader.push(piece);
    reader.end();
  } catch (error) {
    if (error instanceof BadTable) throw new BadTable(`${name}: ${error.message}`, { cause: error });
    throw error;
  }
}
