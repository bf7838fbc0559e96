import { Duplex } from "node:stream";
import type { Clock } from "../model/clock.ts";
import { Flow } from "./flow.ts";
import type { MqttLimits } from "./limits.ts";
import { PacketReader, type PacketReaderEvents } from "./packet-reader.ts";
import { PacketWriter } from "./packet-writer.ts";
import { Silence } from "./silence.ts";
import type { RefusalReason } from "./stats.ts";

/** A client that says nothing for one and a half times its keepalive is gone (MQTT-3.1.2-24). */
const keepaliveFactorMs = 1_500;

/** More packets than Aedes can have at a time of one client. */
const maxAtAedes = 65_536;

/** How long a client that has ended its side may wait for the last answers. */
const lastAnswersMs = 10_000;

/** What a guard tells of its connection. */
export interface GuardEvents extends Pick<PacketReaderEvents, "onPublish" | "onDisconnect"> {
  /** Called once, before the close, when the client broke a rule. */
  readonly onRefused: (reason: RefusalReason) => void;
}

/**
 * The filter on the wire between a client's stream and Aedes: what its reader lets through goes to `onPublish` (QoS 0 and 1) or to
 * Aedes, in the order in which it came, and the stream is not read while a packet waits for its turn. It knows when a connection
 * has to end, and how.
 *
 * It takes the place of a Duplex for Aedes, which uses `read(null)`, `readable`, `write`, `cork` and `destroy`; these
 * go straight to the stream below, because a second set of stream buffers would cost more than all the checks.
 */
export class WireGuard extends Duplex {
  readonly #lower: Duplex;
  readonly #events: GuardEvents;
  readonly #reader: PacketReader;
  #resuming = false;
  #ended = false;
  #outbox: Buffer[] = [];
  readonly #flow: Flow;
  readonly #writer: PacketWriter;
  /** Ends a connection whose CONNECT does not come, and one that has ended its side and gets no answers. */
  #deadline: NodeJS.Timeout;
  readonly #silence: Silence;
  /** Silence that ends the connection, milliseconds; 0 never does. */
  #maxSilenceMs = 0;
  #abrupt = false;
  #isLoggedIn = false;

