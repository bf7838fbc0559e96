import { expect } from "vitest";
import { type Latest, mergeLatest } from "../../src/client/latest.ts";
import { parseCursor } from "../../src/model/cursor.ts";
import { matchesFilter } from "../../src/model/filter.ts";
import type { From, ServerMessage, ViewOptions, WireReading } from "../../src/wire/messages.ts";
import { type Oracle, wanted } from "./model-oracle.ts";

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
  /** Conflated updates as they were sent: topic and time. Null once something happened that sends out of turn. */
  updates: { topic: string; atMs: number }[] | null = [];
  private readonly from: From;
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

  constructor(id: number, filter: string, view: ViewOptions, from: From, oracle: Oracle) {
    this.id = id;
    this.filter = filter;
    this.view = view;
    this.sentView = view;
    this.hasHidden = hides(view);
    this.from = from;
    this.oracle = oracle;
    if (typeof from === "object" && "cursor" in from) this.begin(from.cursor);
  }

  /** The request for a connection; what half arrived on the one before is forgotten. */
  request(): object {
    this.answered = false;
    this.gap = null;
    this.parts = null;
    this.view = this.sentView;
    const from = this.cursor === null ? this.from : { cursor: this.cursor };
    // What a lost connection was sent counts no more, and a resume begins with what changed meanwhile.
    this.updates = this.cursor === null ? [] : null;
    // Nothing came since, so the cursor stood still, while an update may have made what lies there wanted.
    if (this.cursor !== null && this.start !== null && seqOf(this.cursor) < this.start)
      this.begin(this.cursor);
    return { type: "subscribe", id: this.id, filter: this.filter, from, ...this.view };
  }

  update(changes: Readonly<Record<string, unknown>>, isQuiet: boolean): object {
    const merged = { ...this.sentView, ...changes };
    const kept = Object.entries(merged).filter(([, value]) => value !== null);
    this.sentView = Object.fromEntries(kept) as ViewOptions;
    this.hasHidden ||= hides(this.sentView);
    this.updates = null;
    this.base = this.oracle.log.head;
    if (!isQuiet) this.isMixed = true;
    return { type: "update", id: this.id, ...changes };
  }

  /** A message is sent: what it says of the present must be what the log says now. */
  sent(message: ServerMessage, atMs: number): void {
    const view = this.sentView;
    if (message.type === "gap" && message.reason === "evicted") {
      expect(message.to).toBe(this.oracle.log.oldest - 1);
      expect(message.from).toBeLessThanOrEqual(message.to as number);
    }
    const isSnapshot = message.type === "subscribed" || message.type === "snapshot";
    if (isSnapshot) for (const reading of message.snapshot ?? []) this.checkCurrent(reading, view);
    if (message.type === "view") for (const reading of message.entered) this.checkCurrent(reading, view);
    if (message.type === "subscribed" && message.snapshot && !message.more) this.checkWhole(message.snapshot);
    if (message.type !== "readings" || view.rate === undefined) return;
    for (const reading of message.readings) {
      if (!this.isMixed) this.checkCurrent(reading, view);
      this.updates?.push({ topic: reading.topic, atMs });
    }
  }

  /** A message arrives. */
  receive(message: ServerMessage): void {
    if (message.type === "ack") this.view = this.sentView;
    else if (message.type === "gap") this.takeGap(message);
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
    this.checkOwed(head);
    this.start = head;
    this.got = [];
    this.isMixed = false;
    this.checkInView();
    this.checkValues();
    this.checkRate();
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
    this.checkOwed((gap.from as number) - 1);
  }

  private takeSubscribed({ cursor, snapshot, more }: Message<"subscribed">): void {
    expect(this.answered, "subscribed twice").toBe(false);
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

  private checkCurrent(reading: WireReading, view: ViewOptions): void {
    const { seq, values } = this.oracle.latestOf(reading, view);
    expect({ seq: reading.seq, values: reading.values }).toEqual({ seq, values });
  }

  private checkWhole(snapshot: readonly WireReading[]): void {
    const want = this.oracle
      .topicsInside(this.filter, this.sentView)
      .filter(({ values }) => wanted(this.sentView, values) !== null);
    expect(namesOf(snapshot.map(({ topic }) => topic))).toEqual(namesOf(want.map(({ topic }) => topic.name)));
  }

  // Of a conflated subscription only the last word is owed, which `checkValues` looks at.
  private checkOwed(to: number): void {
    if (this.isMixed || this.view.rate !== undefined || this.start === null) return;
    const owed = this.oracle.owed(this.filter, this.view, this.start, to);
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

  private checkRate(): void {
    const { rate } = this.view;
    if (rate === undefined || !this.updates) return;
    for (const { topic, atMs } of this.updates) {
      const inSecond = this.updates.filter(
        (other) => other.topic === topic && other.atMs >= atMs && other.atMs < atMs + 1_000,
      );
      expect(inSecond.length, `updates of ${topic} in a second`).toBeLessThanOrEqual(rate + 1);
    }
  }
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
