import { Backoff, type BackoffLimits } from "../model/backoff.ts";
import type { Clock } from "../model/clock.ts";
import { type ErrorListener, FieldcastError, report } from "./errors.ts";
import type { Timers } from "./socket.ts";

/** What the gateway knows this client by; a function is asked anew whenever a fresh token is needed. */
export type Token = string | (() => string | Promise<string>);

/** How long a function may take to give a token. */
const tokenTimeoutMs = 10_000;
/** A token that says when it expires is renewed this long before, but no sooner than after as long again. */
const renewBeforeMs = 30_000;
/** The longest that timers can wait is a little under 25 days. */
const maxRenewMs = 86_400_000;

export interface LoginOptions {
  readonly token: Token;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: () => number;
  readonly backoff: BackoffLimits;
  readonly onError: ErrorListener | undefined;
}

/** Tells the gateway who this client is: when a connection begins, before the token expires, and when it was refused. */
export class Login {
  private readonly options: LoginOptions;
  private readonly sayHello: (token: string) => void;
  private readonly attempts: Backoff;
  private saidAt = Number.POSITIVE_INFINITY;
  private timer: unknown = null;
  /** From the moment that a fresh token is wanted until there is one. */
  private isAsking = false;
  private isOver = false;

  constructor(options: LoginOptions, sayHello: (token: string) => void) {
    this.options = options;
    this.sayHello = sayHello;
    this.attempts = new Backoff(options.backoff, options.random);
  }

  /** Says hello: at once with a text, else when the function has given a token. */
  begin(): void {
    const { token } = this.options;
    if (typeof token === "string") this.sayHello(token);
    else void this.ask(token);
  }

  /** The gateway refused the token. False if there is no other. */
  refused(): boolean {
    if (typeof this.options.token === "string") return false;
    if (this.isAsking) return true;
    if (this.options.clock.now() - this.saidAt >= this.options.backoff.stableMs) this.attempts.reset();
    this.isAsking = true;
    this.askAfter(this.attempts.nextDelayMs());
    return true;
  }

  stop(): void {
    this.isOver = true;
    this.options.timers.clear(this.timer);
  }

  private askAfter(delayMs: number): void {
    this.options.timers.clear(this.timer);
    this.timer = this.options.timers.set(() => this.begin(), delayMs);
  }

  private async ask(give: () => string | Promise<string>): Promise<void> {
    this.isAsking = true;
    try {
      const token = await this.inTime(give);
      if (typeof token !== "string") throw new TypeError("it gave no text");
      if (!this.isOver) this.give(token);
    } catch (thrown) {
      if (this.isOver) return;
      report(
        new FieldcastError("no-token", `the token's function failed: ${String(thrown)}`, thrown),
        this.options.onError,
      );
      this.askAfter(this.attempts.nextDelayMs());
    }
  }

  private give(token: string): void {
    const { clock } = this.options;
    this.isAsking = false;
    this.saidAt = clock.now();
    this.sayHello(token);
    const expiresAt = expiryOf(token);
    if (expiresAt === null) return;
    const delayMs = expiresAt - clock.now() - renewBeforeMs;
    this.askAfter(Math.min(Math.max(delayMs, renewBeforeMs), maxRenewMs));
  }

  private inTime(give: () => string | Promise<string>): Promise<string> {
    const { timers } = this.options;
    return new Promise((resolve, reject) => {
      const timer = timers.set(() => reject(new Error(`no answer in ${tokenTimeoutMs} ms`)), tokenTimeoutMs);
      // In a promise, so that a function that throws is seen like one that rejects.
      void Promise.resolve()
        .then(give)
        .then(resolve, reject)
        .finally(() => timers.clear(timer));
    });
  }
}

/** When a JSON Web Token expires (`exp`, RFC 7519, 4.1.4), epoch milliseconds; null if it does not say, or is none. */
export function expiryOf(token: string): number | null {
  try {
    const payload = (token.split(".")[1] as string).replaceAll("-", "+").replaceAll("_", "/");
    const { exp } = JSON.parse(atob(payload)) as { exp?: unknown };
    return typeof exp === "number" ? exp * 1_000 : null;
  } catch {
    return null;
  }
}
