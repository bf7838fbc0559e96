import { constants, copyFileSync, linkSync, rmSync, statSync, writeFileSync } from "node:fs";
import Database from "better-sqlite3";
import { type PageRow, rowsOnPages } from "./leaf-pages.ts";
import { codeOf } from "./sqlite-schema.ts";
import { readWal, type Wal, writeWal } from "./wal-check.ts";

const lockWaitMs = 1_000;

export type Row = Readonly<Record<string, unknown>>;

/** Rows up to the first that cannot be read. `isWhole` is true afterwards if all were. */
interface Rows {
  readonly rows: Iterable<Row>;
  readonly isWhole: () => boolean;
}

/**
 * A damaged log, to be read and left as it is. SQLite gets it under another name, with a write-ahead log made of all frames that are
 * good: of the real one it would read only those ahead of the first bad frame, and delete it if the file beside it is empty.
 */
export class SalvageSource {
  readonly #path: string;
  readonly #twin: string;
  readonly #wal: Wal;
  readonly #db: Database.Database | null;

  /** @throws Error if another process has the file open, or the disk does not take the twin */
  constructor(path: string) {
    this.#path = path;
    this.#twin = twinOf(path);
    this.#wal = readWal(`${path}-wal`);
    removeTwin(path);
    this.#db = this.#makeTwin() ? openTwin(this.#twin) : null;
  }

  /** Whether rows may be missing that no error tells of: pages are older than those which point to them. */
  get isDoubtful(): boolean {
    return this.#wal.hasLostCommits;
  }

  /** @param from a table, and how to read it */
  read(from: string): Rows {
    const db = this.#db;
    let isWhole = false;
    function* rows(): Generator<Row> {
      try {
        if (db) yield* db.prepare<[], Row>(`SELECT * FROM ${from}`).iterate();
        isWhole = db !== null;
      } catch {
        // What follows is lost, or stands in a place that can be reached in another way only.
      }
    }
    return { rows: rows(), isWhole: () => isWhole };
  }

  /** See leaf-pages.ts. */
  rowsOnPages(): Iterable<PageRow> {
    return rowsOnPages(this.#path, this.#wal);
  }

  close(): void {
    this.#db?.close();
    removeTwin(this.#path);
  }

  /** Whether there is anything in it. */
  #makeTwin(): boolean {
    const isEmpty = (statSync(this.#path, { throwIfNoEntry: false })?.size ?? 0) === 0;
    if (!isEmpty) linkOrCopy(this.#path, this.#twin);
    else {
      const first = this.#wal.frames.findLast(({ page }) => page === 1);
      if (!first) return false;
      writeFileSync(this.#twin, first.bytes);
    }
    if (this.#wal.frames.length > 0) writeWal(`${this.#twin}-wal`, this.#wal);
    return true;
  }
}

/** What a salvage that was cut off has left of it. */
export function removeTwin(path: string): void {
  for (const suffix of ["", "-wal", "-shm"]) rmSync(`${twinOf(path)}${suffix}`, { force: true });
}

function twinOf(path: string): string {
  return `${path}.being-read`;
}

function linkOrCopy(path: string, twin: string): void {
  try {
    linkSync(path, twin);
  } catch {
    // A file system without links.
    copyFileSync(path, twin, constants.COPYFILE_FICLONE);
  }
}

function openTwin(twin: string): Database.Database | null {
  const db = new Database(twin, { readonly: true, timeout: lockWaitMs });
  try {
    db.prepare("SELECT count(*) FROM sqlite_master").get();
  } catch (error) {
    // The lock is that of the file, whatever its name.
    if (/^SQLITE_(BUSY|LOCKED)/.test(codeOf(error))) {
      db.close();
      throw error;
    }
    // Page by page something may be left.
  }
  return db;
}
