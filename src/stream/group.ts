import type { Latest, Log, LogRecord } from "../log/contract.ts";
import { encodeReadings, encodeView } from "./encode.ts";
import type { Matcher } from "./matcher.ts";
import { NumberSet } from "./number-set.ts";
import type { StreamOptions } from "./options.ts";
import {
  noteChanges,
  type SentRecord,
  selectChanges,
  selectLatest,
  selectRecords,
  viewChanges,
} from "./selection.ts";
import type { Subscription } from "./subscription.ts";
import { Told } from "./told.ts";
import type { Socket } from "./transport.ts";
import type { View } from "./view.ts";

type Limits = Pick<StreamOptions, "maxFrameBytes" | "maxBufferBytes">;

/** Subscriptions at the head that want the same bytes: one frame is made for all of them. */
export class Group {
  readonly key: string;
  /** Groups are numbered in the order in which they were made. */
  readonly number: number;
  /** It has no members and will never have any. */
  closed = false;
  readonly matcher: Matcher;
  /** With their sockets, so that a push goes from each straight to its socket: with thousands of them looking things up is what costs. */
  readonly members = new Map<Subscription, Socket>();
  /** Everything up to here has been sent to the members, when records wait in the window. */
  position = 0;
  /** Frames of readings that were sent to all members. Only grows. */
  frames = 0;
  /** Came while a rate held records back of which they know already: they join after the next push. */
  readonly late = new Set<Subscription>();
  /**
   * Matching records since the last push, in seq order; null if there are none. A list of its own for each push: one that waits for
   * records, empty, grows old, and what old lists were given is collected as late as they are.
   */
  private window: LogRecord[] | null = null;
  private readonly view: View;
  private readonly log: Log;
  /** What the members were told of the view's box; set by the first. */
  private told: Told | null = null;
  /** What every member has been told, so that a record costs one look-up and not one per member. */
  private readonly topics = new NumberSet();
  private readonly shapes = new NumberSet();
  private readonly id: number;
  private readonly binary: boolean;
  /** Runs while a rate forbids the next update. */
  private pause: NodeJS.Timeout | null = null;

  private readonly limits: Limits;
  private readonly onDue: (group: Group) => void;

  /** @param onDue called when the rate allows an update and records wait for it */
  constructor(first: Subscription, log: Log, number: number, limits: Limits, onDue: (group: Group) => void) {
    this.number = number;
    this.key = groupKey(first);
    this.matcher = first.matcher;
    this.view = first.view;
    this.id = first.id;
    this.binary = first.session.binary;
    this.log = log;
    this.limits = limits;
    this.onDue = onDue;
  }

  add(member: Subscription): void {
    if (this.binary) member.session.announceAll(this.topics, this.shapes);
    // At the head all members' views of the box are the same.
    this.told ??= member.told;
    this.members.set(member, member.session.socket);
  }

  /** The state with which a member that leaves goes on by itself. */
  viewState(): Told {
    return this.told?.clone() ?? new Told();
  }

  /** True while records wait in the window. */
  get isWaiting(): boolean {
    return this.window !== null;
  }

  /** True while a rate holds records back. */
  get isHolding(): boolean {
    return this.pause !== null && this.isWaiting;
  }

  /** Takes a matching record into the window. @param from everything up to here has been pushed */
  gather(record: LogRecord, from: number): void {
    if (this.window === null) {
      this.position = from;
      this.window = [record];
    } else this.window.push(record);
  }

  /**
   * Sends the window, which lies between `position` and `to`, to all members, unless a rate forbids it now. `to` must be
   * the log's head. Who has no room falls behind, from the last position that was sent to it; those are returned.
   */
  push(to: number): Subscription[] {
    if (this.pause !== null) return [];
    const behind: Subscription[] = [];
    const window = this.window ?? [];
    this.window = null;
    const touched = this.touched(window);
    const records = this.view.rate === null ? this.select(window) : this.conflated(touched);
    const before = this.view.bbox === null ? toldNothing : this.viewState();
    for (const part of chunks(records, this.limits.maxFrameBytes)) {
      const through = part.at(-1) === records.at(-1) ? to : (part.at(-1)?.seq ?? to);
      this.send(encodeReadings(this.log, this.id, through, part, this.binary), part, before, behind);
      this.frames++;
      this.position = through;
      if (this.view.bbox !== null) for (const { topic } of part) before.shown.add(topic.id);
    }
    if (this.view.bbox !== null) this.sendChanges(touched, before, behind);
    this.position = to;
    return behind;
  }

