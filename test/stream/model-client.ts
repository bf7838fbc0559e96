import { expect } from "vitest";
import { type Latest, mergeLatest } from "../../src/client/latest.ts";
import { parseCursor } from "../../src/model/cursor.ts";
import { matchesFilter } from "../../src/model/filter.ts";
import type { PlayOptions, ServerMessage, ViewOptions, WireReading } from "../../src/wire/messages.ts";
import type { Start } from "../../src/wire/requests.ts";
import { type Oracle, wanted } from "./model-oracle.ts";
import type { Selection } from "./model-selection.ts";
import { SentChecks } from "./model-sent.ts";

type Message<Type extends ServerMessage["type"]> = Extract<ServerMessage, { type: Type }>;

/**
 * A subscription as a careful client holds it, by the protocol's document: a cursor, what each topic shows, which topics
 * are in view. It checks every message, and at quiet moments the whole.
 */
export class ModelSubscription {
  readonly id: number;
  readonly filter: string;
  view: ViewOptions;
  /** The newest cursor of an answered subscription. */
  cursor: string | null = null;
  readonly shown = new Map<string, Latest>();
  private from: Start;
  /** Where the last request started: `from`, or a cursor. */
  private asked: Start;
  private play: Required<PlayOptions>;
  private readonly sentChecks: SentChecks;
  /** Updates that wait for their ack; true for those that go on from another place. */
  private readonly sentUpdates: boolean[] = [];
  private headAtStart = 0;
  /** What the start is owed that was last answered; null: everything. */
  private selection: Selection | null = null;
  private readonly oracle: Oracle;
  private answered = false;
  private gap: Message<"gap"> | null = null;
  private parts: { cursor: string; snapshot: WireReading[] } | null = null;
  /** Readings of the stretch that is being checked: after `start`, in the order they came. */
  private got: number[] = [];
  private start: number | null = null;
  /** The stretch has no single view: an update came while something was under way. */
  private isMixed = false;
  /** Topics that changed after this show the log's values here. */
  private base: number | null = null;
  /** The view that new messages are sent with; ahead of `view` while an update's answer is under way. */
  private sentView: ViewOptions;
  /** Conditions or fields kept topics in the box from being shown; taken away, they still come with their next reading. */
  private hasHidden: boolean;

  constructor(id: number, filter: string, options: ViewOptions & PlayOptions, from: Start, oracle: Oracle) {
    const { speed = 0, paused = false, ...view } = options;
    this.id = id;
    this.filter = filter;
    this.view = view;
    this.sentView = view;
    this.play = { speed, paused };
    this.hasHidden = hides(view);
    this.from = from;
    this.asked = from;
    this.oracle = oracle;
    this.sentChecks = new SentChecks(oracle);
    if (typeof from === "object" && "cursor" in from) this.begin(from.cursor);
  }

  /** The request for a connection; what half arrived on the one before is forgotten. */
  request(): object {
    this.answered = false;
    this.gap = null;
    this.parts = null;
    this.view = this.sentView;
    if (this.sentUpdates.splice(0).includes(true)) this.forget();
    this.headAtStart = this.oracle.log.head;
    this.sentChecks.restart();
    const isPlain = this.play.speed === 0 && !this.play.paused && !isPast(this.from);
    // What a lost connection was sent counts no more, and a resume begins with what changed meanwhile.
    this.sentChecks.updates = this.cursor === null && isPlain ? [] : null;
    const from = this.cursor === null ? this.from : { cursor: this.cursor };
    this.asked = from;
    if (this.cursor !== null) this.resume(this.cursor);
    return { type: "subscribe", id: this.id, filter: this.filter, from, ...this.view, ...this.play };
  }

  private resume(cursor: string): void {
    const isSelected = this.selection !== null;
    // Behind a cursor everything comes, whatever was left out before it.
    if (isSelected) this.checkOwed(seqOf(cursor));
    this.selection = null;
    // Nothing came since, so the cursor stood still, while an update may have made what lies there wanted.
    if (isSelected || (this.start !== null && seqOf(cursor) < this.start)) this.begin(cursor);
  }

  /** Goes on from another place, as if subscribed anew. */
  seek(from: Start): object {
    this.from = from;
    this.asked = from;
    this.headAtStart = this.oracle.log.head;
    this.sentChecks.restart();
    this.sentChecks.updates = null;
    this.sentUpdates.push(true);
    return { type: "update", id: this.id, from };
  }

