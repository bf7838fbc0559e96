import { Readable } from "node:stream";
import { isCommandTopic } from "./commands.ts";
import type { Exchanges, Owner } from "./exchanges.ts";
import type { Qos } from "./granted-filters.ts";
import { LastingSubscriptions, type Subscriber, type Subscription } from "./lasting-subscriptions.ts";
import type { MqttLimits } from "./limits.ts";
import { OfflineQueues, type StoredRelease } from "./offline-queue.ts";
import { queuedPacket } from "./outgoing-packet.ts";
import type { Outlet } from "./reading-subscriber.ts";
import { RetainedMessages } from "./retained.ts";
import type { MqttStats } from "./stats.ts";
import type { StoredPublish } from "./stored-packet.ts";
import type { Subscribers } from "./subscribers.ts";

interface ClientId {
  readonly id: string;
}

/** Aedes' client when its CONNACK has left. */
interface Returning extends Owner {
  /** What `Aedes.handle` was given: the guard. */
  readonly conn: Pick<Outlet, "send" | "cork" | "uncork"> & { readonly destroyed: boolean };
  /** Packet id of what Aedes sends next (`QoSPacket` in its qos-packet.js). */
  _nextId: number;
}

/** What Aedes takes for a promise: it only ever calls `then`. */
interface Answered<T> {
  then(take: (value: T) => void, refuse: (error: Error) => void): void;
}

/**
 * Gives `value` in this very turn. Aedes numbers a message, then asks its persistence, then hands the message to the
 * subscribers, and a subscriber drops what has a lower number than the last (`dedupe` in its client.js). A promise's turn
 * between would let a message that needs no persistence overtake one that does, which would then be lost.
 */
function answered<T>(value: T): Answered<T> {
  // biome-ignore lint/suspicious/noThenProperty: see above
  return { then: (take) => take(value) };
}

/** By client: of several filters that match, the highest QoS counts (MQTT 3.1.1, 3.3.5). */
function highestQos(subscribers: readonly Subscriber[]): ReadonlyMap<string, Qos> {
  const highest = new Map<string, Qos>();
  for (const { clientId, qos } of subscribers) {
    if (qos > (highest.get(clientId) ?? 0)) highest.set(clientId, qos);
  }
  return highest;
}

const noSuchPacket = new Error("no such packet");
/** Aedes only asks whether there is one. */
const unknownExchange: Answered<never> = {
  // biome-ignore lint/suspicious/noThenProperty: see `answered`
  then: (_take, refuse) => refuse(noSuchPacket),
};

/**
 * The persistence that Aedes works on, with a limit on everything it keeps. Its methods are Aedes' interface
 * (aedes-persistence 11); what it keeps lives in memory and dies with the process, as clients must expect of a broker.
 * What Aedes asks for between a message's number and its subscribers is answered at once.
 */
export class Sessions {
  readonly #exchanges: Exchanges;
  readonly #subscribers: Subscribers;
  readonly #limits: MqttLimits;
  readonly #stats: MqttStats;
  readonly #retained: RetainedMessages;
  readonly #queues: OfflineQueues;
  readonly #subscriptions = new LastingSubscriptions();
  /** Sessions whose client is away, longest first. */
  readonly #absent = new Set<string>();
  /** Clients that were sent what was queued for them. */
  readonly #live = new WeakSet<Owner>();
  /** Subscriptions that were granted and wait to be stored. */
  readonly #granted = new WeakSet<object>();

  constructor(exchanges: Exchanges, subscribers: Subscribers, limits: MqttLimits, stats: MqttStats) {
    this.#exchanges = exchanges;
    this.#subscribers = subscribers;
    this.#limits = limits;
    this.#stats = stats;
    this.#retained = new RetainedMessages(limits, stats);
    this.#queues = new OfflineQueues(limits, stats);
  }

