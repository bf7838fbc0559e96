import type { Log, LogRecord, Page } from "../log/contract.ts";
import type { SubscribeRequest, UpdateRequest } from "../wire/requests.ts";
import { Asking } from "./asking.ts";
import { Share } from "./budget.ts";
import type { Group } from "./group.ts";
import type { Hub } from "./hub.ts";
import type { Matcher } from "./matcher.ts";
import { type Opened, Opening } from "./opening.ts";
import { Outlet } from "./outlet.ts";
import { Play } from "./play.ts";
import { selectChanges, selectRecords, viewChanges } from "./selection.ts";
import type { Session } from "./session.ts";
import { Listed, type Stretch } from "./stretch.ts";
import { Told } from "./told.ts";
import { View, type ViewChanges } from "./view.ts";

type Records = Extract<Page, { kind: "records" }>;

/**
 * A cursor over the log. At the head it is a member of a group that the hub pushes to; behind the head it reads the log
 * page by page at its connection's pace, or as a replay at a speed; overtaken by the ring's tail it is told of the gap and
 * gets a snapshot. One with a rate has no use for every reading: behind the head it takes what the topics that changed show
 * now.
 */
export class Subscription {
  readonly id: number;
  readonly filter: string;
  readonly session: Session;
  readonly matcher: Matcher;
  readonly play: Play;
  readonly asking: Asking;
  /** Memory for the list of readings that are still to be sent. */
  readonly listed: Share;
  view: View;
  /** What the client was told of the view's box. While live the group keeps it. */
  told = new Told();
  /** At the head: the hub pushes to this group, whose position is the subscription's cursor. Else null. */
  group: Group | null = null;
  /** Everything that is wanted up to here has been sent. */
  cursor = 0;
  /** The client has not been told of all that came into the box and left it. */
  owesView = false;
  isClosed = false;
  /** What an earlier connection told the client of the box is not known here. */
  private resetsView = false;
  /** There was no box so far: every topic was in view. */
  private isBoxNew = false;
  /** Answers the request to start somewhere; null once that is done. */
  private opening: Opening | null;
  private stretch: Stretch | null = null;
  private readonly hub: Hub;
  private readonly log: Log;
  private readonly outlet: Outlet;

  constructor(session: Session, hub: Hub, request: SubscribeRequest) {
    const { id, filter, from, rate, bbox, where, fields } = request;
    this.session = session;
    this.hub = hub;
    this.log = hub.log;
    this.id = id;
    this.filter = filter;
    this.view = new View({}).with({ rate, bbox, where, fields });
    this.matcher = hub.matcherFor(filter);
    this.outlet = new Outlet(id, session, hub.log, hub.options.maxFrameBytes);
    this.listed = new Share(hub.replayMemory);
    this.opening = new Opening(from, this, hub, this.outlet);
    this.asking = new Asking(this, hub);
    this.play = new Play(this, hub, this.outlet);
    this.play.set(request);
    hub.advanceSoon(this);
  }

  /**
   * Sends what the connection takes of what lies between the cursor and the head, one page at a time. Does nothing while
   * the connection is full: its drain comes back here.
   */
  advance(): void {
    if (this.asking.isWaiting) return this.asking.advance();
    if (this.isClosed || this.live || this.session.isFull()) return;
    if (this.opening) return this.opening.advance();
    this.play.tell();
    if (this.play.replay) return this.play.advance(this.play.replay);
    if (this.play.isPaused) return;
    if (this.owesView && !this.tellView()) return;
    // A list is history, not updates.
    if (this.view.rate !== null && !this.isListed) this.conflate();
    else if (this.cursor < this.hub.position) this.readOn();
    else this.arrive();
  }

  /** True at the head. */
  get live(): boolean {
    return this.group !== null;
  }

  /** Gives up the push and goes on from `cursor` at the connection's pace. */
  fallBehind(cursor: number, told: Told): void {
    this.group = null;
    this.cursor = cursor;
    this.told = told;
  }

  /** The hub pushes to `group` from now on. */
  arrived(group: Group): void {
    this.group = group;
    this.play.arrive();
  }

  /** Whether something is to be done for its replay. */
  isDue(now: number): boolean {
    return this.play.isTellDue || (this.play.replay?.isDue(now) ?? true);
  }

  /** It has been answered before. */
  get isOpen(): boolean {
    return this.opening === null;
  }

  /** What is sent up to the place where it was answered is a list of readings. */
  get isListed(): boolean {
    return this.stretch instanceof Listed;
  }

  /**
   * Changes what is wanted, from the place that has been reached, or goes on from another place. Where there is a box or was
   * one, what came in and what left is told next; not here, since whoever asks on without reading must not be sent a box full
   * of topics each time.
   */
  update(request: UpdateRequest): void {
    const { from, paused, rate, bbox, where, fields } = request;
    const changes = { rate, bbox, where, fields };
    const changesView = Object.values(changes).some((change) => change !== undefined);
    if (this.live && (changesView || paused || from !== undefined)) {
      const { position, told } = this.hub.part(this);
      this.fallBehind(position, told);
    } else if (!this.live) this.hub.stopWaiting(this);
    this.asking.drop();
    this.outlet.ack();
    if (changesView) this.changeView(changes);
    if (from !== undefined) this.reopen(new Opening(from, this, this.hub, this.outlet));
    this.play.set(request);
    if (this.live) this.play.tell();
    else this.hub.advanceSoon(this);
  }