  /** Ends it, with its timer. */
  close(): void {
    this.closed = true;
    if (this.pause) clearTimeout(this.pause);
  }

  private select(window: readonly LogRecord[]): readonly SentRecord[] {
    return selectRecords(this.view, this.told?.inView ?? nothingInView, window);
  }

  // What the topics of the window show now, once per period of the rate: the last update is always the latest.
  private conflated(touched: readonly Latest[]): readonly SentRecord[] {
    this.pause = setTimeout(
      () => {
        this.pause = null;
        if (this.isWaiting) this.onDue(this);
      },
      1_000 / (this.view.rate ?? 1),
    );
    return selectChanges(this.view, touched, this.position);
  }

  private sendChanges(touched: readonly Latest[], before: Told, behind: Subscription[]): void {
    const told = new Told(this.told?.inView, before.shown);
    const { entered, left } = noteChanges(this.view, told, viewChanges(this.view, told, touched));
    if (entered.length === 0 && left.length === 0) return;
    const shown = selectLatest(this.view, entered);
    this.send(encodeView({ id: this.id, entered: shown, left }, this.binary), shown, before, behind);
  }

  /** @param before the members' view of the box ahead of this window; at the head it is set right for who falls behind */
  private send(
    frame: Uint8Array | string,
    records: readonly SentRecord[],
    before: Told,
    behind: Subscription[],
  ): void {
    const { maxBufferBytes } = this.limits;
    const news = this.binary ? this.unannounced(records) : null;
    // Not by a loop over its entries, which makes a pair for each.
    this.members.forEach((socket, member) => {
      if (socket.bufferedBytes() > maxBufferBytes) {
        this.members.delete(member);
        member.fallBehind(this.position, before.clone());
        behind.push(member);
        return;
      }
      if (news !== null) member.session.announce(news);
      socket.send(frame);
    });
  }

  /** What the topics of these records show now. */
  private touched(records: readonly LogRecord[]): Latest[] {
    if (this.view.bbox === null && this.view.rate === null) return [];
    const names = new Set(records.map(({ topic }) => topic.name));
    return [...names].flatMap((name) => this.log.latest(name));
  }

  /** Of these the records with numbers that the members have not been told; null if there are none. */
  private unannounced(records: readonly SentRecord[]): readonly SentRecord[] | null {
    let news: SentRecord[] | null = null;
    for (const record of records) {
      const { topic, shapeId } = record;
      if (this.topics.has(topic.id) && this.shapes.has(shapeId)) continue;
      this.topics.add(topic.id);
      this.shapes.add(shapeId);
      news ??= [];
      news.push(record);
    }
    return news;
  }
}

// Never changed: groups without a box share them, so that a push to them copies nothing.
const nothingInView = new NumberSet();
const toldNothing = new Told();

/** Members of a group share the filter, the view, the encoding, and the id that stands in the frame's header. */
export function groupKey({ id, filter, session, view }: Subscription): string {
  return `${session.binary ? "b" : "j"}${id} ${view.key} ${filter}`;
}

/** The records in parts of at least `maxBytes`, but for the last. */
function chunks(records: readonly SentRecord[], maxBytes: number): readonly (readonly SentRecord[])[] {
  const parts: (readonly SentRecord[])[] = [];
  let start = 0;
  let bytes = 0;
  for (let i = 0; i < records.length; i++) {
    bytes += (records[i] as SentRecord).body.length;
    const isLast = i === records.length - 1;
    if (bytes < maxBytes && !isLast) continue;
    parts.push(start === 0 && isLast ? records : records.slice(start, i + 1));
    start = i + 1;
    bytes = 0;
  }
  return parts;
}