  /** Aedes insists on it. */
  async setup(): Promise<void> {}

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
    this.#subscriptions.forget(clientId);
  }

  /** Marks a subscription of a SUBSCRIBE as granted; others are not stored. */
  grant(subscription: object): void {
    this.#granted.add(subscription);
  }

  storeRetained(packet: StoredPublish): Answered<void> {
    this.#retained.store(packet);
    return answered(undefined);
  }

  createRetainedStreamCombi(filters: readonly string[]): Readable {
    return this.#retained.replay(filters);
  }

  /** Aedes passes all subscriptions of a SUBSCRIBE once for each of them, the refused ones too: each is stored once. */
  addSubscriptions(client: Owner, subscriptions: readonly Subscription[]): Answered<void> {
    for (const subscription of subscriptions) {
      if (this.#granted.delete(subscription)) this.#subscriptions.add(client.id, subscription);
    }
    return answered(undefined);
  }

  async removeSubscriptions(client: Owner, filters: readonly string[]): Promise<void> {
    for (const filter of filters) this.#subscriptions.remove(client.id, filter);
  }

  async subscriptionsByClient(client: ClientId): Promise<Subscription[]> {
    return this.#subscriptions.of(client.id);
  }

  subscriptionsByTopic(topic: string): Answered<readonly Subscriber[]> {
    return answered(this.#subscriptions.matching(topic));
  }

  /** A clean session begins: the old one ends with all it had (MQTT-3.1.2-6). */
  async cleanSubscriptions(client: Owner): Promise<void> {
    this.#absent.delete(client.id);
    this.#queues.forget(client.id);
    this.#subscribers.forget(client.id);
    this.#subscriptions.forget(client.id);
  }

  async outgoingEnqueue({ clientId }: { readonly clientId: string }, packet: StoredPublish): Promise<void> {
    this.#queues.enqueue(new Map([[clientId, packet.qos]]), packet);
  }

  outgoingEnqueueCombi(subscribers: readonly Subscriber[], packet: StoredPublish): Answered<void> {
    // A command that comes hours late does harm.
    if (subscribers.length > 0 && !isCommandTopic(packet.topic))
      this.#queues.enqueue(highestQos(subscribers), packet);
    return answered(undefined);
  }

  /** Never rejects: Aedes would close the connection of a client whose oldest message was dropped. */
  async outgoingUpdate(client: Owner, packet: StoredPublish | StoredRelease): Promise<void> {
    this.#queues.update(client.id, packet);
  }

  async outgoingClearMessageId(client: Owner, packet: { readonly messageId?: number }): Promise<unknown> {
    return this.#queues.remove(client.id, packet.messageId);
  }

  /**
   * The CONNACK has left: `client` is sent all that is queued for it, here and now, and is live from then on. Aedes would send
   * one message a turn of the event loop, and what is published meanwhile would overtake the rest (MQTT-4.6.0-6): it gets none.
   */
  outgoingStream(client: Returning): Readable {
    const { conn } = client;
    // What cannot be sent any more is no repetition when its session comes back.
    if (conn.destroyed) return Readable.from([]);
    conn.cork();
    client._nextId = this.#queues.sendAll(client.id, client._nextId, (packet, messageId) =>
      conn.send(queuedPacket(packet, messageId)),
    );
    conn.uncork();
    this.#live.add(client);
    return Readable.from([]);
  }

  /**
   * True for a message that `client` will get out of its queue. Aedes subscribes a session that comes back before it asks for the
   * queue, and would send what comes between twice, and ahead of the rest. What has QoS 0 is not queued, and is live at once: the
   * order holds among messages of one QoS.
   */
  willReplay(client: Owner, { brokerCounter }: Pick<StoredPublish, "brokerCounter">): boolean {
    return !client.clean && !this.#live.has(client) && this.#queues.has(client.id, brokerCounter);
  }

  /** Gives something if Aedes shall not route the PUBLISH (again), or for a PUBREL if its message is known. */
  incomingGetPacket(
    client: Owner,
    packet: { readonly cmd: string; readonly messageId: number },
  ): Answered<object> {
    const exchange = this.#exchanges.find(client, packet.messageId);
    if (exchange === undefined) return unknownExchange;
    if (packet.cmd === "publish" && !exchange.routed) {
      exchange.routed = true;
      return unknownExchange;
    }
    return answered(exchange);
  }

  /** Nothing to do: the exchange was opened before the commit. */
  incomingStorePacket(): Answered<void> {
    return answered(undefined);
  }

  async incomingDelPacket(client: Owner, packet: { readonly messageId: number }): Promise<void> {
    this.#exchanges.release(client, packet.messageId);
  }

  /** Aedes calls it at the CONNECT and at the end of a clean connection; only the first concerns an older session. */
  async cleanIncoming(client: Owner & { readonly closed: boolean }): Promise<void> {
    if (!client.closed) this.#exchanges.forget(client.id);
  }

  // Wills are kept for brokers that share a store and die; ours dies with its wills.
  async putWill(): Promise<void> {}

  async delWill(): Promise<void> {}

  streamWill(): Readable {
    return Readable.from([]);
  }
}
