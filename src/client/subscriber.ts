import { Backoff } from "../model/backoff.ts";
import { type Cursor, formatCursor } from "../model/cursor.ts";
import {
  type From,
  maxRequestBytes,
  type PlayOptions,
  type ServerMessage,
  type SubscribeMessage,
  type ViewOptions,
  type WireReading,
} from "../wire/messages.ts";
import { readViewOptions } from "../wire/view-options.ts";
import { FieldcastError, report, SafeCalls } from "./errors.ts";
import { Inbox } from "./inbox.ts";
import type { Gap, Reading, Replay } from "./reading.ts";
import type { SubscribeOptions, Subscription, ViewChanges } from "./subscription.ts";
import { readCursor, type Wire } from "./wire.ts";

/** Readings that an iterator may leave waiting before its subscription leaves the wire for a while. */
const defaultMaxQueuedReadings = 10_000;

/** What a request has besides the filter and the options takes less than the rest. */
const maxSubscribeBytes = maxRequestBytes - 1_024;

type Message<Type extends ServerMessage["type"]> = Extract<ServerMessage, { type: Type }>;

/** The state of one subscription over all the connections of its life. */
export class Subscriber implements Subscription {
  readonly filter: string;
  /** Its id on the present connection, null while it is not on the wire. */
  wireId: number | null = null;
  private readonly options: SubscribeOptions;
  private readonly wire: Wire;
  private readonly inbox: Inbox;
  private readonly backoff: Backoff;
  /** The place up to which everything was received; ahead of the inbox's position while readings wait there. */
  private received: Cursor | null = null;
  /** True from `subscribed` on: positions that the gateway names count from there. */
  private answered = false;
  /** Announced, its snapshot not yet here. */
  private gap: Gap | null = null;
  /** A snapshot that comes in parts, as far as it is here. */
  private parts: { first: Message<"subscribed">; snapshot: WireReading[] } | null = null;
  private start: From;
  private view: ViewOptions & PlayOptions;
  private isFull = false;
  private retryTimer: unknown = null;
  private ended = false;
  private failure: FieldcastError | null = null;
  private iterated = false;
  private wakeIterator: () => void = () => {};

  /** @throws FieldcastError `bad-option` if it is too large for a request */
  constructor(filter: string, options: SubscribeOptions, wire: Wire) {
    this.filter = filter;
    this.options = options;
    this.wire = wire;
    this.inbox = new Inbox(options, new SafeCalls(options.onError, wire.timers));
    this.start = options.from ?? "latest";
    this.view = viewOf(options);
    this.checkSize(this.view);
    this.backoff = new Backoff(wire.backoff, wire.random);
  }

  get cursor(): string | null {
    if (this.inbox.position) return formatCursor(this.inbox.position);
    const { start } = this;
    return typeof start === "object" && "cursor" in start ? start.cursor : null;
  }

  get replay(): Replay | null {
    return this.inbox.replay;
  }

  update(changes: ViewChanges): void {
    const checked = readViewOptions({ ...changes }, true);
    if (typeof checked === "string") throw new FieldcastError("bad-option", checked);
    const view = viewOf({ ...this.view, ...checked });
    this.checkSize(view);
    this.view = view;
    if (!this.ended) this.wire.update(this, checked);
  }

  pause(): void {
    this.update({ paused: true });
  }

  resume(): void {
    this.update({ paused: false });
  }

  setSpeed(speed: number): void {
    this.update({ speed });
  }

  // A new subscription with the same options: what is under way for the old one carries another id and goes nowhere.
  seek(from: From): void {
    if (this.ended) return;
    this.wire.release(this, true);
    this.start = from;
    this.received = null;
    this.isFull = false;
    this.inbox.clear();
    this.inbox.position = null;
    this.wire.open(this);
  }

