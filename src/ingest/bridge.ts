import { Backoff, type BackoffLimits } from "../model/backoff.ts";
import type { Clock } from "../model/clock.ts";
import type { Logger } from "../observe/log.ts";
import { BridgeConnection, type Unreleased } from "./bridge-connection.ts";
import type { OnPacket } from "./intake.ts";
import {
  createSourceStats,
  defaultSourceLimits,
  type Source,
  type SourceLimits,
  type SourceStats,
} from "./source.ts";

export interface BridgeParts {
  readonly onPacket: OnPacket;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Gives numbers from 0 up to 1, for the delays between attempts. */
  readonly random: () => number;
  readonly limits?: Partial<SourceLimits>;
  readonly backoff?: Partial<BackoffLimits>;
}

/** A connection to an outside broker that is made anew whenever it is lost. */
export interface Bridge {
  readonly name: string;
  /** Connected, and the subscriptions are confirmed. */
  isUp(): boolean;
  /** Why nothing, or not everything, comes from the source now; null if all is well. */
  problem(): string | null;
  /** A copy of the counters. */
  stats(): SourceStats;
  /** Takes nothing more, waits up to `graceMs` for the commits under way, acknowledges them and disconnects. */
  close(graceMs: number): Promise<void>;
}

const defaultBackoff: BackoffLimits = { firstDelayMs: 1_000, maxDelayMs: 60_000, stableMs: 10_000 };

/**
 * Follows an outside broker: its messages go through `onPacket` like a device's. A message of QoS 1 or 2 is acknowledged
 * after its commit; one that was not stored comes again, if the source keeps a session. Returns at once, and goes on
 * trying for as long as the broker cannot be reached.
 */
export function startBridge(source: Source, parts: BridgeParts): Bridge {
  return new Follower(source, parts);
}

class Follower implements Bridge {
  readonly name: string;
  readonly #source: Source;
  readonly #parts: BridgeParts;
  readonly #limits: SourceLimits;
  readonly #backoffLimits: BackoffLimits;
  readonly #backoff: Backoff;
  readonly #stats = createSourceStats();
  readonly #unreleased: Unreleased = new Map();
  #connection: BridgeConnection;
  #retryTimer: NodeJS.Timeout | null = null;
  /** Runs while it is up and has not been so for long. */
  #stableTimer: NodeJS.Timeout | null = null;
  #isUp = false;
  #hasSubscribed = false;
  #problem: string | null = "not connected yet";
  /** True after the outage under way was reported. */
  #hasWarned = false;
  #closed: Promise<void> | null = null;

  constructor(source: Source, parts: BridgeParts) {
    this.name = source.name;
    this.#source = source;
    this.#parts = parts;
    this.#limits = { ...defaultSourceLimits, ...parts.limits };
    this.#backoffLimits = { ...defaultBackoff, ...parts.backoff };
    this.#backoff = new Backoff(this.#backoffLimits, parts.random);
    this.#connection = this.#connect();
  }

  isUp(): boolean {
    return this.#isUp;
  }

  problem(): string | null {
    return this.#problem;
  }

  stats(): SourceStats {
    return { ...this.#stats };
  }

  close(graceMs: number): Promise<void> {
    if (this.#retryTimer) clearTimeout(this.#retryTimer);
    this.#endUp();
    this.#problem = "closed";
    this.#closed ??= this.#connection.close(graceMs);
    return this.#closed;
  }

  #connect(): BridgeConnection {
    const { clock, onPacket } = this.#parts;
    return new BridgeConnection(
      {
        source: this.#source,
        limits: this.#limits,
        clock,
        onPacket,
        stats: this.#stats,
        unreleased: this.#unreleased,
        mustSubscribe: () => !this.#hasSubscribed,
      },
      {
        onSubscribed: (refused) => this.#subscribed(refused),
        onDown: (reason) => this.#down(reason),
      },
    );
  }

  #subscribed(refused: readonly string[]): void {
    const { logger } = this.#parts;
    const { name, url } = this.#source;
    this.#isUp = true;
    if (this.#stableTimer) clearTimeout(this.#stableTimer);
    this.#stableTimer = setTimeout(() => this.#backoff.reset(), this.#backoffLimits.stableMs);
    this.#hasSubscribed = true;
    this.#hasWarned = false;
    this.#problem = refused.length === 0 ? null : `the broker refused the filter ${refused.join(", ")}`;
    if (this.#problem === null) logger.info({ source: name, url }, "a source is connected");
    else logger.warn({ source: name, url }, this.#problem);
  }

  #down(reason: string): void {
    const { logger } = this.#parts;
    this.#endUp();
    this.#problem = reason;
    if (this.#closed !== null) return;
    const delayMs = Math.round(this.#backoff.nextDelayMs());
    const context = { source: this.name, url: this.#source.url, reason, delayMs };
    // Once per outage: a source that is away for a night is one event.
    if (this.#hasWarned) logger.debug(context, "a source is still down");
    else logger.warn(context, "a source is down; trying again, with growing pauses");
    this.#hasWarned = true;
    this.#retryTimer = setTimeout(() => {
      this.#connection = this.#connect();
    }, delayMs);
  }
  #endUp(): void {
    if (this.#stableTimer) clearTimeout(this.#stableTimer);
    this.#stableTimer = null;
    this.#isUp = false;
  }
}
