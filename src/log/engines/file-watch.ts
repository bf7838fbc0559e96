import { type Stats, statSync } from "node:fs";
import { damageError } from "./damage.ts";
import { walBytes } from "./sqlite-schema.ts";

/**
 * Notices that somebody took away or cut off the files that are open: what is written to them then is gone with this process. Each look
 * costs about 1 µs a file (measured), so every commit can have one.
 */
export class FileWatch {
  readonly #path: string;
  readonly #file: number | undefined;
  #fileBytes = 0;
  #wal: number | undefined;
  #walBytes = 0;

  /** @param path of a database that was just opened */
  constructor(path: string) {
    this.#path = path;
    this.#file = find(path)?.ino;
    this.noteWritten();
  }

  /**
   * Call before a commit. Returns whether the write-ahead log has lost its name: what is in it can be moved into the file as long as it
   * is open.
   * @throws Error if the file is another one; one with SQLite's code for damage if one of the two has become shorter
   */
  isWalGone(): boolean {
    const file = find(this.#path);
    if (file === undefined || file.ino !== this.#file) {
      throw new Error(
        `${this.#path} was removed or replaced while in use: put it back, or restart the gateway to begin a new log`,
      );
    }
    const wal = find(`${this.#path}-wal`);
    const isGone = this.#wal !== undefined && wal?.ino !== this.#wal;
    // The file only grows; SQLite cuts its write-ahead log down to `walBytes` and no further while it is open.
    const isWalShort = !isGone && (wal?.size ?? 0) < Math.min(this.#walBytes, walBytes);
    if (file.size < this.#fileBytes || isWalShort) {
      throw damageError(`${isWalShort ? "its write-ahead log" : "it"} was cut off while in use`);
    }
    this.#fileBytes = file.size;
    return isGone;
  }

  /** Call after a commit. */
  noteWritten(): void {
    const wal = find(`${this.#path}-wal`);
    this.#wal ??= wal?.ino;
    if (wal?.ino === this.#wal) this.#walBytes = wal?.size ?? 0;
  }
}

function find(path: string): Stats | undefined {
  return statSync(path, { throwIfNoEntry: false });
}
