import type { Latest, Log, LogRecord } from "../log/contract.ts";
import { isReadingTopic } from "../model/topic.ts";
import type { Connection } from "./connection.ts";
import { FilterTree } from "./filter-tree.ts";
import { readingPacket } from "./outgoing-packet.ts";
import { ReadingSubscriber, ReadingSubscription } from "./reading-subscriber.ts";
import type { MqttStats } from "./stats.ts";

/** Turns of walks in one turn of the event loop, so that live traffic goes on. */
const walksPerTurn = 4;

/** What the normalized topics are made of: the log, never packets. */
export interface ReadingSource extends Pick<Log, "onCommitted" | "latestPage"> {
  /** The payload of a reading. */
  toJson(reading: LogRecord | Latest): string;
}

/**
 * Sends committed readings to MQTT subscribers of their topics: first what the topics show, as retained messages, then each
 * reading, per topic in `seq` order. MQTT has no way to go on from a place in the log, so a client that does not read gets
 * no queue: beyond a limit it is told what the topics show when it reads again, and nobody waits for it. Messages have
 * QoS 0 and go beside Aedes, which would route each one through its emitter; without a subscriber nothing is done at all.
 */
export class NormalizedTopics {
  readonly #source: ReadingSource;
  readonly #stats: MqttStats;
  readonly #maxLiveBytes: number;
  readonly #subscribers = new Map<Connection, ReadingSubscriber>();
  readonly #tree = new FilterTree<ReadingSubscription>();
  /** Subscribers whose walk can go on. */
  readonly #walking = new Set<ReadingSubscriber>();
  readonly #stop: () => void;
  #turnPlanned = false;

  /** @param maxLiveBytes unsent bytes of one client above which it gets no readings one by one */
  constructor(source: ReadingSource, stats: MqttStats, maxLiveBytes: number) {
    this.#source = source;
    this.#stats = stats;
    this.#maxLiveBytes = maxLiveBytes;
    this.#stop = source.onCommitted((records) => this.#deliver(records));
  }

  /** Stops following the log. */
  close(): void {
    this.#stop();
    this.#walking.clear();
  }

  /** A client has subscribed: what the topics show comes first. */
  subscribe(connection: Connection, filter: string): void {
    const subscription = this.#join(connection, filter);
    if (subscription === null) return;
    subscription.subscriber.begin(subscription, 0, true);
    this.#walkSoon(subscription.subscriber);
  }

  /** A session goes on: no retained messages (MQTT 3.1.1, 3.1.2.4), only what is new. */
  restore(connection: Connection, filter: string): void {
    this.#join(connection, filter);
  }

  unsubscribe(connection: Connection, filter: string): void {
    const subscriber = this.#subscribers.get(connection);
    const subscription = subscriber?.drop(filter);
    if (subscription) this.#tree.remove(filter, subscription);
  }

  /** The connection has ended. */
  leave(connection: Connection): void {
    const subscriber = this.#subscribers.get(connection);
    if (subscriber === undefined) return;
    for (const filter of [...subscriber.subscriptions.keys()]) this.unsubscribe(connection, filter);
    this.#subscribers.delete(connection);
    this.#walking.delete(subscriber);
  }

  /** Null if the filter matches no topic of readings. */
  #join(connection: Connection, filter: string): ReadingSubscription | null {
    if (!/^[+#]/.test(filter) && !isReadingTopic(filter)) return null;
    let subscriber = this.#subscribers.get(connection);
    if (subscriber === undefined) {
      const created = new ReadingSubscriber(connection.guard, this.#maxLiveBytes);
      connection.guard.on("drain", () => this.#walkSoon(created));
      this.#subscribers.set(connection, created);
      subscriber = created;
    }
    let subscription = subscriber.subscriptions.get(filter);
    if (subscription === undefined) {
      subscription = new ReadingSubscription(subscriber, filter);
      subscriber.subscriptions.set(filter, subscription);
      this.#tree.add(filter, subscription);
    }
    return subscription;
  }

  #deliver(records: readonly LogRecord[]): void {
    if (this.#tree.size === 0) return;
    const corked = new Set<ReadingSubscriber>();
    for (const record of records) {
      let packet: Buffer | null = null;
      for (const subscription of this.#tree.match(record.topic.name)) {
        const { subscriber } = subscription;
        if (!this.#isDue(subscription, record)) continue;
        packet ??= readingPacket(record.topic.name, this.#source.toJson(record), false);
        if (!corked.has(subscriber)) {
          corked.add(subscriber);
          subscriber.outlet.cork();
        }
        subscriber.outlet.send(packet);
        this.#stats.readingsSent++;
      }
    }
    for (const { outlet } of corked) outlet.uncork();
  }

  /** Whether the client gets this very reading, now. */
  #isDue(subscription: ReadingSubscription, { seq, topic }: LogRecord): boolean {
    const { subscriber } = subscription;
    if (subscriber.lastSeq === seq) return false;
    const isPassed = subscription.isPassed(topic.id);
    if (isPassed && !subscriber.isFull) {
      subscriber.lastSeq = seq;
      return true;
    }
    if (isPassed) subscription.miss(seq);
    if (isPassed || !subscription.retain) this.#stats.readingsSkipped++;
    return false;
  }

  #walkSoon(subscriber: ReadingSubscriber): void {
    if (!subscriber.canWalk) return;
    this.#walking.add(subscriber);
    this.#planTurn();
  }

  #planTurn(): void {
    if (this.#turnPlanned || this.#walking.size === 0) return;
    this.#turnPlanned = true;
    setImmediate(() => this.#takeTurn());
  }

  #takeTurn(): void {
    this.#turnPlanned = false;
    let turns = 0;
    for (const subscriber of this.#walking) {
      if (turns === walksPerTurn) break;
      this.#walking.delete(subscriber);
      // What fills up meanwhile comes back with its drain.
      if (!subscriber.canWalk) continue;
      turns++;
      this.#step(subscriber);
      this.#walkSoon(subscriber);
    }
    this.#planTurn();
  }

  #step(subscriber: ReadingSubscriber): void {
    const { outlet } = subscriber;
    outlet.cork();
    subscriber.step(
      (filter, after, limit) => this.#source.latestPage(filter, after, limit),
      (latest, retain) => {
        outlet.send(readingPacket(latest.topic.name, this.#source.toJson(latest), retain));
        this.#stats.readingsSent++;
      },
    );
    outlet.uncork();
  }
}
