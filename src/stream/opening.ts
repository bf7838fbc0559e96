import type { Latest, LatestPage, Log } from "../log/contract.ts";
import { parseCursor } from "../model/cursor.ts";
import type { GapReason } from "../wire/messages.ts";
import type { Start } from "../wire/requests.ts";
import type { Hub } from "./hub.ts";
import type { Outlet } from "./outlet.ts";
import { findLast, findPast, type PastPlace } from "./past.ts";
import { selectLatest } from "./selection.ts";
import { AfterTime, Listed, type Stretch } from "./stretch.ts";
import type { Subscription } from "./subscription.ts";

const bytesPerSeq = 8;

/** What a subscription goes on with once it was answered. */
export interface Opened {
  readonly cursor: number;
  /** What is wanted of the log up to its head, null: all of it. */
  readonly stretch?: Stretch;
  /** The instant that the snapshot showed, absent if none or the present. */
  readonly time?: number;
  /** The snapshot had no topic: a replay of what comes after would have to wait for the first reading. */
  readonly isEmpty?: boolean;
  /** What lies between the cursor and the head may be played at a speed. */
  readonly isPaced?: boolean;
  /** What the client knows of the box is not known here. */
  readonly resetsView?: boolean;
}

/** Where to start: as asked, or behind what the ring has dropped. */
type Origin = Start | { readonly lost: { readonly from: number; readonly oldest: number } };

/** Answers a request to start somewhere: a gap if there is one, `subscribed`, and a snapshot in parts. */
export class Opening {
  private readonly origin: Origin;
  private readonly subscription: Subscription;
  private readonly hub: Hub;
  private readonly log: Log;
  private readonly outlet: Outlet;
  /** The snapshot that is being sent: its last topic so far, and what comes behind it. */
  private sending: { after: number; readonly opened: Opened } | null = null;

  constructor(origin: Origin, subscription: Subscription, hub: Hub, outlet: Outlet) {
    this.origin = origin;
    this.subscription = subscription;
    this.hub = hub;
    this.log = hub.log;
    this.outlet = outlet;
  }

  /** A part of the snapshot has been sent. */
  get isSending(): boolean {
    return this.sending !== null;
  }

  /** Sends what comes next of the answer. The connection must not be full. */
  advance(): void {
    if (this.sending !== null) return this.sendMore(this.sending.after, this.sending.opened);
    const { origin, subscription } = this;
    if (origin === "latest") this.showPresent({ cursor: this.log.head });
    else if (origin === "now") {
      if (subscription.view.bbox !== null) this.noteInView(this.log.latest(subscription.filter));
      this.confirm({ cursor: this.log.head });
    } else if ("cursor" in origin) this.resume(origin.cursor);
    else if ("time" in origin) this.goBack(origin.time, null);
    else if ("last" in origin) this.list(origin.last);
    else this.overtaken(origin.lost);
  }

  private resume(token: string): void {
    const { subscription, log } = this;
    const { view, session } = subscription;
    const cursor = parseCursor(token);
    if (cursor === null) {
      session.refuse(subscription, "bad-from", "the cursor is not one that this gateway gave out");
      return;
    }
    const end = log.epochEnd(cursor.epoch);
    if (end === null) this.fillGap("epoch", log.head);
    else if (cursor.seq > end) this.fillGap("ahead", end);
    // Who conflates has no use for what the ring dropped: what changed since is sent as it is now.
    else if (cursor.seq + 1 < log.oldest && (view.rate === null || subscription.play.speed > 0)) {
      this.overtaken({ from: cursor.seq + 1, oldest: log.oldest });
    } else this.confirm({ cursor: cursor.seq, isPaced: true, resetsView: view.bbox !== null });
  }

  // What the ring still has comes one by one behind the snapshot, so that nothing is lost but what the gap names.
  private overtaken({ from, oldest }: { readonly from: number; readonly oldest: number }): void {
    const { play, isListed } = this.subscription;
    // A replay shows what was, not the present.
    if (play.speed > 0 && !isListed) return this.goBack(play.placeTime ?? 0, from);
    this.outlet.gap("evicted", from, oldest - 1);
    this.showPresent({ cursor: oldest - 1, isPaced: true });
  }

