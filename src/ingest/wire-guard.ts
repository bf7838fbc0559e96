import { Duplex } from "node:stream";
import type { Clock } from "../model/clock.ts";
import { Flow } from "./flow.ts";
import type { MqttLimits } from "./limits.ts";
import {
  connectProblem,
  filtersProblem,
  firstByteProblems,
  hasDisconnect,
  packetType,
  takeKeepalive,
  topicNameProblem,
  wholePackets,
} from "./packet-check.ts";
import { PacketWriter } from "./packet-writer.ts";
import { Silence } from "./silence.ts";
import type { RefusalReason } from "./stats.ts";

/** What `#examine` says instead of a packet's length. */
const incomplete = 0;
const wait = -1;
const refused = -2;

const noBytes = Buffer.alloc(0);

/** A client that says nothing for one and a half times its keepalive is gone (MQTT-3.1.2-24). */
const keepaliveFactorMs = 1_500;

/** More packets than Aedes can have at a time of one client. */
const maxAtAedes = 65_536;

/** How long a client that has ended its side may wait for the last answers. */
const lastAnswersMs = 10_000;

/** What a guard tells of its connection. */
export interface GuardEvents {
  /** Called once, before the close, when the client broke a rule. */
  readonly onRefused: (reason: RefusalReason) => void;
  /**
   * Takes a PUBLISH of QoS 0 or 1, which Aedes does not see; `messageId` is null for QoS 0. Its payload lies in `chunk`, which is
   * good during the call only, from `start` to `end`.
   */
  readonly onPublish: (
    topic: string,
    chunk: Buffer,
    start: number,
    end: number,
    messageId: number | null,
    retain: boolean,
  ) => void;
  /**
   * Called when a DISCONNECT has come, be it that packets before it have not had their turn: whatever becomes of the connection
   * now, there is no last will (MQTT-3.14.4-3).
   */
  readonly onDisconnect: () => void;
}

/**
 * The filter on the wire between a client's stream and Aedes. It finds the packets' borders and lets through only what
 * is well formed and within limits; it holds back everything after CONNECT until `open()`, and PUBLISH packets beyond
 * those that `answered()` accounts for, by not reading the stream. PUBLISH packets of QoS 0 and 1 go to `onPublish`, the rest to
 * Aedes, in the order in which they came.
 *
 * It takes the place of a Duplex for Aedes, which uses `read(null)`, `readable`, `write`, `cork` and `destroy`; these
 * go straight to the stream below, because a second set of stream buffers would cost more than all the checks.
 */
export class WireGuard extends Duplex {
  readonly #lower: Duplex;
  readonly #limits: MqttLimits;
  readonly #events: GuardEvents;
  #phase: "fresh" | "connecting" | "open" | "draining" = "fresh";
  /** Bytes from a packet's border on that wait, for their rest or for their turn. */
  #backlog: Buffer | null = null;
  #backlogBytes = 0;
  /** Bytes the packet at the head of the backlog needs before it can be checked. */
  #needBytes = 0;
  #blocked = false;
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
  /** Packets with Aedes that it has not answered. */
  #unanswered = 0;
  /** The last topic, as bytes and as text. */
  #topicBytes: Buffer = noBytes;
  #topic = "";
  #abrupt = false;
  #isLoggedIn = false;

