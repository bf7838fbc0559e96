import type { Cursor } from "../model/cursor.ts";
import type { SafeCalls } from "./errors.ts";
import type { Gap, Reading, Replay, SubscriptionListeners, ViewChange } from "./reading.ts";

/** What a consumer gets, in the order in which it gets it. */
export type Delivery =
  | { readonly kind: "reading"; readonly reading: Reading; position: Cursor | null }
  | { readonly kind: "gap"; readonly gap: Gap; position: Cursor | null }
  | { readonly kind: "view"; readonly view: ViewChange; position: Cursor | null }
  | { readonly kind: "replay"; readonly replay: Replay; position: Cursor | null }
  | { readonly kind: "snapshot"; readonly time: number | null; position: Cursor | null };

/**
 * Between the wire and the consumer of one subscription: hands out at once to a callback, keeps in a queue for an
 * iterator. `position` is the place in the log up to which everything has been handed out.
 */
export class Inbox {
  position: Cursor | null = null;
  /** Where a replay was when the last of what was handed out came. */
  replay: Replay | null = null;
  private queue: Delivery[] = [];
  private taken = 0;
  private readonly listeners: SubscriptionListeners;
  private readonly calls: SafeCalls;

  constructor(listeners: SubscriptionListeners, calls: SafeCalls) {
    this.listeners = listeners;
    this.calls = calls;
  }

  /** Deliveries that wait for the iterator. */
  get length(): number {
    return this.queue.length - this.taken;
  }

  push(delivery: Delivery): void {
    if (this.listeners.onReading) return this.handOut(delivery);
    const last = this.queue.at(-1);
    // Only the newest counts, and a queue that nobody empties must not grow with time alone.
    if (delivery.kind === "replay" && last?.kind === "replay" && this.length > 0) {
      this.queue.pop();
      delivery.position = last.position;
    }
    this.queue.push(delivery);
  }

  /** Everything up to `position` has been pushed. */
  advance(position: Cursor): void {
    const last = this.queue.at(-1);
    if (this.length > 0 && last) last.position = position;
    else this.position = position;
  }

  /** The next reading for the iterator; tells the listeners of what lies before it. Undefined if there is none. */
  take(): Reading | undefined {
    while (this.length > 0) {
      const delivery = this.queue[this.taken++] as Delivery;
      if (this.taken * 2 >= this.queue.length) this.dropTaken();
      this.handOut(delivery);
      if (delivery.kind === "reading") return delivery.reading;
    }
    return undefined;
  }

  clear(): void {
    this.queue = [];
    this.taken = 0;
  }

  // Only when half of the queue is taken, so that taking costs the same on average whatever the length.
  private dropTaken(): void {
    this.queue = this.queue.slice(this.taken);
    this.taken = 0;
  }

  // The position moves first, so that a callback that stores the cursor stores one that includes its reading.
  private handOut(delivery: Delivery): void {
    if (delivery.position) this.position = delivery.position;
    const { onReading, onGap, onSnapshot, onView, onReplay } = this.listeners;
    if (delivery.kind === "reading") {
      if (onReading) this.calls.call("onReading", () => onReading(delivery.reading));
    } else if (delivery.kind === "gap") {
      if (onGap) this.calls.call("onGap", () => onGap(delivery.gap));
    } else if (delivery.kind === "view") {
      if (onView) this.calls.call("onView", () => onView(delivery.view));
    } else if (delivery.kind === "replay") {
      this.replay = delivery.replay;
      if (onReplay) this.calls.call("onReplay", () => onReplay(delivery.replay));
    } else if (onSnapshot) this.calls.call("onSnapshot", () => onSnapshot(delivery.time));
  }
}
