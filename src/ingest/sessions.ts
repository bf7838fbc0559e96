import { Readable } from "node:stream";
import { isCommandTopic } from "./commands.ts";
import type { Exchanges, Owner } from "./exchanges.ts";
import type { MqttLimits } from "./limits.ts";
import { OfflineQueues, type StoredRelease } from "./offline-queue.ts";
import { RetainedMessages } from "./retained.ts";
import type { MqttStats } from "./stats.ts";
import type { StoredPublish } from "./stored-packet.ts";
import type { Subscribers } from "./subscribers.ts";

interface Subscription {
  readonly topic: string;
  readonly qos: 0 | 1 | 2;
}

interface ClientId {
  readonly id: string;
}

/** The part of Aedes' memory persistence that is used as it is: the subscription trie, and wills (one a connection). */
export interface SubscriptionStore {
  addSubscriptions(client: ClientId, subscriptions: readonly Subscription[]): Promise<void>;
  removeSubscriptions(client: ClientId, topics: readonly string[]): Promise<void>;
  subscriptionsByClient(client: ClientId): Promise<Subscription[]>;
  subscriptionsByTopic(topic: string): Promise<{ readonly clientId: string }[]>;
  cleanSubscriptions(client: ClientId): Promise<void>;
  putWill(client: ClientId, will: unknown): Promise<void>;
  delWill(client: ClientId): Promise<unknown>;
  streamWill(brokers: unknown): Readable;
}

/** Aedes only asks whether there is one. */
const unknownExchange = new Error("no such packet");

/**
 * The persistence that Aedes works on, with a limit on everything it keeps. Its methods are Aedes' interface
 * (aedes-persistence 11); what it keeps lives in memory and dies with the process, as clients must expect of a broker.
 */
export class Sessions {
  readonly #store: SubscriptionStore;
  readonly #exchanges: Exchanges;
  readonly #subscribers: Subscribers;
  readonly #limits: MqttLimits;
  readonly #stats: MqttStats;
  readonly #retained: RetainedMessages;
  readonly #queues: OfflineQueues;
  /** Sessions whose client is away, longest first. */
  readonly #absent = new Set<string>();
  /** Subscriptions that were granted and wait to be stored. */
  readonly #granted = new WeakSet<object>();

  constructor(
    store: SubscriptionStore,
    exchanges: Exchanges,
    subscribers: Subscribers,
    limits: MqttLimits,
    stats: MqttStats,
  ) {
    this.#store = store;
    this.#exchanges = exchanges;
    this.#subscribers = subscribers;
    this.#limits = limits;
    this.#stats = stats;
    this.#retained = new RetainedMessages(limits, stats);
    this.#queues = new OfflineQueues(limits, stats);
  }

  /** A client is there: its session cannot be forgotten. */
  enter(client: Owner): void {
    this.#absent.delete(client.id);
  }

  /** A client has gone; `last` says that no other connection took over its id. */
  leave(client: Owner, last: boolean): void {
    if (client.clean || last) this.#exchanges.leave(client);
    if (client.clean && last) this.#subscribers.forget(client.id);
    if (client.clean || !last) return;
    this.#absent.add(client.id);
    for (const clientId of this.#absent) {
      if (this.#absent.size <= this.#limits.maxAbsentSessions) break;
      this.#absent.delete(clientId);
      this.#stats.sessionsForgotten++;
      this.#end(clientId);
    }
  }

  #end(clientId: string): void {
    this.#queues.forget(clientId);
    this.#exchanges.forget(clientId);
    this.#subscribers.forget(clientId);
    void this.#store.cleanSubscriptions({ id: clientId });
  }

  /** Marks a subscription of a SUBSCRIBE as granted; others are not stored. */
  grant(subscription: object): void {
    this.#granted.add(subscription);
  }

  async storeRetained(packet: StoredPublish): Promise<void> {
    this.#retained.store(packet);
  }

  createRetainedStreamCombi(filters: readonly string[]): Readable {
    return this.#retained.replay(filters);
  }

  /** Aedes passes all subscriptions of a SUBSCRIBE once for each of them, the refused ones too: each is stored once. */
  async addSubscriptions(client: Owner, subscriptions: readonly Subscription[]): Promise<void> {
    const fresh = subscriptions.filter((subscription) => this.#granted.delete(subscription));
    if (fresh.length > 0) await this.#store.addSubscriptions(client, fresh);
  }

  removeSubscriptions(client: Owner, topics: readonly string[]): Promise<void> {
    return this.#store.removeSubscriptions(client, topics);
  }

  subscriptionsByClient(client: ClientId): Promise<Subscription[]> {
    return this.#store.subscriptionsByClient(client);
  }

  subscriptionsByTopic(topic: string): Promise<{ readonly clientId: string }[]> {
    return this.#store.subscriptionsByTopic(topic);
  }

  /** A clean session begins: the old one ends with all it had (MQTT-3.1.2-6). */
  async cleanSubscriptions(client: Owner): Promise<void> {
    this.#absent.delete(client.id);
    this.#queues.forget(client.id);
    this.#subscribers.forget(client.id);
    await this.#store.cleanSubscriptions(client);
  }

  async outgoingEnqueue(subscriber: { readonly clientId: string }, packet: StoredPublish): Promise<void> {
    this.#queues.enqueue([subscriber.clientId], packet);
  }

  async outgoingEnqueueCombi(
    subscribers: readonly { readonly clientId: string }[],
    packet: StoredPublish,
  ): Promise<void> {
    // A command that comes hours late does harm.
    if (subscribers.length === 0 || isCommandTopic(packet.topic)) return;
    this.#queues.enqueue(new Set(subscribers.map(({ clientId }) => clientId)), packet);
  }

  /** Never rejects: Aedes would close the connection of a client whose oldest message was dropped. */
  async outgoingUpdate(client: Owner, packet: StoredPublish | StoredRelease): Promise<void> {
    this.#queues.update(client.id, packet);
  }

  async outgoingClearMessageId(client: Owner, packet: { readonly messageId?: number }): Promise<unknown> {
    return this.#queues.remove(client.id, packet.messageId);
  }

  outgoingStream(client: Owner): Readable {
    return Readable.from(this.#queues.list(client.id));
  }

  /** Resolves if Aedes shall not route the PUBLISH (again), or for a PUBREL if its message is known. */
  async incomingGetPacket(
    client: Owner,
    packet: { readonly cmd: string; readonly messageId: number },
  ): Promise<object> {
    const exchange = this.#exchanges.find(client, packet.messageId);
    if (exchange === undefined) throw unknownExchange;
    if (packet.cmd === "publish" && !exchange.routed) {
      exchange.routed = true;
      throw unknownExchange;
    }
    return exchange;
  }

  /** Nothing to do: the exchange was opened before the commit. */
  async incomingStorePacket(): Promise<void> {}

  async incomingDelPacket(client: Owner, packet: { readonly messageId: number }): Promise<void> {
    this.#exchanges.release(client, packet.messageId);
  }

  /** Aedes calls it at the CONNECT and at the end of a clean connection; only the first concerns an older session. */
  async cleanIncoming(client: Owner & { readonly closed: boolean }): Promise<void> {
    if (!client.closed) this.#exchanges.forget(client.id);
  }

  putWill(client: Owner, will: unknown): Promise<void> {
    return this.#store.putWill(client, will);
  }

  delWill(client: Owner): Promise<unknown> {
    return this.#store.delWill(client);
  }

  streamWill(brokers: unknown): Readable {
    return this.#store.streamWill(brokers);
  }
}
