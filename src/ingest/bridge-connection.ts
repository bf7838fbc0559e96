import { connect, type IClientOptions, type IPublishPacket, type IStore, type MqttClient, Store } from "mqtt";
import type { Clock } from "../model/clock.ts";
import { Answers } from "./answers.ts";
import type { OnPacket } from "./intake.ts";
import type { Source, SourceLimits, SourceStats } from "./source.ts";

/**
 * QoS 2 messages that await their PUBREL, by packet id: the commit under way, null when it is done. It outlives the
 * connection, so that a message that is resent is stored once. Packet ids bound it to 65,535.
 */
export type Unreleased = Map<number, Promise<void> | null>;

export interface ConnectionParts {
  readonly source: Source;
  readonly limits: SourceLimits;
  readonly clock: Clock;
  readonly onPacket: OnPacket;
  readonly stats: SourceStats;
  readonly unreleased: Unreleased;
  /** True until a broker has confirmed this process's subscriptions: those of a kept session may be of an older config. */
  readonly mustSubscribe: () => boolean;
}

export interface ConnectionEvents {
  onUp(): void;
  /** The subscriptions hold; `refused` names the filters that the broker did not grant. */
  onSubscribed(refused: readonly string[]): void;
  /** It is over, for the reason given. Comes once, and not after `close`. */
  onDown(reason: string): void;
}

// The second byte counts what follows: the packet id. MQTT 5 lets the reason code "success" be left out (3.4.2.1), so
// the same bytes serve both versions.
const pubackHeader = [0x40, 2] as const;
const disconnectPacket = Buffer.of(0xe0, 0);

/** For `handleMessage`'s callback: with an error MQTT.js goes on to the next packet and sends no PUBACK of its own. */
const acknowledgedLater = new Error("acknowledged after the commit");

/**
 * One connection to an outside broker, from the attempt to its end. MQTT.js handles one packet at a time and would wait
 * for each commit before it reads on; so QoS 1 is acknowledged here, in order, after its commit, while further packets
 * are taken. QoS 2 waits in MQTT.js: its PUBREC leaves when `incomingStore.put` is done, which is after the commit.
 */
export class BridgeConnection {
  readonly #parts: ConnectionParts;
  readonly #events: ConnectionEvents;
  readonly #client: MqttClient;
  readonly #answers = new Answers();
  #inflight = 0;
  #inflightBytes = 0;
  /** Lets MQTT.js go on to the next packet; null while it may anyway. */
  #resume: (() => void) | null = null;
  #reason = "the connection was closed";
  #isOver = false;
  #isClosing = false;
  #drained: (() => void) | null = null;

