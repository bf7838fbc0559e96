import type { Hub } from "./hub.ts";
import type { Subscription } from "./subscription.ts";

/** What a subscription asks of the log: one thing at a time, however often it changes its mind. */
export class Asking {
  private readonly subscription: Subscription;
  private readonly hub: Hub;
  private isBusy = false;
  /** Grows when the answer is of no use any more. */
  private course = 0;

  constructor(subscription: Subscription, hub: Hub) {
    this.subscription = subscription;
    this.hub = hub;
  }

  /** An answer is under way; the subscription gets a turn when it is here. */
  get isWaiting(): boolean {
    return this.isBusy;
  }

  /** What comes of the question that is under way is of no use any more. */
  drop(): void {
    this.course++;
  }

  /** Looks something up in earlier times, when it is its turn. */
  lookUp<Found>(find: () => Promise<Found>, use: (found: Found) => void): void {
    const { lookUps } = this.hub;
    if (!lookUps.enter(this.subscription)) return;
    this.ask(
      find().finally(() => lookUps.leave()),
      use,
    );
  }

  /**
   * Waits for an answer and uses it, if it is of use then. What the connection has no room for is asked for again after the
   * drain: memory stays bounded.
   */
  ask<Found>(found: Promise<Found>, use: (found: Found) => void): void {
    const { course, subscription } = this;
    const isOfUse = () => {
      this.isBusy = false;
      if (subscription.isClosed || course === this.course) return !subscription.isClosed;
      this.hub.advanceSoon(subscription);
      return false;
    };
    this.isBusy = true;
    found.then(
      (answer) => {
        if (isOfUse() && !subscription.session.isFull()) use(answer);
      },
      () => {
        if (isOfUse())
          subscription.session.refuse(subscription, "log-unavailable", "the log could not be read");
      },
    );
  }
}
