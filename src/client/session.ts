import { Backoff, type BackoffLimits, defaultBackoffLimits } from "../model/backoff.ts";
import { type Clock, systemClock } from "../model/clock.ts";
import { filterProblem } from "../model/filter.ts";
import type { ServerMessage, Subprotocol } from "../wire/messages.ts";
import { Commander, type CommandOptions } from "./commander.ts";
import { type Connection, type ConnectionEvents, SocketConnection } from "./connection.ts";
import { type ErrorListener, FieldcastError, report, SafeCalls } from "./errors.ts";
import { Publisher, type PublisherWire, type PublishOptions } from "./publisher.ts";
import { globalWebSocket, type SocketConstructor, systemTimers, type Timers } from "./socket.ts";
import { Subscriber } from "./subscriber.ts";
import type { StreamStats, SubscribeOptions, Subscription, ViewChanges } from "./subscription.ts";
import { browserTabs, type TabPlatform } from "./tab-platform.ts";
import { Tabs } from "./tabs.ts";
import type { Token } from "./token.ts";
import { onWake } from "./wake.ts";
import { readCursor, type Wire } from "./wire.ts";

export interface ConnectOptions {
  /** `msgpack` (binary, the default) or `json` (for reading along). */
  readonly protocol?: "msgpack" | "json";
  /**
   * Says who this client is. A function is asked for a token at each connection, before one that says when it expires (a
   * JSON Web Token) does, and when the gateway answers `unauthorized`; the connection lives on meanwhile.
   */
  readonly token?: Token;
  /**
   * One connection for all tabs of the page's origin that give the same address: one of them has the socket, the others
   * reach the gateway through it, and when it goes the next takes over. A text instead of true keeps apart what must not
   * share, such as tabs of different users. Where the browser lacks Web Locks or BroadcastChannel (also: over plain HTTP,
   * and in Node), each has a socket of its own.
   */
  readonly shareTabs?: boolean | string;
  /** What tabs share; the browser's own by default. */
  readonly tabs?: TabPlatform;
  /** Errors, except of subscriptions that have an `onError` of their own; without it they go to the console. */
  readonly onError?: ErrorListener;
  /** The WebSocket to use; by default the runtime's own, or in Node before 22 the `ws` package's. */
  readonly webSocket?: SocketConstructor;
  readonly backoff?: Partial<BackoffLimits>;
  readonly clock?: Clock;
  readonly timers?: Timers;
  /** Gives numbers from 0 up to 1. */
  readonly random?: () => number;
}

/** `offline`: waiting for the next attempt. `closed`: for good, by `close()` or because the gateway refused. */
export type State = "connecting" | "online" | "offline" | "closed";

/** `reason` says what went wrong; null where nothing did. */
export type StateListener = (state: State, reason: FieldcastError | null) => void;

// Wire ids are whole numbers up to 65535 (the error `bad-id` says so).
const lastWireId = 65_535;
/** Publishes sent and not yet answered; the gateway takes 64 of one connection, which eight tabs may share. */
const maxUnanswered = 32;
const maxUnansweredOfTab = 8;
/** Most subscriptions at a time; the gateway may allow fewer. */
const maxSubscriptions = lastWireId;

/** The subscriptions of one client, and the connection that is made anew for them whenever it is lost. */
export class Session implements Wire {
  readonly stats: StreamStats = { connections: 0, readings: 0, duplicates: 0, ignored: 0 };
  readonly timers: Timers;
  readonly random: () => number;
  readonly backoff: BackoffLimits;
  state: State = "connecting";
  private readonly onError: ErrorListener | undefined;
  private readonly calls: SafeCalls;
  readonly clock: Clock;
  private readonly tabs: Tabs | null;
  private readonly openConnection: (events: ConnectionEvents) => Connection;
  private readonly attempts: Backoff;
  private connection: Connection;
  private welcomedAt = 0;
  private retryTimer: unknown = null;
  private readonly subscribers = new Set<Subscriber>();
  private readonly routes = new Map<number, Subscriber>();
  private readonly publisher: Publisher;
  private readonly commander: Commander;
  private lastId = 0;
  private readonly stateListeners = new Set<StateListener>();
  private readonly stopListening: () => void;