  /** Another speed, a pause or its end. */
  changePlay(changes: PlayOptions): object {
    this.play = { ...this.play, ...changes };
    this.sentChecks.changePlay(this.play);
    this.sentChecks.updates = null;
    this.sentUpdates.push(false);
    return { type: "update", id: this.id, ...changes };
  }

  /** What it takes for everything to come at once, null if nothing is in the way. */
  hurry(): object | null {
    const { speed, paused } = this.play;
    return speed > 0 || paused ? this.changePlay({ speed: 0, paused: false }) : null;
  }

  update(changes: Readonly<Record<string, unknown>>, isQuiet: boolean): object {
    const merged = { ...this.sentView, ...changes };
    const kept = Object.entries(merged).filter(([, value]) => value !== null);
    this.sentView = Object.fromEntries(kept) as ViewOptions;
    this.hasHidden ||= hides(this.sentView);
    this.sentChecks.updates = null;
    this.sentUpdates.push(false);
    this.base = this.oracle.log.head;
    if (!isQuiet) this.isMixed = true;
    return { type: "update", id: this.id, ...changes };
  }

  /** A message is sent. */
  sent(message: ServerMessage): void {
    const { filter, asked: from, play, headAtStart, sentView: view } = this;
    this.sentChecks.check(message, { filter, from, view, play, headAtStart }, this.isMixed);
  }

  /** A message arrives. */
  receive(message: ServerMessage): void {
    if (message.type === "ack") {
      this.view = this.sentView;
      if (this.sentUpdates.shift()) this.forget();
    } else if (message.type === "gap") this.takeGap(message);
    else if (message.type === "subscribed") this.takeSubscribed(message);
    else if (message.type === "snapshot") this.takePart(message);
    else if (message.type === "readings") this.takeReadings(message);
    else if (message.type === "view") this.takeView(message);
    else if (message.type === "error") throw new Error(`${message.code}: ${message.message}`);
  }

  heartbeat(cursor: string): void {
    if (!this.answered || seqOf(cursor) <= seqOf(this.cursor as string)) return;
    this.cursor = cursor;
  }

  /** Everything has been sent and read: nothing may be missing now. */
  checkQuiet(): void {
    const { head } = this.oracle.log;
    expect(this.answered, "answered").toBe(true);
    expect(this.sentChecks.state ?? "live", "state").toBe("live");
    this.checkOwed(head);
    this.selection = null;
    this.start = head;
    this.got = [];
    this.isMixed = false;
    this.checkInView();
    this.checkValues();
    this.sentChecks.checkRate(this.view);
  }

  /** What was known belongs to another place. */
  private forget(): void {
    this.answered = false;
    this.gap = null;
    this.parts = null;
    this.cursor = null;
    this.start = null;
    this.selection = null;
    this.got = [];
    // An update that was sent behind the seek may come into force at any moment.
    this.isMixed = this.sentUpdates.length > 0;
    if (!this.isMixed) this.base = null;
    this.shown.clear();
    if (typeof this.from === "object" && "cursor" in this.from) this.begin(this.from.cursor);
  }

  private begin(cursor: string): void {
    this.start = seqOf(cursor);
    this.base ??= this.start;
    this.got = [];
  }

  private takeGap(gap: Message<"gap">): void {
    if (gap.reason !== "evicted") throw new Error(`no reason for a gap: ${gap.reason}`);
    this.answered = false;
    this.gap = gap;
    if (gap.from !== null) this.checkOwed(gap.from - 1);
  }

  private takeSubscribed(message: Message<"subscribed">): void {
    const { cursor, time, snapshot, more } = message;
    expect(this.answered, "subscribed twice").toBe(false);
    // What the ring still has comes behind the gap.
    if (this.gap && (time === undefined || this.gap.from !== null)) expect(seqOf(cursor)).toBe(this.gap.to);
    const owed = this.sentChecks.owed.get(message);
    if (owed) {
      this.selection = owed.selection;
      this.isMixed ||= owed.isMixed;
    }
    if (owed?.selection && snapshot === undefined) {
      this.begin(cursor);
      this.base = Math.max(this.base ?? 0, owed.selection.end);
    }
    // Of what a small ring has dropped nobody knows what it showed.
    if (time !== undefined && this.oracle.log.oldest > 1) this.base = Math.max(this.base ?? 0, seqOf(cursor));
    if (snapshot === undefined) {
      expect(this.gap, "a gap needs its snapshot").toBeNull();
      return this.confirm(cursor);
    }
    if (more) this.parts = { cursor, snapshot: [...snapshot] };
    else this.takeSnapshot(cursor, snapshot);
  }

