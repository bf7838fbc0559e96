import type { LatestPage, LogRecord } from "../log/contract.ts";
import { Share } from "./budget.ts";
import type { Hub } from "./hub.ts";
import type { Outlet } from "./outlet.ts";
import { Pace } from "./pace.ts";
import { selectChanges, selectRecords, viewChanges } from "./selection.ts";
import { Shown } from "./shown.ts";
import type { Subscription } from "./subscription.ts";
import { Told } from "./told.ts";

/** Largest page that a replay reads and holds while its readings become due. */
export const maxReplayPageBytes = 16 * 1024;

/** What a step of a replay came to. */
export type Step =
  /** There is more to do at once. */
  | "more"
  /** Nothing is due, or the connection has no room. */
  | "wait"
  /** It needs the next page of the log. */
  | "page"
  /** Everything up to the hub's position has been played. */
  | "end"
  /** There is no memory for what its topics show. */
  | "refused";

/** A look-up of what topics showed at a time: those with an id above `after` are still missing. */
export interface Seed {
  /** Null: that of the place in the log. */
  readonly time: number | null;
  readonly after: number;
}

/**
 * A stretch of the log that is sent at a pace of its own: readings when they are due, conflated updates of what became due,
 * and what comes into a box or leaves it as it was then.
 */
export class Replay {
  /** What topics show where it is; only with a box or a rate, which need more than the readings themselves. */
  shown: Shown | null = null;
  readonly pace: Pace;
  private seeding: Seed | null = null;
  private readonly subscription: Subscription;
  private readonly outlet: Outlet;
  private readonly hub: Hub;
  private readonly share: Share;
  /** Read and not yet due. */
  private page: readonly LogRecord[] = [];
  private next = 0;
  /** The place after the page. */
  private through: number;
  /** Late readings go with their neighbours: the latest observation so far says when one is due. */
  private reachedTime: number;
  /** Topics that changed since the last conflated update. */
  private touched = new Set<number>();
  private updatedAt = Number.NEGATIVE_INFINITY;

  /** @param time where its clock begins, null: at the first reading */
  constructor(subscription: Subscription, hub: Hub, outlet: Outlet, time: number | null) {
    this.subscription = subscription;
    this.hub = hub;
    this.outlet = outlet;
    this.share = new Share(hub.replayMemory);
    this.through = subscription.cursor;
    this.pace = new Pace(0, time, hub.clock.now());
    this.reachedTime = time ?? Number.NEGATIVE_INFINITY;
  }

  /** The place to read the next page from. */
  get position(): number {
    return this.through;
  }

  /** Whether it lacks what topics show where it is. */
  get needsSeed(): boolean {
    const { view, owesView } = this.subscription;
    if (this.seeding !== null || this.shown !== null) return this.seeding !== null;
    return owesView || view.bbox !== null || view.rate !== null;
  }

  /** What to look up of what topics show where it is. Null: nothing. */
  nextSeed(now: number): Seed | null {
    if (!this.needsSeed) return null;
    this.seeding ??= { time: this.pace.timeAt(now), after: 0 };
    return this.seeding;
  }

  /** Takes what was looked up of a time; false if there is no room for it. */
  takeSeed(time: number, { entries, next }: LatestPage): boolean {
    this.seeding = next === null ? null : { time, after: next };
    this.shown ??= new Shown(this.share);
    return this.shown.add(entries);
  }

  /** Gives back its memory. */
  close(): void {
    this.share.giveAll();
  }

  takePage({ records, through }: { readonly records: readonly LogRecord[]; readonly through: number }): void {
    this.page = records;
    this.next = 0;
    this.through = through;
  }

  /** Goes back to what was sent, since something else is wanted of what comes next. */
  rewind(): void {
    this.takePage({ records: [], through: this.subscription.cursor });
    this.touched.clear();
  }

  /** Whether there is something to do before the next page is needed. */
  isDue(now: number): boolean {
    const next = this.page[this.next];
    if (this.isUpdateDue(now)) return true;
    return next === undefined || this.pace.isDue(this.dueAt(next), now);
  }

  /** Sends what is due of the page that it holds. */
  step(now: number): Step {
    if (this.isUpdateDue(now) && !this.update(now)) return "wait";
    if (this.page[this.next] === undefined) {
      if (this.touched.size === 0) this.subscription.moveTo(this.through);
      return this.through >= this.hub.position ? "end" : "page";
    }
    const due = this.takeDue(now);
    if (due.length === 0) return "wait";
    if (this.shown && !due.every((record) => this.shown?.merge(record))) return "refused";
    const { bbox, rate } = this.subscription.view;
    if (bbox !== null || rate !== null) for (const { topic } of due) this.touched.add(topic.id);
    if (rate === null) this.send(due);
    return "more";
  }

  private isUpdateDue(now: number): boolean {
    const periodMs = 1_000 / (this.subscription.view.rate ?? 1);
    // Also when the clock was set back.
    return this.touched.size > 0 && Math.abs(now - this.updatedAt) >= periodMs;
  }

  private dueAt(record: LogRecord): number {
    return Math.max(this.reachedTime, record.time);
  }

  private takeDue(now: number): LogRecord[] {
    const due: LogRecord[] = [];
    for (let record = this.page[this.next]; record; record = this.page[this.next]) {
      const time = this.dueAt(record);
      if (!this.pace.isDue(time, now)) break;
      this.reachedTime = time;
      due.push(record);
      this.next++;
    }
    return due;
  }

  /** The place up to which everything became due. */
  private get played(): number {
    const next = this.page[this.next];
    return next === undefined ? this.through : next.seq - 1;
  }

  private send(due: readonly LogRecord[]): void {
    const { subscription, outlet, played } = this;
    const { view, told } = subscription;
    const selected = selectRecords(view, told.inView, due);
    if (selected.length > 0) outlet.readings(selected, played);
    subscription.moveTo(played);
    if (view.bbox === null) return;
    for (const { topic } of selected) told.shown.add(topic.id);
    this.tellTouched();
  }

  /** What the topics show that changed, once per period of the rate; false if the connection has no room for all of it. */
  private update(now: number): boolean {
    const { subscription, outlet, played } = this;
    const { view, cursor } = subscription;
    // What the seed had of a later place in the log is no news.
    const latest = (this.shown?.of(this.touched) ?? []).filter(({ seq }) => seq <= played);
    const news = selectChanges(view, latest, cursor);
    subscription.moveTo(outlet.changes(news, cursor, played));
    for (const { seq, topic } of news) {
      if (view.bbox !== null && seq <= subscription.cursor) subscription.told.shown.add(topic.id);
    }
    if (subscription.cursor < played) return false;
    this.updatedAt = now;
    this.tellTouched();
    return true;
  }

  private tellTouched(): void {
    const { subscription, outlet } = this;
    const { view, told } = subscription;
    const touched = this.shown?.of(this.touched) ?? [];
    this.touched.clear();
    if (view.bbox === null) return;
    const changes = viewChanges(view, told, touched);
    if (changes.length > 0 && outlet.isFull) {
      subscription.owesView = true;
      return;
    }
    if (changes.length > 0) outlet.view(view, told, changes, false);
    subscription.told = new Told(told.inView);
  }
}
