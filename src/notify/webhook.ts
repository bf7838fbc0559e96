import { createHash, createHmac } from "node:crypto";
import { setImmediate as nextTurn } from "node:timers/promises";
import { type Log, type LogRecord, LogUnavailable, type SavedProgress } from "../log/contract.ts";
import { Backoff } from "../model/backoff.ts";
import type { Clock, SteadyClock } from "../model/clock.ts";
import { matchesFilter } from "../model/filter.ts";
import { isoTime } from "../model/reading.ts";
import type { Logger } from "../observe/log.ts";
import { StoredAges } from "./stored-ages.ts";

/** Where readings go, and which. */
export interface WebhookSettings {
  readonly name: string;
  /** `http://` or `https://`. */
  readonly url: string;
  readonly secret: string;
  /** MQTT filter of the topics. */
  readonly filter: string;
  /** Only readings whose value `state` is one of these. */
  readonly states: readonly string[];
  /** How long the receiver may take to answer, seconds. */
  readonly timeoutS: number;
  /** What could not be delivered so many hours after it was stored is given up. */
  readonly giveUpH: number;
}

export interface WebhookFigures {
  readonly name: string;
  readonly delivered: number;
  /** Attempts that failed. */
  readonly failed: number;
  /** Readings given up: refused for good, or too old. */
  readonly dropped: number;
  /** Readings of the log that it has not seen. */
  readonly lag: number;
  /** What went wrong with the last attempt, null if nothing. */
  readonly problem: string | null;
}

export interface WebhookDependencies {
  readonly log: Log;
  readonly clock: Clock;
  readonly steady: SteadyClock;
  readonly logger: Logger;
  /** Gives numbers from 0 up to 1. */
  readonly random: () => number;
  readonly retry?: { readonly firstDelayMs: number; readonly maxDelayMs: number };
}

const pageBytes = 64 * 1024;
/** Alerts that were sent and are not over: of more, those that were sent longest ago are forgotten. */
const maxStanding = 1_000;
/** How long to wait before a log that cannot be read is tried again. */
const logRetryMs = 1_000;
const defaultRetry = { firstDelayMs: 1_000, maxDelayMs: 300_000 };

/**
 * Tells somebody over HTTP: each reading that matches is sent as a POST, one after the other in the order of the log, again and
 * again until the receiver takes it. It is a cursor over the log, so the log is its queue, and it holds up nobody. The place up to
 * which all was taken is stored in the log, with the alerts that stand then: after a restart it goes on there, and at worst sends the last one again (`delivery` is
 * the same then). README.md beside this file tells a receiver what comes.
 */
export class Webhook {
  readonly #settings: WebhookSettings;
  readonly #dependencies: WebhookDependencies;
  readonly #ages: StoredAges;
  readonly #closing = new AbortController();
  readonly #unsubscribe: () => void;
  readonly #done: Promise<void>;
  /**
   * Times of what the receiver was told last of alerts that may be over before they fired, by topic: should a late reading take
   * one back, it must hear of that.
   */
  readonly #standing: Map<string, number>;
  #wake = () => {};
  #seq: number;
  #savedSeq: number;
  #delivered = 0;
  #failed = 0;
  #dropped = 0;
  #problem: string | null = null;