  /**
   * @param lower the client's stream; it should allow half-open, or packets before a FIN may be lost. What it hands over in
   *   its `data` events may be used by others afterwards
   */
  constructor(lower: Duplex, limits: MqttLimits, clock: Clock, events: GuardEvents) {
    super({ autoDestroy: false, emitClose: true });
    this.#lower = lower;
    this.#flow = new Flow(limits, clock, () => this.#resumeSoon());
    this.#reader = new PacketReader(limits, this.#flow, {
      onPublish: events.onPublish,
      onDisconnect: events.onDisconnect,
      onOthers: (packets) => this.#pass(packets),
      onConnect: (keepaliveS) => {
        this.#maxSilenceMs = keepaliveS * keepaliveFactorMs;
      },
      onWait: () => lower.pause(),
      onRefused: (reason, returnCode) => {
        if (returnCode !== null && lower.writable) lower.write(Buffer.from([0x20, 2, 0, returnCode]));
        this.#refuse(reason);
      },
    });
    this.#writer = new PacketWriter(lower, limits.maxClientBufferBytes, {
      onAnswer: () => this.#aedesAnswered(),
      onSlowReader: () => {
        if (this.#reader.isStopped) return false;
        this.#refuse("slowReader");
        return true;
      },
    });
    this.#events = events;
    this.#silence = new Silence(
      () => this.destroy(),
      // What is not read because of our own limits is no silence of the client.
      () => this.#reader.isBlocked,
    );
    this.#deadline = setTimeout(() => this.#refuse("connectTimeout"), limits.connectTimeoutMs);
    lower.on("data", (chunk: Buffer) => {
      if (this.destroyed) return;
      this.#silence.heard();
      this.#reader.read(chunk);
    });
    lower.on("drain", () => this.emit("drain"));
    lower.on("end", () => {
      this.#ended = true;
      if (!this.#reader.isBlocked) this.#endAnswered();
    });
    lower.on("error", () => this.destroy());
    lower.on("close", () => this.destroy());
  }

  /** PUBLISH packets that were let through and not answered yet. */
  get inflight(): number {
    return this.#flow.size;
  }

  /** True while it is far from the limits of what may be under way: nothing is held up by a later answer. */
  get hasRoom(): boolean {
    return this.#flow.hasRoom;
  }

  /** The login is good, and the CONNACK may leave. */
  loggedIn(): void {
    this.#isLoggedIn = true;
  }

  /** The CONNACK has left: what follows may come. */
  open(): void {
    clearTimeout(this.#deadline);
    if (!this.#reader.open()) return;
    if (this.#maxSilenceMs > 0) this.#silence.watch(this.#maxSilenceMs);
    this.#resumeSoon();
  }

  /** The oldest PUBLISH under way was answered. */
  answered(): void {
    this.#flow.answered();
    if (this.#reader.isBlocked || this.#ended) this.#resumeSoon();
  }

  #aedesAnswered(): void {
    this.#flow.aedesAnswered();
    if (this.#reader.isBlocked || this.#ended) this.#resumeSoon();
  }

  /** The client has ended its side: so do we, as soon as it has the answers to what it sent. */
  #endAnswered(): void {
    // Of a connection that we ended, the client's FIN comes afterwards.
    if (this.destroyed) return;
    if (this.#flow.isAnswered || !this.#reader.isOpen) return void this.destroy();
    clearTimeout(this.#deadline);
    this.#deadline = setTimeout(() => this.destroy(), lastAnswersMs);
  }

  /** Lets nothing more through; what is under way can still be answered. */
  drain(): void {
    this.#reader.stop();
  }

  #pass(bytes: Buffer): void {
    // The chunk is ours during its event only, and Aedes keeps pieces of what it reads.
    this.#outbox.push(Buffer.from(bytes));
    // Aedes waits for one `readable` per unfinished packet before it reads (`_parsingBatch` in its client.js). How much
    // may be under way is decided here, so it is made to read now: a PINGREQ must not wait for commits.
    for (let tries = maxAtAedes; tries > 0 && this.#outbox.length > 0; tries--) this.emit("readable");
  }

  /** In a later turn of the loop, so that Aedes is not entered twice and the other clients have their turn. */
  #resumeSoon(): void {
    if (this.#resuming) return;
    this.#resuming = true;
    setImmediate(() => {
      this.#resuming = false;
      if (this.destroyed) return;
      this.#reader.resume();
      if (this.destroyed || this.#reader.isBlocked) return;
      if (this.#ended) this.#endAnswered();
      else this.#lower.resume();
    });
  }

  /** Closes for a broken rule. Good packets before it in the same chunk still reach Aedes. */
  #refuse(reason: RefusalReason): void {
    this.#abrupt = reason === "slowReader";
    this.#events.onRefused(reason);
    // After the scan has passed on what was good.
    process.nextTick(() => this.destroy());
    this.#reader.stop();
    this.#lower.pause();
  }

  override read(size?: number | null): Buffer | null {
    // Streams ask with 0 to start reading; that must not take anything.
    if (size === 0 || this.#outbox.length === 0) return null;
    const bytes = this.#outbox.length === 1 ? (this.#outbox[0] as Buffer) : Buffer.concat(this.#outbox);
    this.#outbox = [];
    return bytes;
  }

  override write(chunk: Buffer | string, encoding?: unknown): boolean {
    return this.destroyed || this.#writer.write(chunk, encoding);
  }

  /** Bytes that the client has not taken yet. */
  get bufferedBytes(): number {
    return this.#writer.bufferedBytes;
  }

  /** Sends one whole packet that Aedes does not know of. Never waits; a client at its limit is refused as in `write`. */
  send(packet: Buffer): void {
    if (!this.destroyed) this.#writer.send(packet);
  }

  /** Sends the PUBACK of a packet that `onPublish` took. Those of one commit leave together. */
  acknowledge(messageId: number): void {
    if (!this.destroyed) this.#writer.acknowledge(messageId);
  }

  override cork(): void {
    this.#writer.cork();
  }

  override uncork(): void {
    this.#writer.uncork();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    clearTimeout(this.#deadline);
    this.#silence.stop();
    this.#reader.close(this.#isLoggedIn);
    this.#flow.stop();
    this.#outbox = [];
    if (this.#abrupt || this.#lower.destroyed) this.#lower.destroy();
    else this.#writer.end();
    done(error);
  }
}
