interface Waiting {
  settled: boolean;
  failure: unknown;
  readonly finish: Finish;
}

/** Runs once per packet; `failure` is what the commit was rejected with, `undefined` if it went well. */
export type Finish = (failure?: unknown) => void;

/**
 * One client's packets in the order they came, so that their acknowledgements leave in that order too
 * (MQTT 3.1.1, 4.6) whatever order their commits end in. Bounded by what the wire guard lets through.
 */
export class Answers {
  #waiting: Waiting[] = [];

  /** `answer` is the commit to wait for, null if there is nothing to wait for but the packets before. */
  push(answer: Promise<void> | null, finish: Finish): void {
    if (answer === null && this.#waiting.length === 0) return finish();
    const entry: Waiting = { settled: answer === null, failure: undefined, finish };
    this.#waiting.push(entry);
    answer?.then(
      () => this.#settle(entry, undefined),
      (failure: unknown) => this.#settle(entry, failure ?? new Error("the commit failed without a reason")),
    );
  }

  #settle(entry: Waiting, failure: unknown): void {
    entry.settled = true;
    entry.failure = failure;
    while (this.#waiting[0]?.settled) {
      const head = this.#waiting.shift();
      head?.finish(head.failure);
    }
  }
}