  /** @throws FieldcastError `bad-url`, `no-websocket` */
  constructor(url: string, options: ConnectOptions) {
    this.timers = options.timers ?? systemTimers;
    this.random = options.random ?? Math.random;
    this.backoff = { ...defaultBackoffLimits, ...options.backoff };
    this.clock = options.clock ?? systemClock;
    this.onError = options.onError;
    this.calls = new SafeCalls(options.onError, this.timers);
    this.attempts = new Backoff(this.backoff, this.random);
    const webSocket = options.webSocket ?? globalWebSocket();
    if (!webSocket) throw new FieldcastError("no-websocket", "there is no WebSocket here");
    const subprotocol: Subprotocol = `fieldcast.v1.${options.protocol ?? "msgpack"}`;
    const { timers, clock, random, backoff, onError } = this;
    const { token } = options;
    const shared = { url, subprotocol, token, webSocket, clock, timers, random, backoff, onError };
    const openSocket = (events: ConnectionEvents) => new SocketConnection(shared, events);
    const platform = options.shareTabs ? (options.tabs ?? browserTabs()) : null;
    const name = `fieldcast.tabs.1 ${subprotocol} ${url} ${String(options.shareTabs)}`;
    this.tabs = platform && new Tabs({ platform, name, clock, timers, random, openSocket });
    this.openConnection = (events) => (this.tabs ? this.tabs.open(events) : openSocket(events));
    try {
      this.connection = this.newConnection();
    } catch (thrown) {
      throw new FieldcastError("bad-url", `cannot connect to ${url}: ${String(thrown)}`, thrown);
    }
    const wire: PublisherWire = {
      timers,
      subprotocol,
      maxUnanswered: this.tabs ? maxUnansweredOfTab : maxUnanswered,
      isOnline: () => this.state === "online",
      freshId: () => this.freshId(),
      send: (message) => this.connection.send(message),
    };
    this.publisher = new Publisher(wire);
    this.commander = new Commander(wire);
    this.stopListening = onWake(() => this.wake());
  }

  /** Rejects with a FieldcastError. */
  async publish(
    topic: string,
    payload: string | Uint8Array | object,
    options: PublishOptions,
  ): Promise<void> {
    if (this.state === "closed") throw new FieldcastError("closed", "this client is closed");
    return this.publisher.publish(topic, payload, options);
  }

  /** Rejects with a FieldcastError. */
  async command(
    topic: string,
    command: string,
    params: object | undefined,
    options: CommandOptions,
  ): Promise<unknown> {
    if (this.state === "closed") throw new FieldcastError("closed", "this client is closed");
    return this.commander.send(topic, command, params, options);
  }

  /** @throws FieldcastError `closed`, `bad-filter`, `bad-option`, `too-many-subscriptions` */
  subscribe(filter: string, options: SubscribeOptions): Subscription {
    if (this.state === "closed") throw new FieldcastError("closed", "this client is closed");
    const problem = filterProblem(filter);
    if (problem) throw new FieldcastError("bad-filter", problem);
    if (this.subscribers.size >= maxSubscriptions) {
      throw new FieldcastError(
        "too-many-subscriptions",
        `there are ${maxSubscriptions} subscriptions already`,
      );
    }
    const onError = options.onError ?? this.onError;
    const subscriber = new Subscriber(filter, onError ? { ...options, onError } : options, this);
    this.subscribers.add(subscriber);
    this.open(subscriber);
    return subscriber;
  }

  onState(listener: StateListener): () => void {
    this.stateListeners.add(listener);
    return () => this.stateListeners.delete(listener);
  }

  close(): void {
    this.shut(null);
    for (const subscriber of [...this.subscribers]) subscriber.close();
  }

  open(subscriber: Subscriber): void {
    if (this.state !== "online" || !subscriber.wantsWire) return;
    const id = this.freshId();
    this.routes.set(id, subscriber);
    this.connection.send(subscriber.request(id));
  }

  update(subscriber: Subscriber, changes: ViewChanges): void {
    const id = subscriber.wireId;
    if (id !== null) this.connection.send({ type: "update", id, ...changes });
  }

