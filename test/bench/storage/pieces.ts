import { closeSync, openSync, readSync } from "node:fs";
import { monitorEventLoopDelay, PerformanceObserver, performance } from "node:perf_hooks";
import { Worker } from "node:worker_threads";
import { Turns } from "../../../src/http/turns.ts";
import { MemoryEngine } from "../../../src/log/engines/memory.ts";
import { SqliteEngine } from "../../../src/log/engines/sqlite.ts";
import { Hub } from "../../../src/stream/hub.ts";
import type { PieceFigures, PiecesAnswer } from "./piece-figures.ts";

/**
 * Loaded into a gateway under measurement (`node --import`), and into nothing else: times what its main thread does for the sake
 * of storage, piece by piece. A piece ends when the main thread is free again, so what follows from an answer of the store in
 * the same turn (latest, the push, PUBACKs, frames) belongs to it.
 */

const maxPieces = 1_000_000;

interface Span {
  readonly from: number;
  readonly to: number;
}

/** Wall time without what the main thread waited for a core: the second number of schedstat (Linux, sched-stats.rst). */
class RunQueue {
  readonly #file = openSync(`/proc/self/task/${process.pid}/schedstat`, "r");
  readonly #text = Buffer.alloc(64);

  waitedMs(): number {
    const length = readSync(this.#file, this.#text, 0, this.#text.length, 0);
    return Number(this.#text.toString("latin1", 0, length).split(" ")[1]) / 1e6;
  }

  close(): void {
    closeSync(this.#file);
  }
}

const queue = new RunQueue();
const pieces = new Map<string, { span: Span; ms: number }[]>();
let collections: Span[] = [];

/** Begins a piece; what it returns ends it. */
function begin(name: string): () => void {
  const waited = queue.waitedMs();
  const from = performance.now();
  return () => {
    const to = performance.now();
    const ms = Math.max(0, to - from - (queue.waitedMs() - waited));
    const all = pieces.get(name) ?? [];
    if (all.length < maxPieces) all.push({ span: { from, to }, ms });
    pieces.set(name, all);
  };
}

/** Rounds of promises and ticks that are waited for: what one queues, the next one runs. */
const rounds = 6;

/** Begins a piece that ends when this turn's promises and ticks have run. */
function beginTurn(name: string): void {
  const end = begin(name);
  let left = rounds;
  // A tick that is queued by a promise runs when there are no more promises.
  const wait = () => queueMicrotask(() => process.nextTick(--left > 0 ? wait : end));
  wait();
}

type Method = (this: unknown, ...values: unknown[]) => unknown;

function replace(owner: object, name: string, make: (original: Method) => Method): void {
  const original = Reflect.get(owner, name) as Method;
  Reflect.set(owner, name, make(original));
}

/** Which question each answer of the storage thread is for. */
const questions = new Map<number, string>();

for (const engine of [SqliteEngine.prototype, MemoryEngine.prototype]) {
  replace(engine, "commit", (original) => {
    return function (this: unknown, ...values) {
      const end = begin("commit: pack and post");
      const answer = original.apply(this, values);
      end();
      return answer;
    };
  });
}
replace(Worker.prototype, "postMessage", (original) => {
  return function (this: unknown, ...values) {
    const { id, call } = values[0] as { id: number; call?: { name: string } };
    // Others have threads, too.
    if (call !== undefined) questions.set(id, call.name);
    return original.apply(this, values);
  };
});
replace(Worker.prototype, "on", (original) => {
  return function (this: unknown, event, listener) {
    const take = listener as (answer: { id: number }) => void;
    const timed = (answer: { id: number }) => {
      const question = questions.get(answer.id);
      if (question !== undefined) beginTurn(`${question}: answer and all that follows`);
      questions.delete(answer.id);
      take(answer);
    };
    return original.call(this, event, event === "message" ? timed : listener);
  };
});
replace(Turns.prototype, "next", (original) => {
  return function (this: unknown) {
    return (original.call(this) as Promise<void>).then(() => beginTurn("export: a slice"));
  };
});
replace(Hub.prototype, "takeTurns", (original) => {
  return function (this: unknown) {
    const end = begin("resume: turns");
    original.call(this);
    end();
  };
});

const observer = new PerformanceObserver((list) => {
  for (const { startTime, duration } of list.getEntries()) {
    collections.push({ from: startTime, to: startTime + duration });
  }
});
observer.observe({ entryTypes: ["gc"] });
const delay = monitorEventLoopDelay({ resolution: 1 });
delay.enable();

function figuresOf(all: readonly { span: Span; ms: number }[]): PieceFigures {
  const pure = all.map(({ span, ms }) => Math.max(0, ms - collectedIn(span))).sort((a, b) => a - b);
  const at = (share: number) => pure[Math.min(pure.length - 1, Math.floor(pure.length * share))] ?? 0;
  return {
    count: all.length,
    p50: at(0.5),
    p99: at(0.99),
    max: at(1),
    maxWithGc: all.reduce((max, { ms }) => Math.max(max, ms), 0),
  };
}

function collectedIn({ from, to }: Span): number {
  if (to - from < 1) return 0;
  return collections.reduce((sum, gc) => sum + Math.max(0, Math.min(to, gc.to) - Math.max(from, gc.from)), 0);
}

function answer(): PiecesAnswer {
  const named = [...pieces].map(([name, all]): [string, PieceFigures] => [name, figuresOf(all)]);
  const longestGc = collections.reduce((max, { from, to }) => Math.max(max, to - from), 0);
  const ms = (nanoseconds: number) => nanoseconds / 1e6;
  const loop = { p50: ms(delay.percentile(50)), p99: ms(delay.percentile(99)), max: ms(delay.max) };
  return { pieces: Object.fromEntries(named.sort()), loop, longestGc };
}

process.on("message", (question: "reset" | "report") => {
  if (question === "report") process.send?.({ answer: answer() });
  else process.send?.({ answer: null });
  pieces.clear();
  collections = [];
  delay.reset();
});
process.channel?.unref();
process.on("exit", () => queue.close());
