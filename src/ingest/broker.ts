import type { EventEmitter } from "node:events";
import { createServer, type Server, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import { Aedes, type Client } from "aedes";
import type { Clock } from "../model/clock.ts";
import { isReadingTopic } from "../model/topic.ts";
import type { Logger } from "../observe/log.ts";
import { Admission, type Authenticate } from "./admission.ts";
import { isCommandTopic } from "./commands.ts";
import { Connection, Connections } from "./connection.ts";
import { Deliveries } from "./deliveries.ts";
import { Exchanges } from "./exchanges.ts";
import { type GatherTimes, Intake, type OnPacket } from "./intake.ts";
import type { MqttLimits } from "./limits.ts";
import { NormalizedTopics, type ReadingSource } from "./normalized.ts";
import { Sessions } from "./sessions.ts";
import { readShared } from "./shared-reads.ts";
import { createStats, type MqttStats, type RefusalReason } from "./stats.ts";
import { ownBytes } from "./stored-packet.ts";
import { Subscribers } from "./subscribers.ts";
import { WireGuard } from "./wire-guard.ts";

export interface BrokerOptions {
  readonly host: string;
  /** 0 takes any free port. */
  readonly port: number;
  readonly limits: MqttLimits;
  /** Absent: packets are taken one by one. */
  readonly gather?: GatherTimes;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly onPacket: OnPacket;
  /** Told when a client is accepted and when it is gone; a client that takes over from itself is accepted twice. */
  readonly onConnection?: (clientId: string, isOpen: boolean) => void;
  /** Absent: everyone may connect. */
  readonly authenticate?: Authenticate;
  /**
   * Readings for the subscribers of their topics. These topics are then the gateway's own: what a client publishes there is
   * taken in like anything else, but not routed, so that no device can pass off its packets as readings. Absent: none are sent.
   */
  readonly readings?: ReadingSource;
}

export interface MqttBroker {
  readonly address: string;
  readonly port: number;
  /** Takes one more client on a stream that was accepted elsewhere (TLS, WebSocket). `peer` is for log and login. */
  handle(stream: Duplex, peer: string): void;
  /** Open connections, those that have not sent CONNECT included. */
  connections(): number;
  /** A copy of the counters. */
  stats(): MqttStats;
  /** Sends a message to MQTT subscribers only; it does not go to the pipeline. Resolves when it is handed to them. */
  publish(topic: string, payload: string | Buffer, qos: 0 | 1 | 2, retain: boolean): Promise<void>;
  /**
   * Sends a command (COMMANDS.md) with QoS 1 to the clients that are connected and listen to `topic`; nobody gets it
   * later. Resolves to how many those are.
   */
  deliver(topic: string, payload: string): Promise<number>;
  /**
   * Stops accepting and reading, waits up to `graceMs` for the commits under way and their acknowledgements, then
   * disconnects everyone. Last wills are not sent: it is not the clients that failed.
   */
  close(graceMs: number): Promise<void>;
}

/** Aedes' acknowledgements of QoS 2 take a few turns of the loop after the commit. */
const lastTurnsMs = 5;

/**
 * Starts the MQTT 3.1 and 3.1.1 broker and resolves when it listens.
 * @throws the error of `listen`, for example when the port is taken
 */
export async function startBroker(options: BrokerOptions): Promise<MqttBroker> {
  const broker = new Broker(options);
  await broker.start();
  return broker;
}

class Broker implements MqttBroker {
  readonly #options: BrokerOptions;
  readonly #stats = createStats();
  readonly #connections = new Connections();
  readonly #deliveries: Deliveries;
  /** Accepted streams that have not closed; a refused one may still be reading its last answer. */
  readonly #streams = new Set<Duplex>();
  readonly #sessions: Sessions;
  readonly #subscribers = new Subscribers();
  readonly #intake: Intake;
  readonly #aedes: Aedes;
  readonly #server: Server;
  readonly #normalized: NormalizedTopics | null;
  #closed: Promise<void> | null = null;

  constructor(options: BrokerOptions) {
    this.#options = options;
    const { authenticate, clock, limits, logger, onPacket, readings } = options;
    const stats = this.#stats;
    const connections = this.#connections;
    const subscribers = this.#subscribers;
    const exchanges = new Exchanges(limits, stats);
    const sessions = new Sessions(exchanges, subscribers, limits, stats);
    this.#sessions = sessions;
    this.#deliveries = new Deliveries(connections, sessions);
    const admission = new Admission({
      authenticate,
      limits,
      logger,
      stats,
      connections,
      subscribers,
      sessions,
    });
    // Half of what gets a client refused: readings alone never do.
    const maxLiveBytes = limits.maxClientBufferBytes / 2;
    this.#normalized = readings ? new NormalizedTopics(readings, stats, maxLiveBytes) : null;
    const isReserved = (topic: string) =>
      isCommandTopic(topic) || (readings !== undefined && isReadingTopic(topic));
    this.#intake = new Intake({
      onPacket,
      clock,
      logger,
      stats,
      connections,
      exchanges,
      subscribers,
      gather: options.gather ?? { qos0Ms: 0, qos1Ms: 0 },
      isReserved,
      route: ({ topic, payload, messageId }, { retain }) =>
        // What waits for a slow subscriber does not hold on to what was gathered with it.
        void this.publish(topic, ownBytes(payload), messageId === null ? 0 : 1, retain).catch(
          (err: unknown) => logger.debug({ err, topic }, "a packet was stored and not routed"),
        ),
    });
    this.#aedes = new Aedes({
      persistence: sessions,
      // 0 = no common queue: with one, a reader of one topic could hold up all topics.
      concurrency: 0,
      connectTimeout: 2 * limits.connectTimeoutMs,
      drainTimeout: limits.drainTimeoutMs,
      maxClientsIdLength: limits.maxClientIdBytes,
      maxInflightInbound: 0,
      authenticate: admission.login,
      authorizePublish: this.#intake.accept,
      authorizeSubscribe: (client, subscription, done) => done(null, admission.grant(client, subscription)),
      authorizeForward: (client, packet) => this.#deliveries.forward(client, packet),
    });
    // Half-open, so that what a client sent before its FIN is still taken.
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, (accepted: Socket) => {
      const socket = readShared(accepted);
      this.handle(socket, socket.remoteAddress ?? "unknown");
    });
  }

  async start(): Promise<void> {
    await this.#aedes.listen();
    this.#follow();
    const { host: address, port } = this.#options;
    try {
      await new Promise<void>((resolve, reject) => {
        this.#server.once("error", reject);
        this.#server.listen(port, address, () => {
          this.#server.off("error", reject);
          resolve();
        });
      });
    } catch (error) {
      this.#aedes.close();
      throw error;
    }
    this.#server.on("error", (err) => this.#options.logger.error({ err }, "the MQTT listener failed"));
  }

  #follow(): void {
    const { logger } = this.#options;
    this.#aedes.on("client", (client) => {
      this.#connections.claim(client)?.guard.destroy();
      this.#sessions.enter(client);
      this.#options.onConnection?.(client.id, true);
    });
    this.#aedes.on("clientReady", (client) => this.#ready(client));
    // After the SUBACK has been written. Aedes sets the granted QoS, 0x80 for those that were refused.
    this.#aedes.on("subscribe", (subscriptions, client) => {
      const connection = this.#connections.of(client);
      for (const { topic, qos } of subscriptions as readonly { topic: string; qos: number }[]) {
        if (connection && qos <= 2) this.#normalized?.subscribe(connection, topic);
      }
    });
    this.#aedes.on("unsubscribe", (filters, client) => {
      const connection = this.#connections.of(client);
      for (const filter of filters) {
        connection?.filters.delete(filter);
        this.#subscribers.remove(client.id, filter);
        if (connection) this.#normalized?.unsubscribe(connection, filter);
      }
    });
    const note = (client: Client, err: Error) =>
      logger.debug({ client: client.id, err: err.message }, "connection failed");
    this.#aedes.on("clientError", note);
    this.#aedes.on("connectionError", note);
    // Without a listener this event would end the process.
    const emitter: EventEmitter = this.#aedes;
    emitter.on("error", (err: unknown) => logger.error({ err }, "the MQTT broker reported an error"));
  }

  #ready(client: Client): void {
    const connection = this.#connections.of(client);
    if (connection === undefined) return;
    for (const filter of connection.filters.filters()) this.#normalized?.restore(connection, filter);
    connection.guard.open();
  }

  get address(): string {
    const address = this.#server.address();
    return address !== null && typeof address === "object" ? address.address : this.#options.host;
  }

  get port(): number {
    const address = this.#server.address();
    return address !== null && typeof address === "object" ? address.port : this.#options.port;
  }

  handle(stream: Duplex, peer: string): void {
    const { limits, clock, logger } = this.#options;
    if (this.#closed !== null || this.#streams.size >= limits.maxConnections) {
      if (this.#closed === null) this.#stats.refused.connectionLimit++;
      stream.on("error", () => {});
      stream.destroy();
      return;
    }
    this.#stats.connections++;
    this.#streams.add(stream);
    stream.once("close", () => this.#streams.delete(stream));
    const refuse = (reason: RefusalReason) => {
      this.#stats.refused[reason]++;
      logger.debug({ peer, client: connection.client.id, reason }, "connection refused");
    };
    const guard = new WireGuard(stream, limits, clock, {
      onRefused: refuse,
      onPublish: (topic, chunk, start, end, messageId, retain) =>
        this.#intake.takeDirect(connection, topic, chunk, start, end, messageId, retain),
      onDisconnect: () => {
        // Aedes sends it when the connection ends (`close` in its client.js), if it has not seen the DISCONNECT.
        (connection.client as { will?: unknown }).will = null;
      },
    });
    const connection = new Connection(guard, this.#aedes.handle(guard), peer);
    this.#connections.add(connection);
    guard.once("close", () => {
      // What it sent comes ahead of the news that it is gone.
      this.#intake.flush();
      this.#normalized?.leave(connection);
      const last = this.#connections.remove(connection);
      if (connection.client.id) this.#sessions.leave(connection.client, last);
      if (last) this.#options.onConnection?.(connection.client.id, false);
    });
  }

  connections(): number {
    return this.#connections.size;
  }

  stats(): MqttStats {
    return { ...this.#stats, refused: { ...this.#stats.refused } };
  }

  publish(topic: string, payload: string | Buffer, qos: 0 | 1 | 2, retain: boolean): Promise<void> {
    const bytes = typeof payload === "string" ? Buffer.from(payload) : payload;
    return new Promise((resolve, reject) => {
      this.#aedes.publish({ cmd: "publish", topic, payload: bytes, qos, retain, dup: false }, (error) =>
        error ? reject(error) : resolve(),
      );
    });
  }

  async deliver(topic: string, payload: string): Promise<number> {
    const bytes = Buffer.from(payload);
    await this.publish(topic, bytes, 1, false);
    return this.#deliveries.listeners(bytes);
  }

  close(graceMs: number): Promise<void> {
    this.#closed ??= this.#close(graceMs);
    return this.#closed;
  }

  async #close(graceMs: number): Promise<void> {
    const stopped = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#intake.close();
    for (const { guard } of this.#connections.all()) guard.drain();
    await this.#connections.allAnswered(graceMs);
    this.#normalized?.close();
    await new Promise((resolve) => setTimeout(resolve, lastTurnsMs));
    for (const { guard } of this.#connections.all()) guard.destroy();
    await new Promise<void>((resolve) => this.#aedes.close(resolve));
    await stopped;
  }
}
