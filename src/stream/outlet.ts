import type { Latest, Log } from "../log/contract.ts";
import type { GapReason, ReplayState } from "../wire/messages.ts";
import { encodeReadings, encodeSnapshot, encodeSubscribed, encodeView } from "./encode.ts";
import { noteChanges, type SentRecord, selectLatest } from "./selection.ts";
import type { Session } from "./session.ts";
import type { Told } from "./told.ts";
import type { View } from "./view.ts";

/** About what a topic's latest takes in a frame. */
const bytesPerLatest = 128;

/** What is sent for a subscription while it goes its own way, with the numbers announced that its bodies use. */
export class Outlet {
  /** Topics in a frame of a snapshot or a view. */
  readonly maxLatestPerFrame: number;
  private readonly id: number;
  private readonly session: Session;
  private readonly log: Log;

  constructor(id: number, session: Session, log: Log, maxFrameBytes: number) {
    this.id = id;
    this.session = session;
    this.log = log;
    this.maxLatestPerFrame = Math.max(1, Math.floor(maxFrameBytes / bytesPerLatest));
  }

  get isFull(): boolean {
    return this.session.isFull();
  }

  ack(): void {
    this.session.control({ type: "ack", id: this.id });
  }

  gap(reason: GapReason, from: number | null, to: number | null): void {
    const { head } = this.log;
    const oldest = to === null ? this.log.oldest : to + 1;
    const left = oldest <= head ? oldest : null;
    this.session.control({ type: "gap", id: this.id, reason, from, to, oldest: left });
  }

  replay(state: ReplayState, time: number | null): void {
    const message = { type: "replay", id: this.id, state } as const;
    this.session.control(time === null ? message : { ...message, time });
  }

  subscribed(cursor: number): void {
    this.session.send(encodeSubscribed(this.log, this.id, cursor, this.session.binary));
  }

  readings(records: readonly SentRecord[], cursor: number): void {
    this.session.announce(records);
    this.session.send(encodeReadings(this.log, this.id, cursor, records, this.session.binary));
  }

  /**
   * Sends what topics show now, sorted by seq, in frames whose cursors say how far it went.
   * @param end the cursor after the last one
   * @returns the cursor that was reached: `end`, or an earlier one if the connection has no room for more
   */
  changes(news: readonly SentRecord[], cursor: number, end: number): number {
    let reached = cursor;
    for (let start = 0; start < news.length; start += this.maxLatestPerFrame) {
      if (this.isFull) return reached;
      const part = news.slice(start, start + this.maxLatestPerFrame);
      reached = start + part.length === news.length ? end : (part.at(-1)?.seq ?? end);
      this.readings(part, reached);
    }
    return end;
  }

  /** @param place the cursor and the time of the first part, null in the others */
  snapshot(
    entries: readonly SentRecord[],
    place: { readonly seq: number; readonly time: number | null } | null,
    more: boolean,
  ): void {
    this.session.announce(entries);
    const part = { id: this.id, seq: place?.seq ?? null, time: place?.time ?? null, entries, more };
    this.session.send(encodeSnapshot(this.log, part, this.session.binary));
  }

  /** Tells of topics that came into a view's box or left it, and notes that it did. */
  view(view: View, told: Told, changes: readonly Latest[], reset: boolean): void {
    const { entered, left } = noteChanges(view, told, changes);
    const shown = selectLatest(view, entered);
    this.session.announce(shown);
    this.session.send(encodeView({ id: this.id, entered: shown, left, reset }, this.session.binary));
  }
}