  constructor(parts: ConnectionParts, events: ConnectionEvents) {
    this.#parts = parts;
    this.#events = events;
    const { source, limits } = parts;
    this.#client = connect(source.url, clientOptions(source, limits, this.#store()));
    this.#client.handleMessage = (packet, done) => this.#take(packet, done);
    this.#client.on("connect", ({ sessionPresent }) => this.#up(sessionPresent));
    this.#client.on("error", (error) => {
      this.#reason = error.message || this.#reason;
    });
    this.#client.on("disconnect", ({ reasonCode }) => {
      this.#reason = `the broker disconnected us with reason code ${reasonCode ?? 0}`;
    });
    this.#client.on("close", () => this.#down());
  }

  /** Takes nothing more, waits up to `graceMs` for the commits under way, acknowledges them and disconnects. */
  async close(graceMs: number): Promise<void> {
    this.#isClosing = true;
    if (this.#isOver) return;
    const { stream } = this.#client;
    // What arrives from now on is read and dropped: unread bytes would make the kernel reset the connection, and the
    // last acknowledgements with it.
    stream.unpipe();
    stream.resume();
    await within(graceMs, (done) => {
      if (this.#inflight === 0) done();
      else this.#drained = done;
    });
    this.#isOver = true;
    if (this.#client.connected) {
      await within(goodbyeMs, (done) => {
        stream.once("close", done);
        stream.end(disconnectPacket);
      });
    }
    this.#destroy();
  }

  #up(sessionPresent: boolean): void {
    const { source, stats, unreleased, mustSubscribe } = this.#parts;
    stats.connections++;
    if (!sessionPresent) unreleased.clear();
    this.#events.onUp();
    // A kept session keeps its subscriptions; to subscribe again would bring every retained message again.
    if (sessionPresent && !mustSubscribe()) return this.#events.onSubscribed([]);
    this.#client.subscribe([...source.topics], { qos: source.qos }, (error, _granted, suback) => {
      if (this.#isOver) return;
      const refused = source.topics.filter((_topic, index) => isRefusal(suback?.granted[index]));
      if (error && refused.length === 0) return this.#fail(`the subscription failed: ${error.message}`);
      this.#events.onSubscribed(refused);
    });
  }

  /** MQTT.js's `handleMessage`: QoS 0 and 1 on arrival, QoS 2 once more at its PUBREL. */
  #take(packet: IPublishPacket, done: (error?: Error) => void): void {
    if (packet.qos === 2) return done();
    if (this.#isClosing || this.#isOver) return;
    this.#ingest(packet, this.#commit(packet), () => {
      if (packet.qos === 1) this.#acknowledge(packet.messageId as number);
    });
    this.#goOn(() => done(packet.qos === 1 ? acknowledgedLater : undefined));
  }

  #acknowledge(messageId: number): void {
    this.#parts.stats.acks++;
    this.#client.stream.write(Buffer.of(...pubackHeader, messageId >> 8, messageId & 0xff));
  }

  /** MQTT.js's `incomingStore`: `put` before PUBREC, `get` and `del` at PUBREL. */
  #store(): IStore {
    const { stats, unreleased } = this.#parts;
    const missing = () => new Error("no such packet");
    const store: IStore = {
      put: (stored, done) => {
        const packet = stored as IPublishPacket;
        const messageId = packet.messageId as number;
        if (this.#isClosing || this.#isOver) return store;
        let commit = unreleased.get(messageId);
        if (commit === undefined) commit = this.#commitOnce(messageId, packet);
        else stats.duplicates++;
        this.#ingest(packet, commit, () => {
          stats.acks++;
          done();
        });
        return store;
      },
      get: ({ messageId = 0 }, done) => {
        if (!unreleased.has(messageId)) done(missing());
        else
          done(undefined, {
            cmd: "publish",
            qos: 2,
            dup: false,
            retain: false,
            topic: "",
            payload: "",
            messageId,
          });
        return store;
      },
      del: ({ messageId = 0 }, done) => {
        done(unreleased.delete(messageId) ? undefined : missing());
        return store;
      },
      createStream: () => new Store().createStream(),
      close: (done) => done(),
    };
    return store;
  }

  #commitOnce(messageId: number, packet: IPublishPacket): Promise<void> | null {
    const { unreleased } = this.#parts;
    const commit = this.#commit(packet);
    unreleased.set(messageId, commit);
    // Also when the connection is gone by then: the message is stored, and will be resent.
    commit?.then(
      () => unreleased.get(messageId) === commit && unreleased.set(messageId, null),
      () => unreleased.get(messageId) === commit && unreleased.delete(messageId),
    );
    return commit;
  }

  #commit({ topic, payload }: IPublishPacket): Promise<void> | null {
    const { source, stats, clock, onPacket } = this.#parts;
    const bytes = payload as Buffer;
    stats.packets++;
    stats.bytes += bytes.length;
    try {
      return onPacket({
        topic: source.topicPrefix + topic,
        payload: bytes,
        receivedAt: clock.now(),
        client: `source:${source.name}`,
      });
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Counts the packet as under way until its commit, then acknowledges it in its turn. */
  #ingest(packet: IPublishPacket, commit: Promise<void> | null, acknowledge: () => void): void {
    const bytes = packet.payload.length;
    this.#inflight++;
    this.#inflightBytes += bytes;
    this.#answers.push(commit, (failure) => {
      this.#inflight--;
      this.#inflightBytes -= bytes;
      if (!this.#isOver) {
        if (failure === undefined) acknowledge();
        else this.#refuse(packet, failure);
      }
      if (this.#inflight === 0) this.#drained?.();
      if (this.#resume !== null) this.#goOn(this.#resume);
    });
  }

  #goOn(next: () => void): void {
    const { maxInflightPublishes, maxInflightBytes } = this.#parts.limits;
    const hasRoom = this.#inflight < maxInflightPublishes && this.#inflightBytes < maxInflightBytes;
    this.#resume = hasRoom ? null : next;
    if (hasRoom) next();
  }

  /** Without an acknowledgement the broker sends it again, but only on a new connection. */
  #refuse({ qos }: IPublishPacket, failure: unknown): void {
    const { stats } = this.#parts;
    // By name, because ingest's other half treats it so too: the log is not its neighbour.
    const isUnavailable = failure instanceof Error && failure.name === "LogUnavailable";
    if (isUnavailable) stats.unavailable++;
    else stats.failed++;
    if (qos === 0) return;
    const problem = failure instanceof Error ? failure.message : String(failure);
    this.#fail(`a message could not be stored and was not acknowledged: ${problem}`);
  }

  #fail(reason: string): void {
    this.#reason = reason;
    this.#down();
    this.#destroy();
  }

  #down(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#drained?.();
    if (!this.#isClosing) this.#events.onDown(this.#reason);
  }

  #destroy(): void {
    this.#client.end(true);
  }
}

/** How long the broker may take to close after our DISCONNECT. */
const goodbyeMs = 500;

/** MQTT 3.1.1, 3.9.3 and MQTT 5, 3.9.3: from 0x80 on a filter was not granted. */
function isRefusal(code: unknown): boolean {
  return typeof code === "number" && code >= 0x80;
}

function within(limitMs: number, start: (done: () => void) => void): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, limitMs);
    start(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}

function clientOptions(source: Source, limits: SourceLimits, incomingStore: IStore): IClientOptions {
  const { clientId, username, password, tls, protocolVersion, clean } = source;
  return {
    protocolVersion,
    clean,
    keepalive: source.keepaliveS,
    connectTimeout: limits.connectTimeoutMs,
    // The bridge makes a new connection itself, with backoff.
    reconnectPeriod: 0,
    resubscribe: false,
    incomingStore,
    rejectUnauthorized: tls.rejectUnauthorized,
    ...(clientId !== undefined && { clientId }),
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password }),
    ...(tls.ca !== undefined && { ca: tls.ca }),
    ...(tls.cert !== undefined && { cert: tls.cert }),
    ...(tls.key !== undefined && { key: tls.key }),
    ...(protocolVersion === 5 && {
      properties: {
        receiveMaximum: limits.maxInflightPublishes,
        ...(!clean && { sessionExpiryInterval: source.sessionExpiryS }),
      },
    }),
  };
}
