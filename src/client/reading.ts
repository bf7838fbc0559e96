import type { Values } from "../model/reading.ts";
import type { GapReason, ReplayState, WireReading } from "../wire/messages.ts";

/** A reading as it is handed out. `time` is the observation in epoch milliseconds. */
export interface Reading<V extends Values = Values> extends WireReading {
  readonly values: V;
  /** True if it tells what was known when the subscription began (or after a gap), false if it is new. */
  readonly snapshot: boolean;
}

/**
 * A stretch that the gateway no longer has. The bounds are the first and last lost seq, null where they cannot be told.
 * A fresh snapshot follows, and then, from `oldest` on, what is left.
 */
export interface Gap {
  readonly reason: GapReason;
  readonly from: number | null;
  readonly to: number | null;
  /** Seq of the oldest reading that is left, null where that cannot be told. */
  readonly oldest: number | null;
}

/** Where a replay is: `playing` what lies behind, `paused`, or `live`. */
export interface Replay {
  readonly state: ReplayState;
  /** The instant of observation that it has reached, epoch milliseconds; null while that is not known. */
  readonly time: number | null;
}

/** With a `bbox`: which topics came into the box and which left it. The readings of those that came in follow. */
export interface ViewChange {
  readonly entered: readonly string[];
  readonly left: readonly string[];
  /** After a reconnect: what is not in `entered` is not in the box, whatever was told before. */
  readonly reset: boolean;
}

export type ReadingListener<V extends Values = Values> = (reading: Reading<V>) => void;

/** What a subscription calls. Each may be absent, each may throw. */
export interface SubscriptionListeners<V extends Values = Values> {
  readonly onReading?: ReadingListener<V>;
  readonly onGap?: (gap: Gap) => void;
  /** A fresh snapshot begins: its readings replace what was known. @param time what it shows if not the present */
  readonly onSnapshot?: (time: number | null) => void;
  /** A replay was paused, goes on, has become live, or (about once a second) has come further. */
  readonly onReplay?: (replay: Replay) => void;
  readonly onView?: (change: ViewChange) => void;
}
