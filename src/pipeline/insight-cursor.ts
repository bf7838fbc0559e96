import { setImmediate as nextTurn } from "node:timers/promises";
import type { Reducer } from "../insights/insight.ts";
import type { Log, LogRecord, Progress, SavedProgress } from "../log/contract.ts";
import type { Reading } from "../model/reading.ts";
import type { Logger } from "../observe/log.ts";
import { InsightCommits, type Point } from "./insight-commits.ts";
import { endingsOf } from "./insight-endings.ts";
import { InsightInputs, RecordReading } from "./insight-inputs.ts";
import { InsightPages } from "./insight-pages.ts";
import type { ConfiguredInsight, InsightFigures, InsightOptions } from "./insight-runner.ts";
import { decodeSaved, encodeStateInTurns, fingerprintOf } from "./insight-state.ts";
import { ToldBefore } from "./insight-told.ts";

/** Taken in one turn of the event loop: some milliseconds of work. Then others have theirs. */
const readingsInTurn = 500;

/** One insight on its way through the log. */
export class InsightCursor {
  readonly #configured: ConfiguredInsight;
  readonly #log: Log;
  readonly #logger: Logger;
  readonly #options: InsightOptions;
  readonly #inputs: InsightInputs;
  readonly #pages: InsightPages;
  readonly #commits: InsightCommits;
  readonly #reducer: Reducer | null;
  readonly #state: unknown;
  #seq: number;
  #time: number;
  /** What was emitted up to here is in the log already; null once that is passed. */
  #told: Point | null;
  readonly #toldBefore: ToldBefore;
  /** Up to where the state of an earlier life had come; null if none was of use. */
  readonly #restoredSeq: number | null;
  /** Of the settings, and whether what it told may follow from others. */
  readonly #settings: string;
  #isOther = false;
  #emitted: Reading[] = [];
  #drained: Promise<void> | null = null;
  #isWoken = false;
  #isClosing = false;
  /** Whether what it told in earlier lives still has something behind it. */
  #isChecked = false;
  /** Why it does not run, null if it does. */
  #failure: string | null = null;
  #isTooLarge = false;
  #mustSave = false;
  #savedAt: number;
  #readAtSave = 0;
  /** Size of the state as it was saved last. */
  #savedBytes = 0;
  #read = 0;
  #missed = 0;