  /** @param saved its progress when the log was opened; undefined: it begins with what comes from now on */
  constructor(
    settings: WebhookSettings,
    saved: SavedProgress | undefined,
    dependencies: WebhookDependencies,
  ) {
    this.#settings = settings;
    this.#dependencies = dependencies;
    const { log, clock, steady } = dependencies;
    this.#ages = new StoredAges(log, settings.giveUpH * 3_600_000, clock, steady);
    // A damaged log may have lost records that were delivered.
    this.#seq = Math.min(saved?.seq ?? log.head, log.head);
    this.#savedSeq = saved?.seq ?? -1;
    this.#standing = readStanding(saved?.state?.bytes);
    this.#unsubscribe = log.onCommitted(() => {
      this.#ages.note();
      this.#wake();
    });
    this.#done = this.#run();
  }

  figures(): WebhookFigures {
    return {
      name: this.#settings.name,
      delivered: this.#delivered,
      failed: this.#failed,
      dropped: this.#dropped,
      lag: Math.max(0, this.#dependencies.log.head - this.#seq),
      problem: this.#problem,
    };
  }

  /** Stops, and saves its place. The log must still be open. */
  async close(): Promise<void> {
    this.#closing.abort();
    this.#unsubscribe();
    this.#wake();
    await this.#done;
    await this.#save();
  }

  /** Never rejects. */
  async #run(): Promise<void> {
    await this.#save();
    while (!this.#closing.signal.aborted) {
      try {
        await this.#takePage();
      } catch (error) {
        // A log that cannot be read tells so itself.
        if (!(error instanceof LogUnavailable)) this.#fail(`it cannot go on: ${String(error)}`);
        await this.#pause(logRetryMs);
      }
    }
  }

  async #takePage(): Promise<void> {
    const { log, logger } = this.#dependencies;
    if (this.#seq >= log.head) return this.#waitForMore();
    const page = await log.read(this.#seq, pageBytes);
    if (page.kind === "evicted") {
      logger.warn(
        { webhook: this.#settings.name, from: this.#seq + 1, to: page.oldest - 1 },
        "the ring dropped readings before a webhook had seen them",
      );
      this.#seq = page.oldest - 1;
      return;
    }
    for (const record of page.records) {
      if (this.#isWanted(record)) {
        if (!(await this.#deliver(record))) return;
        this.#seq = record.seq;
        this.#noteStanding(record);
        await this.#save();
      }
      this.#seq = record.seq;
    }
    this.#seq = Math.max(this.#seq, page.through);
    await nextTurn();
  }

  #isWanted({ topic, time, values }: LogRecord): boolean {
    const { filter, states } = this.#settings;
    const { state, firedAt } = values;
    if (typeof state !== "string" || !matchesFilter(filter, topic.name)) return false;
    const isTakenBack = time >= (this.#standing.get(topic.name) ?? Number.POSITIVE_INFINITY);
    // Of an alert that was told, a late reading may show that it does not fire yet.
    if (!states.includes(state)) return state === "pending" && isTakenBack;
    // Of what was over before it fired nobody was told, unless a late reading takes back what was.
    return state !== "resolved" || firedAt !== null || isTakenBack;
  }

  /** A receiver goes by `time`, so what is over before the time of what it was told leaves that standing. */
  #noteStanding({ topic, time, values }: LogRecord): void {
    const { state, firedAt } = values;
    // Only rules have alerts that can be over before they fired, and say so.
    if (firedAt === undefined || !this.#settings.states.includes("resolved")) return;
    const standsAt = this.#standing.get(topic.name) ?? Number.NEGATIVE_INFINITY;
    if (state === "resolved" && time < standsAt) return;
    this.#standing.delete(topic.name);
    if (state === "resolved") return;
    this.#standing.set(topic.name, Math.max(time, standsAt));
    if (this.#standing.size <= maxStanding) return;
    for (const oldest of this.#standing.keys()) {
      this.#standing.delete(oldest);
      break;
    }
  }

  /** Returns false if it was closed meanwhile. */
  async #deliver(record: LogRecord): Promise<boolean> {
    const { random, retry = defaultRetry, logger } = this.#dependencies;
    const backoff = new Backoff({ ...retry, stableMs: 0 }, random);
    while (!this.#closing.signal.aborted) {
      const outcome = await this.#post(record);
      if (outcome === "taken") {
        this.#delivered++;
        this.#problem = null;
        return true;
      }
      if (this.#closing.signal.aborted) return false;
      if (outcome === "refused" || this.#ages.isOver(record)) {
        this.#dropped++;
        logger.warn(
          { webhook: this.#settings.name, topic: record.topic.name, seq: record.seq, problem: this.#problem },
          "a webhook's reading is given up",
        );
        return true;
      }
      await this.#pause(backoff.nextDelayMs());
    }
    return false;
  }

  async #post(record: LogRecord): Promise<"taken" | "refused" | "again"> {
    const { url, secret, timeoutS } = this.#settings;
    const { clock } = this.#dependencies;
    const delivery = deliveryOf(record);
    const body = bodyOf(record, delivery);
    const timeout = AbortSignal.timeout(timeoutS * 1_000);
    try {
      const response = await fetch(url, {
        method: "POST",
        body,
        // Where a redirect leads nobody has allowed.
        redirect: "manual",
        headers: {
          "content-type": "application/json",
          "user-agent": "fieldcast",
          "fieldcast-delivery": delivery,
          "fieldcast-signature": signatureOf(body, secret, clock.now()),
        },
        signal: AbortSignal.any([this.#closing.signal, timeout]),
      });
      await response.body?.cancel();
      if (response.ok) return "taken";
      this.#fail(`the receiver answered ${response.status}`);
      return finalStatuses.has(response.status) ? "refused" : "again";
    } catch (error) {
      const { cause, message } = error as Error;
      this.#fail(cause instanceof Error ? `${message}: ${cause.message}` : message);
      return "again";
    }
  }

  #fail(problem: string): void {
    if (this.#closing.signal.aborted) return;
    this.#failed++;
    this.#problem = problem;
  }

  /** If the log takes nothing now, the next time says more. */
  async #save(): Promise<void> {
    if (this.#savedSeq === this.#seq) return;
    const { log } = this.#dependencies;
    const state = Buffer.from(JSON.stringify([...this.#standing]));
    const progress = { name: progressName(this.#settings.name), seq: this.#seq, time: log.time, state };
    try {
      await log.append({ readings: [], progress });
      this.#savedSeq = progress.seq;
    } catch (error) {
      if (!(error instanceof LogUnavailable)) throw error;
    }
  }

  #waitForMore(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
      if (this.#closing.signal.aborted || this.#seq < this.#dependencies.log.head) resolve();
    });
  }

  #pause(ms: number): Promise<void> {
    const { signal } = this.#closing;
    if (signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const end = () => {
        clearTimeout(timer);
        signal.removeEventListener("abort", end);
        resolve();
      };
      const timer = setTimeout(end, ms);
      signal.addEventListener("abort", end);
    });
  }
}

/** The name of a webhook's place in the log. */
export function progressName(webhook: string): string {
  return `webhook:${webhook}`;
}

/**
 * `t=<seconds since 1970>,v1=<HMAC-SHA256 of "<t>.<body>", in hex>`: whoever knows the secret knows by it who sent the body, and when
 * (RFC 2104). The time is part of it, so that nobody can send an old one again later.
 */
export function signatureOf(body: string, secret: string, now: number): string {
  const seconds = Math.floor(now / 1_000);
  return `t=${seconds},v1=${createHmac("sha256", secret).update(`${seconds}.${body}`).digest("hex")}`;
}

/**
 * Names a reading, in this run of the log and later ones. The seq alone does not: after a crash that of a reading which was shown and
 * never stored is given to another one. Nor does the rest: a correction may come back to what was said before.
 */
function deliveryOf({ seq, topic, time, body }: LogRecord): string {
  const hash = createHash("sha256").update(`${topic.name}\n${time}\n`).update(body).digest("hex");
  return `${hash.slice(0, 16)}-${seq}`;
}

/** @param bytes what `#save` wrote; undefined if nothing was saved yet */
function readStanding(bytes: Uint8Array | undefined): Map<string, number> {
  if (bytes === undefined) return new Map();
  return new Map(JSON.parse(Buffer.from(bytes).toString()) as [string, number][]);
}

function bodyOf({ seq, topic, time, values, attrs }: LogRecord, delivery: string): string {
  const reading = { seq, topic: topic.name, time: isoTime(time), values, ...(attrs && { attrs }) };
  return JSON.stringify({ delivery, ...reading });
}

/** Statuses by which a receiver says that it will never take this body (RFC 9110, 15.5): all else may be mended meanwhile. */
const finalStatuses: ReadonlySet<number> = new Set([400, 410, 413, 415, 422]);
