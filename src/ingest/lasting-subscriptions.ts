import { FilterTree } from "./filter-tree.ts";
import type { Qos } from "./granted-filters.ts";

/** A subscription as Aedes hands it over and wants it back. */
export interface Subscription {
  readonly topic: string;
  readonly qos: Qos;
}

/** A subscription and whose it is. */
export interface Subscriber extends Subscription {
  readonly clientId: string;
}

/** The subscriptions of sessions that last (clean=0), by client and by topic. As bounded as the sessions are. */
export class LastingSubscriptions {
  readonly #byClient = new Map<string, Map<string, Subscriber>>();
  /** Those of QoS 1 and 2: messages are queued for them. */
  readonly #queued = new FilterTree<Subscriber>();

  add(clientId: string, { topic, qos }: Subscription): void {
    let entries = this.#byClient.get(clientId);
    if (entries === undefined) {
      entries = new Map();
      this.#byClient.set(clientId, entries);
    }
    const before = entries.get(topic);
    if (before) this.#queued.remove(topic, before);
    const entry: Subscriber = { topic, qos, clientId };
    entries.set(topic, entry);
    if (qos > 0) this.#queued.add(topic, entry);
  }

  remove(clientId: string, filter: string): void {
    const entries = this.#byClient.get(clientId);
    const entry = entries?.get(filter);
    if (entries === undefined || entry === undefined) return;
    this.#queued.remove(filter, entry);
    entries.delete(filter);
    if (entries.size === 0) this.#byClient.delete(clientId);
  }

  /** The client's session has ended. */
  forget(clientId: string): void {
    for (const [filter, entry] of this.#byClient.get(clientId) ?? []) this.#queued.remove(filter, entry);
    this.#byClient.delete(clientId);
  }

  /** What `clientId` subscribes to. */
  of(clientId: string): Subscription[] {
    return [...(this.#byClient.get(clientId)?.values() ?? [])].map(({ topic, qos }) => ({ topic, qos }));
  }

  /** Those of QoS 1 and 2 that match `topic`; a client with several comes several times. */
  matching(topic: string): readonly Subscriber[] {
    if (this.#queued.size === 0) return [];
    const found = this.#queued.match(topic);
    // MQTT-4.7.2-1
    return topic.startsWith("$") ? found.filter((entry) => !/^[+#]/.test(entry.topic)) : found;
  }
}
