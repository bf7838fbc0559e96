import type { StreamErrorCode } from "../model/errors.ts";
import type { Values } from "../model/reading.ts";

/** Subprotocols of `/stream`, the preferred one first. */
export const subprotocols = ["fieldcast.v1.msgpack", "fieldcast.v1.json"] as const;
export type Subprotocol = (typeof subprotocols)[number];

/** Largest request that a gateway takes by default; a larger one closes the connection. */
export const maxRequestBytes = 65_536;

/** Where a subscription starts. */
export type From = "latest" | "now" | { readonly cursor: string };

export interface SubscribeMessage {
  readonly type: "subscribe";
  readonly id: number;
  readonly filter: string;
  readonly from: From;
}

export interface UnsubscribeMessage {
  readonly type: "unsubscribe";
  readonly id: number;
}

/** What a device would publish over MQTT. */
export interface PublishMessage {
  readonly type: "publish";
  readonly id: number;
  readonly topic: string;
  /** An object or a list stands for its JSON text. Bytes are possible in MessagePack only. */
  readonly payload: string | Uint8Array | object;
}

export interface HelloMessage {
  readonly type: "hello";
  readonly token?: string;
}

export type ClientMessage = HelloMessage | SubscribeMessage | UnsubscribeMessage | PublishMessage;

/** A reading as clients see it. In JSON `time` and `times` are ISO 8601 text, in this type epoch milliseconds. */
export interface WireReading {
  readonly seq: number;
  readonly topic: string;
  readonly time: number;
  readonly values: Values;
  /** Only in snapshots: observation time of each value that is older than `time`. */
  readonly times?: Readonly<Record<string, number>>;
}

/** A position that the log no longer has. Bounds are null where the lost range cannot be told (another epoch). */
export type GapReason = "evicted" | "epoch" | "ahead";

export type ServerMessage =
  | {
      readonly type: "welcome";
      readonly epoch: string;
      /** The server sends something at least this often; silence of twice as long means the connection is dead. */
      readonly heartbeatMs: number;
    }
  | {
      readonly type: "subscribed";
      readonly id: number;
      readonly cursor: string;
      /** Only with `from: "latest"` and after a gap. */
      readonly snapshot?: readonly WireReading[];
    }
  | {
      readonly type: "readings";
      readonly id: number;
      readonly cursor: string;
      readonly readings: readonly WireReading[];
    }
  | {
      readonly type: "gap";
      readonly id: number;
      readonly reason: GapReason;
      readonly from: number | null;
      readonly to: number | null;
    }
  | { readonly type: "ack"; readonly id: number }
  | {
      /** With a cursor: every subscription of this connection has been sent all up to there. */
      readonly type: "heartbeat";
      readonly cursor?: string;
    }
  | {
      readonly type: "error";
      /** The id of the request, null if it could not be read. */
      readonly id: number | null;
      readonly code: StreamErrorCode;
      readonly message: string;
    };
