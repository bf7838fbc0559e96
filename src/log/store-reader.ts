import { type LogRecord, LogUnavailable, type ObservedPage, type Page } from "./contract.ts";
import type { EnginePage, LogEngine, ObservedAsk } from "./engine.ts";
import type { LogMemory } from "./memory.ts";
import type { LogOptions } from "./options.ts";
import { readBodyHead, recordFromBody, type StoredRecord } from "./record.ts";
import { SharedPages } from "./shared-pages.ts";

/** Where the log's ends are; they move while a read is under way. */
export interface Ends {
  readonly head: number;
  readonly oldest: number;
}

type EngineBodies = Extract<EnginePage, { kind: "bodies" }>;

/** Reads what the memory tail no longer has. */
export class StoreReader {
  readonly #engine: LogEngine;
  readonly #memory: LogMemory;
  readonly #maxReads: number;
  readonly #ends: Ends;
  readonly #pages: SharedPages;
  #reads = 0;

  /** @param maxSharedBytes memory for pages that several readers want */
  constructor(
    engine: LogEngine,
    memory: LogMemory,
    { maxStoreReads, maxSharedBytes }: Pick<LogOptions, "maxStoreReads" | "maxSharedBytes">,
    ends: Ends,
  ) {
    this.#engine = engine;
    this.#memory = memory;
    this.#maxReads = maxStoreReads;
    this.#ends = ends;
    this.#pages = new SharedPages((after, maxBytes) => this.#load(after, maxBytes), maxSharedBytes);
  }

  /** @throws LogUnavailable when the store cannot be read, or too many reads wait */
  read(after: number, maxBytes: number): Promise<Page> {
    return this.#inTurn(async () => {
      const page = await this.#pages.read(after, maxBytes);
      return page.kind === "records" && after + 1 < this.#ends.oldest ? this.#evicted(0) : page;
    });
  }

  /** @throws LogUnavailable likewise */
  observed(ask: ObservedAsk): Promise<ObservedPage> {
    return this.#inTurn(async () => {
      const { bodies, next } = await this.#engine.observed(ask);
      return { records: bodies.flatMap((body) => this.#shown(body)), next };
    });
  }

  /** @throws LogUnavailable likewise */
  firstAfter(time: number): Promise<number> {
    return this.#inTurn(() => this.#engine.firstAfter(time));
  }

  /** @throws LogUnavailable likewise */
  limitedSince(domain: string | null): Promise<number | null> {
    return this.#inTurn(async () => (await this.#engine.limitedSince?.(domain)) ?? null);
  }

  async #inTurn<Answer>(read: () => Promise<Answer>): Promise<Answer> {
    if (this.#reads >= this.#maxReads) {
      throw new LogUnavailable(`${this.#reads} reads of the store are waiting (maxStoreReads)`);
    }
    this.#reads++;
    try {
      return await read();
    } catch (error) {
      throw new LogUnavailable(`the store cannot be read: ${messageOf(error)}`, { cause: error });
    } finally {
      this.#reads--;
    }
  }

  /** Nothing if it has been evicted meanwhile (its topic may be forgotten), or the listeners have not had it yet. */
  #shown(body: Uint8Array): LogRecord[] {
    const { seq } = readBodyHead(body);
    return seq < this.#ends.oldest || seq > this.#ends.head ? [] : [this.#record(null, body)];
  }

  #record(seq: number | null, body: Uint8Array): StoredRecord {
    const { topics, shapes } = this.#memory;
    return recordFromBody(
      seq,
      body,
      (id) => topics.byId(id)?.topic,
      (id) => shapes.byId(id),
    );
  }

  async #load(after: number, maxBytes: number): Promise<Page> {
    const page = await this.#engine.read(after, maxBytes);
    if (page.kind === "evicted") return this.#evicted(page.oldest);
    // The ring may have moved on meanwhile, and the dictionary with it.
    if (after + 1 < this.#ends.oldest) return this.#evicted(0);
    return this.#page(after, page);
  }

  #evicted(oldest: number): Page {
    return { kind: "evicted", oldest: Math.max(oldest, this.#ends.oldest) };
  }

  #page(after: number, { bodies, committedAt }: EngineBodies): Page {
    const { head } = this.#ends;
    if (bodies.length === 0) throw new Error(`it has no record ${after + 1}, though the newest is ${head}`);
    const records: LogRecord[] = [];
    // Nothing is shown before the listeners have had it.
    for (const [index, body] of bodies.slice(0, head - after).entries()) {
      try {
        const record = this.#record(after + 1 + index, body);
        record.committedAt = committedAt[index];
        records.push(record);
      } catch {
        // The reader goes on behind a damaged record, and is told that it is gone.
        if (index === 0) return this.#evicted(after + 2);
        break;
      }
    }
    return { kind: "records", records, through: after + records.length };
  }
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
