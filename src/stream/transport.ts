import type { HttpHandler } from "../model/http.ts";
import type { Logger } from "../observe/log.ts";
import type { Subprotocol } from "../wire/messages.ts";

/** Subprotocols of `/mqtt` (MQTT 3.1.1, 6; the other is what clients of MQTT 3.1 offer). */
export const mqttSubprotocols = ["mqtt", "mqttv3.1"] as const;
export type MqttSubprotocol = (typeof mqttSubprotocols)[number];

/** One accepted WebSocket. After `onClose` every method does nothing. */
export interface Socket {
  readonly subprotocol: Subprotocol | MqttSubprotocol;
  /** Address of the peer, for logs. */
  readonly remote: string;
  /** Bytes accepted by `send` that the kernel has not taken yet. */
  bufferedBytes(): number;
  /** Queues a frame: text for a string, binary for bytes. Never refuses; whoever sends looks at `bufferedBytes` first. */
  send(frame: Uint8Array | string): void;
  ping(): void;
  /** What is sent in `send` leaves in one write. Absent where the transport cannot. */
  together?(send: () => void): void;
  /** Takes no more from the peer until `resume`, but for what has arrived. Absent where the transport cannot. */
  pause?(): void;
  resume?(): void;
  /** Sends a close frame and closes. */
  close(code: number, reason: string): void;
  /** Drops the connection without a word, for a peer that does not answer. */
  terminate(): void;
}

/** What a transport tells about a socket. None of these may throw. */
export interface SocketHandler {
  /** The bytes are only valid during the call. */
  onMessage(data: Uint8Array | string): void;
  onPong(): void;
  /** Some of what was buffered has left. */
  onDrain(): void;
  onClose(): void;
}

/** What of an upgrade request decides whether it is accepted. */
export interface UpgradeRequest {
  readonly path: string;
  /** The `Origin` header, empty if none (not a browser). */
  readonly origin: string;
  readonly host: string;
  /** The offered subprotocols in the client's order. */
  readonly subprotocols: readonly string[];
}

export type Admission =
  | { readonly ok: true; readonly subprotocol: Socket["subprotocol"] }
  | { readonly ok: false; readonly status: number; readonly message: string };

export interface TransportOptions {
  readonly host: string;
  /** 0 takes any free port. */
  readonly port: number;
  /** Paths with WebSockets, and the largest message each takes, in bytes; a larger one closes the connection. */
  readonly endpoints: Readonly<Record<string, number>>;
  readonly logger: Logger;
  readonly http: HttpHandler;
  /** Decides about an upgrade, before any WebSocket exists. Must not throw. */
  admit(request: UpgradeRequest): Admission;
  /** Called for each accepted socket. */
  accept(socket: Socket): SocketHandler;
}

/** A listening server for HTTP and WebSocket on one port. */
export interface Transport {
  readonly name: "uws" | "ws";
  readonly port: number;
  /** Stops listening and drops what is still open. */
  close(): Promise<void>;
}

/** Starts listening. @throws Error with the system's code (`EADDRINUSE`) in its message when it cannot */
export type StartTransport = (options: TransportOptions) => Promise<Transport>;
