import type { Log, LogRecord, Page } from "../log/contract.ts";
import { parseCursor } from "../model/cursor.ts";
import type { From, GapReason } from "../wire/messages.ts";
import { encodeReadings, encodeSubscribed } from "./encode.ts";
import type { Hub, Matcher } from "./hub.ts";
import type { Session } from "./session.ts";

/**
 * A cursor over the log. At the head it is a member of a group that the hub pushes to; behind the head it reads the log
 * page by page at its connection's pace; overtaken by the ring's tail it is told of the gap and starts from a snapshot.
 */
export class Subscription {
  readonly id: number;
  readonly filter: string;
  readonly session: Session;
  readonly matcher: Matcher;
  /** At the head: the hub pushes, and the hub's position is this subscription's cursor. */
  live = false;
  private cursor = 0;
  private closed = false;
  private reading = false;
  /** Where to start; null once the subscribe request has been answered. */
  private from: From | null;
  private readonly hub: Hub;
  private readonly log: Log;

  constructor(session: Session, hub: Hub, id: number, filter: string, from: From) {
    this.session = session;
    this.hub = hub;
    this.log = hub.log;
    this.id = id;
    this.filter = filter;
    this.from = from;
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
    else if (this.cursor >= this.hub.position) this.hub.join(this, this.cursor);
    else this.readOn();
  }

  /** Gives up the push and goes on from `cursor` at the connection's pace. */
  fallBehind(cursor: number): void {
    this.live = false;
    this.cursor = cursor;
  }

  /** Ends it; nothing more is sent for its id. */
  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.hub.leave(this);
  }

  private start(from: From): void {
    this.from = null;
    if (typeof from === "object") this.resume(from.cursor);
    else {
      this.cursor = this.log.head;
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
      if (cursor.seq + 1 < this.log.oldest) this.overtaken(this.log.oldest);
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
        // A page that the connection has no room for is read again after the drain: memory stays bounded.
        if (!this.closed && !this.session.isFull()) this.take(result);
      },
      () => {
        this.reading = false;
        if (!this.closed) this.session.refuse(this, "log-unavailable", "the log could not be read");
      },
    );
  }

  private take(page: Page): void {
    if (page.kind === "evicted") this.overtaken(page.oldest);
    else this.deliver(page.records, page.through);
    this.hub.advanceSoon(this);
  }

  // What the hub has not pushed yet is left to the push, so that a member's position is always the hub's.
  private deliver(records: readonly LogRecord[], through: number): void {
    const limit = Math.max(this.hub.position, this.cursor);
    const matching = records.filter(({ seq, topic }) => seq <= limit && this.matcher.matches(topic));
    const cursor = Math.min(through, limit);
    if (matching.length > 0) {
      const { session } = this;
      session.announce(matching);
      session.send(encodeReadings(this.log, this.id, cursor, matching, session.binary));
    }
    this.cursor = cursor;
  }

  private overtaken(oldest: number): void {
    this.gap("evicted", this.cursor + 1, oldest - 1);
  }

  // The gap and the snapshot that fills it leave in one go: nothing can come between them.
  private gap(reason: GapReason, from: number | null, to: number | null): void {
    this.session.control({ type: "gap", id: this.id, reason, from, to });
    this.cursor = this.log.head;
    this.confirm(true);
  }

  private confirm(withSnapshot: boolean): void {
    const { session } = this;
    const snapshot = withSnapshot ? this.log.latest(this.filter) : null;
    if (snapshot) session.announce(snapshot);
    session.send(encodeSubscribed(this.log, this.id, this.cursor, snapshot, session.binary));
  }
}
