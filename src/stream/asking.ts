import type { Hub } from "./hub.ts";
import type { Subscription } from "./subscription.ts";

/** What a subscription asks of the log: one thing at a time, however often it changes its mind. */
export class Asking {
  private readonly subscription: Subscription;
  private readonly hub: Hub;
  private isBusy = false;
  /** Uses the answer that is here. */
  private answered: (() => void) | null = null;
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

  /** It is the subscription's turn: uses the answer if it is here. */
  advance(): void {
    const { answered } = this;
    this.answered = null;
    answered?.();
  }

  /**
   * Waits for an answer and uses it when the subscription has its turn, if it is of use then: one page of the store may be
   * what thousands waited for. What the connection has no room for is asked for again after the drain: memory stays bounded.
   */
  ask<Found>(found: Promise<Found>, use: (found: Found) => void): void {
    const { course, subscription } = this;
    const isOfUse = () => {
      this.isBusy = false;
      if (subscription.isClosed || course === this.course) return !subscription.isClosed;
      this.hub.advanceSoon(subscription);
      return false;
    };
    const inTurn = (answered: () => void) => {
      this.answered = answered;
      this.hub.advanceSoon(subscription);
    };
    this.isBusy = true;
    found.then(
      (answer) => {
        inTurn(() => {
          if (isOfUse() && !subscription.session.isFull()) use(answer);
        });
      },
      () => {
        inTurn(() => {
          if (isOfUse())
            subscription.session.refuse(subscription, "log-unavailable", "the log could not be read");
        });
      },
    );
  }
}
