import {
  type Log,
  LogUnavailable,
  type Progress,
  TooManyTopics,
  UnstorableReading,
} from "../log/contract.ts";
import type { Reading } from "../model/reading.ts";
import type { Logger } from "../observe/log.ts";
import { checkReadings } from "./check.ts";

/** Puts what an insight makes into the log. */
export class InsightWriter {
  readonly #log: Log;
  readonly #logger: Logger;
  /** Readings stored, and readings that the log cannot take. */
  made = 0;
  refused = 0;

  constructor(log: Log, logger: Logger) {
    this.#log = log;
    this.#logger = logger;
  }

  /** Stores readings and progress in one commit. Returns false if the log takes nothing now: then nothing is stored. */
  async append(readings: readonly Reading[], progress: Progress): Promise<boolean> {
    const { good, problem } = checkReadings(readings);
    try {
      await this.#log.append({ readings: good, progress });
    } catch (error) {
      if (error instanceof LogUnavailable) return false;
      if (!(error instanceof TooManyTopics || error instanceof UnstorableReading)) throw error;
      return this.append(this.#appendSingly(good, progress.name), progress);
    }
    this.made += good.length;
    if (problem !== null) this.#refuse(progress.name, readings.length - good.length, problem);
    return true;
  }

  // One reading that the log cannot keep does not take its neighbours with it. The log keeps the order, so the progress that
  // follows counts for these as well.
  #appendSingly(readings: readonly Reading[], insight: string): readonly Reading[] {
    for (const reading of readings) {
      try {
        this.#log.append({ readings: [reading] })?.catch(() => {});
        this.made++;
      } catch (error) {
        this.#refuse(insight, 1, (error as Error).message);
      }
    }
    return [];
  }

  #refuse(insight: string, count: number, problem: string): void {
    if (this.refused === 0) {
      this.#logger.warn({ insight, problem }, "an insight made a reading that the log cannot take");
    }
    this.refused += count;
  }
}
