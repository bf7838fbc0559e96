import type { Client, PublishPacket } from "aedes";
import type { Clock } from "../model/clock.ts";
import type { Packet } from "../model/packet.ts";
import type { Logger } from "../observe/log.ts";
import { isCommandTopic } from "./commands.ts";
import type { Connection, Connections, KnownTopic } from "./connection.ts";
import type { Exchanges } from "./exchanges.ts";
import { type GatheredPacket, Gathering, type Routing } from "./gathering.ts";
import type { MqttStats } from "./stats.ts";
import type { Subscribers } from "./subscribers.ts";

/**
 * The pipeline behind the broker: resolves after the commit, null if there is nothing to wait for. The payload may be
 * a view of a larger buffer; who keeps it must copy it.
 */
export type OnPacket = (packet: Packet) => Promise<void> | null;

/** How long packets may gather before they are decoded, milliseconds; 0 not at all. */
export interface GatherTimes {
  /** Those of QoS 0, which nobody waits for. */
  readonly qos0Ms: number;
  /** Those of QoS 1. */
  readonly qos1Ms: number;
}

const kept: Routing = { retain: true };
const passed: Routing = { retain: false };

/** One warning at most in this time while the log takes nothing. */
const warningIntervalMs = 10_000;

/** Where a packet goes that nobody shall get: nobody may subscribe to `$SYS`. */
const droppedTopic = "$SYS/dropped";

export interface IntakeParts {
  readonly onPacket: OnPacket;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly stats: MqttStats;
  readonly connections: Connections;
  readonly exchanges: Exchanges;
  readonly subscribers: Subscribers;
  readonly gather: GatherTimes;
  /** Hands a packet to those who subscribe to its topic, and keeps it if it is to be retained. */
  readonly route: (packet: GatheredPacket, routing: Routing) => void;
  /** Topics that clients may publish to, but that other clients get from the gateway alone. */
  readonly isReserved: (topic: string) => boolean;
}

type Done = (error?: Error | null) => void;

/**
 * Takes what clients publish to the pipeline: packets of QoS 0 and 1 from the wire itself, those of QoS 2 and last wills from
 * Aedes' `authorizePublish`, the only hook that delays the PUBREC; an error from it closes the connection, so that the device
 * resends after it reconnects.
 */
export class Intake {
  readonly #parts: IntakeParts;
  readonly #gathering: Gathering;
  #warnedAt = Number.NEGATIVE_INFINITY;
  #closing = false;

  constructor(parts: IntakeParts) {
    this.#parts = parts;
    this.#gathering = new Gathering(parts.clock, (packets) => this.#takeAll(packets));
  }

  /** Takes what gathers now. */
  flush(): void {
    this.#gathering.flush();
  }

  /** From now on last wills are ignored: their clients did not fail, the broker is going. */
  close(): void {
    this.#closing = true;
    this.flush();
  }

