import type { LogRecord, Page } from "./contract.ts";
import { recordOverheadBytes } from "./tail.ts";

/** Pages that are read at the same time: further readers wait, since most of them want what these bring. */
const maxUnderWay = 2;

type Load = (after: number, maxBytes: number) => Promise<Page>;

interface Waiter {
  readonly after: number;
  readonly maxBytes: number;
  readonly resolve: (page: Page) => void;
  readonly reject: (error: unknown) => void;
}

interface Kept {
  readonly firstSeq: number;
  readonly records: readonly LogRecord[];
  readonly bytes: number;
}

/**
 * Pages of the store for many readers. After a restart thousands come back with cursors that lie close together: whoever
 * waits is given its part of the first page that has it, and the newest pages are kept for those that come next.
 */
export class SharedPages {
  readonly #load: Load;
  readonly #maxKeptBytes: number;
  /** Oldest first. */
  readonly #kept: Kept[] = [];
  #keptBytes = 0;
  #waiting: Waiter[] = [];
  #underWay = 0;

  /** @param maxKeptBytes bound of the kept pages, with what their records cost in memory */
  constructor(load: Load, maxKeptBytes: number) {
    this.#load = load;
    this.#maxKeptBytes = maxKeptBytes;
  }

  /** As `Log.read`. A kept page may hold what the ring has dropped since: the caller looks. */
  async read(after: number, maxBytes: number): Promise<Page> {
    const kept = this.#kept.findLast((page) => covers(page, after));
    if (kept) return partOf(kept, after, maxBytes);
    return new Promise((resolve, reject) => {
      this.#waiting.push({ after, maxBytes, resolve, reject });
      this.#loadNext();
    });
  }

  #loadNext(): void {
    if (this.#underWay >= maxUnderWay) return;
    const next = this.#waiting.shift();
    if (!next) return;
    this.#underWay++;
    this.#load(next.after, next.maxBytes)
      .then((page) => {
        if (page.kind === "records" && page.records.length > 0) this.#keep(page.records);
        next.resolve(page);
      }, next.reject)
      .finally(() => {
        this.#underWay--;
        this.#loadNext();
      });
  }

  #keep(records: readonly LogRecord[]): void {
    const bytes = records.reduce((sum, { body }) => sum + body.length + recordOverheadBytes, 0);
    const page = { firstSeq: records[0]?.seq ?? 0, records, bytes };
    this.#kept.push(page);
    this.#keptBytes += bytes;
    while (this.#keptBytes > this.#maxKeptBytes) this.#keptBytes -= this.#kept.shift()?.bytes ?? 0;
    this.#waiting = this.#waiting.filter(({ after, maxBytes, resolve }) => {
      if (!covers(page, after)) return true;
      resolve(partOf(page, after, maxBytes));
      return false;
    });
  }
}

function covers({ firstSeq, records }: Kept, after: number): boolean {
  return after + 1 >= firstSeq && after + 1 < firstSeq + records.length;
}

/** What follows `after` in a page that has it, about `maxBytes` of bodies. */
function partOf({ firstSeq, records }: Kept, after: number, maxBytes: number): Page {
  const start = after + 1 - firstSeq;
  let end = start;
  for (let bytes = 0; end < records.length && bytes < maxBytes; end++) {
    bytes += (records[end] as LogRecord).body.length;
  }
  return { kind: "records", records: records.slice(start, end), through: firstSeq + end - 1 };
}