  release(subscriber: Subscriber, tellGateway: boolean): void {
    const id = subscriber.wireId;
    if (id === null) return;
    this.routes.delete(id);
    subscriber.leaveWire();
    if (tellGateway) this.connection.send({ type: "unsubscribe", id });
  }

  remove(subscriber: Subscriber): void {
    this.release(subscriber, true);
    this.subscribers.delete(subscriber);
  }

  private newConnection(): Connection {
    return this.openConnection({
      onWelcome: () => this.welcome(),
      onMessage: (message) => this.dispatch(message),
      onDown: (error, isFinal) => this.down(error, isFinal),
    });
  }

  private welcome(): void {
    this.stats.connections++;
    this.welcomedAt = this.clock.now();
    this.setState("online", null);
    for (const subscriber of this.subscribers) this.open(subscriber);
    this.publisher.sendSome();
    this.commander.sendAll();
  }

  private dispatch(message: ServerMessage): void {
    if (message.type === "heartbeat") return this.heartbeat(message.cursor);
    if (message.type === "error" && message.id === null) {
      return report(new FieldcastError(message.code, message.message), this.onError);
    }
    if (message.type === "welcome") return;
    if ((message.type === "ack" || message.type === "error") && this.publisher.receive(message)) return;
    if ((message.type === "answer" || message.type === "error") && this.commander.receive(message)) return;
    if (message.type === "ack" || message.type === "answer") return;
    const subscriber = message.id === null ? undefined : this.routes.get(message.id);
    if (subscriber) subscriber.receive(message);
    else this.stats.ignored++;
  }

  private heartbeat(token: string | undefined): void {
    if (token === undefined) return;
    const position = readCursor(token);
    for (const subscriber of this.routes.values()) subscriber.heartbeat(position);
  }

  private down(error: FieldcastError, isFinal: boolean): void {
    if (this.state === "online" && this.clock.now() - this.welcomedAt >= this.backoff.stableMs) {
      this.attempts.reset();
    }
    this.routes.clear();
    for (const subscriber of this.subscribers) subscriber.leaveWire();
    this.publisher.offline();
    this.commander.offline();
    if (error.code === "bad-frame") report(error, this.onError);
    if (this.state === "closed") return;
    if (!isFinal) this.retryLater(error);
    else if (error.code === "unauthorized") this.shut(error);
    else this.shut(new FieldcastError("refused", `the gateway does not want this client: ${error.message}`));
  }

  private retryLater(reason: FieldcastError): void {
    this.retryTimer = this.timers.set(() => this.retry(), this.attempts.nextDelayMs());
    this.setState("offline", reason);
  }

  private retry(): void {
    this.timers.clear(this.retryTimer);
    try {
      this.connection = this.newConnection();
      this.setState("connecting", null);
    } catch (thrown) {
      // A browser can refuse for a while what it took before (out of sockets, a changed content policy).
      this.retryLater(new FieldcastError("lost", `cannot connect: ${String(thrown)}`, thrown));
    }
  }

  private wake(): void {
    if (this.state === "offline") this.retry();
    else this.connection.checkSilence();
  }

  private shut(reason: FieldcastError | null): void {
    if (this.state === "closed") return;
    this.stopListening();
    this.timers.clear(this.retryTimer);
    this.connection.close();
    this.tabs?.stop();
    this.setState("closed", reason);
    if (reason) for (const subscriber of [...this.subscribers]) subscriber.fail(reason);
    const error = reason ?? new FieldcastError("closed", "the client was closed");
    this.publisher.close(error);
    this.commander.close(error);
  }

  private setState(state: State, reason: FieldcastError | null): void {
    this.state = state;
    for (const listener of [...this.stateListeners]) {
      this.calls.call("onState", () => listener(state, reason));
    }
  }

  private isInUse(id: number): boolean {
    return this.routes.has(id) || this.publisher.has(id) || this.commander.has(id);
  }

  private freshId(): number {
    do this.lastId = (this.lastId % lastWireId) + 1;
    while (this.isInUse(this.lastId));
    return this.lastId;
  }
}
