import { expect } from "vitest";
import type { Log, LogRecord, Page, QuarantineQuery } from "../../src/log/contract.ts";
import type { EngineBatch, EngineState, LogEngine, ObservedAsk } from "../../src/log/engine.ts";
import { openLog } from "../../src/log/log.ts";
import type { LogOptions } from "../../src/log/options.ts";
import type { Reading, Values } from "../../src/model/reading.ts";
import { silentLogger } from "../../src/observe/log.ts";

export const t0 = Date.parse("2026-11-22T10:00:00.000Z");

/** A clock that the test moves. */
export class TestClock {
  time = t0;
  now(): number {
    return this.time;
  }
}

export function open(
  engine: LogEngine,
  options: Partial<LogOptions> = {},
  clock = new TestClock(),
): Promise<Log> {
  return openLog(engine, options, clock, silentLogger);
}

export function reading(device: string, values: Values = { lat: 60.1, lon: 24.9 }, time = t0): Reading {
  return { domain: "gps", device, time, values };
}

/** Appends and waits for the commit. */
export async function append(log: Log, ...readings: Reading[]): Promise<void> {
  await log.append({ readings });
}

/** Everything from `after` on, page by page; fails on a hole or a duplicate. */
export async function readAll(log: Log, after: number, maxBytes = 2_000): Promise<LogRecord[]> {
  const records: LogRecord[] = [];
  let at = after;
  while (at < log.head) {
    const page: Page = await log.read(at, maxBytes);
    if (page.kind !== "records") throw new Error(`evicted, oldest is ${page.oldest}`);
    expect(page.records.length).toBeGreaterThan(0);
    for (const record of page.records) expect(record.seq).toBe(++at);
    expect(page.through).toBe(at);
    records.push(...page.records);
  }
  return records;
}

export function plain({ seq, topic, time, values }: LogRecord) {
  return { seq, topic: topic.name, time, values };
}

/** An engine whose commits the test holds back or makes fail; everything else goes straight through. */
export class TestedEngine implements LogEngine {
  readonly #engine: LogEngine;
  readonly batches: EngineBatch[] = [];
  /** What the store was asked for: pages, observations, places. */
  reads = 0;
  #failure: string | null = null;
  #failures = 0;
  #held: (() => void)[] | null = null;

  constructor(engine: LogEngine) {
    this.#engine = engine;
  }

  /** The next `times` commits fail with `reason`; null mends. */
  fail(reason: string | null, times = Number.POSITIVE_INFINITY): void {
    this.#failure = reason;
    this.#failures = times;
  }

  /** Commits wait from now on. */
  hold(): void {
    this.#held ??= [];
  }

  release(): void {
    for (const go of this.#held ?? []) go();
    this.#held = null;
  }

  open(...events: Parameters<LogEngine["open"]>): Promise<EngineState> {
    return this.#engine.open(...events);
  }

  async commit(batch: EngineBatch): Promise<{ readonly oldest: number }> {
    this.batches.push(batch);
    const held = this.#held;
    if (held) await new Promise<void>((resolve) => held.push(resolve));
    if (this.#failure !== null && this.#failures-- > 0) throw new Error(this.#failure);
    return this.#engine.commit(batch);
  }

  read(after: number, maxBytes: number) {
    this.reads++;
    return this.#engine.read(after, maxBytes);
  }

  observed(ask: ObservedAsk) {
    this.reads++;
    return this.#engine.observed(ask);
  }

  firstAfter(time: number) {
    this.reads++;
    return this.#engine.firstAfter(time);
  }

  limitedSince(domain: string | null) {
    return this.#engine.limitedSince?.(domain) ?? Promise.resolve(null);
  }

  quarantined(limit: number, query: QuarantineQuery) {
    return this.#engine.quarantined(limit, query);
  }

  backup(path: string) {
    return this.#engine.backup(path);
  }

  close(): Promise<void> {
    return this.#engine.close();
  }
}

/** Waits until `check` is true. */
export async function until(check: () => boolean | Promise<boolean>): Promise<void> {
  await expect.poll(check, { timeout: 20_000, interval: 5 }).toBe(true);
}
