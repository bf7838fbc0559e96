import type { Log, Progress } from "../log/contract.ts";
import type { Reading } from "../model/reading.ts";
import type { Logger } from "../observe/log.ts";
import { InsightWriter } from "./insight-writer.ts";

/** A point in the order in which things happen to an insight: records by seq, and time passing between them. */
export interface Point {
  readonly seq: number;
  readonly time: number;
}

/** The commits of an insight, one after the other. It goes on while one is under way, but never two ahead of what is stored. */
export class InsightCommits {
  readonly #writer: InsightWriter;
  readonly #retryMs: number;
  #stored: Point | null;
  #underWay = Promise.resolve(true);
  #isStopping = false;
  #stopWaiting = () => {};

  /** @param stored up to where an earlier life had come, null if there was none */
  constructor(log: Log, logger: Logger, retryMs: number, stored: Point | null) {
    this.#writer = new InsightWriter(log, logger);
    this.#retryMs = retryMs;
    this.#stored = stored;
  }

  /** What follows from up to here is in the log; null: nothing is. */
  get stored(): Point | null {
    return this.#stored;
  }

  /** Readings stored, and readings that the log cannot take. */
  get counts(): { readonly made: number; readonly refused: number } {
    const { made, refused } = this.#writer;
    return { made, refused };
  }

  /**
   * Begins a commit, as soon as the one before is stored.
   * @returns false if that one is not, since it was to stop: then nothing of this one is stored either
   * @throws what the one before failed of
   */
  async put(readings: readonly Reading[], progress: Progress): Promise<boolean> {
    if (!(await this.#underWay)) return false;
    this.#underWay = this.#store(readings, progress);
    // Who comes next is told.
    this.#underWay.catch(() => {});
    return true;
  }

  /**
   * Waits for what was begun.
   * @returns false if it is not stored, since it was to stop
   * @throws what it failed of
   */
  flush(): Promise<boolean> {
    return this.#underWay;
  }

  /** From now on a log that takes nothing is not tried again. */
  stop(): void {
    this.#isStopping = true;
    this.#stopWaiting();
  }

  async #store(readings: readonly Reading[], progress: Progress): Promise<boolean> {
    while (!(await this.#writer.append(readings, progress))) {
      if (this.#isStopping) return false;
      await this.#wait();
    }
    this.#stored = { seq: progress.seq, time: progress.time };
    return true;
  }

  #wait(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, this.#retryMs);
      this.#stopWaiting = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
