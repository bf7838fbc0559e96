import type { Flow } from "./flow.ts";
import type { MqttLimits } from "./limits.ts";
import {
  answeredTypes,
  connectProblem,
  controlProblem,
  firstByteProblems,
  hasDisconnect,
  packetType,
  takeKeepalive,
  topicNameProblem,
  wholePackets,
} from "./packet-check.ts";
import type { RefusalReason } from "./stats.ts";

/** What `#examine` says instead of a packet's length. */
const incomplete = 0;
const wait = -1;
const refused = -2;

const noBytes = Buffer.alloc(0);

/** What a reader tells of what it reads. */
export interface PacketReaderEvents {
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
  /** Takes other packets, whole ones, for Aedes. They are good during the call only. */
  readonly onOthers: (packets: Buffer) => void;
  /** A good CONNECT has come. */
  readonly onConnect: (keepaliveS: number) => void;
  /**
   * Called when a DISCONNECT has come, be it that packets before it have not had their turn: whatever becomes of the connection
   * now, there is no last will (MQTT-3.14.4-3).
   */
  readonly onDisconnect: () => void;
  /** A packet must wait for its turn: no more bytes, please, until `resume`. */
  readonly onWait: () => void;
  /** The client broke a rule; good packets before it in the same chunk come afterwards. The return code is that of a CONNACK. */
  readonly onRefused: (reason: RefusalReason, returnCode: number | null) => void;
}

/**
 * What a client sends, packet by packet. It finds the packets' borders and lets through only what is well formed and within
 * limits, in the order in which it came; it holds back everything after CONNECT until `open()`, and PUBLISH packets that `flow` does
 * not admit.
 */
export class PacketReader {
  readonly #limits: MqttLimits;
  readonly #flow: Flow;
  readonly #events: PacketReaderEvents;
  #phase: "fresh" | "connecting" | "open" | "stopped" | "closed" = "fresh";
  /** Bytes from a packet's border on that wait, for their rest or for their turn. */
  #backlog: Buffer | null = null;
  #backlogBytes = 0;
  /** Bytes the packet at the head of the backlog needs before it can be checked. */
  #needBytes = 0;
  #blocked = false;
  /** The last topic, as bytes and as text. */
  #topicBytes: Buffer = noBytes;
  #topic = "";

  constructor(limits: MqttLimits, flow: Flow, events: PacketReaderEvents) {
    this.#limits = limits;
    this.#flow = flow;
    this.#events = events;
  }

  /** A packet waits for its turn. */
  get isBlocked(): boolean {
    return this.#blocked;
  }

  get isOpen(): boolean {
    return this.#phase === "open";
  }

  /** Nothing more is let through. */
  get isStopped(): boolean {
    return this.#phase === "stopped";
  }

  /** The CONNACK has left: what follows may come. False if there is nobody to open for. */
  open(): boolean {
    if (this.#phase !== "connecting") return false;
    this.#phase = "open";
    return true;
  }

  /** Lets nothing more through. */
  stop(): void {
    if (this.#phase !== "closed") this.#phase = "stopped";
  }

  /** Goes on with what waited for its turn. */
  resume(): void {
    this.#blocked = false;
    this.#scanBacklog();
  }

  /**
   * The connection has ended. What has come of QoS 0 and still waits for its turn is taken as far as the limits allow, if the
   * client `isLoggedIn`: it does not come again. A device may send it right behind its CONNECT and reset the connection (RST)
   * before there is a CONNACK.
   */
  close(isLoggedIn: boolean): void {
    const rest = this.#takeBacklog();
    const isTaken = isLoggedIn && !this.isStopped;
    this.#phase = "closed";
    if (rest === null) return;
    if (hasDisconnect(rest)) this.#events.onDisconnect();
    if (!isTaken) return;
    for (const { at, body, end } of wholePackets(rest)) {
      const first = rest[at] as number;
      const type = first >> 4;
      if (type === packetType.connect || type === packetType.disconnect) return;
      const isQos0 = type === packetType.publish && (first & 0x06) === 0;
      if (isQos0 && this.#examinePublish(rest, at, body, end - body) <= 0) return;
    }
  }

  /** Reads `chunk`, which is good during the call only. */
  read(chunk: Buffer): void {
    if (this.#backlog === null) this.#scan(chunk);
    else {
      this.#append(chunk);
      if (!this.#blocked && this.#backlogBytes >= this.#needBytes) this.#scanBacklog();
    }
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
        this.#events.onOthers(chunk.subarray(from, at));
        if (this.#phase === "closed") return;
        from = at;
      }
      verdict = this.#examine(chunk, at);
      if (verdict <= 0) break;
      at += verdict;
      if (isDirect) from = at;
    }
    if (verdict === wait) this.#events.onWait();
    this.#blocked = verdict === wait;
    if (at < chunk.length && verdict !== refused) this.#append(chunk.subarray(at));
    if (at > from) this.#events.onOthers(at - from === chunk.length ? chunk : chunk.subarray(from, at));
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
      this.#flow.asked(); // QoS 2, which is for Aedes
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

  /** CONNECT comes first and once (MQTT-3.1.0-1, MQTT-3.1.0-2); the rest waits for CONNACK. */
  #orderOf(type: number, length: number): number {
    if (this.#phase === "open") {
      if (type === packetType.connect) return this.#refuse("protocolOrder");
      if (type !== packetType.disconnect || length > 0) return 1;
      this.#events.onDisconnect();
      // Aedes closes on DISCONNECT at once; the answers under way go first.
      return this.#flow.isAnswered ? 1 : wait;
    }
    if (this.#phase !== "fresh") return wait;
    return type === packetType.connect ? 1 : this.#refuse("protocolOrder");
  }

  #examineControl(chunk: Buffer, at: number, body: number, length: number, type: number): number {
    const total = body - at + length;
    if (total > this.#limits.maxControlPacketBytes) return this.#refuse("packetTooLarge");
    if (at + total > chunk.length) return this.#need(total);
    const bytes = chunk.subarray(body, body + length);
    if (type === packetType.connect) return this.#examineConnect(bytes, total);
    const problem = controlProblem(type, bytes, this.#limits);
    if (problem) return this.#refuse(problem);
    if (answeredTypes.has(type)) this.#flow.asked();
    return total;
  }

  #examineConnect(body: Buffer, total: number): number {
    const problem = connectProblem(body, this.#limits);
    if (problem !== null) return this.#refuse(problem.reason, problem.returnCode);
    this.#phase = "connecting";
    this.#events.onConnect(takeKeepalive(body));
    return total;
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
    const bytes = this.#takeBacklog();
    if (bytes !== null) this.#scan(bytes);
  }

  #takeBacklog(): Buffer | null {
    const bytes = this.#backlog?.subarray(0, this.#backlogBytes) ?? null;
    this.#backlog = null;
    this.#backlogBytes = 0;
    return bytes;
  }

  #need(bytes: number): typeof incomplete {
    this.#needBytes = bytes;
    return incomplete;
  }

  #refuse(reason: RefusalReason, returnCode: number | null = null): typeof refused {
    this.#events.onRefused(reason, returnCode);
    return refused;
  }
}
