import { expect, it } from "vitest";
import { Coalescing, type Pausing } from "../../src/ingest/coalescing.ts";

/** A thread whose time the test moves. */
class TestedThread implements Pausing {
  time = 1_000;
  active = 0;
  readonly pauses: number[] = [];

  readonly now = (): number => this.time;
  readonly activeMs = (): number => this.active;
  readonly pause = (ms: number): void => {
    this.pauses.push(ms);
    this.time += ms;
    this.active += ms;
  };
}

/** Reads a socket so often, and works in between. */
async function read(
  thread: TestedThread,
  coalescing: Coalescing,
  times: number,
  everyMs: number,
  busyMs = 0,
) {
  for (let n = 0; n < times; n++) {
    coalescing.note();
    coalescing.note();
    await new Promise((resolve) => setImmediate(resolve));
    thread.time += everyMs;
    thread.active += busyMs;
  }
}

it("waits for more where one packet follows the other, and never longer than its interval", async () => {
  const thread = new TestedThread();
  await read(thread, new Coalescing(2, thread), 100, 0.5);
  expect(thread.pauses.length).toBeGreaterThan(90);
  expect(Math.max(...thread.pauses)).toBeLessThanOrEqual(2);
});

it("never waits for what comes alone", async () => {
  const thread = new TestedThread();
  await read(thread, new Coalescing(2, thread), 100, 5);
  expect(thread.pauses).toEqual([]);
});

it("does not hold a thread that has much to do, until it has not", async () => {
  const thread = new TestedThread();
  const coalescing = new Coalescing(2, thread);
  // Its first look finds no time in which it could have been busy.
  await read(thread, coalescing, 200, 1.6, 1.5);
  const before = thread.pauses.length;
  await read(thread, coalescing, 1_000, 1.6, 1.5);
  expect(thread.pauses.length).toBe(before);
  await read(thread, coalescing, 300, 1, 0.1);
  expect(thread.pauses.length).toBeGreaterThan(before);
});

it("is off at 0", async () => {
  const thread = new TestedThread();
  await read(thread, new Coalescing(0, thread), 100, 0.5);
  expect(thread.pauses).toEqual([]);
});
