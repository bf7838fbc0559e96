import type { GapReason, WireReading } from "../wire/messages.ts";

/** A reading as it is handed out. `time` is the observation in epoch milliseconds. */
export interface Reading extends WireReading {
  /** True if it tells what was known when the subscription began (or after a gap), false if it is new. */
  readonly snapshot: boolean;
}

/**
 * A stretch that the gateway no longer has. The bounds are the first and last lost seq, null where they cannot be told.
 * A fresh snapshot follows.
 */
export interface Gap {
  readonly reason: GapReason;
  readonly from: number | null;
  readonly to: number | null;
}

export type ReadingListener = (reading: Reading) => void;

/** What a subscription calls. Each may be absent, each may throw. */
export interface SubscriptionListeners {
  readonly onReading?: ReadingListener;
  readonly onGap?: (gap: Gap) => void;
  /** A fresh snapshot begins: its readings replace what was known. */
  readonly onSnapshot?: () => void;
}
