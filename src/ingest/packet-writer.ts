import type { Duplex } from "node:stream";

/** First byte of a PUBACK (MQTT 3.1.1, 3.4.1). */
const puback = 0x40;
/** First bytes of what Aedes answers with: PUBREC, PUBCOMP, SUBACK, UNSUBACK, PINGRESP. */
const answers: ReadonlySet<number> = new Set([0x50, 0x70, 0x90, 0xb0, 0xd0]);

/** Buffered bytes above which retained messages wait for `drain`; more than a socket's own high-water mark. */
const retainedPaceBytes = 64 * 1024;
/** How long a closed connection may take to read our last words. */
const lingerMs = 1_000;

/** What a writer tells of what it writes. */
export interface PacketWriterEvents {
  /** An answer of Aedes to anything but CONNECT is being written. */
  readonly onAnswer: () => void;
  /** More waits for the client than may, and a packet begins; true if that ends the connection, and the packet is dropped. */
  readonly onSlowReader: () => boolean;
}

/** What a client is sent, by Aedes and by the gateway, packet by packet. */
export class PacketWriter {
  readonly #lower: Duplex;
  readonly #maxBufferedBytes: number;
  readonly #events: PacketWriterEvents;
  #atPacketStart = false;
  #writesRetained = false;
  #isAcknowledging = false;

  constructor(lower: Duplex, maxBufferedBytes: number, events: PacketWriterEvents) {
    this.#lower = lower;
    this.#maxBufferedBytes = maxBufferedBytes;
    this.#events = events;
  }

  /**
   * False only asks Aedes to wait, and Aedes then holds up every publisher of the topic. So a live message never waits:
   * a client that does not read is refused at its limit. Retained messages after a SUBSCRIBE hold up nobody and do.
   */
  write(chunk: Buffer | string, encoding?: unknown): boolean {
    if (!this.#lower.writable) return true;
    if (this.#atPacketStart) {
      this.#atPacketStart = false;
      const first = typeof chunk === "string" ? 0 : (chunk[0] as number);
      this.#writesRetained = (first & 0xf1) === 0x31;
      if (answers.has(first)) this.#events.onAnswer();
      if (this.bufferedBytes > this.#maxBufferedBytes && this.#events.onSlowReader()) return true;
    }
    if (typeof chunk === "string")
      this.#lower.write(chunk, typeof encoding === "string" ? (encoding as BufferEncoding) : "utf8");
    else this.#lower.write(chunk);
    return !this.#writesRetained || this.bufferedBytes < retainedPaceBytes;
  }

  /** Bytes that the client has not taken yet. */
  get bufferedBytes(): number {
    return this.#lower.writableLength;
  }

  send(packet: Buffer): void {
    this.#atPacketStart = true;
    this.write(packet);
  }

  /** Sends a PUBACK. Those of one turn leave together. */
  acknowledge(messageId: number): void {
    if (!this.#isAcknowledging) {
      this.#isAcknowledging = true;
      this.#lower.cork();
      process.nextTick(() => {
        this.#isAcknowledging = false;
        this.#lower.uncork();
      });
    }
    this.send(Buffer.from([puback, 2, messageId >> 8, messageId & 0xff]));
  }

  /** mqtt-packet corks once before each packet that it writes. */
  cork(): void {
    this.#atPacketStart = true;
    this.#lower.cork();
  }

  uncork(): void {
    this.#lower.uncork();
  }

  /** Lets the last answer reach the client: a socket destroyed with unread data sends RST, which can overtake it. */
  end(): void {
    const timer = setTimeout(() => this.#lower.destroy(), lingerMs);
    this.#lower.once("close", () => clearTimeout(timer));
    this.#lower.end();
    this.#lower.resume();
  }
}
