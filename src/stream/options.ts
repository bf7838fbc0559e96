import { maxRequestBytes } from "../wire/messages.ts";

/** Bounds and rhythm of the stream. */
export interface StreamOptions {
  /** How long readings gather before they are sent together; 0 sends each commit at once. Milliseconds. */
  readonly batchMs: number;
  /** The server sends something at least this often on every connection. Milliseconds. */
  readonly heartbeatMs: number;
  /** A connection that answers no ping for this long, with nothing left to send, is dropped. Milliseconds. */
  readonly silentMs: number;
  /** Above this many bytes that its client has not read, a connection gets no more and is left to catch up from the log. */
  readonly maxBufferBytes: number;
  /** About the size of the largest `readings` frame, and of a page read from the log. */
  readonly maxFrameBytes: number;
  /** More connections are refused with HTTP status 503. */
  readonly maxConnections: number;
  /** More subscriptions on one connection are refused with `too-many-subscriptions`. */
  readonly maxSubscriptions: number;
  /** A subscription that asks for more of the newest readings, of all its topics together, is refused with `bad-from`. */
  readonly maxLastReadings: number;
  /**
   * Memory for what replays keep besides the page that each holds: what their topics show, where they have a box or a rate,
   * and which of the newest readings are still to be sent. Beyond it they are refused with `too-many-replays`.
   */
  readonly maxReplayBytes: number;
  /** Publishes of one connection that wait for their commit; more are answered with `too-many-publishes`. */
  readonly maxInflightPublishes: number;
  /** HTTP replies that are made while they are sent, at once; more are refused with HTTP status 503. */
  readonly maxStreamingReplies: number;
  /** Such a reply is broken off when its client takes nothing for this long, since others wait for its place. Milliseconds. */
  readonly stalledReplyMs: number;
  /** Commands of one connection that wait for their answer; more are answered with `too-many-commands`. */
  readonly maxInflightCommands: number;
  /** Largest message taken from a client; a larger one closes the connection. */
  readonly maxMessageBytes: number;
  /** Browser origins that may connect besides the page's own; `*` lets every page connect. */
  readonly allowedOrigins: readonly string[];
}

export const defaultStreamOptions: StreamOptions = {
  batchMs: 50,
  heartbeatMs: 5_000,
  silentMs: 60_000,
  maxBufferBytes: 256 * 1024,
  maxFrameBytes: 64 * 1024,
  maxConnections: 20_000,
  maxSubscriptions: 1_000,
  maxLastReadings: 100_000,
  maxReplayBytes: 64 * 1024 * 1024,
  maxInflightPublishes: 64,
  maxStreamingReplies: 32,
  stalledReplyMs: 300_000,
  maxInflightCommands: 16,
  maxMessageBytes: maxRequestBytes,
  allowedOrigins: [],
};
