import type { LogRecord } from "../log/contract.ts";
import type { ReplayState } from "../wire/messages.ts";
import type { UpdateRequest } from "../wire/requests.ts";
import type { Hub } from "./hub.ts";
import type { Opened } from "./opening.ts";
import type { Outlet } from "./outlet.ts";
import { timeReached } from "./past.ts";
import { maxReplayPageBytes, Replay, type Seed } from "./replay.ts";
import type { Subscription } from "./subscription.ts";

/** A client that watches a replay hears this often where it is. Milliseconds. */
const tellMs = 1_000;

/** The speed and the pause of a subscription, and what its client is told of them. */
export class Play {
  /** Multiple of real time, 0 for as fast as it goes. */
  speed = 0;
  isPaused = false;
  /** Under way while what lies behind the head is sent at a speed. */
  replay: Replay | null = null;
  private readonly subscription: Subscription;
  private readonly hub: Hub;
  private readonly outlet: Outlet;
  /** The client asked for a speed or a pause, so it wants to know. */
  private isWatched = false;
  private hasArrived = false;
  /** The latest observation that was sent from the log, null if not known. */
  private reachedTime: number | null = null;
  private told: { readonly state: ReplayState; readonly at: number } | null = null;

  constructor(subscription: Subscription, hub: Hub, outlet: Outlet) {
    this.subscription = subscription;
    this.hub = hub;
    this.outlet = outlet;
  }

  /** Takes what a request says; null takes it away. */
  set({ speed, paused }: Pick<UpdateRequest, "speed" | "paused">): void {
    if (speed === undefined && paused === undefined) return;
    this.isWatched = true;
    const wasPaused = this.isPaused;
    const { isOpen, live } = this.subscription;
    if (speed !== undefined) this.speed = speed ?? 0;
    if (paused !== undefined) this.isPaused = paused ?? false;
    if (!isOpen || live) return;
    const now = this.hub.clock.now();
    // What was pushed until now was of now.
    if (this.isPaused && this.hasArrived) this.reachedTime = now;
    if (this.isPaused) this.hasArrived = false;
    if (this.speed === 0) this.stop();
    else if (this.replay) this.replay.pace.change(this.speed, this.isPaused, now);
    else if (!this.isPaused && (wasPaused || speed !== undefined)) this.start(null);
  }

  /** The subscription was answered. */
  begin({ time, isEmpty = false, isPaced = false }: Opened): void {
    this.stop();
    this.hasArrived = false;
    this.reachedTime = time ?? null;
    this.told = null;
    if (isPaced && this.speed > 0) this.start(isEmpty ? null : (time ?? null));
  }

  /** Where a replay is, null if there is none or it has not begun. */
  get placeTime(): number | null {
    return this.replay?.pace.timeAt(this.hub.clock.now()) ?? null;
  }

  /** What comes next is sent as fast as it goes. */
  stop(): void {
    this.replay?.close();
    this.replay = null;
  }

  /** Does what there is to do for the replay, and sees to it that the subscription gets a turn when there is more. */
  advance(replay: Replay): void {
    const { subscription, hub } = this;
    const now = hub.clock.now();
    const seed = replay.nextSeed(now);
    if (seed) return this.seed(replay, seed);
    if (subscription.owesView && !replay.needsSeed && !subscription.tellView()) return;
    if (this.isPaused) return;
    switch (replay.step(now)) {
      case "wait":
        if (!this.outlet.isFull) hub.metronome.add(subscription);
        return;
      case "page": {
        const maxBytes = Math.min(maxReplayPageBytes, hub.options.maxFrameBytes);
        return subscription.readPage(replay.position, maxBytes, (page) => replay.takePage(page));
      }
      case "refused":
        return this.refuse();
      case "end":
        this.stop();
    }
    hub.advanceSoon(subscription);
  }

  /** The head was reached: what comes next is pushed, and a subscription that falls behind catches up at once. */
  arrive(): void {
    this.stop();
    this.hasArrived = true;
    this.tell();
  }

  /** Records of the log were sent. */
  reach(records: readonly LogRecord[]): void {
    if (!this.isWatched) return;
    for (const { time } of records) this.reachedTime = Math.max(time, this.reachedTime ?? time);
  }

  get isTellDue(): boolean {
    if (!this.isWatched) return false;
    const { told, state } = this;
    const isMoving = state === "playing" && this.replay !== null;
    // Also when the clock was set back.
    return told?.state !== state || (isMoving && Math.abs(this.hub.clock.now() - told.at) >= tellMs);
  }

  /** Tells the client of a change, and now and then of the time. */
  tell(): void {
    if (!this.isTellDue) return;
    const now = this.hub.clock.now();
    const { state } = this;
    this.told = { state, at: now };
    this.outlet.replay(state, state === "live" ? now : (this.placeTime ?? this.reachedTime));
  }

  private get state(): ReplayState {
    if (this.isPaused) return "paused";
    return this.hasArrived ? "live" : "playing";
  }

  private seed(replay: Replay, { time, after }: Seed): void {
    const { subscription, hub, outlet } = this;
    const find = async () => {
      const at = time ?? (await timeReached(hub.log, subscription.cursor));
      return { at, page: await hub.log.latestAt(subscription.filter, at, after, outlet.maxLatestPerFrame) };
    };
    subscription.asking.lookUp(find, ({ at, page }) => {
      if (replay.takeSeed(at, page)) hub.advanceSoon(subscription);
      else this.refuse();
    });
  }

  private refuse(): void {
    const { subscription } = this;
    const problem = "there is no memory left for what more topics show";
    subscription.session.refuse(subscription, "too-many-replays", problem);
  }

  private start(time: number | null): void {
    this.hasArrived = false;
    this.replay = new Replay(this.subscription, this.hub, this.outlet, time);
    this.replay.pace.change(this.speed, this.isPaused, this.hub.clock.now());
  }
}