  constructor(
    configured: ConfiguredInsight,
    saved: SavedProgress | null,
    log: Log,
    logger: Logger,
    options: InsightOptions,
  ) {
    const { insight, settings, context } = configured;
    this.#configured = configured;
    this.#log = log;
    this.#logger = logger;
    this.#options = options;
    this.#pages = new InsightPages(log, options.pageBytes);
    this.#settings = fingerprintOf(settings);
    const restored = this.#restore(saved);
    this.#restoredSeq = restored?.seq ?? null;
    this.#state = restored ? restored.state : insight.start();
    // A damaged log may have lost records that were read.
    const known = (seq: number) => Math.min(seq, log.head);
    this.#seq = known(restored?.seq ?? 0);
    this.#time = restored?.time ?? Number.NEGATIVE_INFINITY;
    this.#told = saved && { seq: known(saved.seq), time: saved.time };
    this.#commits = new InsightCommits(log, logger, options.retryMs, this.#told);
    this.#toldBefore = new ToldBefore(insight, log);
    this.#savedAt = log.time;
    this.#inputs = new InsightInputs(insight.reads(settings), insight.writes);
    let reducer: Reducer | null = null;
    try {
      reducer = insight.create(settings, this.#state, context);
    } catch (error) {
      this.#fail(error);
    }
    this.#reducer = reducer;
  }

  /**
   * Itself, or if it failed with a state of an earlier life, one in its place that works everything out anew: a state that was saved
   * by another version, or damaged, must not stop it for ever.
   */
  orAnew(): InsightCursor {
    if (this.#failure === null || this.#restoredSeq === null) return this;
    this.#logger.warn(
      { insight: this.#name },
      "an insight failed with its saved state: it is made anew from the log",
    );
    const { stored } = this.#commits;
    const saved = stored && { name: this.#name, ...stored, state: null };
    return new InsightCursor(this.#configured, saved, this.#log, this.#logger, this.#options);
  }

  /** Goes on to the head of the log, unless it is on its way. */
  wake(): void {
    this.#isWoken = true;
    if (this.#drained || this.#isClosing || this.#failure !== null) return;
    this.#drained = this.#drain().finally(() => {
      this.#drained = null;
      // It may have been woken after it had looked for the last time.
      if (this.#isWoken) this.wake();
    });
  }

  figures(): InsightFigures {
    const lag = Math.max(0, this.#log.head - this.#seq);
    const counts = { read: this.#read, ...this.#commits.counts, missed: this.#missed, lag, seq: this.#seq };
    return { name: this.#name, runs: this.#failure === null, ...counts };
  }

  warnings(): string[] {
    const warnings: string[] = [];
    if (this.#failure !== null) {
      const what = `stopped after an error: ${this.#failure}`;
      warnings.push(`insight ${this.#name}: ${what}; restart the gateway, and report it if it happens again`);
    }
    if (this.#isTooLarge) {
      warnings.push(
        `insight ${this.#name}: its state has outgrown ${this.#options.maxStateBytes} bytes and is not saved`,
      );
    }
    return warnings;
  }

  /** Stops, and saves the state. */
  async close(): Promise<void> {
    this.#isClosing = true;
    this.#commits.stop();
    await this.#drained;
    if (this.#failure !== null || this.#told !== null || this.#emitted.length > 0) return;
    const isStored = await this.#commits.flush().catch(() => false);
    if (!isStored || this.#read === this.#readAtSave) return;
    const state = await this.#encodeState();
    if (state) await this.#log.append({ readings: [], progress: { ...this.#point, state } })?.catch(() => {});
  }

  get #name(): string {
    return this.#configured.insight.name;
  }

  get #point(): Progress {
    return { name: this.#name, seq: this.#seq, time: this.#time };
  }

  #restore(saved: SavedProgress | null): (Point & { readonly state: unknown }) | null {
    this.#isOther = saved !== null;
    if (!saved?.state) return null;
    const { seq, time, bytes } = saved.state;
    this.#savedBytes = bytes.length;
    try {
      const { version, state, settings } = decodeSaved(bytes);
      this.#isOther = settings !== this.#settings;
      if (version === this.#configured.insight.stateVersion) return { seq, time, state };
      this.#logger.info(
        { insight: this.#name },
        version === null
          ? "an insight is switched on again: its state is made anew from the log"
          : "an insight's state has a new form: it is made anew from the log",
      );
    } catch (err) {
      this.#logger.warn(
        { err, insight: this.#name },
        "an insight's state is not readable: it is made anew from the log",
      );
    }
    return null;
  }

  /** Never rejects. */
  async #drain(): Promise<void> {
    try {
      // What was just committed is acknowledged first.
      await nextTurn();
      this.#isWoken = false;
      while (!this.#isClosing && (await this.#takePage())) await nextTurn();
    } catch (error) {
      // What it told until then counts as told.
      await this.#commits.flush().catch(() => {});
      this.#fail(error);
    }
  }

  /** Takes a page of the log and commits what follows from it. Returns whether there is more. */
  async #takePage(): Promise<boolean> {
    const page = await this.#pages.next(this.#seq);
    // The next tick tries again.
    if (page === null) return false;
    if (page.kind === "evicted") {
      this.#skipTo(page.oldest);
      return true;
    }
    const { records } = page;
    for (let index = 0; index < records.length; index++) {
      if (index > 0 && index % readingsInTurn === 0) await nextTurn();
      this.#take(records[index] as LogRecord);
    }
    this.#seq = page.through;
    // Asked now: the log went on while the page was awaited.
    const isAtHead = this.#seq >= this.#log.head;
    if (isAtHead) {
      this.#passTold(this.#seq + 1);
      this.#advance(this.#log.time);
      await this.#endLeftOvers();
    }
    // On the way to the head fewer, larger commits.
    if (isAtHead || this.#emitted.length >= this.#options.gatherReadings || this.#isSaveDue())
      await this.#commit();
    return this.#log.head > this.#seq;
  }

  /** Once, at the head: what came before may have ended them. With a state that was made anew nobody else would. */
  async #endLeftOvers(): Promise<void> {
    if (this.#isChecked) return;
    // Topics must show what was made until now.
    await this.#commit();
    if (!(await this.#commits.flush())) return;
    this.#isChecked = true;
    const endings = await endingsOf(this.#configured.insight, this.#log, this.#reducer);
    for (const ending of endings) this.#emit(ending);
    // The state that knew of it must not come back, nor what follows from other settings.
    this.#mustSave = endings.length > 0 || this.#isOther;
  }

  #skipTo(oldest: number): void {
    // An insight that is new to the log misses nothing of what it never knew.
    if (this.#seq > 0) {
      this.#missed += oldest - 1 - this.#seq;
      this.#logger.warn(
        { insight: this.#name, from: this.#seq + 1, to: oldest - 1 },
        "the ring dropped readings before an insight had read them",
      );
    }
    this.#passTold(oldest);
    this.#seq = oldest - 1;
  }

  #take(record: LogRecord): void {
    const parts = this.#inputs.find(record.topic);
    if (parts === null) return;
    this.#passTold(record.seq);
    // Records always tell when they were committed; only history does not.
    this.#advance(record.committedAt ?? this.#time);
    this.#read++;
    this.#reducer?.reduce(new RecordReading(record, parts, this.#time), this.#emit);
    this.#seq = record.seq;
  }

  #advance(now: number): void {
    if (now <= this.#time) return;
    this.#time = now;
    this.#reducer?.advance?.(now, this.#emit);
  }

  /** Ahead of record `nextSeq`: from there on what is emitted is new, if all that was told before is behind. */
  #passTold(nextSeq: number): void {
    if (this.#told === null || nextSeq <= this.#told.seq) return;
    this.#advance(this.#told.time);
    this.#told = null;
    const unsaid = this.#toldBefore.takeUnsaid(this.#reducer, this.#time, this.#restoredSeq, this.#isOther);
    for (const reading of unsaid) this.#emit(reading);
  }

  readonly #emit = (reading: Reading): void => {
    if (this.#told !== null && this.#toldBefore.has(reading)) return;
    if (!this.#configured.insight.writes.some((domain) => domain === reading.domain)) {
      throw new Error(
        `it wrote to ${reading.domain}/${reading.device}, and \`writes\` does not name ${reading.domain}`,
      );
    }
    this.#emitted.push(reading);
  };

  /** Has what was emitted stored, with the place it follows from. */
  async #commit(): Promise<void> {
    const state = this.#isSaveDue() ? await this.#encodeState() : null;
    if (this.#emitted.length === 0 && !state) return;
    // What was told stays told, also while it is worked out again.
    const point = { ...this.#point, ...this.#told };
    const progress = state ? { ...point, state } : point;
    // Else it closes, and what was emitted stays, so that nothing is taken for saved that is not; after a restart it is made again.
    if (await this.#commits.put(this.#emitted, progress)) this.#emitted = [];
  }

  #isSaveDue(): boolean {
    if (this.#told !== null) return false;
    if (this.#mustSave) return true;
    const since = this.#read - this.#readAtSave;
    const { saveMs, saveReadings, saveBytes } = this.#options;
    const pauseMs = saveMs * Math.max(1, this.#savedBytes / saveBytes);
    // By the clock of now, not of what is read: behind the head, days go by in seconds.
    return since >= saveReadings || (since > 0 && this.#log.time - this.#savedAt >= pauseMs);
  }

  /** Nobody changes the state meanwhile: nothing is read. Null if it is too large to be saved. */
  async #encodeState(): Promise<Uint8Array | null> {
    this.#mustSave = false;
    this.#savedAt = this.#log.time;
    this.#readAtSave = this.#read;
    const state = await encodeStateInTurns(
      this.#configured.insight.stateVersion,
      this.#state,
      this.#settings,
    );
    this.#savedBytes = state.length;
    this.#isTooLarge = state.length > this.#options.maxStateBytes;
    return this.#isTooLarge ? null : state;
  }

  #fail(error: unknown): void {
    this.#failure = error instanceof Error ? error.message : String(error);
    this.#emitted = [];
    this.#logger.error(
      { err: error, insight: this.#name },
      "an insight failed and is stopped; all else goes on",
    );
  }
}
