import { LogUnavailable, type Page } from "./contract.ts";
import type { LogEngine } from "./engine.ts";
import type { LogMemory } from "./memory.ts";
import { recordFromBody } from "./record.ts";

/** Where the log's ends are; they move while a read is under way. */
interface Ends {
  readonly head: number;
  readonly oldest: number;
}

/** Reads what the memory tail no longer has. */
export class StoreReader {
  readonly #engine: LogEngine;
  readonly #memory: LogMemory;
  readonly #maxReads: number;
  #reads = 0;

  constructor(engine: LogEngine, memory: LogMemory, maxReads: number) {
    this.#engine = engine;
    this.#memory = memory;
    this.#maxReads = maxReads;
  }

  /** @throws LogUnavailable when the store cannot be read, or too many reads wait */
  async read(after: number, maxBytes: number, ends: Ends): Promise<Page> {
    if (this.#reads >= this.#maxReads) {
      throw new LogUnavailable(`${this.#reads} reads of the store are waiting (maxStoreReads)`);
    }
    this.#reads++;
    try {
      const page = await this.#engine.read(after, maxBytes);
      // The ring may have moved on meanwhile, and the dictionary with it.
      const oldest = page.kind === "evicted" ? Math.max(page.oldest, ends.oldest) : ends.oldest;
      if (page.kind === "evicted" || after + 1 < oldest) return { kind: "evicted", oldest };
      return this.#page(after, page.bodies, ends.head);
    } catch (error) {
      throw new LogUnavailable(`the store cannot be read: ${messageOf(error)}`, { cause: error });
    } finally {
      this.#reads--;
    }
  }

  #page(after: number, bodies: readonly Uint8Array[], head: number): Page {
    if (bodies.length === 0) throw new Error(`it has no record ${after + 1}, though the newest is ${head}`);
    const { topics, shapes } = this.#memory;
    // Nothing is shown before the listeners have had it.
    const records = bodies.slice(0, head - after).map((body, index) =>
      recordFromBody(
        after + 1 + index,
        body,
        (id) => topics.byId(id)?.topic,
        (id) => shapes.byId(id),
      ),
    );
    return { kind: "records", records, through: after + records.length };
  }
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