  /**
   * @param lower the client's stream; it should allow half-open, or packets before a FIN may be lost. What it hands over in
   *   its `data` events may be used by others afterwards
   */
  constructor(lower: Duplex, limits: MqttLimits, clock: Clock, events: GuardEvents) {
    super({ autoDestroy: false, emitClose: true });
    this.#lower = lower;
    this.#limits = limits;
    this.#flow = new Flow(limits, clock, () => this.#resumeSoon());
    this.#writer = new PacketWriter(lower, limits.maxClientBufferBytes, {
      onAnswer: () => this.#aedesAnswered(),
      onSlowReader: () => {
        if (this.#phase === "draining") return false;
        this.#refuse("slowReader");
        return true;
      },
    });
    this.#events = events;
    this.#silence = new Silence(
      () => this.destroy(),
      // What is not read because of our own limits is no silence of the client.
      () => this.#blocked,
    );
    this.#deadline = setTimeout(() => this.#refuse("connectTimeout"), limits.connectTimeoutMs);
    lower.on("data", (chunk: Buffer) => this.#receive(chunk));
    lower.on("drain", () => this.emit("drain"));
    lower.on("end", () => {
      this.#ended = true;
      if (!this.#blocked) this.#endAnswered();
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
    if (this.#phase !== "connecting") return;
    this.#phase = "open";
    if (this.#maxSilenceMs > 0) this.#silence.watch(this.#maxSilenceMs);
    this.#resumeSoon();
  }

  /** The oldest PUBLISH under way was answered. */
  answered(): void {
    this.#flow.answered();
    if (this.#blocked || this.#ended) this.#resumeSoon();
  }

  #aedesAnswered(): void {
    this.#unanswered--;
    if (this.#blocked || this.#ended) this.#resumeSoon();
  }

  /** The client has ended its side: so do we, as soon as it has the answers to what it sent. */
  #endAnswered(): void {
    // Of a connection that we ended, the client's FIN comes afterwards.
    if (this.destroyed) return;
    if (this.#isAnswered || this.#phase !== "open") return void this.destroy();
    clearTimeout(this.#deadline);
    this.#deadline = setTimeout(() => this.destroy(), lastAnswersMs);
  }

  get #isAnswered(): boolean {
    return this.#flow.size === 0 && this.#unanswered === 0;
  }

  /** Lets nothing more through; what is under way can still be answered. */
  drain(): void {
    this.#phase = "draining";
  }

  #receive(chunk: Buffer): void {
    if (this.destroyed) return;
    this.#silence.heard();
    if (this.#backlog === null) this.#scan(chunk);
    else {
      this.#append(chunk);
      if (!this.#blocked && this.#backlogBytes >= this.#needBytes) this.#scanBacklog();
    }
  }

  #append(chunk: Buffer): void {
    const have = this.#backlogBytes;
    const size = have + chunk.length;
    if (this.#backlog === null || this.#backlog.length < size) {
      // Doubling keeps a packet that arrives byte by byte from being copied at every byte.
      const grown = Buffer.allocUnsafe(Math.max(size, 2 * have));
      this.#backlog?.copy(grown, 0, 0, have);
      this.#backlog = grown;
    }
    chunk.copy(this.#backlog, have);
    this.#backlogBytes = size;
  }

  #scanBacklog(): void {
    const bytes = this.#backlog?.subarray(0, this.#backlogBytes);
    this.#backlog = null;
    this.#backlogBytes = 0;
    if (bytes !== undefined) this.#scan(bytes);
  }

  #scan(chunk: Buffer): void {
    let at = 0;
    let verdict = 1;
    /** From here on nothing has been passed on. */
    let from = 0;
    while (at < chunk.length) {
      const isDirect = ((chunk[at] as number) & 0xf4) === 0x30;
      if (isDirect && at > from) {
        // It must not overtake them: a client may have subscribed to what it publishes.
        this.#pass(chunk.subarray(from, at));
        if (this.destroyed) return;
        from = at;
      }
      verdict = this.#examine(chunk, at);
      if (verdict <= 0) break;
      at += verdict;
      if (isDirect) from = at;
    }
    if (verdict === wait) this.#lower.pause();
    this.#blocked = verdict === wait;
    if (at < chunk.length && verdict !== refused) this.#append(chunk.subarray(at));
    if (at > from) this.#pass(at - from === chunk.length ? chunk : chunk.subarray(from, at));
  }

  #pass(bytes: Buffer): void {
    // The chunk is ours during its event only, and Aedes keeps pieces of what it reads.
    this.#outbox.push(Buffer.from(bytes));
    // Aedes waits for one `readable` per unfinished packet before it reads (`_parsingBatch` in its client.js). How much
    // may be under way is decided here, so it is made to read now: a PINGREQ must not wait for commits.
    for (let tries = maxAtAedes; tries > 0 && this.#outbox.length > 0; tries--) this.emit("readable");
  }

  /** The length of the good packet at `at`, or why there is none. */
  #examine(chunk: Buffer, at: number): number {
    const first = chunk[at] as number;
    const problem = firstByteProblems[first];
    if (problem) return this.#refuse(problem);
    let length = 0;
    let body = at + 1;
    for (let factor = 1; ; factor *= 128) {
      if (factor > 2_097_152) return this.#refuse("malformed"); // a fifth length byte (MQTT 3.1.1, 2.2.3)
      if (body >= chunk.length) return this.#need(body - at + 1);
      const byte = chunk[body++] as number;
      length += (byte & 0x7f) * factor;
      if (byte < 0x80) break;
    }
    const type = first >> 4;
    const order = this.#orderOf(type, length);
    if (order !== 1) return order;
    return type === packetType.publish
      ? this.#examinePublish(chunk, at, body, length)
      : this.#examineControl(chunk, at, body, length, type);
  }

  /** CONNECT comes first and once (MQTT-3.1.0-1, MQTT-3.1.0-2); the rest waits for CONNACK. */
  #orderOf(type: number, length: number): number {
    if (this.#phase === "open") {
      if (type === packetType.connect) return this.#refuse("protocolOrder");
      if (type !== packetType.disconnect || length > 0) return 1;
      this.#events.onDisconnect();
      // Aedes closes on DISCONNECT at once; the answers under way go first.
      return this.#isAnswered ? 1 : wait;
    }
    if (this.#phase !== "fresh") return wait;
    return type === packetType.connect ? 1 : this.#refuse("protocolOrder");
  }

  #examinePublish(chunk: Buffer, at: number, body: number, length: number): number {
    const total = body - at + length;
    if (total > this.#limits.maxPacketBytes) return this.#refuse("packetTooLarge");
    if (length < 2) return this.#refuse("malformed");
    if (body + 2 > chunk.length) return this.#need(body + 2 - at);
    const topic = body + 2;
    const topicEnd = topic + chunk.readUInt16BE(body);
    const hasId = ((chunk[at] as number) & 0x06) !== 0;
    const headEnd = hasId ? topicEnd + 2 : topicEnd;
    if (headEnd > body + length) return this.#refuse("malformed");
    if (headEnd > chunk.length) return this.#need(headEnd - at);
    const problem = topicNameProblem(chunk, topic, topicEnd);
    if (problem) return this.#refuse(problem);
    if (hasId && chunk.readUInt16BE(topicEnd) === 0) return this.#refuse("packetIdZero"); // MQTT-2.3.1-1
    if (at + total > chunk.length) return this.#need(total);
    if (!this.#flow.admit(total)) return wait;
    const first = chunk[at] as number;
    if ((first & 0x04) !== 0)
      this.#unanswered++; // QoS 2, which is for Aedes
    else {
      const id = hasId ? chunk.readUInt16BE(topicEnd) : null;
      const text = this.#topicText(chunk, topic, topicEnd);
      this.#events.onPublish(text, chunk, headEnd, at + total, id, (first & 0x01) !== 0);
    }
    return total;
  }

  /** Most devices publish to one topic: its text is made once, and maps know its hash. */
  #topicText(chunk: Buffer, start: number, end: number): string {
    const last = this.#topicBytes;
    let isSame = last.length === end - start;
    for (let i = 0; isSame && i < last.length; i++) isSame = last[i] === chunk[start + i];
    if (!isSame) {
      this.#topicBytes = Buffer.from(chunk.subarray(start, end));
      this.#topic = chunk.toString("utf8", start, end);
    }
    return this.#topic;
  }

  #examineControl(chunk: Buffer, at: number, body: number, length: number, type: number): number {
    const total = body - at + length;
    if (total > this.#limits.maxControlPacketBytes) return this.#refuse("packetTooLarge");
    if (at + total > chunk.length) return this.#need(total);
    switch (type) {
      case packetType.connect:
        return this.#examineConnect(chunk.subarray(body, body + length)) ? total : refused;
      case packetType.subscribe:
      case packetType.unsubscribe: {
        const filters = chunk.subarray(body, body + length);
        const problem = filtersProblem(filters, type === packetType.subscribe, this.#limits);
        if (problem) return this.#refuse(problem);
        this.#unanswered++;
        return total;
      }
      case packetType.pingreq:
      case packetType.disconnect:
        if (length > 0) return this.#refuse("malformed");
        if (type === packetType.pingreq) this.#unanswered++;
        return total;
      default:
        if (length !== 2) return this.#refuse("malformed");
        if (chunk.readUInt16BE(body) === 0) return this.#refuse("packetIdZero");
        if (type === packetType.pubrel) this.#unanswered++;
        return total;
    }
  }

  #examineConnect(body: Buffer): boolean {
    const problem = connectProblem(body, this.#limits);
    if (problem === null) {
      this.#phase = "connecting";
      this.#maxSilenceMs = takeKeepalive(body) * keepaliveFactorMs;
      return true;
    }
    if (problem.returnCode !== null && this.#lower.writable) {
      this.#lower.write(Buffer.from([0x20, 2, 0, problem.returnCode]));
    }
    this.#refuse(problem.reason);
    return false;
  }

  #need(bytes: number): number {
    this.#needBytes = bytes;
    return incomplete;
  }

  /** In a later turn of the loop, so that Aedes is not entered twice and the other clients have their turn. */
  #resumeSoon(): void {
    if (this.#resuming) return;
    this.#resuming = true;
    setImmediate(() => {
      this.#resuming = false;
      if (this.destroyed) return;
      this.#blocked = false;
      this.#scanBacklog();
      if (this.destroyed || this.#blocked) return;
      if (this.#ended) this.#endAnswered();
      else this.#lower.resume();
    });
  }

  /** Closes for a broken rule. Good packets before it in the same chunk still reach Aedes. */
  #refuse(reason: RefusalReason): typeof refused {
    this.#abrupt = reason === "slowReader";
    this.#events.onRefused(reason);
    // After the scan has passed on what was good.
    process.nextTick(() => this.destroy());
    this.#phase = "draining";
    this.#lower.pause();
    return refused;
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
    if (this.#backlog !== null) this.#takeLast(this.#backlog.subarray(0, this.#backlogBytes));
    this.#flow.stop();
    this.#backlog = null;
    this.#outbox = [];
    if (this.#abrupt || this.#lower.destroyed) this.#lower.destroy();
    else this.#writer.end();
    done(error);
  }

  /**
   * Takes what has come of QoS 0 and still waits for its turn, as far as the limits allow: it does not come again. A device may send
   * it right behind its CONNECT and reset the connection (RST) before there is a CONNACK.
   */
  #takeLast(bytes: Buffer): void {
    if (hasDisconnect(bytes)) this.#events.onDisconnect();
    if (!this.#isLoggedIn || this.#phase === "draining") return;
    for (const { at, body, end } of wholePackets(bytes)) {
      const first = bytes[at] as number;
      const type = first >> 4;
      if (type === packetType.connect || type === packetType.disconnect) return;
      const isQos0 = type === packetType.publish && (first & 0x06) === 0;
      if (isQos0 && this.#examinePublish(bytes, at, body, end - body) <= 0) return;
    }
  }
}
