import { isoTime } from "../../model/reading.ts";
import { evictedTopic, type PageEnd } from "./row.ts";

/** One JSON object: what `start` says, then the rest, as in `{"readings":[…],"next":…,"oldest":…}`. */
export class JsonWriter<Item> {
  readonly #start: string;
  readonly #present: (item: Item) => object;
  #separator = "";

  /** @param start everything up to the first row */
  constructor(start: string, present: (item: Item) => object) {
    this.#start = start;
    this.#present = present;
  }

  head(): string {
    return this.#start;
  }

  rows(items: readonly Item[]): string {
    if (items.length === 0) return "";
    const text = this.#separator + items.map((item) => JSON.stringify(this.#present(item))).join(",\n");
    this.#separator = ",\n";
    return text;
  }

  tail({ next, oldest, isEvicted }: PageEnd): string {
    const evicted = isEvicted ? { evicted: true } : {};
    const told = oldest === undefined ? {} : { oldest: oldest === null ? null : isoTime(oldest) };
    return `],${JSON.stringify({ next, ...told, ...evicted }).slice(1)}\n`;
  }
}

/** One JSON object a line. */
export class NdjsonWriter<Item> {
  readonly #present: (item: Item) => object;

  constructor(present: (item: Item) => object) {
    this.#present = present;
  }

  head(): string {
    return "";
  }

  rows(items: readonly Item[]): string {
    return items.map((item) => `${JSON.stringify(this.#present(item))}\n`).join("");
  }

  tail({ oldest, isEvicted }: PageEnd): string {
    if (!isEvicted) return "";
    const time = typeof oldest === "number" ? { time: isoTime(oldest) } : {};
    return `${JSON.stringify({ topic: evictedTopic, ...time, values: {} })}\n`;
  }
}
