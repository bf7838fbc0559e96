import type { Values } from "../model/reading.ts";
import type { From, PlayOptions, UpdateMessage, ViewOptions } from "../wire/messages.ts";
import type { ErrorListener } from "./errors.ts";
import type { Reading, Replay, SubscriptionListeners } from "./reading.ts";

/** The options that a subscription can change; null takes one away. */
export type ViewChanges = Omit<UpdateMessage, "type" | "id" | "from">;

export interface SubscribeOptions<V extends Values = Values>
  extends SubscriptionListeners<V>,
    ViewOptions,
    PlayOptions {
  /**
   * Where to start: `"latest"` (a snapshot, then what is new; the default), `"now"` (only what is new), `{ cursor }` (what
   * came after that place in the log), `{ time }` (a snapshot of what was shown then, and everything since; ISO 8601 with
   * an offset, or epoch milliseconds), `{ last }` (the newest readings of each topic, then what is new).
   */
  readonly from?: From;
  /** Errors of this subscription and of its callbacks. Without it they go to the console; an iterator throws as well. */
  readonly onError?: ErrorListener;
  /**
   * Most readings that wait for an iterator (10,000 by default; a snapshot is always taken whole). Above it the SDK
   * leaves the rest in the gateway's log and fetches it from there once the queue is empty.
   */
  readonly maxQueuedReadings?: number;
}

/** A cursor over the gateway's log: each reading that matches the filter, once, in order, over any reconnect. */
export interface Subscription<V extends Values = Values> extends AsyncIterable<Reading<V>> {
  readonly filter: string;
  /**
   * The place after the last reading that was handed out, null before there is one. Keep it and pass it as
   * `from: { cursor }` to go on from there, in another process too. It stays valid after `close()`.
   */
  readonly cursor: string | null;
  /**
   * Changes what is wanted from now on, as a map that was moved changes its `bbox`. Options that are not named stay; null
   * takes one away.
   * @throws FieldcastError `bad-option`; nothing has changed then
   */
  update(changes: ViewChanges): void;
  /** Where a replay is; null until the gateway has said so, which it does once there is a `speed` or a pause. */
  readonly replay: Replay | null;
  /** Holds it; what was under way still comes. What is new meanwhile waits in the gateway's log. */
  pause(): void;
  /** Goes on from where it was held, through everything since. */
  resume(): void;
  /**
   * From now on so many times as fast as it was, 0.01 to 1000; 0 is as fast as it goes.
   * @throws FieldcastError `bad-option`
   */
  setSpeed(speed: number): void;
  /** Goes on from another place, as if subscribed anew; what waits for an iterator is given up. Offline too. */
  seek(from: From): void;
  /** Ends it: no callback is called any more, and an iterator finishes. */
  close(): void;
}

/** Counters of a connection's subscriptions. */
export interface StreamStats {
  /** Connections that reached `welcome`. */
  connections: number;
  /** Readings taken from the wire. */
  readings: number;
  /** Readings dropped because they had been received already. */
  duplicates: number;
  /** Messages for subscriptions that had left the wire, or that came where they have no place. */
  ignored: number;
}
