import type { StreamErrorCode } from "../model/errors.ts";
import type { BodyPieces } from "../model/http.ts";
import type { Socket, SocketHandler } from "./transport.ts";

/** What a frame says ahead of its readings. */
interface Header {
  readonly type: string;
  readonly cursor?: string;
  readonly more?: boolean;
}

/** Why a stream did not begin. */
export interface EventsRefusal {
  readonly code: StreamErrorCode;
  readonly message: string;
}

/**
 * A socket whose frames leave as Server-Sent Events (https://html.spec.whatwg.org/multipage/server-sent-events.html): a session
 * writes JSON frames into it, and an HTTP reply takes them out as its body. `id` stands where all that came before has been
 * sent, so that a client resumes from it exactly once.
 */
export class EventSocket implements Socket, BodyPieces {
  readonly subprotocol = "fieldcast.v1.json";
  readonly remote = "";
  /** Resolves with the first answer to the subscription: null, or the error instead of it. */
  readonly answer: Promise<EventsRefusal | null>;
  private resolveAnswer: (refusal: EventsRefusal | null) => void = () => {};
  private isAnswered = false;
  private handler: SocketHandler | null = null;
  private queue: Uint8Array[];
  private queuedBytes = 0;
  /** Handed to the reply, which has not asked for more yet. */
  private leavingBytes = 0;
  private waiting: ((result: IteratorResult<Uint8Array>) => void) | null = null;
  private isEnding = false;
  /** The cursor of a snapshot that has not come to its end. */
  private snapshotCursor: string | undefined;

  /** @param retryMs what the client waits before it connects again */
  constructor(retryMs: number) {
    this.queue = [Buffer.from(`retry: ${retryMs}\n`)];
    this.answer = new Promise((resolve) => {
      this.resolveAnswer = resolve;
    });
  }

  /** Whom to tell about the connection; the socket is open from now on. */
  open(handler: SocketHandler): void {
    this.handler = handler;
  }

  bufferedBytes(): number {
    return this.queuedBytes + this.leavingBytes;
  }

  send(frame: Uint8Array | string): void {
    if (typeof frame !== "string" || this.isEnding) return;
    if (this.isAnswered && frame === lastReadings.frame) return this.queueBytes(lastReadings.event);
    const header = readHeader(frame);
    if (header.type === "error") return this.refuse(frame);
    this.answered(header, null);
    const id = this.idOf(header);
    const idLine = id === undefined ? "" : `id: ${id}\n`;
    // An id without data moves the client's place and is no event.
    if (header.type === "heartbeat") return this.queueText(`: heartbeat\n${idLine}\n`);
    const event = Buffer.from(`${idLine}event: ${header.type}\ndata: ${frame}\n\n`);
    if (header.type === "readings") lastReadings = { frame, event };
    this.queueBytes(event);
  }

  /** HTTP has no pongs; a client that is gone is noticed by the kernel, whose probes or data it does not acknowledge. */
  ping(): void {
    this.handler?.onPong();
  }

  /** Ends the reply after what is queued; an EventSource then connects again by itself. */
  close(_code: number, reason: string): void {
    this.queueText(`: ${reason}\n\n`);
    this.end();
  }

  terminate(): void {
    this.dropQueue();
    this.end();
  }

  /** Ends the reply with one last event instead of what is queued. */
  endWith(event: string): void {
    if (this.isEnding) return;
    this.dropQueue();
    this.queueText(`event: ${event}\ndata: {}\n\n`);
    this.end();
  }

  [Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    return {
      next: () => this.next(),
      return: async () => {
        this.terminate();
        this.closed();
        return { done: true, value: undefined };
      },
    };
  }

  private next(): Promise<IteratorResult<Uint8Array>> {
    if (this.leavingBytes > 0) {
      this.leavingBytes = 0;
      this.handler?.onDrain();
    }
    return new Promise((resolve) => {
      this.waiting = resolve;
      this.handOut();
    });
  }

  private dropQueue(): void {
    this.queue = [];
    this.queuedBytes = 0;
  }

  private queueText(text: string): void {
    this.queueBytes(Buffer.from(text));
  }

  private queueBytes(bytes: Uint8Array): void {
    this.queue.push(bytes);
    this.queuedBytes += bytes.length;
    this.handOut();
  }

  private end(): void {
    this.isEnding = true;
    this.answered(null, null);
    this.handOut();
  }

  private handOut(): void {
    const { waiting } = this;
    if (waiting === null || (this.queue.length === 0 && !this.isEnding)) return;
    this.waiting = null;
    if (this.queue.length === 0) {
      waiting({ done: true, value: undefined });
      this.closed();
      return;
    }
    const [first] = this.queue;
    const value = first && this.queue.length === 1 ? first : Buffer.concat(this.queue);
    this.leavingBytes = this.queuedBytes;
    this.queue = [];
    this.queuedBytes = 0;
    waiting({ done: false, value });
  }

  private closed(): void {
    const { handler } = this;
    this.handler = null;
    handler?.onClose();
  }

  // An error of the only subscription ends it, and with it the stream.
  private refuse(frame: string): void {
    const { code, message } = JSON.parse(frame) as EventsRefusal;
    if (!this.isAnswered) {
      this.answered(null, { code, message });
      return;
    }
    this.queueText(`event: error\ndata: ${frame}\n\n`);
    this.end();
  }

  private answered(header: Header | null, refusal: EventsRefusal | null): void {
    if (this.isAnswered || header?.type === "welcome" || header?.type === "heartbeat") return;
    this.isAnswered = true;
    this.resolveAnswer(refusal);
  }

  /** Of a snapshot in parts only the last one moves the place. */
  private idOf({ type, cursor, more }: Header): string | undefined {
    if (type === "subscribed") this.snapshotCursor = cursor;
    if (type !== "subscribed" && type !== "snapshot") return cursor;
    return more ? undefined : this.snapshotCursor;
  }
}

// The same frame goes to everyone who wants the same, one after the other: it becomes bytes once.
let lastReadings = { frame: "", event: new Uint8Array() };

/** Frames whose readings stand in a list behind everything else. */
const listFrame = /^\{"type":"(?:subscribed|snapshot|readings|view)"/;

/** Reads a frame up to its list: the readings in it are many, and the same frame goes to many. */
function readHeader(frame: string): Header {
  const listAt = listFrame.test(frame) ? frame.indexOf("[") : -1;
  return JSON.parse(listAt < 0 ? frame : `${frame.slice(0, listAt)}null}`) as Header;
}
