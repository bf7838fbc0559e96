import type { AedesPublishPacket, Client } from "aedes";
import { isCommandTopic, listensForCommands } from "./commands.ts";
import type { Connections } from "./connection.ts";

/** Keeps commands from clients that did not ask for them, and counts the others. */
export class CommandDeliveries {
  readonly #connections: Connections;
  /** By payload, because Aedes copies a packet for each client and passes the same buffer on to all. */
  readonly #listeners = new WeakMap<object, number>();

  constructor(connections: Connections) {
    this.#connections = connections;
  }

  /** Aedes' `authorizeForward`, asked for each client that a message goes to; null keeps it from this one. */
  forward(client: Client, packet: AedesPublishPacket): AedesPublishPacket | null {
    const { topic, payload } = packet;
    if (!isCommandTopic(topic)) return packet;
    const filters = [...(this.#connections.of(client)?.filters ?? [])];
    if (!filters.some((filter) => listensForCommands(filter, topic))) return null;
    this.#listeners.set(payload as Buffer, this.listeners(payload as Buffer) + 1);
    return packet;
  }

  /** To how many clients the command of this payload was handed. */
  listeners(payload: Buffer): number {
    return this.#listeners.get(payload) ?? 0;
  }
}
