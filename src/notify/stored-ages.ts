import type { Log, LogRecord } from "../log/contract.ts";
import type { Clock, SteadyClock } from "../model/clock.ts";

/** So much of the limit, as one part of so many, an age may be taken for less than it is. */
const parts = 64;

/** All records up to `seq` were stored by `at`. */
interface Mark {
  seq: number;
  readonly beganAt: number;
  at: number;
}

/**
 * Tells which records were stored too long ago. That is counted on a steady clock, since wall time may be set by hours at any moment;
 * it only serves for what passed before the start.
 */
export class StoredAges {
  readonly #log: Pick<Log, "head">;
  readonly #limitMs: number;
  readonly #steady: SteadyClock;
  readonly #startedAt: number;
  readonly #wallAtStart: number;
  readonly #headAtStart: number;
  /** Oldest first, at least a part of the limit apart. */
  readonly #marks: Mark[] = [];
  /** Of what was stored since the start, all up to this seq is too old. */
  #overSeq = 0;

  constructor(log: Pick<Log, "head">, limitMs: number, clock: Clock, steady: SteadyClock) {
    this.#log = log;
    this.#limitMs = limitMs;
    this.#steady = steady;
    this.#startedAt = steady.passedMs();
    this.#wallAtStart = clock.now();
    this.#headAtStart = log.head;
  }

  /** Records were committed just now. */
  note(): void {
    const at = this.#steady.passedMs();
    const seq = this.#log.head;
    const last = this.#marks.at(-1);
    if (last === undefined || at - last.beganAt >= this.#limitMs / parts) {
      this.#marks.push({ seq, beganAt: at, at });
    } else {
      last.seq = seq;
      last.at = at;
    }
    this.#forget(at);
  }

  /** True if `record` was stored longer ago than the limit. */
  isOver({ seq, committedAt = this.#wallAtStart }: Pick<LogRecord, "seq" | "committedAt">): boolean {
    const now = this.#steady.passedMs();
    if (seq <= this.#headAtStart) {
      const ageAtStartMs = Math.max(0, this.#wallAtStart - committedAt);
      return ageAtStartMs + now - this.#startedAt >= this.#limitMs;
    }
    this.#forget(now);
    return seq <= this.#overSeq;
  }

  #forget(now: number): void {
    for (let mark = this.#marks[0]; mark && now - mark.at >= this.#limitMs; mark = this.#marks[0]) {
      this.#overSeq = mark.seq;
      this.#marks.shift();
    }
  }
}
