import type { Command } from "../model/command.ts";
import type { StreamErrorCode } from "../model/errors.ts";
import type { Values } from "../model/reading.ts";

/** Subprotocols of `/stream`, the preferred one first. */
export const subprotocols = ["fieldcast.v1.msgpack", "fieldcast.v1.json"] as const;
export type Subprotocol = (typeof subprotocols)[number];

/** Largest request that a gateway takes by default; a larger one closes the connection. */
export const maxRequestBytes = 65_536;

/** Most readings of each topic that `{ last }` gives. */
export const maxLastPerTopic = 10_000;

/** Lowest and highest speed of a replay, as a multiple of real time; 0 is as fast as it goes. */
export const speedLimits = { min: 0.01, max: 1_000 } as const;

/** Largest `params` of a command, in bytes of their JSON. */
export const maxParamsBytes = 16_384;

/** Deepest nesting of `params`. */
export const maxParamsLevels = 32;

/** Longest a command may wait for its answer. */
export const maxCommandTimeoutMs = 60_000;

/** Where a subscription starts. */
export type From =
  | "latest"
  | "now"
  | { readonly cursor: string }
  /** What was shown at this time of observation, then everything since. ISO 8601 with an offset, or epoch milliseconds. */
  | { readonly time: string | number }
  /** The newest readings of each topic, at most so many. */
  | { readonly last: number };

/** How what lies behind the log's head is sent. */
export interface PlayOptions {
  /** Multiple of real time, or 0 (the default) for as fast as it goes. */
  readonly speed?: number;
  /** Nothing is sent until it is taken away. */
  readonly paused?: boolean;
}

/** `[west, south, east, north]` in degrees; a box whose west is east of its east crosses the date line. */
export type Bbox = readonly [number, number, number, number];

/** A condition on one value. `exists` needs no value; the others do not hold where the field is absent. */
export interface Condition {
  readonly field: string;
  readonly op: "==" | "!=" | "<" | "<=" | ">" | ">=" | "exists";
  readonly value?: number | string | boolean;
}

/** What a subscription wants of the readings that match its filter. */
export interface ViewOptions {
  /** At most so many updates a second per topic; the latest wins, and the last one is always sent. */
  readonly rate?: number;
  /** Only what is in this box; `view` messages tell what came in and what left. */
  readonly bbox?: Bbox;
  /** All of them must hold. */
  readonly where?: readonly Condition[];
  /** Only these values. */
  readonly fields?: readonly string[];
}

export interface SubscribeMessage extends ViewOptions, PlayOptions {
  readonly type: "subscribe";
  readonly id: number;
  readonly filter: string;
  readonly from: From;
}

/** Changes the options that are named, from now on; null takes one away. */
export interface UpdateMessage {
  readonly type: "update";
  readonly id: number;
  readonly rate?: number | null;
  readonly bbox?: Bbox | null;
  readonly where?: readonly Condition[] | null;
  readonly fields?: readonly string[] | null;
  readonly speed?: number | null;
  readonly paused?: boolean | null;
  /** Goes on from another place, as if subscribed anew. */
  readonly from?: From;
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

/** What a device is to do; answered with what it answers. */
export interface CommandMessage extends Command {
  readonly type: "command";
  readonly id: number;
}

export interface HelloMessage {
  readonly type: "hello";
  readonly token?: string;
}

export type ClientMessage =
  | HelloMessage
  | SubscribeMessage
  | UpdateMessage
  | UnsubscribeMessage
  | PublishMessage
  | CommandMessage;

/** A reading as clients see it. In JSON `time` and `times` are ISO 8601 text, in this type epoch milliseconds. */
export interface WireReading {
  readonly seq: number;
  readonly topic: string;
  readonly time: number;
  readonly values: Values;
  /** In snapshots, `entered` and conflated readings: observation time of each value that is older than `time`. */
  readonly times?: Readonly<Record<string, number>>;
  /** Remarks that are not measurements (an alert's text). Where values are merged, those of the reading that set `time`. */
  readonly attrs?: Values;
}

/** A position that the log no longer has. Bounds are null where the lost range cannot be told (another epoch). */
export type GapReason = "evicted" | "epoch" | "ahead";

/** What a subscription does: it plays what lies behind the head, it is held, or it is at the head. */
export type ReplayState = "playing" | "paused" | "live";

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
      /** The instant that `snapshot` shows, if it is not the present. Epoch milliseconds, in JSON ISO 8601. */
      readonly time?: number;
      /** Only with `from: "latest"` or a time, and after a gap. */
      readonly snapshot?: readonly WireReading[];
      /** The snapshot goes on in `snapshot` messages; the cursor counts only after the last of them. */
      readonly more?: boolean;
    }
  | {
      readonly type: "snapshot";
      readonly id: number;
      readonly snapshot: readonly WireReading[];
      readonly more?: boolean;
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
      /** Seq of the oldest reading that is left, null if none. Absent in the first version of this message. */
      readonly oldest?: number | null;
    }
  | {
      /** To subscriptions with a speed or a pause: at each change of state, and now and then while they play. */
      readonly type: "replay";
      readonly id: number;
      readonly state: ReplayState;
      /** Where it is, in time of observation; absent while that is not known. Epoch milliseconds, in JSON ISO 8601. */
      readonly time?: number;
    }
  | {
      /** With a `bbox`: what came into the box, with its latest values, and the topics that left it. */
      readonly type: "view";
      readonly id: number;
      readonly entered: readonly WireReading[];
      readonly left: readonly string[];
      /** After a resume: what is not in `entered` is not in view, whatever was told before. */
      readonly reset?: boolean;
    }
  | { readonly type: "ack"; readonly id: number }
  | {
      readonly type: "answer";
      readonly id: number;
      /** What the device answered to a command: any JSON, null if it had nothing to say. */
      readonly result: unknown;
    }
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
