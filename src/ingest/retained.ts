import { Readable } from "node:stream";
import { setImmediate as nextTurn } from "node:timers/promises";
import { hasWildcard, matchesFilter } from "../model/filter.ts";
import type { MqttLimits } from "./limits.ts";
import type { MqttStats } from "./stats.ts";
import { type StoredPublish, storedPublish } from "./stored-packet.ts";

/** Topics that a replay looks at before it lets the event loop turn. */
const topicsPerTurn = 1_000;

/** The last message of each topic that was published with the retain flag (MQTT 3.1.1, 3.3.1.3). */
export class RetainedMessages {
  readonly #limits: Pick<MqttLimits, "maxRetainedMessages" | "maxRetainedBytes">;
  readonly #stats: MqttStats;
  readonly #packets = new Map<string, StoredPublish>();
  #bytes = 0;

  constructor(limits: Pick<MqttLimits, "maxRetainedMessages" | "maxRetainedBytes">, stats: MqttStats) {
    this.#limits = limits;
    this.#stats = stats;
  }

  /** Keeps `packet`; an empty payload clears its topic. Over a limit the topic keeps nothing, not its old message. */
  store(packet: StoredPublish): void {
    const old = this.#packets.get(packet.topic);
    if (old !== undefined) {
      this.#packets.delete(packet.topic);
      this.#bytes -= sizeOf(old);
    }
    if (packet.payload.length === 0) return;
    const { maxRetainedMessages, maxRetainedBytes } = this.#limits;
    if (this.#packets.size >= maxRetainedMessages || this.#bytes + sizeOf(packet) > maxRetainedBytes) {
      this.#stats.retainRefused++;
      return;
    }
    this.#packets.set(packet.topic, storedPublish(packet));
    this.#bytes += sizeOf(packet);
  }

  /** The retained messages that match each of `filters`, at the reader's pace. */
  replay(filters: readonly string[]): Readable {
    return Readable.from(this.#matching(filters));
  }

  async *#matching(filters: readonly string[]): AsyncGenerator<StoredPublish> {
    let looked = 0;
    for (const filter of filters) {
      if (!hasWildcard(filter)) {
        const packet = this.#packets.get(filter);
        if (packet !== undefined) yield packet;
        continue;
      }
      for (const [topic, packet] of this.#packets) {
        if (++looked % topicsPerTurn === 0) await nextTurn();
        if (matchesFilter(filter, topic)) yield packet;
      }
    }
  }
}

function sizeOf(packet: StoredPublish): number {
  return packet.topic.length + packet.payload.length;
}
