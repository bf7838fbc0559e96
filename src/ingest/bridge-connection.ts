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
  /** The subscriptions hold; `refused` names the filters that the broker did not grant. */
  onSubscribed(refused: readonly string[]): void;
  /** It is over, for the reason given. Comes once, and not after `close`. */
  onDown(reason: string): void;
}

// The second byte counts what follows: the packet id. MQTT 5 lets the reason code "success" be left out (3.4.2.1), so
// the same bytes serve both versions.
const pubackHeader = [0x40, 2] as const;
const pubrecHeader = [0x50, 2] as const;
const disconnectPacket = Buffer.of(0xe0, 0);

/** Told to MQTT.js in place of an acknowledgement: then it sends none of its own, and goes on to the next packet. */
const acknowledgedLater = new Error("acknowledged after the commit");

/**
 * One connection to an outside broker, from the attempt to its end. MQTT.js handles one packet at a time and would wait
 * for each commit before it reads on; so QoS 1 and 2 are acknowledged here, in order, after their commits, while further
 * packets are taken. It goes on answering PUBREL.
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
    // MQTT.js takes this as an option for MQTT 5 only, but asks it for every packet of QoS 1 and 2 of both versions.
    this.#client.options.customHandleAcks = (_topic, _message, packet, done) =>
      packet.qos === 2 ? this.#takeOnce(packet, () => done(acknowledgedLater)) : done(0);
    this.#client.on("connect", ({ sessionPresent }) => this.#up(sessionPresent));
    this.#client.on("error", (error) => {
      if (error !== acknowledgedLater) this.#reason = error.message || this.#reason;
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
    // A kept session keeps its subscriptions; to subscribe again would bring every retained message again.
    if (sessionPresent && !mustSubscribe()) return this.#events.onSubscribed([]);
    this.#client.subscribe([...source.topics], { qos: source.qos }, (error, _granted, suback) => {
      if (this.#isOver) return;
      const refused = source.topics.filter((_topic, index) => isRefusal(suback?.granted[index]));
      if (error && refused.length === 0) return this.#fail(`the subscription failed: ${error.message}`);
      this.#events.onSubscribed(refused);
    });
  }

  /** QoS 0 and 1. */
  #take(packet: IPublishPacket, done: (error?: Error) => void): void {
    if (this.#isClosing || this.#isOver) return;
    this.#ingest(packet, this.#commit(packet), () => {
      if (packet.qos === 1) this.#acknowledge(pubackHeader, packet);
    });
    this.#goOn(() => done(packet.qos === 1 ? acknowledgedLater : undefined));
  }

  /** QoS 2: a packet that is known already is only acknowledged, after its commit if that is still under way. */
  #takeOnce(packet: IPublishPacket, done: () => void): void {
    const { stats, unreleased } = this.#parts;
    const messageId = packet.messageId as number;
    if (this.#isClosing || this.#isOver) return;
    let commit = unreleased.get(messageId);
    if (commit === undefined) commit = this.#commitOnce(messageId, packet);
    else stats.duplicates++;
    this.#ingest(packet, commit, () => this.#acknowledge(pubrecHeader, packet));
    this.#goOn(done);
  }

  #acknowledge(header: readonly [number, number], { messageId = 0 }: IPublishPacket): void {
    this.#parts.stats.acks++;
    this.#client.stream.write(Buffer.of(...header, messageId >> 8, messageId & 0xff));
  }

  /** MQTT.js's store of QoS 2 packets, which it asks at PUBREL. With nothing there it only sends PUBCOMP, which is right. */
  #store(): IStore {
    const { unreleased } = this.#parts;
    const store: IStore = {
      put: (_packet, done) => {
        done();
        return store;
      },
      get: ({ messageId = 0 }, done) => {
        unreleased.delete(messageId);
        done(new Error("released"));
        return store;
      },
      del: (_packet, done) => {
        done();
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
      const packet = {
        topic: source.topicPrefix + topic,
        payload: bytes,
        receivedAt: clock.now(),
        client: `source:${source.name}`,
      };
      return onPacket(packet);
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
