import type { BackoffLimits } from "../model/backoff.ts";
import { type Cursor, parseCursor } from "../model/cursor.ts";
import type { Timers } from "./socket.ts";
import type { Subscriber } from "./subscriber.ts";
import type { StreamStats, ViewChanges } from "./subscription.ts";

/** What a subscription needs of the connection it travels on. */
export interface Wire {
  readonly stats: StreamStats;
  readonly timers: Timers;
  readonly random: () => number;
  readonly backoff: BackoffLimits;
  /** Sends a subscribe with a fresh wire id if the connection is up and the subscriber wants it. */
  open(subscriber: Subscriber): void;
  /** Tells the gateway of changed options; nothing if the subscriber is not on the wire. */
  update(subscriber: Subscriber, changes: ViewChanges): void;
  /** Frees the wire id, and tells the gateway so unless it knows. */
  release(subscriber: Subscriber, tellGateway: boolean): void;
  /** Forgets the subscriber for good. */
  remove(subscriber: Subscriber): void;
}

/** @throws Error if the gateway sent something that is no cursor */
export function readCursor(token: string): Cursor {
  const cursor = parseCursor(token);
  if (cursor === null) throw new Error(`not a cursor: ${String(token)}`);
  return cursor;
}
