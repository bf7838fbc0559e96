import { expect } from "vitest";
import type { PlayOptions, ServerMessage, ViewOptions, WireReading } from "../../src/wire/messages.ts";
import type { Start } from "../../src/wire/requests.ts";
import { isInside, type Oracle, wanted } from "./model-oracle.ts";
import { ModelPace, type Selection, selectionOf } from "./model-selection.ts";

type Message<Type extends ServerMessage["type"]> = Extract<ServerMessage, { type: Type }>;

/** What a client asks for, as the gateway knows it: it may be ahead of what the client has been told. */
export interface Wish {
  readonly filter: string;
  readonly from: Start;
  readonly view: ViewOptions;
  readonly play: Required<PlayOptions>;
  /** The log's head when the start was asked for. */
  readonly headAtStart: number;
}

/** What a start is owed by the answer to it. */
export interface Owed {
  readonly selection: Selection | null;
  /** Something was committed between the request and its answer: it is owed by one of them, and none can say by which. */
  readonly isMixed: boolean;
}

/** Looks at messages when they are sent: what they say of the present, or of an earlier time, must be what the log says now. */
export class SentChecks {
  /** Conflated updates as they were sent: topic and time. Null once something happened that sends out of turn. */
  updates: { topic: string; atMs: number }[] | null = [];
  /** By the answers that are on their way. */
  readonly owed = new Map<ServerMessage, Owed>();
  /** The last that was told, null if nothing was. */
  state: string | null = null;
  private readonly oracle: Oracle;
  /** The next answer is one that nobody asked for: the ring dropped what came next. */
  private wasOvertaken = false;
  /** The snapshot that is being sent shows the present. */
  private isPresent = true;
  /** Readings up to here are listed, not conflated. */
  private listedTo = 0;
  private pace: ModelPace | null = null;

  constructor(oracle: Oracle) {
    this.oracle = oracle;
  }

  /** Nothing of what was asked for before is sent any more. */
  restart(): void {
    this.owed.clear();
    this.pace = null;
    this.state = null;
    this.wasOvertaken = false;
  }

  /** Another speed, or a pause. */
  changePlay({ speed, paused }: Required<PlayOptions>): void {
    if (speed === 0) this.pace = null;
    this.pace?.change(speed, paused, Date.now());
  }

  /** @param isMixed what is asked for changed while something was under way */
  check(message: ServerMessage, wish: Wish, isMixed: boolean): void {
    if (message.type === "gap") this.checkGap(message);
    else if (message.type === "subscribed") this.checkSubscribed(message, wish);
    else if (message.type === "snapshot" && this.isPresent) this.checkCurrent(message.snapshot, wish.view);
    else if (message.type === "readings") this.checkReadings(message.readings, wish, isMixed);
    // The view of a replay is that of another time.
    else if (message.type === "view" && wish.play.speed === 0) this.checkCurrent(message.entered, wish.view);
    else if (message.type === "replay") {
      this.state = message.state;
      if (message.state === "live") this.pace = null;
    }
  }

  /** No topic was updated more often than its rate allows, and once at the start. */
  checkRate({ rate }: ViewOptions): void {
    if (rate === undefined || !this.updates) return;
    for (const { topic, atMs } of this.updates) {
      const inSecond = this.updates.filter(
        (other) => other.topic === topic && other.atMs >= atMs && other.atMs < atMs + 1_000,
      );
      expect(inSecond.length, `updates of ${topic} in a second`).toBeLessThanOrEqual(rate + 1);
    }
  }

  private checkGap({ from, to, oldest, reason }: Message<"gap">): void {
    const { log } = this.oracle;
    this.wasOvertaken = from !== null;
    expect(reason).toBe("evicted");
    expect(to).toBeLessThanOrEqual(log.oldest - 1);
    if (from !== null) expect(from).toBeLessThanOrEqual(to as number);
    expect(oldest).toBe((to as number) < log.head ? (to as number) + 1 : null);
  }

  private checkSubscribed(message: Message<"subscribed">, wish: Wish): void {
    const { snapshot, time, more } = message;
    const { log } = this.oracle;
    this.isPresent = time === undefined;
    // A snapshot behind a gap changes nothing of what is owed, unless the gap is the ring's that a start from a time ran into.
    if (!this.wasOvertaken) this.noteOwed(message, wish);
    this.wasOvertaken = false;
    if (!snapshot) return;
    if (time === undefined) {
      this.checkCurrent(snapshot, wish.view);
      if (!more) this.checkWhole(snapshot, wish);
    } else if (!more && log.oldest === 1 && log.head === wish.headAtStart) {
      this.checkPast(snapshot, time, wish);
    }
  }

  private noteOwed(message: Message<"subscribed">, { from, filter, play, headAtStart }: Wish): void {
    const { snapshot, time, more } = message;
    const { head } = this.oracle.log;
    const selection = selectionOf(from, filter, time, this.oracle);
    this.owed.set(message, { selection, isMixed: selection !== null && head !== headAtStart });
    this.listedTo = selection !== null && time === undefined ? head : 0;
    // Behind an empty snapshot the clock begins with the first reading.
    const begins = time !== undefined && play.speed > 0 && !more && snapshot && snapshot.length > 0;
    this.pace = begins ? new ModelPace(time, Date.now(), play.speed, play.paused) : null;
  }

  private checkReadings(readings: readonly WireReading[], { view, play }: Wish, isMixed: boolean): void {
    const now = Date.now();
    if (view.rate === undefined) {
      const reached = this.pace?.reached(now) ?? Number.POSITIVE_INFINITY;
      // The times of a replay are whole milliseconds.
      for (const { time } of readings) expect(time, "not before it is due").toBeLessThanOrEqual(reached + 1);
      return;
    }
    for (const reading of readings) {
      this.updates?.push({ topic: reading.topic, atMs: now });
      if (!isMixed && play.speed === 0 && reading.seq > this.listedTo) this.checkCurrent([reading], view);
    }
  }

  private checkCurrent(readings: readonly WireReading[], view: ViewOptions): void {
    for (const reading of readings) {
      const { seq, values } = this.oracle.latestOf(reading, view);
      expect({ seq: reading.seq, values: reading.values }).toEqual({ seq, values });
    }
  }

  private checkWhole(snapshot: readonly WireReading[], { filter, view }: Wish): void {
    const want = this.oracle
      .topicsInside(filter, view)
      .filter(({ values }) => wanted(view, values) !== null)
      .map(({ topic }) => topic.name);
    expect(snapshot.map(({ topic }) => topic).sort()).toEqual(want.sort());
  }

  private checkPast(snapshot: readonly WireReading[], time: number, { filter, view }: Wish): void {
    const want = new Map<string, unknown>();
    for (const [topic, values] of this.oracle.shownAt(filter, time)) {
      const chosen = isInside(view, values) ? wanted(view, values) : null;
      if (chosen !== null) want.set(topic, chosen);
    }
    const have = new Map(snapshot.map(({ topic, values }) => [topic, values]));
    expect(have, `what was shown at ${time}`).toEqual(want);
  }
}
