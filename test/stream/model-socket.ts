import { encode } from "@msgpack/msgpack";
import type { Hub } from "../../src/stream/hub.ts";
import { Session } from "../../src/stream/session.ts";
import type { Socket } from "../../src/stream/transport.ts";
import { Dictionary, decodeBinaryFrame, decodeJsonFrame } from "../../src/wire/frames.ts";
import type { ServerMessage, Subprotocol } from "../../src/wire/messages.ts";

/** A connection without a network: what is sent arrives at once, or waits while the test says that nobody reads. */
export class ModelSocket implements Socket {
  readonly subprotocol: Subprotocol;
  readonly remote = "model";
  readonly session: Session;
  /** Most bytes that ever waited. */
  maxBufferedBytes = 0;
  frames = 0;
  isStalled = false;
  private readonly queue: { message: ServerMessage | null; bytes: number }[] = [];
  private buffered = 0;
  private isOpen = true;
  private readonly dictionary = new Dictionary();
  private readonly onSend: (message: ServerMessage) => void;
  private readonly onMessage: (message: ServerMessage) => void;

  /** @param onSend sees each message when the gateway sends it, `onMessage` when it arrives */
  constructor(
    hub: Hub,
    subprotocol: Subprotocol,
    onSend: (message: ServerMessage) => void,
    onMessage: (message: ServerMessage) => void,
  ) {
    this.subprotocol = subprotocol;
    this.onSend = onSend;
    this.onMessage = onMessage;
    this.session = new Session(this, hub, {
      onEnd: () => {},
      publish: async () => null,
      command: async () => ({ result: null }),
    });
  }

  bufferedBytes(): number {
    return this.isOpen ? this.buffered : 0;
  }

  send(frame: Uint8Array | string): void {
    if (!this.isOpen) return;
    this.frames++;
    const message =
      typeof frame === "string" ? decodeJsonFrame(frame) : decodeBinaryFrame(frame, this.dictionary);
    if (message) this.onSend(message);
    if (!this.isStalled) {
      if (message) this.onMessage(message);
      return;
    }
    const bytes = typeof frame === "string" ? Buffer.byteLength(frame) : frame.length;
    this.queue.push({ message, bytes });
    this.buffered += bytes;
    this.maxBufferedBytes = Math.max(this.maxBufferedBytes, this.buffered);
  }

  /** The client reads about this much of what waits. */
  drain(maxBytes: number): void {
    let left = maxBytes;
    while (left > 0 && this.isOpen) {
      const next = this.queue.shift();
      if (!next) break;
      left -= next.bytes;
      this.buffered -= next.bytes;
      if (next.message) this.onMessage(next.message);
    }
    if (this.isOpen) this.session.onDrain();
  }

  /** The client reads as fast as it is sent to again. */
  resume(): void {
    this.isStalled = false;
    this.drain(Number.POSITIVE_INFINITY);
  }

  request(message: object): void {
    this.session.onMessage(this.session.binary ? encode(message) : JSON.stringify(message));
  }

  /** The connection is lost with everything that waits. */
  close(): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    this.queue.length = 0;
    this.session.onClose();
  }

  terminate(): void {
    this.close();
  }

  ping(): void {
    if (this.isOpen) this.session.onPong();
  }
}
