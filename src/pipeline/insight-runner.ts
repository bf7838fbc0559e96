import type { Insight, InsightContext } from "../insights/insight.ts";
import type { Log } from "../log/contract.ts";
import type { Logger } from "../observe/log.ts";
import { InsightCursor } from "./insight-cursor.ts";
import { endSwitchedOff } from "./insight-endings.ts";

/** An insight with the settings it runs with. */
export interface ConfiguredInsight {
  readonly insight: Insight;
  readonly settings: unknown;
  readonly context: InsightContext;
}

export interface InsightOptions {
  /** Commits that follow each other closer wake the insights once: what a wake-up costs hardly depends on how much there is. Milliseconds. */
  readonly spacingMs: number;
  /** How often what became due is looked for, milliseconds. */
  readonly tickMs: number;
  /** Bytes of bodies read from the log at a time. */
  readonly pageBytes: number;
  /** Behind the log's head so many readings that it made gather for a commit: each costs the same however much is in it. */
  readonly gatherReadings: number;
  /** How often the state of an insight is saved, milliseconds. After a crash what came since is reduced again. */
  readonly saveMs: number;
  /** It is also saved after so many readings that it read. */
  readonly saveReadings: number;
  /** A state larger than this is saved so many times more rarely: what is written year after year wears a disk out. */
  readonly saveBytes: number;
  /** A larger state is not saved: the insight goes on, and after a restart begins from an older one. */
  readonly maxStateBytes: number;
  /** How long to wait before the log is tried again, milliseconds. */
  readonly retryMs: number;
}

export const defaultInsightOptions: InsightOptions = {
  spacingMs: 100,
  tickMs: 1_000,
  pageBytes: 256 * 1024,
  gatherReadings: 4_000,
  saveMs: 60_000,
  saveReadings: 200_000,
  saveBytes: 2 * 1024 * 1024,
  maxStateBytes: 16 * 1024 * 1024,
  retryMs: 1_000,
};

/** Figures of one insight, for metrics. */
export interface InsightFigures {
  readonly name: string;
  /** False after it threw. */
  readonly runs: boolean;
  /** Readings that it read and that it made. */
  readonly read: number;
  readonly made: number;
  /** Readings that it made and the log cannot take. */
  readonly refused: number;
  /** Readings that the ring dropped before it had read them. */
  readonly missed: number;
  /** How far it is behind the log's head, in readings. */
  readonly lag: number;
  /** Up to here it has read. */
  readonly seq: number;
}

/** The insights that run. */
export interface InsightRunner {
  figures(): InsightFigures[];
  /** What is wrong with insights, for people; the gateway is ready all the same. */
  warnings(): string[];
  /** Saves the states. The log must still be open. */
  close(): Promise<void>;
}

/**
 * Starts the insights. Each is a cursor over the log: it reads at its own pace and appends what it makes to the same log
 * (insights/insight.ts says what holds). Of several gateways that share a log, only one may run them.
 * @param off insights that are switched off: what they told ends
 */
export function startInsights(
  configured: readonly ConfiguredInsight[],
  log: Log,
  logger: Logger,
  options: Partial<InsightOptions> = {},
  off: readonly Insight[] = [],
): InsightRunner {
  const all = { ...defaultInsightOptions, ...options };
  const saved = new Map(log.progress().map((progress) => [progress.name, progress]));
  const cursors = configured.map(
    (one) => new InsightCursor(one, saved.get(one.insight.name) ?? null, log, logger, all),
  );
  const wake = () => {
    for (const [index, cursor] of cursors.entries()) {
      const current = cursor.orAnew();
      cursors[index] = current;
      current.wake();
    }
  };
  const ended = endSwitchedOff(off, saved, log, logger).catch((err: unknown) => {
    logger.error({ err }, "what insights told that are switched off could not be ended");
  });
  const spaced = new SpacedCall(all.spacingMs, wake);
  const unsubscribe = log.onCommitted(() => spaced.call());
  const timer = setInterval(wake, all.tickMs);
  timer.unref();
  wake();
  return {
    figures: () => cursors.map((cursor) => cursor.figures()),
    warnings: () => cursors.flatMap((cursor) => cursor.warnings()),
    close: async () => {
      unsubscribe();
      clearInterval(timer);
      spaced.stop();
      await ended;
      await Promise.all(cursors.map((cursor) => cursor.close()));
    },
  };
}

/** Calls at once, and then no sooner than a while later. */
class SpacedCall {
  readonly #gapMs: number;
  readonly #call: () => void;
  #timer: NodeJS.Timeout | null = null;
  #isWanted = false;

  constructor(gapMs: number, call: () => void) {
    this.#gapMs = gapMs;
    this.#call = call;
  }

  call(): void {
    this.#isWanted = this.#timer !== null;
    if (this.#isWanted) return;
    this.#timer = setTimeout(() => {
      this.#timer = null;
      if (this.#isWanted) this.call();
    }, this.#gapMs);
    this.#call();
  }

  stop(): void {
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
  }
}