  private takePart({ snapshot, more }: Message<"snapshot">): void {
    if (!this.parts) throw new Error("a part of no snapshot");
    const { cursor, snapshot: whole } = this.parts;
    whole.push(...snapshot);
    if (!more) this.takeSnapshot(cursor, whole);
  }

  private takeSnapshot(cursor: string, snapshot: readonly WireReading[]): void {
    this.parts = null;
    this.gap = null;
    this.shown.clear();
    for (const reading of snapshot) this.show(reading);
    this.base ??= 0;
    this.begin(cursor);
    this.confirm(cursor);
  }

  private confirm(cursor: string): void {
    this.answered = true;
    if (this.start === null) {
      this.begin(cursor);
      // `now` is when it is answered, though an update may have come before.
      this.base = Math.max(this.base ?? 0, seqOf(cursor));
    }
    this.cursor = cursor;
  }

  private takeReadings({ cursor, readings }: Message<"readings">): void {
    expect(this.answered, "readings before the answer").toBe(true);
    let last = seqOf(this.cursor as string);
    for (const reading of readings) {
      expect(reading.seq, "each seq above every earlier one").toBeGreaterThan(last);
      last = reading.seq;
      expect(matchesFilter(this.filter, reading.topic)).toBe(true);
      this.got.push(reading.seq);
      this.show(reading);
      if (this.view.rate === undefined && !this.isMixed) {
        expect(reading.values).toEqual(wanted(this.view, this.oracle.valuesAt(reading.seq)));
      }
    }
    expect(seqOf(cursor)).toBeGreaterThanOrEqual(last);
    this.cursor = cursor;
  }

  private takeView({ entered, left, reset }: Message<"view">): void {
    const stays = new Set(entered.map(({ topic }) => topic));
    const gone = reset ? [...this.shown.keys()].filter((topic) => !stays.has(topic)) : left;
    for (const topic of gone) this.shown.delete(topic);
    for (const reading of entered) this.show(reading);
  }

  private show(reading: WireReading): void {
    this.shown.set(reading.topic, mergeLatest(this.shown.get(reading.topic), reading));
  }

  // Of a conflated subscription only the last word is owed, which `checkValues` looks at.
  private checkOwed(to: number): void {
    if (this.isMixed || this.view.rate !== undefined || this.start === null) return;
    const owed = this.oracle.owed(this.filter, this.view, this.start, to, this.selection);
    // A reading without a position may come or not: that depends on when its topic was seen in the box.
    const got = this.got.filter(
      (seq) => !this.view.bbox || typeof this.oracle.valuesAt(seq)["lat"] === "number",
    );
    expect(got, `readings after ${this.start} up to ${to}`).toEqual(owed);
  }

  private checkInView(): void {
    if (!this.view.bbox) return;
    const shown = namesOf(this.shown.keys());
    const inside = namesOf(this.oracle.topicsInside(this.filter, this.view).map(({ topic }) => topic.name));
    if (!this.hasHidden && this.from === "latest") expect(shown, "topics in view").toEqual(inside);
    else expect(inside, "topics in view").toEqual(expect.arrayContaining(shown));
  }

  private checkValues(): void {
    const { view, base } = this;
    const mergesAll = view.rate !== undefined || (!view.where && !view.bbox);
    if (!mergesAll || base === null) return;
    for (const { topic, seq, values } of this.oracle.topicsInside(this.filter, view)) {
      const want = wanted(view, values);
      if (seq <= base || want === null) continue;
      const shown = this.shown.get(topic.name)?.values ?? {};
      const have = Object.fromEntries(Object.keys(want).map((name) => [name, shown[name]]));
      if (view.rate !== undefined) expect(have, `what ${topic.name} shows at ${seq}`).toEqual(want);
      else if (base === 0) expect(have, `what ${topic.name} shows`).toEqual(want);
    }
  }
}

function isPast(from: Start): boolean {
  return typeof from === "object" && !("cursor" in from);
}

function hides({ where, fields }: ViewOptions): boolean {
  return where !== undefined || fields !== undefined;
}

function namesOf(topics: Iterable<string>): string[] {
  return [...topics].sort();
}

function seqOf(cursor: string): number {
  const position = parseCursor(cursor);
  if (!position) throw new Error(`not a cursor: ${cursor}`);
  return position.seq;
}
