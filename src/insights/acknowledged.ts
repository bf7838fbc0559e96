import { alertName, maxOpenAlerts } from "../model/alert.ts";
import type { Reading, Values } from "../model/reading.ts";
import { alertId } from "./alert-id.ts";
import { putBounded } from "./bounded.ts";
import type { CommittedReading, Emit, Insight, Reducer, Shown } from "./insight.ts";

/** Raised when the form of `Kept` changes; it counts together with the version of the insight's own state. */
const version = 1;
/** Alerts that are over and may still be corrected. */
const maxOver = 500;
/** Words of an alert, and acknowledgements, among which a late one finds its place. */
const maxWords = 8;
const maxAcks = 8;

/** Where the gateway tells what people acknowledge (http/alerts.ts). */
const acknowledgements = "acknowledgements";

/** What an alert shows from a time on, as its insight said it. */
interface Word {
  readonly time: number;
  readonly values: Values;
  readonly attrs: Values | undefined;
}

interface Ack {
  readonly time: number;
  readonly by: string;
  /** Whether it ever counted: then what is true at its time was told, and is told again when that changes. */
  hasCounted: boolean;
}

/** What is so at a time. */
interface Standing {
  readonly word: Word | null;
  /** Who knows of it, since it began. */
  readonly by: string | null;
}

interface Kept {
  readonly device: string;
  readonly channel: string | undefined;
  /** What was so before `words`. */
  base: Standing;
  /** The newest, in the order of their times. */
  readonly words: Word[];
  readonly acks: Ack[];
}

interface State<Inner> {
  readonly inner: Inner;
  /** By `alertName`: those that are not over, and those that are. */
  readonly open: Map<string, Kept>;
  readonly over: Map<string, Kept>;
}

/**
 * An insight whose alerts people can acknowledge; it knows nothing of that itself. It emits below `alerts/…` with `state`
 * `pending`, `firing` or `resolved`. What is told has two values more, `id` and `acknowledgedBy`, and from the time at which
 * somebody acknowledged it until it is resolved, `firing` becomes `acknowledged` (ALERTS.md). What comes late, a word or an
 * acknowledgement, changes what was told for the times that it concerns.
 */
export function acknowledged<Settings, Inner>(
  insight: Insight<Settings, Inner>,
): Insight<Settings, State<Inner>> {
  return {
    ...insight,
    reads: (settings) => [...insight.reads(settings), `alerts/${acknowledgements}`],
    stateVersion: 1_000 * version + insight.stateVersion,
    start: () => ({ inner: insight.start(), open: new Map(), over: new Map() }),
    create: (settings, state, context) =>
      new AcknowledgedReducer(insight.create(settings, state.inner, context), state),
  };
}

class AcknowledgedReducer implements Reducer {
  readonly #inner: Reducer;
  readonly #state: Pick<State<unknown>, "open" | "over">;
  #emitNow: Emit = () => {};

  constructor(inner: Reducer, state: Pick<State<unknown>, "open" | "over">) {
    this.#inner = inner;
    this.#state = state;
    for (const alerts of [state.open, state.over]) {
      for (const [name, { device, channel, words }] of alerts) {
        const { time = 0, values = {} } = words.at(-1) ?? {};
        if (!this.stands({ domain: "alerts", device, channel, time, values }, time)) alerts.delete(name);
      }
    }
  }

  stands(shown: Shown, now: number): boolean {
    return this.#inner.stands?.(shown, now) ?? true;
  }

  reduce(reading: CommittedReading, emit: Emit): void {
    this.#emitNow = emit;
    if (reading.domain === "alerts" && reading.device === acknowledgements) this.#acknowledge(reading);
    else this.#inner.reduce(reading, this.#emit);
  }

  advance(now: number, emit: Emit): void {
    this.#emitNow = emit;
    this.#inner.advance?.(now, this.#emit);
  }

