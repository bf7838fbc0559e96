import { type StreamErrorCode, streamErrors } from "../model/errors.ts";
import type { Timers } from "./socket.ts";

const clientErrors = {
  "bad-url": {
    again: false,
    help: "use the address of the gateway's stream, such as ws://localhost:8080/stream",
  },
  "no-websocket": {
    again: false,
    help: "this runtime has no WebSocket: pass a constructor as the option `webSocket`",
  },
  timeout: {
    again: true,
    help: "it may have been stored; to publish it again is harmless if the payload says its own time",
  },
  closed: { again: false, help: "call connect() again" },
  refused: {
    again: false,
    help: "the same attempt would fail again: mend what the message says, then connect()",
  },
  lost: { again: true, help: "the SDK connects again by itself" },
  "command-lost": {
    again: false,
    help: "the device may have done it: see what it does before you send it again",
  },
  "bad-frame": {
    again: true,
    help: "client and gateway are of versions that do not fit, or a proxy alters frames",
  },
  "no-token": { again: true, help: "mend the function that was given as `token`; the SDK asks it again" },
  "callback-threw": { again: false, help: "mend the callback named in the message; the stream goes on" },
  "not-iterable": {
    again: false,
    help: "a subscription with a callback cannot be iterated, and one without only once: subscribe again",
  },
  "too-many-topics": { again: false, help: "use a narrower filter, or raise `maxTopics`" },
} as const satisfies Record<string, { again: boolean; help: string }>;

/** What can go wrong: what the gateway answers, and what the SDK finds itself. */
export type ErrorCode = StreamErrorCode | keyof typeof clientErrors;

const catalogue: Readonly<Record<string, { readonly again: boolean; readonly help: string }>> = {
  ...streamErrors,
  ...clientErrors,
};

/** An error of the SDK: what happened (`message`), what to do (`help`), and whether the SDK tries again by itself. */
export class FieldcastError extends Error {
  override readonly name = "FieldcastError";
  readonly code: ErrorCode;
  readonly help: string;
  readonly again: boolean;

  constructor(code: ErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    // A newer gateway may send codes that this catalogue does not have.
    const entry = Object.hasOwn(catalogue, code) ? catalogue[code] : undefined;
    this.code = code;
    this.help = entry?.help ?? "";
    this.again = entry?.again ?? false;
  }
}

export type ErrorListener = (error: FieldcastError) => void;

/** Tells `listener`, or the console where there is none. Never throws. */
export function report(error: FieldcastError, listener: ErrorListener | undefined): void {
  if (!listener) return console.error(error);
  try {
    const result: unknown = listener(error);
    if (result instanceof Promise) result.catch(console.error);
  } catch (thrown) {
    console.error(thrown);
  }
}

/** A callback that throws again and again is reported this often. */
const reportEveryMs = 1_000;

/** Runs a user's callbacks so that what they throw (or reject with, if they are async) is reported and goes no further. */
export class SafeCalls {
  private readonly listener: ErrorListener | undefined;
  private readonly timers: Timers;
  /** By name of the callback: what it threw since its last report. */
  private readonly unreported = new Map<string, { count: number; last: unknown }>();

  constructor(listener: ErrorListener | undefined, timers: Timers) {
    this.listener = listener;
    this.timers = timers;
  }

  call(name: string, callback: () => unknown): void {
    try {
      const result = callback();
      if (result instanceof Promise) result.catch((thrown: unknown) => this.failed(name, thrown));
    } catch (thrown) {
      this.failed(name, thrown);
    }
  }

  /** The first is reported at once, those of the next second together at its end. */
  private failed(name: string, thrown: unknown): void {
    const unreported = this.unreported.get(name);
    if (unreported) {
      unreported.count++;
      unreported.last = thrown;
      return;
    }
    this.report(name, thrown, `${name} threw: ${String(thrown)}`);
  }

  private report(name: string, thrown: unknown, message: string): void {
    this.unreported.set(name, { count: 0, last: null });
    this.timers.set(() => this.reportRest(name), reportEveryMs);
    report(new FieldcastError("callback-threw", message, thrown), this.listener);
  }

  private reportRest(name: string): void {
    const { count, last } = this.unreported.get(name) ?? { count: 0, last: null };
    this.unreported.delete(name);
    if (count === 0) return;
    const times = count === 1 ? "once more" : `${count} times more`;
    this.report(name, last, `${name} threw ${times} within a second, the last time: ${String(last)}`);
  }
}
