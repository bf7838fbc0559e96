import type { Qos } from "./granted-filters.ts";
import type { MqttLimits } from "./limits.ts";
import type { MqttStats } from "./stats.ts";
import { type StoredPublish, storedPublish } from "./stored-packet.ts";

/** A QoS 2 message that the client has received; what is left to send is its PUBREL. */
export interface StoredRelease {
  readonly cmd: "pubrel";
  readonly messageId: number;
}

type Stored = StoredPublish | StoredRelease;

interface Queue {
  /** By broker counter, oldest first: a message that several filters of one client match is queued once. */
  readonly packets: Map<number, Stored>;
  bytes: number;
}

type QueueLimits = Pick<
  MqttLimits,
  "maxQueuedMessagesPerClient" | "maxQueuedBytesPerClient" | "maxQueuedBytes"
>;

/** QoS 1 and 2 messages that sessions have not acknowledged yet, in the order they were published. */
export class OfflineQueues {
  readonly #limits: QueueLimits;
  readonly #stats: MqttStats;
  readonly #queues = new Map<string, Queue>();
  #bytes = 0;

  constructor(limits: QueueLimits, stats: MqttStats) {
    this.#limits = limits;
    this.#stats = stats;
  }

  /**
   * Queues one message for each of `subscribers` (by client id), at no higher QoS than theirs; they share its bytes in memory, each is
   * charged for them.
   */
  enqueue(subscribers: ReadonlyMap<string, Qos>, packet: StoredPublish): void {
    let shared: StoredPublish | undefined;
    for (const [clientId, granted] of subscribers) {
      shared ??= storedPublish(packet);
      const qos = granted < packet.qos ? granted : packet.qos;
      // MQTT-3.3.1-9
      this.#add(this.#queueOf(clientId), { ...shared, qos, retain: false });
    }
  }

  /** Notes the packet id under which a message was sent, or that it has come to its PUBREL. */
  update(clientId: string, packet: Stored): void {
    const queue = this.#queues.get(clientId);
    if (queue === undefined) return;
    if (packet.cmd === "publish") {
      const stored = queue.packets.get(packet.brokerCounter);
      if (stored?.cmd === "publish") stored.messageId = packet.messageId;
      return;
    }
    const counter = counterOf(queue, packet.messageId);
    if (counter === undefined) return;
    this.#charge(queue, -sizeOf(queue.packets.get(counter)));
    queue.packets.set(counter, { cmd: "pubrel", messageId: packet.messageId });
  }

  /** Removes the message that was acknowledged. */
  remove(clientId: string, messageId: number | undefined): Stored | undefined {
    const queue = this.#queues.get(clientId);
    const counter = queue && counterOf(queue, messageId);
    return queue && counter !== undefined ? this.#take(queue, counter) : undefined;
  }

  /** True if the message of that broker counter is queued for `clientId`. */
  has(clientId: string, counter: number): boolean {
    return this.#queues.get(clientId)?.packets.has(counter) ?? false;
  }

  /**
   * Hands all that is queued for `clientId` to `send`, oldest first: what was sent before under its packet id (MQTT-4.4.0-1), with DUP
   * (MQTT-3.3.1-1), the rest under ids that are free.
   * @param freeId a packet id to begin with if none is in use
   * @returns the packet id to go on with
   */
  sendAll(clientId: string, freeId: number, send: (packet: Stored, messageId: number) => void): number {
    const packets = [...(this.#queues.get(clientId)?.packets.values() ?? [])];
    const newest = packets.findLast(({ messageId }) => messageId !== undefined)?.messageId;
    let nextId = newest === undefined ? freeId : idAfter(newest);
    for (const packet of packets) {
      if (packet.cmd === "pubrel") send(packet, packet.messageId);
      else if (packet.messageId !== undefined) send({ ...packet, dup: true }, packet.messageId);
      else {
        packet.messageId = nextId;
        nextId = idAfter(nextId);
        send(packet, packet.messageId);
      }
    }
    return nextId;
  }

  /** Drops the queue of a session that has ended. */
  forget(clientId: string): void {
    const queue = this.#queues.get(clientId);
    if (queue === undefined) return;
    this.#charge(queue, -queue.bytes);
    this.#queues.delete(clientId);
  }

  #queueOf(clientId: string): Queue {
    let queue = this.#queues.get(clientId);
    if (queue === undefined) {
      queue = { packets: new Map(), bytes: 0 };
      this.#queues.set(clientId, queue);
    }
    return queue;
  }

  #add(queue: Queue, packet: StoredPublish): void {
    if (queue.packets.has(packet.brokerCounter)) return;
    const { maxQueuedMessagesPerClient, maxQueuedBytesPerClient, maxQueuedBytes } = this.#limits;
    const size = sizeOf(packet);
    for (const oldest of queue.packets.keys()) {
      const fits =
        queue.packets.size < maxQueuedMessagesPerClient &&
        queue.bytes + size <= maxQueuedBytesPerClient &&
        this.#bytes + size <= maxQueuedBytes;
      if (fits) break;
      this.#take(queue, oldest);
      this.#stats.queueDropped++;
    }
    if (size > maxQueuedBytesPerClient || this.#bytes + size > maxQueuedBytes) {
      this.#stats.queueDropped++;
      return;
    }
    queue.packets.set(packet.brokerCounter, packet);
    this.#charge(queue, size);
  }

  #take(queue: Queue, counter: number): Stored | undefined {
    const packet = queue.packets.get(counter);
    queue.packets.delete(counter);
    this.#charge(queue, -sizeOf(packet));
    return packet;
  }

  #charge(queue: Queue, bytes: number): void {
    queue.bytes += bytes;
    this.#bytes += bytes;
  }
}

function sizeOf(packet: Stored | undefined): number {
  return packet?.cmd === "publish" ? packet.topic.length + packet.payload.length : 0;
}

/** Packet ids go round from 1 to 65,535: those of a queue lie together, and it is shorter than the round. */
function idAfter(messageId: number): number {
  return (messageId % 65_535) + 1;
}

/** Acknowledgements come mostly in order, so the search ends at once. */
function counterOf(queue: Queue, messageId: number | undefined): number | undefined {
  if (messageId === undefined) return undefined;
  for (const [counter, packet] of queue.packets) if (packet.messageId === messageId) return counter;
  return undefined;
}