  readonly #emit = (reading: Reading): void => {
    if (reading.domain !== "alerts") return this.#emitNow(reading);
    const { device, channel, time, values, attrs } = reading;
    const name = alertName(reading);
    const { open, over } = this.#state;
    const kept = open.get(name) ?? over.get(name) ?? newKept(device, channel);
    const word = { time, values, attrs };
    if (time <= (kept.base.word?.time ?? Number.NEGATIVE_INFINITY)) {
      return this.#tell(name, kept, told({ word, by: null }, time));
    }
    this.#change(name, kept, () => putWord(kept, word));
    const isOver = !isOpen(kept.words.at(-1));
    // In the order of their last words, so that everybody can tell which those are (http/alerts.ts).
    open.delete(name);
    over.delete(name);
    putBounded(isOver ? over : open, name, kept, isOver ? maxOver : maxOpenAlerts);
  };

  #acknowledge({ time, values: { alert: name, by } }: CommittedReading): void {
    if (typeof name !== "string" || typeof by !== "string") return;
    const { open, over } = this.#state;
    const kept = open.get(name) ?? over.get(name);
    // Another insight's, or forgotten.
    if (kept === undefined || kept.acks.length >= maxAcks) return;
    if (kept.acks.some((ack) => ack.time === time && ack.by === by)) return;
    this.#change(name, kept, () => {
      kept.acks.push({ time, by, hasCounted: false });
      kept.acks.sort((one, other) => one.time - other.time || (one.by < other.by ? -1 : 1));
    });
    if (open.delete(name)) open.set(name, kept);
  }

  /** Tells what is other than before, or new. */
  #change(name: string, kept: Kept, change: () => void): void {
    const before = new Map(allTold(kept).map((word) => [word.time, JSON.stringify(word)]));
    change();
    for (const word of allTold(kept)) {
      if (before.get(word.time) !== JSON.stringify(word)) this.#tell(name, kept, word);
    }
    settle(kept);
  }

  #tell(name: string, { device, channel }: Kept, { time, values, attrs }: Word): void {
    this.#emitNow({
      domain: "alerts",
      device,
      ...(channel !== undefined && { channel }),
      time,
      values: { id: alertId(name), ...values },
      ...(attrs !== undefined && { attrs }),
    });
  }
}

function newKept(device: string, channel: string | undefined): Kept {
  return { device, channel, base: { word: null, by: null }, words: [], acks: [] };
}

/** For a time the later word counts. */
function putWord({ words }: Kept, word: Word): void {
  let at = words.length;
  while (at > 0 && (words[at - 1] as Word).time > word.time) at--;
  if (words[at - 1]?.time === word.time) words[at - 1] = word;
  else words.splice(at, 0, word);
}

/** All that is told of an alert, as far back as is kept. */
function allTold(kept: Kept): Word[] {
  const all: Word[] = [];
  let standing = kept.base;
  for (const item of itemsOf(kept)) {
    standing = follow(standing, item);
    if (isAck(item) && !item.hasCounted) continue;
    if (all.at(-1)?.time === item.time) all.pop();
    all.push(told(standing, item.time));
  }
  return all;
}

/** Somebody acknowledges what is there already. */
function itemsOf({ words, acks }: Kept): (Word | Ack)[] {
  return [...words, ...acks].sort(
    (one, other) => one.time - other.time || Number(isAck(one)) - Number(isAck(other)),
  );
}

function follow({ word, by }: Standing, item: Word | Ack): Standing {
  // An alert that begins anew is known to nobody.
  if (!isAck(item)) return { word: item, by: isOpen(item) && !isOpen(word) ? null : by };
  if (word?.values["state"] !== "firing" || by !== null) return { word, by };
  item.hasCounted = true;
  return { word, by: item.by };
}

/** The oldest becomes part of what cannot be corrected any more. */
function settle(kept: Kept): void {
  const { words, acks } = kept;
  while (words.length > maxWords) {
    const until = (words[1] as Word).time;
    for (const item of itemsOf(kept)) if (item.time < until) kept.base = follow(kept.base, item);
    words.shift();
    while ((acks[0]?.time ?? until) < until) acks.shift();
  }
}

function told({ word, by }: Standing, time: number): Word {
  const { values, attrs } = word as Word;
  const { state = null } = values;
  const shown = state === "firing" && by !== null ? "acknowledged" : state;
  return { time, values: { ...values, state: shown, acknowledgedBy: by }, attrs };
}

function isAck(item: Word | Ack): item is Ack {
  return "by" in item;
}

function isOpen(word: Word | null | undefined): boolean {
  const state = word?.values["state"];
  return state === "pending" || state === "firing";
}