  private fillGap(reason: GapReason, cursor: number): void {
    this.outlet.gap(reason, null, null);
    this.showPresent({ cursor });
  }

  /** @param lostFrom the first seq that the ring has dropped, null if that is not known yet */
  private goBack(time: number, lostFrom: number | null): void {
    const { subscription, log, outlet } = this;
    const find = () => findPast(log, subscription.filter, time, outlet.maxLatestPerFrame);
    subscription.asking.lookUp(find, (past) => this.showPast(past, lostFrom));
  }

  private showPast(past: PastPlace, lostFrom: number | null): void {
    const { position, oldest, time, head, isLost, page } = past;
    if (isLost || lostFrom !== null) this.outlet.gap("evicted", lostFrom, oldest - 1);
    const isEmpty = page.entries.length === 0 && page.next === null;
    const opened = { time, isEmpty, isPaced: true };
    // Behind what was lost all that is left comes, also what the snapshot has: it shows of each topic only one.
    if (lostFrom !== null) return this.sendFirstPart(page, { ...opened, cursor: oldest - 1 });
    this.sendFirstPart(page, { ...opened, cursor: position, stretch: new AfterTime(time, head) });
  }

  private list(perTopic: number): void {
    const { subscription, log, hub } = this;
    const { maxLastReadings: maxReadings, maxFrameBytes: maxBytes } = hub.options;
    const end = log.head;
    const limits = { maxReadings, maxBytes, end };
    const find = () => findLast(log, subscription.filter, perTopic, limits);
    subscription.asking.lookUp(find, (seqs) => {
      const { session, view } = subscription;
      if (seqs === null) {
        const problem = `the last ${perTopic} of each topic are more than ${maxReadings} readings (maxLastReadings)`;
        session.refuse(subscription, "bad-from", problem);
      } else if (!subscription.listed.take(bytesPerSeq * seqs.length)) {
        session.refuse(subscription, "too-many-replays", "there is no memory left for more readings to send");
      } else {
        if (view.bbox !== null) this.noteInView(log.latest(subscription.filter));
        const stretch = new Listed(seqs, end);
        this.confirm({ cursor: stretch.skip(0), stretch, isPaced: true });
      }
    });
  }

  private confirm(opened: Opened): void {
    this.outlet.subscribed(opened.cursor);
    this.subscription.opened(opened);
  }

  private showPresent(opened: Opened): void {
    const { outlet, subscription, log } = this;
    const page = log.latestPage(subscription.filter, 0, outlet.maxLatestPerFrame);
    this.sendFirstPart(page, opened);
  }

  private sendFirstPart(page: LatestPage, opened: Opened): void {
    this.sendPart(page, opened, { seq: opened.cursor, time: opened.time ?? null });
  }

  // In parts, so that it costs a slow connection no more than its buffer, and never holds the others up.
  private sendMore(after: number, opened: Opened): void {
    const { subscription, log, outlet } = this;
    const { filter } = subscription;
    const limit = outlet.maxLatestPerFrame;
    const { time } = opened;
    if (time === undefined) return this.sendPart(log.latestPage(filter, after, limit), opened, null);
    const find = () => log.latestAt(filter, time, after, limit);
    subscription.asking.lookUp(find, (page) => this.sendPart(page, opened, null));
  }

  /** @param place the cursor and the time of the first part, null in the others */
  private sendPart(
    { entries, next }: LatestPage,
    opened: Opened,
    place: { readonly seq: number; readonly time: number | null } | null,
  ): void {
    const { subscription, outlet, hub } = this;
    if (place) subscription.forgetView();
    if (subscription.view.bbox !== null) this.noteInView(entries);
    outlet.snapshot(selectLatest(subscription.view, entries), place, next !== null);
    if (next === null) return subscription.opened(opened);
    this.sending = { after: next, opened };
    hub.advanceSoon(subscription);
  }

  private noteInView(known: readonly Latest[]): void {
    const { view, told } = this.subscription;
    for (const { topic, values } of known) {
      if (view.contains(values) === true) told.inView.add(topic.id);
    }
  }
}