  close(): void {
    this.end(null);
    this.inbox.clear();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Reading, void, undefined> {
    if (this.options.onReading || this.iterated) {
      throw new FieldcastError("not-iterable", `the subscription of ${this.filter} has its reader already`);
    }
    this.iterated = true;
    try {
      while (true) {
        const reading = this.inbox.take();
        if (reading) yield reading;
        else if (this.failure) throw this.failure;
        else if (this.ended) return;
        else await this.more();
      }
    } finally {
      this.close();
    }
  }

  /** Whether it should be on the wire when there is one. */
  get wantsWire(): boolean {
    return !this.ended && !this.isFull && this.wireId === null;
  }

  /** It goes on the wire with this id. Returns the request to send. */
  request(id: number): SubscribeMessage {
    this.wireId = id;
    const { filter, start, received, view } = this;
    if (!received) return { type: "subscribe", id, filter, from: start, ...view };
    // What was live is to be so again; its speed is for what the user goes back to.
    const speed = view.speed !== undefined && this.inbox.replay?.state === "live" ? { speed: 0 } : {};
    const from = { cursor: formatCursor(received) };
    return { type: "subscribe", id, filter, from, ...view, ...speed };
  }

  /** It is no longer on the wire. */
  leaveWire(): void {
    this.wireId = null;
    this.answered = false;
    this.gap = null;
    this.parts = null;
  }

  /** Takes a message that carries its present wire id. @throws Error if the message is malformed */
  receive(message: ServerMessage): void {
    if (message.type === "subscribed") this.takeFirst(message);
    else if (message.type === "snapshot") this.takePart(message);
    else if (message.type === "view") this.takeView(message);
    else if (message.type === "readings") this.append(message);
    else if (message.type === "gap") this.announceGap(message);
    else if (message.type === "replay") this.takeReplay(message);
    else if (message.type === "error") this.refuse(message);
    this.wakeIterator();
  }

  /** The gateway has sent everything up to `position`, matching or not. */
  heartbeat(position: Cursor): void {
    if (this.answered) this.moveTo(position);
  }

  /** Ends it with an error. An iterator still gets what is queued, then the error. */
  fail(error: FieldcastError): void {
    this.end(error);
    // What the iterator throws need not be on the console too.
    if (this.options.onError || this.options.onReading) report(error, this.options.onError);
  }

  // The gateway would end the connection over it, and with it every other subscription, again and again. MessagePack is
  // shorter than JSON but for a few fractions.
  private checkSize(view: ViewOptions & PlayOptions): void {
    const bytes = new TextEncoder().encode(JSON.stringify([this.filter, this.start, view])).length;
    if (bytes <= maxSubscribeBytes) return;
    const problem = `filter and options have ${bytes} bytes, the gateway takes ${maxSubscribeBytes}`;
    throw new FieldcastError("bad-option", problem);
  }

  private end(failure: FieldcastError | null): void {
    if (this.ended) return;
    this.ended = true;
    this.failure = failure;
    this.wire.timers.clear(this.retryTimer);
    this.wire.remove(this);
    this.wakeIterator();
  }

  private takeFirst(message: Message<"subscribed">): void {
    if (message.more && !this.answered)
      this.parts = { first: message, snapshot: [...(message.snapshot ?? [])] };
    else this.confirm(message);
  }

  // Told to the consumer when it is whole: half a snapshot must not replace what was known.
  private takePart({ snapshot, more }: Message<"snapshot">): void {
    if (!this.parts) {
      this.wire.stats.ignored++;
      return;
    }
    const { first, snapshot: whole } = this.parts;
    for (const reading of snapshot) whole.push(reading);
    if (more) return;
    this.parts = null;
    this.confirm({ ...first, snapshot: whole });
  }

  private takeReplay({ state, time }: Message<"replay">): void {
    this.inbox.push({ kind: "replay", replay: { state, time: time ?? null }, position: null });
  }

  private takeView({ id, entered, left, reset = false }: Message<"view">): void {
    this.inbox.push({
      kind: "view",
      view: { entered: entered.map(({ topic }) => topic), left, reset },
      position: null,
    });
    this.wire.stats.readings += entered.length;
    for (const reading of entered) {
      if (this.wireId !== id) return;
      this.inbox.push({ kind: "reading", reading: { ...reading, snapshot: true }, position: null });
    }
  }

  private confirm(message: Message<"subscribed">): void {
    const position = readCursor(message.cursor);
    if (this.answered) {
      this.wire.stats.ignored++;
      return;
    }
    this.answered = true;
    this.backoff.reset();
    const { gap } = this;
    this.gap = null;
    if (gap) this.inbox.push({ kind: "gap", gap, position: null });
    if (message.snapshot) this.appendSnapshot(message, message.snapshot, position);
    if (this.wireId !== message.id) return;
    if (!gap && !message.snapshot) return this.moveTo(position);
    // After a gap the place may lie before the old one: the log may have lost its end.
    this.received = position;
    this.inbox.advance(position);
  }

  // Half a snapshot is no place to go on from, so the position moves with the last of its readings.
  private appendSnapshot(
    { id, time }: Message<"subscribed">,
    snapshot: readonly WireReading[],
    position: Cursor,
  ): void {
    if (this.wireId !== id) return;
    this.inbox.push({ kind: "snapshot", time: time ?? null, position: null });
    this.wire.stats.readings += snapshot.length;
    for (const [index, reading] of snapshot.entries()) {
      if (this.wireId !== id) return;
      const isLast = index === snapshot.length - 1;
      const delivered = { ...reading, snapshot: true };
      this.inbox.push({ kind: "reading", reading: delivered, position: isLast ? position : null });
    }
  }

  private append(message: Message<"readings">): void {
    const end = readCursor(message.cursor);
    if (!this.answered) {
      this.wire.stats.ignored++;
      return;
    }
    for (const reading of message.readings) {
      const position = { epoch: end.epoch, seq: reading.seq };
      if (this.has(position)) {
        this.wire.stats.duplicates++;
        continue;
      }
      if (this.inbox.length >= (this.options.maxQueuedReadings ?? defaultMaxQueuedReadings)) {
        this.isFull = true;
        return this.wire.release(this, true);
      }
      this.wire.stats.readings++;
      this.received = position;
      this.inbox.push({ kind: "reading", reading: { ...reading, snapshot: false }, position });
      // The callback may have closed it, or gone elsewhere.
      if (this.wireId !== message.id) return;
    }
    this.moveTo(end);
  }

  // Told to the consumer only with its snapshot: should the connection end in between, the gateway will tell again.
  private announceGap({ reason, from, to, oldest = null }: Message<"gap">): void {
    this.answered = false;
    this.gap = { reason, from, to, oldest };
  }

  private refuse(message: Message<"error">): void {
    const error = new FieldcastError(message.code, message.message);
    // Of a subscription that has begun only the change was refused.
    if (this.answered && error.code === "bad-option") return report(error, this.options.onError);
    this.wire.release(this, false);
    if (!error.again) return this.fail(error);
    this.retryTimer = this.wire.timers.set(() => this.wire.open(this), this.backoff.nextDelayMs());
    report(error, this.options.onError);
  }

  private moveTo(position: Cursor): void {
    if (this.has(position)) return;
    this.received = position;
    this.inbox.advance(position);
  }

  private has(position: Cursor): boolean {
    const { received } = this;
    return received !== null && received.epoch === position.epoch && position.seq <= received.seq;
  }

  // The queue is empty here, so a subscription that had left the wire for its sake goes on.
  private more(): Promise<void> {
    if (this.isFull) {
      this.isFull = false;
      this.wire.open(this);
    }
    return new Promise((resolve) => {
      this.wakeIterator = resolve;
    });
  }
}

/** The options that say what is wanted, without those that were taken away. */
function viewOf({ rate, bbox, where, fields, speed, paused }: ViewChanges): ViewOptions & PlayOptions {
  return {
    ...(speed != null && { speed }),
    ...(paused != null && { paused }),
    ...(rate != null && { rate }),
    ...(bbox != null && { bbox }),
    ...(where != null && { where }),
    ...(fields != null && { fields }),
  };
}
