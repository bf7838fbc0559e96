import type { Log, LogRecord } from "../log/contract.ts";
import { encodeReadings } from "./encode.ts";
import type { Matcher } from "./hub.ts";
import { NumberSet } from "./number-set.ts";
import type { Subscription } from "./subscription.ts";

/** Subscriptions at the head that want the same bytes: one frame is made for all of them. */
export class Group {
  readonly key: string;
  readonly members = new Set<Subscription>();
  /** Matching records of the current window, in seq order. */
  readonly window: LogRecord[] = [];
  /** What every member has been told, so that a record costs one look-up and not one per member. */
  private readonly topics = new NumberSet();
  private readonly shapes = new NumberSet();
  readonly matcher: Matcher;
  private readonly id: number;
  private readonly binary: boolean;

  constructor(first: Subscription) {
    this.key = groupKey(first);
    this.matcher = first.matcher;
    this.id = first.id;
    this.binary = first.session.binary;
  }

  add(member: Subscription): void {
    if (this.binary) member.session.announceAll(this.topics, this.shapes);
    this.members.add(member);
  }

  /**
   * Sends the window, which lies between the positions `from` and `to`, to all members. Who has no room falls behind, from
   * the last position that was sent to it; those are returned.
   */
  push(log: Log, from: number, to: number, maxFrameBytes: number): Subscription[] {
    const behind: Subscription[] = [];
    let sentThrough = from;
    for (const records of chunks(this.window, maxFrameBytes)) {
      const isLast = records.at(-1) === this.window.at(-1);
      const through = isLast ? to : (records.at(-1)?.seq ?? to);
      const frame = encodeReadings(log, this.id, through, records, this.binary);
      const news = this.binary ? this.unannounced(records) : [];
      for (const member of this.members) {
        if (member.session.isFull()) {
          this.members.delete(member);
          member.fallBehind(sentThrough);
          behind.push(member);
          continue;
        }
        if (news.length > 0) member.session.announce(news);
        member.session.send(frame);
      }
      sentThrough = through;
    }
    this.window.length = 0;
    return behind;
  }

  private unannounced(records: readonly LogRecord[]): LogRecord[] {
    return records.filter(({ topic, shapeId }) => {
      const known = this.topics.has(topic.id) && this.shapes.has(shapeId);
      this.topics.add(topic.id);
      this.shapes.add(shapeId);
      return !known;
    });
  }
}

/** Members of a group share the filter, the encoding, and the id that stands in the frame's header. */
export function groupKey({ id, filter, session }: Subscription): string {
  return `${session.binary ? "b" : "j"}${id} ${filter}`;
}

function* chunks(records: readonly LogRecord[], maxBytes: number): Generator<readonly LogRecord[]> {
  let start = 0;
  let bytes = 0;
  for (let i = 0; i < records.length; i++) {
    bytes += (records[i] as LogRecord).body.length;
    if (bytes >= maxBytes || i === records.length - 1) {
      yield start === 0 && i === records.length - 1 ? records : records.slice(start, i + 1);
      start = i + 1;
      bytes = 0;
    }
  }
}
