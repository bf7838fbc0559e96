import type { Latest, Log, Page } from "../log/contract.ts";
import { parseCursor } from "../model/cursor.ts";
import type { GapReason, ViewOptions } from "../wire/messages.ts";
import type { Start, SubscribeRequest, UpdateRequest } from "../wire/requests.ts";
import { encodeReadings, encodeSnapshot, encodeSubscribed, encodeView } from "./encode.ts";
import type { Hub, Matcher } from "./hub.ts";
import {
  noteChanges,
  type SentRecord,
  selectChanges,
  selectLatest,
  selectRecords,
  viewChanges,
} from "./selection.ts";
import type { Session } from "./session.ts";
import { Told } from "./told.ts";
import { View } from "./view.ts";

/**
 * A cursor over the log. At the head it is a member of a group that the hub pushes to; behind the head it reads the log
 * page by page at its connection's pace; overtaken by the ring's tail it is told of the gap and starts from a snapshot. One
 * with a rate has no use for every reading: behind the head it takes what the topics that changed show now.
 */
export class Subscription {
  readonly id: number;
  readonly filter: string;
  readonly session: Session;
  readonly matcher: Matcher;
  view: View;
  /** What the client was told of the view's box. While live the group keeps it. */
  told = new Told();
  /** At the head: the hub pushes, and the group's position is this subscription's cursor. */
  live = false;
  private cursor = 0;
  private closed = false;
  private reading = false;
  /** What an earlier connection told the client of the box is not known here. */
  private resetsView = false;
  /** The box was changed, and the client has not been told what came in and what left. */
  private owesView = false;
  /** The last topic of the snapshot that was sent, while more of it is to come. */
  private snapshotAfter: number | null = null;
  /** Where to start; null once the subscribe request has been answered. */
  private from: Start | null;
  private readonly hub: Hub;
  private readonly log: Log;

  constructor(session: Session, hub: Hub, { id, filter, from, ...view }: SubscribeRequest) {
    this.session = session;
    this.hub = hub;
    this.log = hub.log;
    this.id = id;
    this.filter = filter;
    this.from = from;
    this.view = new View(view);
    this.matcher = hub.matcherFor(filter);
    hub.advanceSoon(this);
  }

  /**
   * Sends what the connection takes of what lies between the cursor and the head, one page at a time. Does nothing while
   * the connection is full: its drain comes back here.
   */
  advance(): void {
    if (this.closed || this.live || this.reading || this.session.isFull()) return;
    if (this.from !== null) this.start(this.from);
    else if (this.snapshotAfter !== null) {
      this.sendSnapshot(this.snapshotAfter, null);
      this.hub.advanceSoon(this);
    } else if (this.owesView && !this.tellView()) return;
    else if (this.view.rate !== null) this.conflate();
    else if (this.cursor < this.hub.position) this.readOn();
    else this.arrive();
  }

  /** Gives up the push and goes on from `cursor` at the connection's pace. */
  fallBehind(cursor: number, told: Told): void {
    this.live = false;
    this.cursor = cursor;
    this.told = told;
  }

  /**
   * Changes what is wanted, from the place that has been reached. Where there is a box or was one, what came in and what left
   * is told next; not here, since whoever asks on without reading must not be sent a box full of topics each time.
   */
  update({ rate, bbox, where, fields }: UpdateRequest): void {
    if (this.live) {
      const { position, told } = this.hub.part(this);
      this.fallBehind(position, told);
    } else this.hub.stopWaiting(this);
    const had = this.view.bbox !== null;
    this.view = new View(changed(this.view.options, { rate, bbox, where, fields }));
    this.session.control({ type: "ack", id: this.id });
    if (this.from === null && (had || this.view.bbox !== null)) {
      // Without a box every topic was in view.
      if (!had) for (const { topic } of this.log.latest(this.filter)) this.told.inView.add(topic.id);
      this.owesView = true;
    }
    this.hub.advanceSoon(this);
  }

