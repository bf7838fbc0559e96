import type { Socket, SocketHandler } from "./transport.ts";

/** Share of the limit after which the client is asked how far it has read, so that a fast reader never waits. */
const askShare = 0.25;

/**
 * A socket that knows how much its client has not read. What the kernel has taken tells nothing of that: it takes some 4 MB
 * per connection (`tcp_wmem`) before it takes no more, and neither transport can ask it for less. A pong comes behind
 * everything that was sent ahead of its ping (RFC 6455, 5.5.3), so pings in between bound what lies in both kernels too.
 */
export class PacedSocket implements Socket, SocketHandler {
  private readonly socket: Socket;
  private handler: SocketHandler | null = null;
  private readonly maxUnreadBytes: number;
  private sentBytes = 0;
  /** Of those, read for certain. */
  private readBytes = 0;
  /** `sentBytes` when the ping went out that waits for its pong, null if none does. */
  private askedAt: number | null = null;

  /** @param maxUnreadBytes above it, what is unread counts as buffered */
  constructor(socket: Socket, maxUnreadBytes: number) {
    this.socket = socket;
    this.maxUnreadBytes = maxUnreadBytes;
  }

  get subprotocol(): Socket["subprotocol"] {
    return this.socket.subprotocol;
  }

  get remote(): string {
    return this.socket.remote;
  }

  bufferedBytes(): number {
    const unread = this.sentBytes - this.readBytes;
    return unread > this.maxUnreadBytes ? unread : this.socket.bufferedBytes();
  }

  send(frame: Uint8Array | string): void {
    this.sentBytes += typeof frame === "string" ? Buffer.byteLength(frame) : frame.length;
    this.socket.send(frame);
    this.askIfMuchIsUnread();
  }

  ping(): void {
    // Something must be under way to a client that has gone without a word, or the kernel never notices it.
    if (this.askedAt !== null && this.socket.bufferedBytes() > 0) return;
    this.askedAt ??= this.sentBytes;
    this.socket.ping();
  }

  together(send: () => void): void {
    if (this.socket.together) this.socket.together(send);
    else send();
  }

  close(code: number, reason: string): void {
    this.socket.close(code, reason);
  }

  terminate(): void {
    this.socket.terminate();
  }

  /** What the transport has to tell `handler`, and this socket with it. */
  telling(handler: SocketHandler): SocketHandler {
    this.handler = handler;
    return this;
  }

  onMessage(data: Uint8Array | string): void {
    this.handler?.onMessage(data);
  }

  onPong(): void {
    this.readBytes = this.askedAt ?? this.readBytes;
    this.askedAt = null;
    this.askIfMuchIsUnread();
    this.handler?.onPong();
    this.handler?.onDrain();
  }

  onDrain(): void {
    this.handler?.onDrain();
  }

  onClose(): void {
    this.handler?.onClose();
  }

  // One question at a time: a client may answer only the newest of several.
  private askIfMuchIsUnread(): void {
    if (this.askedAt === null && this.sentBytes - this.readBytes > this.maxUnreadBytes * askShare)
      this.ping();
  }
}
