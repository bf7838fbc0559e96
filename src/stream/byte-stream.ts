import { Duplex } from "node:stream";
import type { Socket, SocketHandler } from "./transport.ts";

/** Unsent bytes of the socket above which the next write waits; at least a TCP socket's own high-water mark. */
const maxUnsentBytes = 64 * 1024;
/** Unread bytes above which the peer is paused, where the transport can. */
const readPaceBytes = 64 * 1024;
/** How long a peer may take to answer our close frame. */
const closeMs = 1_000;

/** RFC 6455, 7.4.1. */
const closeCode = { normal: 1000, unsupportedData: 1003, policyViolation: 1008 } as const;

/**
 * A WebSocket as a stream of bytes, for a protocol that runs inside binary frames whose borders mean nothing
 * (MQTT 3.1.1, 6). A slow reader makes `writableLength` grow, as with a TCP socket; a fast sender is paused, or closed
 * at a limit where the transport cannot pause.
 */
export class ByteStream extends Duplex implements SocketHandler {
  #socket: Socket | null;
  /** Continues the writing when the socket has drained. */
  #onDrained: (() => void) | null = null;
  #paused = false;
  #refused = false;
  #closeTimer: NodeJS.Timeout | undefined;
  readonly #maxUnreadBytes: number;

  /** @param maxUnreadBytes beyond which a peer that cannot be paused is closed; one message is always taken */
  constructor(socket: Socket, maxUnreadBytes: number) {
    super({ allowHalfOpen: true, readableHighWaterMark: readPaceBytes });
    this.#socket = socket;
    this.#maxUnreadBytes = maxUnreadBytes;
  }

  onMessage(data: Uint8Array | string): void {
    if (this.#refused || this.destroyed || data.length === 0) return;
    if (typeof data === "string") {
      // MQTT-6.0.0-1
      return this.#refuse(closeCode.unsupportedData, "send MQTT in binary frames");
    }
    if (this.readableLength + data.length > this.#maxUnreadBytes && this.readableLength > 0) {
      return this.#refuse(closeCode.policyViolation, "sent faster than it is taken; wait for the PUBACKs");
    }
    if (this.push(Buffer.from(data)) || this.#paused) return;
    this.#paused = true;
    this.#socket?.pause?.();
  }

  onPong(): void {}

  onDrain(): void {
    if (this.#onDrained === null || (this.#socket?.bufferedBytes() ?? 0) > maxUnsentBytes) return;
    const goOn = this.#onDrained;
    this.#onDrained = null;
    goOn();
  }

  onClose(): void {
    this.#socket = null;
    this.onDrain();
    if (!this.destroyed) this.push(null);
  }

  #refuse(code: number, reason: string): void {
    this.#refused = true;
    this.#socket?.close(code, reason);
    this.#closeTimer ??= setTimeout(() => this.destroy(), closeMs);
  }

  override _read(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#socket?.resume?.();
  }

  override _write(chunk: Buffer, _encoding: unknown, done: () => void): void {
    this.#send(chunk, done);
  }

  override _writev(chunks: { chunk: Buffer }[], done: () => void): void {
    this.#send(Buffer.concat(chunks.map(({ chunk }) => chunk)), done);
  }

  #send(bytes: Buffer, done: () => void): void {
    this.#socket?.send(bytes);
    if ((this.#socket?.bufferedBytes() ?? 0) <= maxUnsentBytes) done();
    else this.#onDrained = done;
  }

  override _final(done: () => void): void {
    this.#socket?.close(closeCode.normal, "");
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    clearTimeout(this.#closeTimer);
    this.#socket?.terminate();
    this.#socket = null;
    done(error);
  }
}
