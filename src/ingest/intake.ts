import type { Client, PublishPacket } from "aedes";
import type { Clock } from "../model/clock.ts";
import type { Packet } from "../model/packet.ts";
import type { Logger } from "../observe/log.ts";
import type { Connection, Connections } from "./connection.ts";
import type { Exchanges } from "./exchanges.ts";
import type { MqttStats } from "./stats.ts";
import type { Subscribers } from "./subscribers.ts";

/**
 * The pipeline behind the broker: resolves after the commit, null if there is nothing to wait for. The payload may be
 * a view of a larger buffer; who keeps it must copy it. `canWait` is true if nobody waits for the commit.
 */
export type OnPacket = (packet: Packet, canWait: boolean) => Promise<void> | null;

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
  /** Topics that clients may publish to, but that other clients get from the gateway alone. */
  readonly isReserved: (topic: string) => boolean;
}

type Done = (error?: Error | null) => void;

/**
 * Takes what clients publish to the pipeline. It hangs on Aedes' `authorizePublish`, the only hook that delays the
 * PUBACK; an error from it closes the connection, so that the device resends after it reconnects.
 */
export class Intake {
  readonly #parts: IntakeParts;
  #warnedAt = Number.NEGATIVE_INFINITY;
  #closing = false;

  constructor(parts: IntakeParts) {
    this.#parts = parts;
  }

  /** From now on last wills are ignored: their clients did not fail, the broker is going. */
  close(): void {
    this.#closing = true;
  }

  /** Aedes' `authorizePublish`: `done` lets the acknowledgement go, with an error it closes the connection. */
  readonly accept = (client: Client | null, packet: PublishPacket, done: Done): void => {
    // Nothing but its will comes from a client that has closed.
    if (client === null || client.closed) return this.#acceptWill(packet, done);
    const connection = this.#parts.connections.of(client);
    if (connection === undefined) return done(new Error("the connection has ended"));
    const answer = packet.qos === 2 ? this.#takeOnce(client, packet) : this.#take(client.id, packet, false);
    connection.answers.push(answer, (failure) => {
      if (failure === undefined) {
        if (packet.qos > 0) this.#parts.stats.acks++;
        this.#keepFromOthers(packet);
        done(null);
      } else this.#reject(client, packet, failure, done);
      connection.guard.answered(true);
    });
  };

  /**
   * Takes a packet of QoS 0 or 1 that Aedes has nothing to do with; false if it has, because a client subscribes to it. What
   * Aedes would do for it besides costs more than all the rest.
   */
  takeDirect(connection: Connection, topic: string, payload: Buffer, messageId: number | null): boolean {
    const { isReserved, subscribers, stats } = this.#parts;
    const isKept = isReserved(topic);
    if (topic.startsWith("$") || (!isKept && subscribers.want(topic))) return false;
    if (isKept) stats.unrouted++;
    const { client, guard, answers } = connection;
    const canWait = messageId === null && guard.hasRoom;
    const answer = this.#take(client.id, { topic, payload }, canWait);
    answers.push(answer, (failure) => {
      if (failure !== undefined) {
        this.#report(client, { topic, qos: messageId === null ? 0 : 1 }, failure);
        if (messageId !== null) guard.destroy();
      } else if (messageId !== null) {
        stats.acks++;
        guard.acknowledge(messageId);
      }
      guard.answered(false);
    });
    return true;
  }

  #take(
    clientId: string | null,
    packet: Pick<PublishPacket, "topic" | "payload">,
    canWait: boolean,
  ): Promise<void> | null {
    const { clock, onPacket, stats } = this.#parts;
    const payload = packet.payload as Buffer;
    stats.packets++;
    stats.bytes += payload.length;
    try {
      return onPacket({ topic: packet.topic, payload, receivedAt: clock.now(), client: clientId }, canWait);
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
    const answer = this.#take(client.id, packet, false);
    exchanges.open(client, messageId, answer);
    return answer;
  }

  #acceptWill(packet: PublishPacket, done: Done): void {
    if (this.#closing) return done(new Error("the broker is closing"));
    const answer = this.#take(null, packet, false);
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
    if (packet.qos > 0 || client === null) {
      done(failure instanceof Error ? failure : new Error(String(failure)));
      return;
    }
    drop(packet);
    done(null);
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