  /**
   * Aedes' `authorizePublish`, for packets of QoS 2 and last wills: `done` lets the acknowledgement go, with an error it closes
   * the connection.
   */
  readonly accept = (client: Client | null, packet: PublishPacket, done: Done): void => {
    // No packet overtakes another.
    this.flush();
    // Nothing but its will comes from a client that has closed.
    if (client === null || client.closed) return this.#acceptWill(packet, done);
    const connection = this.#parts.connections.of(client);
    if (connection === undefined) return done(new Error("the connection has ended"));
    connection.answers.push(this.#takeOnce(client, packet), (failure) => {
      if (failure === undefined) {
        this.#parts.stats.acks++;
        this.#keepFromOthers(packet);
        packet.dup = false; // MQTT-3.3.1-3
        done(null);
      } else this.#reject(client, packet, failure, done);
      connection.guard.answered();
    });
  };

  /**
   * Takes a packet of QoS 0 or 1 from `chunk`. What Aedes would do for it costs more than all the rest, and would let a packet of
   * QoS 1 fall behind one of QoS 0: it only gets what it is to route, after the commit.
   */
  takeDirect(
    connection: Connection,
    topic: string,
    chunk: Buffer,
    start: number,
    end: number,
    messageId: number | null,
    retain: boolean,
  ): void {
    const { subscribers, stats } = this.#parts;
    if (connection.lastTopic.topic !== topic) connection.lastTopic = this.#known(topic);
    const { isReserved, isCommand } = connection.lastTopic;
    if (isReserved) stats.unrouted++;
    const routing = isReserved || !(retain || subscribers.want(topic)) ? null : retain ? kept : passed;
    this.#gathering.add(
      connection,
      topic,
      chunk,
      start,
      end,
      messageId,
      routing,
      // Somebody waits for a device's answer, or listens to its packets.
      isCommand || routing ? 0 : this.#gatherMs(connection, messageId),
    );
  }

  #known(topic: string): KnownTopic {
    return { topic, isReserved: this.#parts.isReserved(topic), isCommand: isCommandTopic(topic) };
  }

  #gatherMs({ guard }: Connection, messageId: number | null): number {
    const { qos0Ms, qos1Ms } = this.#parts.gather;
    return messageId === null && guard.hasRoom ? qos0Ms : qos1Ms;
  }

  #takeAll(packets: readonly GatheredPacket[]): void {
    let answer: Promise<void> | null = null;
    let waiting: GatheredPacket[] = [];
    for (const packet of packets) {
      const { connection, messageId, receivedAt, routing } = packet;
      const isAwaited = messageId !== null;
      const own = this.#take(connection.client.id, packet, isAwaited, receivedAt);
      if (isAwaited || routing !== null) this.#answer(packet, own);
      else if (own === null) connection.guard.answered();
      else if (own === answer) waiting.push(packet);
      else {
        answer = own;
        waiting = [packet];
        this.#settle(waiting, own);
      }
    }
  }

  /** Ends with the commit, and in its client's turn. */
  #answer(packet: GatheredPacket, answer: Promise<void> | null): void {
    const { connection, topic, messageId, routing } = packet;
    const { client, guard, answers } = connection;
    answers.push(answer, (failure) => {
      if (failure !== undefined) {
        this.#report(client, { topic, qos: messageId === null ? 0 : 1 }, failure);
        if (messageId !== null) guard.destroy();
      } else {
        if (messageId !== null) {
          this.#parts.stats.acks++;
          guard.acknowledge(messageId);
        }
        if (routing) this.#parts.route(packet, routing);
      }
      guard.answered();
    });
  }

  /** Packets of QoS 0 that share a commit. */
  #settle(packets: readonly GatheredPacket[], answer: Promise<void>): void {
    const answered = () => {
      for (const { connection } of packets) connection.guard.answered();
    };
    answer.then(answered, (failure: unknown) => {
      for (const { connection, topic } of packets)
        this.#report(connection.client, { topic, qos: 0 }, failure);
      answered();
    });
  }

  #take(
    clientId: string | null,
    packet: Pick<PublishPacket, "topic" | "payload">,
    isAwaited: boolean,
    receivedAt = this.#parts.clock.now(),
  ): Promise<void> | null {
    const { onPacket, stats } = this.#parts;
    const payload = packet.payload as Buffer;
    stats.packets++;
    stats.bytes += payload.length;
    try {
      return onPacket({ topic: packet.topic, payload, receivedAt, client: clientId, isAwaited });
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** A QoS 2 packet that is known already is only acknowledged, after its commit if that is still under way. */
  #takeOnce(client: Client, packet: PublishPacket): Promise<void> | null {
    const { exchanges, stats } = this.#parts;
    const messageId = packet.messageId as number;
    const known = exchanges.find(client, messageId);
    if (known !== undefined) {
      stats.duplicates++;
      return known.answer;
    }
    if (!exchanges.hasRoom(client)) {
      stats.unreleasedRefused++;
      return Promise.reject(new TooManyUnreleased("too many QoS 2 messages wait for their PUBREL"));
    }
    const answer = this.#take(client.id, packet, true);
    exchanges.open(client, messageId, answer);
    return answer;
  }

  #acceptWill(packet: PublishPacket, done: Done): void {
    if (this.#closing) return done(new Error("the broker is closing"));
    const answer = this.#take(null, packet, true);
    const route = () => {
      this.#keepFromOthers(packet);
      done(null);
    };
    if (answer === null) return route();
    answer.then(route, (failure: unknown) => this.#reject(null, packet, failure, done));
  }

  #keepFromOthers(packet: PublishPacket): void {
    const { isReserved, logger, stats } = this.#parts;
    if (!isReserved(packet.topic)) return;
    stats.unrouted++;
    logger.debug(
      { topic: packet.topic },
      "the topic is the gateway's own: subscribers do not get the packet",
    );
    drop(packet);
  }

  #reject(client: Client | null, packet: PublishPacket, failure: unknown, done: Done): void {
    this.#report(client, packet, failure);
    done(failure instanceof Error ? failure : new Error(String(failure)));
  }

  #report(client: Client | null, packet: Pick<PublishPacket, "topic" | "qos">, failure: unknown): void {
    const { clock, logger, stats } = this.#parts;
    const context = { client: client?.id ?? null, topic: packet.topic, qos: packet.qos, err: failure };
    if (failure instanceof TooManyUnreleased) {
      logger.debug(context, "connection closed: the client must send PUBREL for its QoS 2 messages");
      return;
    }
    // By name, because ingest stands beside the log and does not import it.
    if (!(failure instanceof Error && failure.name === "LogUnavailable")) {
      stats.failed++;
      logger.error(context, "the pipeline failed on a packet; it was not acknowledged");
      return;
    }
    stats.unavailable++;
    const now = clock.now();
    if (Math.abs(now - this.#warnedAt) < warningIntervalMs) return;
    this.#warnedAt = now;
    logger.warn(context, "the log stores nothing now: QoS 1 and 2 are closed without acknowledgement");
  }
}

/** Aedes knows no way to end a publish that neither routes it nor closes the connection. */
function drop(packet: PublishPacket): void {
  packet.topic = droppedTopic;
  packet.retain = false;
  packet.payload = Buffer.alloc(0);
}

class TooManyUnreleased extends Error {}
