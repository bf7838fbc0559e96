interface Entry {
  readonly key: string;
  readonly due: number;
}

/**
 * What becomes due when, by key: for what must happen without a reading (stale, closed, dwelt long enough). Taken in the
 * order of time, then of key, so that the order never depends on the past. It is no part of an insight's state: fill it
 * again from that in `create`.
 */
export class DueTimes {
  readonly #dueOf = new Map<string, number>();
  /** A binary heap; entries that `#dueOf` does not confirm are dead, and dropped when they come up. */
  #heap: Entry[] = [];

  get size(): number {
    return this.#dueOf.size;
  }

  /** When `key` is due, undefined if never. */
  get(key: string): number | undefined {
    return this.#dueOf.get(key);
  }

  /** Sets when `key` is due, epoch milliseconds, in place of what was set before. */
  set(key: string, due: number): void {
    if (this.#dueOf.get(key) === due) return;
    this.#dueOf.set(key, due);
    if (this.#heap.length > 2 * this.#dueOf.size + 64) this.#rebuild();
    else this.#push({ key, due });
  }

  delete(key: string): void {
    this.#dueOf.delete(key);
  }

  /** Takes out the first that is due at or before `now`, null if nothing is. */
  take(now: number): Entry | null {
    for (let first = this.#heap[0]; first !== undefined && first.due <= now; first = this.#heap[0]) {
      this.#pop();
      if (this.#dueOf.get(first.key) !== first.due) continue;
      this.#dueOf.delete(first.key);
      return first;
    }
    return null;
  }

  #rebuild(): void {
    // A sorted list is a heap.
    this.#heap = [...this.#dueOf]
      .map(([key, due]) => ({ key, due }))
      .sort((one, other) => (isBefore(one, other) ? -1 : 1));
  }

  #push(entry: Entry): void {
    const heap = this.#heap;
    let at = heap.length;
    heap.push(entry);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isBefore(entry, heap[parent] as Entry)) break;
      heap[at] = heap[parent] as Entry;
      at = parent;
    }
    heap[at] = entry;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop() as Entry;
    if (heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      const right = heap[child + 1];
      if (right !== undefined && isBefore(right, heap[child] as Entry)) child++;
      if (!isBefore(heap[child] as Entry, last)) break;
      heap[at] = heap[child] as Entry;
      at = child;
    }
    heap[at] = last;
  }
}

function isBefore(one: Entry, other: Entry): boolean {
  return one.due < other.due || (one.due === other.due && one.key < other.key);
}
