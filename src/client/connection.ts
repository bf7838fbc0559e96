import { encode } from "@msgpack/msgpack";
import type { Clock } from "../model/clock.ts";
import { Dictionary, decodeBinaryFrame, decodeJsonFrame } from "../wire/frames.ts";
import type { ClientMessage, ServerMessage, Subprotocol } from "../wire/messages.ts";
import { FieldcastError } from "./errors.ts";
import type { SocketConstructor, SocketLike, Timers } from "./socket.ts";

/** How long opening may take, from the first packet to `welcome`. */
const welcomeTimeoutMs = 10_000;
/** Silence of this many heartbeats means a dead connection. */
const silentHeartbeats = 2.5;
// A timer that is this late stood still with the rest of the program (sleep, a blocked thread), and frames that came
// meanwhile may be waiting behind it: they get this long to be seen before the connection is given up.
const lateTimerMs = 1_000;

/** Normal closure (RFC 6455, 7.4.1). */
const closeNormal = 1000;

export interface ConnectionOptions {
  readonly url: string;
  readonly subprotocol: Subprotocol;
  readonly token: string | undefined;
  readonly webSocket: SocketConstructor;
  readonly clock: Clock;
  readonly timers: Timers;
}

/** Calls of one connection; none comes after `onDown`, and none during the constructor. */
export interface ConnectionEvents {
  onWelcome(): void;
  onMessage(message: ServerMessage): void;
  /** The connection is over. `closeCode` is null if the peer did not close it. */
  onDown(error: FieldcastError, closeCode: number | null): void;
}

/** A request as it stands on the wire. */
export function encodeRequest(
  message: ClientMessage,
  subprotocol: Subprotocol,
): string | Uint8Array<ArrayBuffer> {
  const isBinary = subprotocol === "fieldcast.v1.msgpack";
  return isBinary ? encode(message, { ignoreUndefined: true }) : JSON.stringify(message);
}

/** One WebSocket from opening to its end. A connection that falls silent is over too: no close event would ever tell. */
export class Connection {
  private readonly options: ConnectionOptions;
  private readonly events: ConnectionEvents;
  private readonly socket: SocketLike;
  private readonly dictionary = new Dictionary();
  private welcomed = false;
  private over = false;
  private problem = "";
  private silentAfterMs = welcomeTimeoutMs;
  private lastArrivalAt: number;
  private timer: unknown;
  private timerDueAt = 0;
  private gotLastChance = false;

  /** @throws what the WebSocket's constructor throws (a URL it does not take) */
  constructor(options: ConnectionOptions, events: ConnectionEvents) {
    this.options = options;
    this.events = events;
    this.socket = new options.webSocket(options.url, [options.subprotocol]);
    this.socket.binaryType = "arraybuffer";
    this.socket.onopen = () => this.opened();
    this.socket.onmessage = (event: { data: unknown }) => this.arrived(event.data);
    this.socket.onclose = (event: { code: number; reason: string }) => this.closed(event.code, event.reason);
    // Stays in place to the end: `ws` ends the process over an `error` that nobody listens to.
    this.socket.onerror = (event: { message?: string }) => {
      this.problem = event.message ?? "";
    };
    this.lastArrivalAt = options.clock.now();
    this.watch(this.silentAfterMs);
  }

  /** Sends a message; only after `onWelcome`. */
  send(message: ClientMessage): void {
    if (this.over) return;
    this.socket.send(encodeRequest(message, this.options.subprotocol));
  }

  /** Closes it; no event follows. */
  close(): void {
    this.finish();
    this.socket.close(closeNormal);
  }

  /** Gives the connection up if it has been silent for too long. */
  checkSilence(): void {
    if (this.over) return;
    const now = this.options.clock.now();
    // A clock that was set back would otherwise stretch the silence by as much.
    if (now < this.lastArrivalAt) this.lastArrivalAt = now;
    const silentMs = now - this.lastArrivalAt;
    if (silentMs < this.silentAfterMs) return this.watch(this.silentAfterMs - silentMs);
    if (!this.gotLastChance && now - this.timerDueAt > lateTimerMs) {
      this.gotLastChance = true;
      return this.watch(lateTimerMs);
    }
    this.fail("lost", `the gateway has been silent for ${Math.round(silentMs)} ms`);
  }

  private opened(): void {
    const { token } = this.options;
    if (token !== undefined) this.send({ type: "hello", token });
  }

  private arrived(data: unknown): void {
    if (this.over) return;
    this.lastArrivalAt = this.options.clock.now();
    this.gotLastChance = false;
    try {
      const message = this.decode(data);
      if (message?.type === "welcome") this.welcome(message.heartbeatMs);
      else if (message) this.events.onMessage(message);
    } catch (thrown) {
      // Going on would leave a hole where this frame was; a new connection resumes before it.
      this.fail("bad-frame", `a frame cannot be read: ${String(thrown)}`, thrown);
    }
  }

  private decode(data: unknown): ServerMessage | null {
    if (typeof data === "string") return decodeJsonFrame(data);
    return decodeBinaryFrame(new Uint8Array(data as ArrayBuffer), this.dictionary);
  }

  private welcome(heartbeatMs: number): void {
    if (this.welcomed) return;
    this.welcomed = true;
    if (heartbeatMs > 0) this.silentAfterMs = silentHeartbeats * heartbeatMs;
    this.watch(this.silentAfterMs);
    this.events.onWelcome();
  }

  private closed(code: number, reason: string): void {
    if (this.over) return;
    const words = [`code ${code}`, reason, this.problem].filter((word) => word !== "").join(", ");
    this.finish();
    this.events.onDown(new FieldcastError("lost", `the connection was closed (${words})`), code);
  }

  // What happens to the socket after this is of no interest: the peer may be unreachable and never answer the close.
  private fail(code: "lost" | "bad-frame", message: string, cause?: unknown): void {
    if (this.over) return;
    this.finish();
    if (this.socket.terminate) this.socket.terminate();
    else this.socket.close();
    this.events.onDown(new FieldcastError(code, message, cause), null);
  }

  private finish(): void {
    this.over = true;
    this.options.timers.clear(this.timer);
  }

  private watch(delayMs: number): void {
    this.options.timers.clear(this.timer);
    this.timerDueAt = this.options.clock.now() + delayMs;
    this.timer = this.options.timers.set(() => this.checkSilence(), delayMs);
  }
}
