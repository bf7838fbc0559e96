/**
 * Lets long answers go on one slice at a time: between two slices of whichever answers, the event loop comes round once and
 * everything else has its turn. Without it, slices of several answers that are ready at once would run in one go.
 */
export class Turns {
  #last: Promise<void> = Promise.resolve();

  /** Resolves when the caller may do its next slice, which must be done before anything else is waited for. */
  next(): Promise<void> {
    const mine = this.#last.then(() => new Promise<void>((resolve) => setImmediate(resolve)));
    this.#last = mine;
    return mine;
  }
}
