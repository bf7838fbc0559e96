import type { AedesPublishPacket, Client, Subscription } from "aedes";
import { isCommandTopic, listensForCommands } from "./commands.ts";
import type { Connections } from "./connection.ts";
import type { Sessions } from "./sessions.ts";

/**
 * The filter that Aedes gets for one that was granted. Aedes compares the QoS of a message with that of a filter only where the filter
 * is the very topic (`deliverQoS` in its client.js), and of several filters that match it takes the one it finds first: so it
 * shall deliver as published, and `Deliveries` lowers that.
 */
export function asPublished(granted: Subscription): Subscription {
  return { ...granted, qos: 2 };
}

/** Decides what goes to a client, and at which QoS; keeps commands from clients that did not ask for them, and counts the others. */
export class Deliveries {
  readonly #connections: Connections;
  readonly #sessions: Sessions;
  /** By payload, because Aedes copies a packet for each client and passes the same buffer on to all. */
  readonly #listeners = new WeakMap<object, number>();

  constructor(connections: Connections, sessions: Sessions) {
    this.#connections = connections;
    this.#sessions = sessions;
  }

  /**
   * Aedes' `authorizeForward`, asked for each client that a message goes to; null keeps it from this one. The QoS is that of the
   * message or the highest granted one, whichever is lower (MQTT 3.1.1, 3.8.4 and 3.3.5).
   */
  forward(client: Client, packet: AedesPublishPacket): AedesPublishPacket | null {
    const { topic, payload, qos } = packet;
    if (qos > 0 && this.#sessions.willReplay(client, packet)) return null;
    const filters = this.#connections.of(client)?.filters;
    if (isCommandTopic(topic)) {
      if (![...(filters?.filters() ?? [])].some((filter) => listensForCommands(filter, topic))) return null;
      this.#listeners.set(payload as Buffer, this.listeners(payload as Buffer) + 1);
    }
    const granted = qos > 0 ? (filters?.qosOf(topic) ?? qos) : qos;
    return granted < qos ? { ...packet, qos: granted } : packet;
  }

  /** To how many clients the command of this payload was handed. */
  listeners(payload: Buffer): number {
    return this.#listeners.get(payload) ?? 0;
  }
}
