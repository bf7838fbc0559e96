import { type Log, LogUnavailable, type Page } from "../log/contract.ts";

/** The log as an insight reads it, page by page: while it takes one, the store brings the next. */
export class InsightPages {
  readonly #log: Log;
  /** Bytes of bodies. */
  readonly #pageBytes: number;
  #ahead: { readonly after: number; readonly page: Promise<Page | null> } | null = null;

  constructor(log: Log, pageBytes: number) {
    this.#log = log;
    this.#pageBytes = pageBytes;
  }

  /** The page behind position `after`; null if the log cannot be read now: health tells what is wrong with it. */
  async next(after: number): Promise<Page | null> {
    const ahead = this.#ahead;
    this.#ahead = null;
    const page = await (ahead?.after === after ? ahead.page : this.#read(after));
    if (page?.kind === "records" && page.through < this.#log.head) {
      this.#ahead = { after: page.through, page: this.#read(page.through) };
      // Who asks for it is told.
      this.#ahead.page.catch(() => {});
    }
    return page;
  }

  async #read(after: number): Promise<Page | null> {
    try {
      return await this.#log.read(after, this.#pageBytes);
    } catch (error) {
      if (error instanceof LogUnavailable) return null;
      throw error;
    }
  }
}
