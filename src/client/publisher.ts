import {
  type ClientMessage,
  maxRequestBytes,
  type PublishMessage,
  type ServerMessage,
  type Subprotocol,
} from "../wire/messages.ts";
import { encodeRequest } from "./connection.ts";
import { FieldcastError } from "./errors.ts";
import type { Timers } from "./socket.ts";

export interface PublishOptions {
  /** How long to wait for the gateway's word, the time offline included. Milliseconds; 30,000 by default. */
  readonly timeoutMs?: number;
}

const defaultTimeoutMs = 30_000;
/** Most publishes that wait for an answer or for the connection. */
const maxWaiting = 1_000;

interface Waiting {
  readonly message: Omit<PublishMessage, "id">;
  readonly resolve: () => void;
  readonly reject: (error: FieldcastError) => void;
  timer: unknown;
}

/** What the publisher needs of the client. */
export interface PublisherWire {
  readonly timers: Timers;
  readonly subprotocol: Subprotocol;
  /** Most publishes sent and not yet answered. */
  readonly maxUnanswered: number;
  readonly isOnline: () => boolean;
  freshId(): number;
  send(message: ClientMessage): void;
}

/** What was published and is not yet answered, in order; it is sent again on the next connection. */
export class Publisher {
  private readonly wire: PublisherWire;
  private readonly queue: Waiting[] = [];
  private readonly sent = new Map<number, Waiting>();

  constructor(wire: PublisherWire) {
    this.wire = wire;
  }

  /** Rejects with FieldcastError `bad-payload`, `too-many-publishes`, `timeout`, or what the gateway answers. */
  publish(topic: string, payload: string | Uint8Array | object, options: PublishOptions): Promise<void> {
    return new Promise((resolve, reject) => {
      const sent = asSent(payload);
      if (sent instanceof FieldcastError) return reject(sent);
      const message = { type: "publish", topic, payload: sent } as const;
      const problem = this.problemWith(message);
      if (problem) return reject(problem);
      const { timers } = this.wire;
      const waiting: Waiting = { message, resolve, reject, timer: null };
      waiting.timer = timers.set(() => this.expire(waiting), options.timeoutMs ?? defaultTimeoutMs);
      this.queue.push(waiting);
      this.sendSome();
    });
  }

  /** True if this id belongs to a publish under way. */
  has(id: number): boolean {
    return this.sent.has(id);
  }

  /** The gateway's answer to a publish; false if it is not one. */
  receive(message: Extract<ServerMessage, { type: "ack" | "error" }>): boolean {
    const waiting = message.id === null ? undefined : this.sent.get(message.id);
    if (!waiting) return false;
    this.sent.delete(message.id as number);
    this.wire.timers.clear(waiting.timer);
    if (message.type === "ack") waiting.resolve();
    else waiting.reject(new FieldcastError(message.code, message.message));
    this.sendSome();
    return true;
  }

  /** Sends what waits, as far as the gateway takes it at once. */
  sendSome(): void {
    while (this.wire.isOnline() && this.sent.size < this.wire.maxUnanswered) {
      const next = this.queue.shift();
      if (!next) return;
      const id = this.wire.freshId();
      this.sent.set(id, next);
      this.wire.send({ ...next.message, id });
    }
  }

  /** The connection is gone: what was not answered goes first on the next one. */
  offline(): void {
    this.queue.unshift(...this.sent.values());
    this.sent.clear();
  }

  /** Gives up everything that waits. */
  close(error: FieldcastError): void {
    this.offline();
    for (const { timer, reject } of this.queue.splice(0)) {
      this.wire.timers.clear(timer);
      reject(error);
    }
  }

  private problemWith(message: Omit<PublishMessage, "id">): FieldcastError | null {
    const { subprotocol } = this.wire;
    if (this.queue.length + this.sent.size >= maxWaiting) {
      return new FieldcastError("too-many-publishes", `${maxWaiting} publishes wait already`);
    }
    if (message.payload instanceof Uint8Array && subprotocol === "fieldcast.v1.json") {
      return new FieldcastError("bad-payload", "bytes cannot be published over the json protocol");
    }
    // The gateway would close the connection over it.
    const bytes = requestBytes(encodeRequest({ ...message, id: 0 }, subprotocol));
    if (bytes <= maxRequestBytes - idBytes) return null;
    return new FieldcastError(
      "bad-payload",
      `the message has ${bytes} bytes, the gateway takes ${maxRequestBytes}`,
    );
  }

  // A late answer then belongs to nobody.
  private expire(waiting: Waiting): void {
    const at = this.queue.indexOf(waiting);
    if (at >= 0) this.queue.splice(at, 1);
    for (const [id, other] of this.sent) if (other === waiting) this.sent.delete(id);
    waiting.reject(
      new FieldcastError("timeout", `${waiting.message.topic}: the gateway has not answered in time`),
    );
    this.sendSome();
  }
}

/** An id has at most five digits. */
const idBytes = 8;

// As text an object may have any number of members; as a map in a request it may have 64.
function asSent(payload: string | Uint8Array | object): string | Uint8Array | FieldcastError {
  if (typeof payload === "string" || payload instanceof Uint8Array) return payload;
  try {
    return JSON.stringify(payload);
  } catch (thrown) {
    return new FieldcastError("bad-payload", `the payload is not JSON: ${String(thrown)}`, thrown);
  }
}

function requestBytes(data: string | Uint8Array): number {
  return typeof data === "string" ? new TextEncoder().encode(data).length : data.length;
}