  /** Ends it; nothing more is sent for its id. */
  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.hub.leave(this);
  }

  private start(from: Start): void {
    this.from = null;
    if (typeof from === "object") {
      if ("cursor" in from) this.resume(from.cursor);
      else this.session.refuse(this, "not-supported", "a start from a time or a number of readings");
    } else {
      this.cursor = this.log.head;
      if (from === "now" && this.view.bbox !== null) this.noteInView(this.log.latest(this.filter));
      this.confirm(from === "latest");
    }
    if (!this.closed) this.hub.advanceSoon(this);
  }

  private resume(token: string): void {
    const cursor = parseCursor(token);
    if (cursor === null) {
      this.session.refuse(this, "bad-from", "the cursor is not one that this gateway gave out");
    } else if (cursor.epoch !== this.log.epoch) this.gap("epoch", null, null);
    else if (cursor.seq > this.log.head) this.gap("ahead", null, null);
    else {
      this.cursor = cursor.seq;
      this.resetsView = this.view.bbox !== null;
      // Who conflates has no use for what the ring dropped: what changed since is sent as it is now.
      if (this.view.rate === null && cursor.seq + 1 < this.log.oldest) this.overtaken(this.log.oldest);
      else this.confirm(false);
    }
  }

  private readOn(): void {
    const page = this.log.read(this.cursor, this.hub.options.maxFrameBytes);
    if (!(page instanceof Promise)) return this.take(page);
    this.reading = true;
    page.then(
      (result) => {
        this.reading = false;
        if (this.closed || this.live) return;
        // A page that the connection has no room for is read again after the drain: memory stays bounded. An update may
        // have brought a rate, which has no use for pages.
        if (this.view.rate !== null) this.hub.advanceSoon(this);
        else if (!this.session.isFull()) this.take(result);
      },
      () => {
        this.reading = false;
        if (!this.closed) this.session.refuse(this, "log-unavailable", "the log could not be read");
      },
    );
  }

  private take(page: Page): void {
    if (page.kind === "evicted") this.overtaken(page.oldest);
    else this.deliver(page);
    this.hub.advanceSoon(this);
  }

  // What the hub has not pushed yet is left to the push, so that a member's position is always the hub's.
  private deliver({ records, through }: Extract<Page, { kind: "records" }>): void {
    const limit = Math.max(this.hub.position, this.cursor);
    const matching = records.filter(({ seq, topic }) => seq <= limit && this.matcher.matches(topic));
    const cursor = Math.min(through, limit);
    const selected = selectRecords(this.view, this.told.inView, matching);
    if (selected.length > 0) this.sendReadings(selected, cursor);
    if (this.view.bbox !== null) for (const { topic } of selected) this.told.shown.add(topic.id);
    this.cursor = cursor;
  }

  private sendReadings(records: readonly SentRecord[], cursor: number): void {
    const { session } = this;
    session.announce(records);
    session.send(encodeReadings(this.log, this.id, cursor, records, session.binary));
  }

  // The members' view of a box is that of the log's head, so the head is where one joins them.
  private arrive(): void {
    if (this.view.bbox !== null && this.cursor <= this.hub.position) {
      this.hub.pushNow();
      if (!this.readToPosition()) return this.hub.advanceSoon(this);
      if (!this.tellView()) return;
    }
    this.hub.join(this, this.cursor);
  }

  /** Reads what was pushed to the others in this very turn; false if that is more than a page or not in memory. */
  private readToPosition(): boolean {
    if (this.cursor >= this.hub.position) return true;
    const page = this.log.read(this.cursor, this.hub.options.maxFrameBytes);
    if (!(page instanceof Promise) && page.kind === "records") this.deliver(page);
    return this.cursor >= this.hub.position;
  }

  private conflate(): void {
    // Else it would be ahead of the push and come here again after each window, as often as there is something new.
    this.hub.pushNow();
    if (this.view.bbox !== null && !this.tellView()) return;
    const news = selectChanges(this.view, this.log.latest(this.filter), this.cursor);
    const head = this.log.head;
    const maxRecords = this.maxLatestPerFrame;
    for (let start = 0; start < news.length; start += maxRecords) {
      if (this.session.isFull()) return;
      const part = news.slice(start, start + maxRecords);
      const isLast = start + maxRecords >= news.length;
      this.cursor = isLast ? head : (part.at(-1)?.seq ?? head);
      this.sendReadings(part, this.cursor);
    }
    this.cursor = head;
    this.hub.join(this, head);
  }

  // What the ring still has comes one by one behind the snapshot, so that nothing is lost but what the gap names.
  private overtaken(oldest: number): void {
    this.gap("evicted", this.cursor + 1, oldest - 1);
  }

  // The gap and the snapshot that fills it leave in one go: nothing can come between them.
  private gap(reason: GapReason, from: number | null, to: number | null): void {
    const { head, oldest } = this.log;
    const left = oldest <= head ? oldest : null;
    this.session.control({ type: "gap", id: this.id, reason, from, to, oldest: left });
    this.cursor = to ?? head;
    this.confirm(true);
  }

  private confirm(withSnapshot: boolean): void {
    if (withSnapshot) {
      this.told = new Told();
      // What replaces everything the client knew needs no other reset.
      this.resetsView = false;
      this.owesView = false;
      this.sendSnapshot(0, this.cursor);
    } else this.session.send(encodeSubscribed(this.log, this.id, this.cursor, this.session.binary));
  }

  // In parts, so that it costs a slow connection no more than its buffer, and never holds the others up.
  private sendSnapshot(after: number, seq: number | null): void {
    const { entries, next } = this.log.latestPage(this.filter, after, this.maxLatestPerFrame);
    if (this.view.bbox !== null) this.noteInView(entries);
    const selected = selectLatest(this.view, entries);
    const { session } = this;
    session.announce(selected);
    const part = { id: this.id, seq, time: null, entries: selected, more: next !== null };
    session.send(encodeSnapshot(this.log, part, session.binary));
    this.snapshotAfter = next;
  }

  private get maxLatestPerFrame(): number {
    return Math.max(1, Math.floor(this.hub.options.maxFrameBytes / bytesPerLatest));
  }

  private noteInView(known: readonly Latest[]): void {
    for (const { topic, values } of known) {
      if (this.view.contains(values) === true) this.told.inView.add(topic.id);
    }
  }

  /** Tells what came into the box and what left it, frame by frame; false if the connection has no room for all of it. */
  private tellView(): boolean {
    const changes = viewChanges(this.view, this.told, this.log.latest(this.filter));
    const maxTopics = this.maxLatestPerFrame;
    for (let start = 0; start < changes.length || this.resetsView; start += maxTopics) {
      if (this.session.isFull()) return false;
      this.sendView(changes.slice(start, start + maxTopics));
    }
    this.told = new Told(this.told.inView);
    this.owesView = false;
    return true;
  }

  private sendView(changes: readonly Latest[]): void {
    const { entered, left } = noteChanges(this.view, this.told, changes);
    const reset = this.resetsView;
    this.resetsView = false;
    const { session } = this;
    const shown = selectLatest(this.view, entered);
    session.announce(shown);
    session.send(encodeView({ id: this.id, entered: shown, left, reset }, session.binary));
  }
}

/** About what a topic's latest takes in a frame. */
const bytesPerLatest = 128;

type Changes = { readonly [Name in keyof ViewOptions]-?: ViewOptions[Name] | null | undefined };

function changed(options: ViewOptions, changes: Changes): ViewOptions {
  const merged: Record<string, unknown> = { ...options };
  for (const [name, value] of Object.entries(changes)) {
    if (value === null) delete merged[name];
    else if (value !== undefined) merged[name] = value;
  }
  return merged as ViewOptions;
}