  /** Ends it; nothing more is sent for its id. */
  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.play.stop();
    this.listed.giveAll();
    this.hub.leave(this);
  }

  /** The request to start somewhere was answered. */
  opened(opened: Opened): void {
    this.opening = null;
    if (opened.stretch) {
      this.stretch = opened.stretch;
      // Once live, it gets what is pushed, whatever the stretch says.
      this.hub.pushNow();
    }
    this.play.begin(opened);
    if (opened.resetsView) {
      this.resetsView = true;
      this.owesView = this.play.replay !== null;
    }
    this.moveTo(opened.cursor);
    this.play.replay?.rewind();
    this.hub.advanceSoon(this);
  }

  /** Everything wanted up to `cursor` has been sent. */
  moveTo(cursor: number): void {
    this.cursor = cursor;
    if (this.stretch && cursor >= this.stretch.end) this.dropStretch();
  }

  /** What the client was told of the box is replaced. */
  forgetView(): void {
    this.told = new Told();
    this.owesView = false;
    this.resetsView = false;
    this.isBoxNew = false;
  }

  private reopen(opening: Opening): void {
    this.opening = opening;
    this.dropStretch();
    this.forgetView();
    this.play.stop();
  }

  private dropStretch(): void {
    this.stretch = null;
    this.listed.giveAll();
  }

  private changeView(changes: ViewChanges): void {
    const had = this.view.bbox !== null;
    this.view = this.view.with(changes);
    this.play.replay?.rewind();
    if ((this.opening && !this.opening.isSending) || (!had && this.view.bbox === null)) return;
    if (!had) this.isBoxNew = true;
    this.owesView = true;
  }

  private readOn(): void {
    this.readPage(this.cursor, this.hub.options.maxFrameBytes, (page) => this.deliver(page));
  }

  /** Reads what follows `from` of the log and uses what is wanted of it; what the ring has dropped becomes a gap. */
  readPage(from: number, maxBytes: number, use: (page: Records) => void): void {
    const bytes = this.stretch?.isDense(from) === false ? 1 : maxBytes;
    const take = (page: Page) => {
      if (page.kind === "evicted") {
        const lost = { from: from + 1, oldest: page.oldest };
        this.opening = new Opening({ lost }, this, this.hub, this.outlet);
      } else use(this.wantedOf(page, from));
      this.hub.advanceSoon(this);
    };
    const page = this.log.read(from, bytes);
    if (page instanceof Promise) this.asking.ask(page, take);
    else take(page);
  }

  // What the hub has not pushed yet is left to the push, so that a member's position is always the hub's.
  private wantedOf({ kind, records, through }: Records, from: number): Records {
    const { matcher, stretch } = this;
    const pushed = Math.max(this.hub.position, from);
    // With a rate, what comes behind a list are updates.
    const conflates = this.view.rate !== null && this.play.replay === null;
    const limit = stretch && conflates ? Math.min(pushed, stretch.end) : pushed;
    const isWanted = (record: LogRecord) =>
      record.seq <= limit && matcher.matches(record.topic) && (stretch === null || stretch.wants(record));
    const reached = Math.min(through, limit);
    return { kind, records: records.filter(isWanted), through: stretch?.skip(reached) ?? reached };
  }

  private deliver({ records, through }: Records): void {
    const selected = selectRecords(this.view, this.told.inView, records);
    if (selected.length > 0) this.outlet.readings(selected, through);
    if (this.view.bbox !== null) for (const { topic } of selected) this.told.shown.add(topic.id);
    this.play.reach(records);
    this.moveTo(through);
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
    if (!(page instanceof Promise) && page.kind === "records") this.deliver(this.wantedOf(page, this.cursor));
    return this.cursor >= this.hub.position;
  }

  private conflate(): void {
    // Else it would be ahead of the push and come here again after each window, as often as there is something new.
    this.hub.pushNow();
    if (this.view.bbox !== null && !this.tellView()) return;
    const news = selectChanges(this.view, this.log.latest(this.filter), this.cursor);
    const { head } = this.log;
    this.moveTo(this.outlet.changes(news, this.cursor, head));
    if (this.cursor === head) this.hub.join(this, head);
  }

  /** Tells what came into the box and what left it, frame by frame; false if the connection has no room for all of it. */
  tellView(): boolean {
    const known = this.play.replay?.shown?.all() ?? this.log.latest(this.filter);
    // The client may know topics from before a replay, too.
    if (this.isBoxNew) for (const { topic } of this.log.latest(this.filter)) this.told.inView.add(topic.id);
    this.isBoxNew = false;
    const changes = viewChanges(this.view, this.told, known);
    const maxTopics = this.outlet.maxLatestPerFrame;
    for (let start = 0; start < changes.length || this.resetsView; start += maxTopics) {
      if (this.session.isFull()) return false;
      this.outlet.view(this.view, this.told, changes.slice(start, start + maxTopics), this.resetsView);
      this.resetsView = false;
    }
    this.told = new Told(this.told.inView);
    this.owesView = false;
    return true;
  }
}
