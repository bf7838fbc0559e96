import type { Socket } from "node:net";
import { encode } from "@msgpack/msgpack";
import { Dictionary, decodeBinaryFrame } from "../../../src/wire/frames.ts";
import { FrameReader, readReadings } from "./frames.ts";
import { openSocket } from "./socket.ts";
import { clientFrame, HandshakeReader, opcodes, upgradeRequest } from "./websocket.ts";

/** What one of a herd follows. */
export interface Interest {
  readonly filter: string;
  /** Updates a second per topic, null for every reading. */
  readonly rate: number | null;
}

/** Told of what happens to a subscriber. */
export interface SubscriberEvents {
  /** The gateway answered the subscription. */
  onSubscribed(subscriber: Subscriber): void;
  /** The connection ended, or never came to be. */
  onLost(subscriber: Subscriber, reason: string): void;
}

const subscriptionId = 1;

/**
 * One of a herd: a bare client that remembers its cursor, and of the readings only what proves that each came once and in
 * order, so that thousands of them fit into one process.
 */
export class Subscriber {
  /** Null: it only wants back what it sends. */
  readonly interest: Interest | null;
  /** Seq of the cursor that the first subscription began with; null before. */
  startSeq: number | null = null;
  /** The newest cursor's seq. */
  position = 0;
  /** Readings so far. */
  count = 0;
  /** Of all their seqs in order (`addToChecksum`). */
  checksum = 0;
  /** With a rate: the last seq of each topic. */
  readonly lastByTopic = new Map<string, number>();
  /** What must not have happened: order broken, a gap, an error answer. */
  readonly faults: string[] = [];
  /** `performance.now()` of the latest answer to a subscription, and of the latest readings. */
  subscribedAt = 0;
  readAt = 0;
  isSubscribed = false;
  readonly #events: SubscriberEvents;
  readonly #dictionary = new Dictionary();
  #epoch = "";
  #lastSeq = 0;
  #socket: Socket | null = null;

  constructor(interest: Interest | null, events: SubscriberEvents) {
    this.interest = interest;
    this.#events = events;
  }

  /** Connects and subscribes: from now on the first time, else from the cursor. */
  connect(port: number): void {
    this.#dictionary.clear();
    const handshake = new HandshakeReader();
    const frames = new FrameReader((opcode, payload) => this.#take(opcode, payload));
    let isOpen = false;
    const socket = openSocket(
      port,
      (chunk, end) => {
        try {
          const start = isOpen ? 0 : handshake.push(chunk, end);
          if (start < 0) return;
          if (!isOpen) socket.write(this.#request());
          isOpen = true;
          frames.push(chunk, start, end);
        } catch (error) {
          this.#end(socket, (error as Error).message);
        }
      },
      (reason) => this.#end(socket, reason),
    );
    this.#socket = socket;
    socket.write(upgradeRequest("/stream", "fieldcast.v1.msgpack"));
  }

  /** Stops reading, as a sleeping laptop does. */
  pause(): void {
    this.#socket?.pause();
  }

  /** Drops the connection without a word to the herd. */
  drop(): void {
    this.isSubscribed = false;
    const socket = this.#socket;
    this.#socket = null;
    socket?.destroy();
  }

  #request(): Buffer {
    if (this.interest === null) return clientFrame(opcodes.text, Buffer.from("back, please"));
    const { filter, rate } = this.interest;
    const from = this.startSeq === null ? "now" : { cursor: `${this.#epoch}:${this.position}` };
    const request = {
      type: "subscribe",
      id: subscriptionId,
      filter,
      from,
      ...(rate === null ? {} : { rate }),
    };
    return clientFrame(opcodes.binary, encode(request));
  }

  #end(socket: Socket, reason: string): void {
    if (socket !== this.#socket) return;
    this.drop();
    this.#events.onLost(this, reason);
  }

  #take(opcode: number, payload: Buffer): void {
    if (opcode === opcodes.ping) this.#socket?.write(clientFrame(opcodes.pong, new Uint8Array(0)));
    else if (opcode === opcodes.close) throw new Error(`closed with code ${payload.readUInt16BE(0)}`);
    else if (this.interest === null) this.#subscribed(0);
    else if (opcode === opcodes.binary) this.#takeFrame(payload);
  }

  #takeFrame(frame: Buffer): void {
    const readings = readReadings(frame);
    if (readings !== null) return this.#takeReadings(readings.through, readings.pairs);
    const message = decodeBinaryFrame(frame, this.#dictionary);
    if (message === null) return;
    if (message.type === "welcome") this.#epoch = message.epoch;
    else if (message.type === "subscribed") this.#subscribed(seqOf(message.cursor));
    else if (message.type === "heartbeat") {
      if (this.isSubscribed && message.cursor !== undefined) this.position = seqOf(message.cursor);
    } else this.#fault(`got ${JSON.stringify(message)}`);
  }

  #subscribed(seq: number): void {
    this.startSeq ??= seq;
    this.position = seq;
    this.#lastSeq = seq;
    this.isSubscribed = true;
    this.subscribedAt = performance.now();
    this.#events.onSubscribed(this);
  }

  #takeReadings(through: number, pairs: readonly number[]): void {
    this.readAt = performance.now();
    for (let i = 0; i < pairs.length; i += 2) {
      const seq = pairs[i] as number;
      if (seq <= this.#lastSeq) this.#fault(`seq ${seq} came after ${this.#lastSeq}`);
      this.#lastSeq = seq;
      this.count++;
      this.checksum = addToChecksum(this.checksum, seq);
      if (this.interest?.rate !== null) this.#noteLast(pairs[i + 1] as number, seq);
    }
    if (through < this.#lastSeq)
      this.#fault(`the cursor ${through} lies before its reading ${this.#lastSeq}`);
    this.position = through;
  }

  #noteLast(topic: number, seq: number): void {
    const name = this.#dictionary.topics.get(topic);
    if (name === undefined) this.#fault(`topic ${topic} was never announced`);
    else this.lastByTopic.set(name, seq);
  }

  #fault(what: string): void {
    if (this.faults.length < 10) this.faults.push(`${this.interest?.filter}: ${what}`);
  }
}

/** A number that tells sequences of seqs apart, order included. */
export function addToChecksum(checksum: number, seq: number): number {
  return (Math.imul(checksum, 31) + seq) >>> 0;
}

function seqOf(cursor: string): number {
  return Number(cursor.slice(cursor.indexOf(":") + 1));
}
