import type { BackoffLimits } from "../model/backoff.ts";
import type { Clock } from "../model/clock.ts";
import { mayReconnect } from "../model/errors.ts";
import { encodeMsgpackRequest } from "../wire/encode-request.ts";
import { Dictionary, decodeBinaryFrame, decodeJsonFrame } from "../wire/frames.ts";
import type { ClientMessage, ServerMessage, Subprotocol } from "../wire/messages.ts";
import { type ErrorListener, FieldcastError } from "./errors.ts";
import { Silence } from "./silence.ts";
import type { SocketConstructor, SocketLike, Timers } from "./socket.ts";
import { Login, type Token } from "./token.ts";

/** How long opening may take, from the first packet to `welcome`. */
const welcomeTimeoutMs = 10_000;
/** Silence of this many heartbeats means a dead connection. */
export const silentHeartbeats = 2.5;

/** Normal closure (RFC 6455, 7.4.1). */
const closeNormal = 1000;

export interface ConnectionOptions {
  readonly url: string;
  readonly subprotocol: Subprotocol;
  readonly token: Token | undefined;
  readonly webSocket: SocketConstructor;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: () => number;
  readonly backoff: BackoffLimits;
  /** Hears of a token that cannot be had. */
  readonly onError: ErrorListener | undefined;
}

/** Calls of one connection; none comes after `onDown`, and none while it is being made. */
export interface ConnectionEvents {
  /** The gateway takes requests. @param heartbeatMs it says something at least this often */
  onWelcome(heartbeatMs: number): void;
  onMessage(message: ServerMessage): void;
  /** The connection is over. @param isFinal the same attempt would fail again */
  onDown(error: FieldcastError, isFinal: boolean): void;
}

/** One way to the gateway, from opening to its end. */
export interface Connection {
  /** Sends a message; only after `onWelcome`. */
  send(message: ClientMessage): void;
  /** Closes it; no event follows. */
  close(): void;
  /** Gives the connection up if it has been silent for too long. */
  checkSilence(): void;
}

/** A request as it stands on the wire. */
export function encodeRequest(
  message: ClientMessage,
  subprotocol: Subprotocol,
): string | Uint8Array<ArrayBuffer> {
  const isBinary = subprotocol === "fieldcast.v1.msgpack";
  return isBinary ? encodeMsgpackRequest(message) : JSON.stringify(message);
}

/** One WebSocket from opening to its end. A connection that falls silent is over too. */
export class SocketConnection implements Connection {
  private readonly options: ConnectionOptions;
  private readonly events: ConnectionEvents;
  private readonly socket: SocketLike;
  private readonly dictionary = new Dictionary();
  private readonly silence: Silence;
  private readonly login: Login | null;
  private isLoggedIn: boolean;
  /** Null until `welcome` has come. */
  private heartbeatMs: number | null = null;
  private isUp = false;
  private over = false;
  private problem = "";

  /** @throws what the WebSocket's constructor throws (a URL it does not take) */
  constructor(options: ConnectionOptions, events: ConnectionEvents) {
    this.options = options;
    this.events = events;
    const { token, clock, timers } = options;
    this.isLoggedIn = token === undefined;
    this.login =
      token === undefined ? null : new Login({ ...options, token }, (fresh) => this.sayHello(fresh));
    this.socket = new options.webSocket(options.url, [options.subprotocol]);
    this.socket.binaryType = "arraybuffer";
    this.socket.onopen = () => this.login?.begin();
    this.socket.onmessage = (event: { data: unknown }) => this.arrived(event.data);
    this.socket.onclose = (event: { code: number; reason: string }) => this.closed(event.code, event.reason);
    // Stays in place to the end: `ws` ends the process over an `error` that nobody listens to.
    this.socket.onerror = (event: { message?: string }) => {
      this.problem = event.message ?? "";
    };
    this.silence = new Silence(clock, timers, welcomeTimeoutMs, (silentMs) =>
      this.fail("lost", `the gateway has been silent for ${Math.round(silentMs)} ms`),
    );
  }

  send(message: ClientMessage): void {
    if (this.over) return;
    this.socket.send(encodeRequest(message, this.options.subprotocol));
  }

  close(): void {
    this.finish();
    this.socket.close(closeNormal);
  }

  checkSilence(): void {
    this.silence.check();
  }

  private sayHello(token: string): void {
    this.send({ type: "hello", token });
    this.isLoggedIn = true;
    this.goUp();
  }

  private arrived(data: unknown): void {
    if (this.over) return;
    this.silence.heard();
    try {
      const message = this.decode(data);
      if (message?.type === "welcome") this.welcome(message.heartbeatMs);
      else if (message) this.take(message);
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
    if (this.heartbeatMs !== null) return;
    this.heartbeatMs = heartbeatMs;
    if (heartbeatMs > 0) this.silence.allow(silentHeartbeats * heartbeatMs);
    this.goUp();
  }

  // Requests go after the hello: before it the gateway does not know whose they are.
  private goUp(): void {
    if (this.isUp || !this.isLoggedIn || this.heartbeatMs === null) return;
    this.isUp = true;
    this.events.onWelcome(this.heartbeatMs);
  }

  private take(message: ServerMessage): void {
    const isRefusal = message.type === "error" && message.code === "unauthorized";
    if (isRefusal && !this.login?.refused()) return this.fail("unauthorized", message.message);
    if (this.isUp) this.events.onMessage(message);
  }

  private closed(code: number, reason: string): void {
    if (this.over) return;
    const words = [`code ${code}`, reason, this.problem].filter((word) => word !== "").join(", ");
    this.finish();
    this.events.onDown(
      new FieldcastError("lost", `the connection was closed (${words})`),
      !mayReconnect(code),
    );
  }

  // What happens to the socket after this is of no interest: the peer may be unreachable and never answer the close.
  private fail(code: "lost" | "bad-frame" | "unauthorized", message: string, cause?: unknown): void {
    if (this.over) return;
    this.finish();
    if (this.socket.terminate) this.socket.terminate();
    else this.socket.close();
    this.events.onDown(new FieldcastError(code, message, cause), code === "unauthorized");
  }

  private finish(): void {
    this.over = true;
    this.silence.stop();
    this.login?.stop();
  }
}
