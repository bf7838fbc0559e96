import type { Latest, LatestPage } from "../log/contract.ts";

/** Where packets go: a client's connection. */
export interface Outlet {
  /** Bytes that the client has not taken yet. */
  readonly bufferedBytes: number;
  /** Sends one whole packet. Never waits. */
  send(packet: Buffer): void;
  /** Gathers what is sent until `uncork`. */
  cork(): void;
  uncork(): void;
}

/** Unsent bytes above which a walk waits for the client; at least the high-water mark of its stream, so that a drain follows. */
const walkPaceBytes = 64 * 1024;
/** Topics sent in one turn of a walk. */
const topicsPerTurn = 200;

export type LatestPages = (filter: string, after: number, limit: number) => LatestPage;

/** One pass over what the topics of a filter show, in the order of their ids, at the client's pace. */
interface Walk {
  /** Topics up to this id have been passed: they are live. Those behind will come with what they show by then. */
  after: number;
  /** Only topics with something at or after this seq. */
  readonly from: number;
  /** Seq of the first reading of a topic already passed that the client had no room for. */
  missedFrom: number | null;
}

/** One filter of one client. Without a walk it is live. */
export class ReadingSubscription {
  readonly subscriber: ReadingSubscriber;
  readonly filter: string;
  walk: Walk | null = null;
  /** What the walk sends was asked for by a SUBSCRIBE (MQTT-3.3.1-8). */
  retain = false;

  constructor(subscriber: ReadingSubscriber, filter: string) {
    this.subscriber = subscriber;
    this.filter = filter;
  }

  /** False while the topic will come with the walk. */
  isPassed(topicId: number): boolean {
    return this.walk === null || topicId <= this.walk.after;
  }

  /** There was no room for a due reading: the topic comes again, as it is by then. */
  miss(seq: number): void {
    if (this.walk) this.walk.missedFrom ??= seq;
    else this.subscriber.begin(this, seq, false);
  }
}

/** One client's subscriptions to topics of readings, and how far it has been told what these show. */
export class ReadingSubscriber {
  readonly outlet: Outlet;
  readonly #maxLiveBytes: number;
  readonly subscriptions = new Map<string, ReadingSubscription>();
  /** Subscriptions with a walk, the next one first. */
  readonly #walking: ReadingSubscription[] = [];
  /** Seq of the newest reading that was sent live: the client gets it once, however many of its filters match. */
  lastSeq = 0;

  /** @param maxLiveBytes unsent bytes above which it gets no readings one by one */
  constructor(outlet: Outlet, maxLiveBytes: number) {
    this.outlet = outlet;
    this.#maxLiveBytes = maxLiveBytes;
  }

  get isFull(): boolean {
    return this.outlet.bufferedBytes >= this.#maxLiveBytes;
  }

  /** True if a turn would get a walk on. */
  get canWalk(): boolean {
    return this.#walking.length > 0 && this.outlet.bufferedBytes < walkPaceBytes;
  }

  /** Starts to tell what the topics of `subscription` show, all that changed at `from` or later. */
  begin(subscription: ReadingSubscription, from: number, retain: boolean): void {
    if (subscription.walk === null) this.#walking.push(subscription);
    subscription.walk = { after: 0, from, missedFrom: null };
    subscription.retain = retain;
  }

  /** Forgets a subscription. */
  drop(filter: string): ReadingSubscription | undefined {
    const subscription = this.subscriptions.get(filter);
    if (subscription === undefined) return undefined;
    this.subscriptions.delete(filter);
    const index = this.#walking.indexOf(subscription);
    if (index >= 0) this.#walking.splice(index, 1);
    return subscription;
  }

  /** One turn of the walk at hand. `send` gets what to tell. */
  step(latestPage: LatestPages, send: (latest: Latest, retain: boolean) => void): void {
    const subscription = this.#walking[0];
    const walk = subscription?.walk;
    if (!subscription || !walk) return;
    const page = latestPage(subscription.filter, walk.after, topicsPerTurn);
    for (const latest of page.entries) {
      if (this.outlet.bufferedBytes >= walkPaceBytes) return;
      if (latest.seq >= walk.from) send(latest, subscription.retain);
      walk.after = latest.topic.id;
    }
    if (page.next !== null) {
      walk.after = page.next;
      return;
    }
    this.#walking.shift();
    subscription.walk = null;
    // Behind the client's other walks, so that none of them starves.
    if (walk.missedFrom !== null) this.begin(subscription, walk.missedFrom, false);
  }
}
