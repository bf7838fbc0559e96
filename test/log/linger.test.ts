import { expect, it, onTestFinished } from "vitest";
import type { Log } from "../../src/log/contract.ts";
import type { LogOptions } from "../../src/log/options.ts";
import { append, gpsReading, openTestLog } from "../support/log.ts";

/** Longer than any test may run: a commit that came was not the timer's. */
const forever = 3_600_000;

async function lingering(options: Partial<LogOptions> = {}): Promise<Log> {
  const log = await openTestLog({ gatherMs: 0, lingerMs: forever, ...options });
  onTestFinished(() => log.close());
  // The first commit after a pause waits for nothing.
  await log.append({ readings: [gpsReading("first", {})], canWait: true });
  return log;
}

it("what nobody waits for leaves with what somebody waits for", async () => {
  const log = await lingering();
  const early = [1, 2, 3].map((n) => log.append({ readings: [gpsReading(`can-${n}`, {})], canWait: true }));
  // The log lingers by now: a turn of the loop has begun the next commit's wait.
  await new Promise((resolve) => setImmediate(resolve));
  await new Promise((resolve) => setImmediate(resolve));
  expect(log.head).toBe(1);
  await append(log, gpsReading("cannot", {}));
  await Promise.all(early);
  expect(log.head).toBe(5);
});

it("a commit that is full waits no longer", async () => {
  const log = await lingering({ maxCommitBytes: 2_000 });
  const all = Array.from({ length: 100 }, (_, n) =>
    log.append({ readings: [gpsReading(`van-${n}`, {})], canWait: true }),
  );
  // The last of them linger, those before them filled their commits.
  await all[50];
  expect(log.head).toBeGreaterThan(50);
});

it("closing stores what lingers", async () => {
  const log = await openTestLog({ gatherMs: 0, lingerMs: forever });
  await log.append({ readings: [gpsReading("first", {})], canWait: true });
  const second = log.append({ readings: [gpsReading("second", {})], canWait: true });
  await new Promise((resolve) => setImmediate(resolve));
  await new Promise((resolve) => setImmediate(resolve));
  await log.close();
  await second;
  expect(log.head).toBe(2);
});

it("a linger ends by itself", async () => {
  const log = await openTestLog({ gatherMs: 0, lingerMs: 20 });
  onTestFinished(() => log.close());
  for (let n = 1; n <= 3; n++) await log.append({ readings: [gpsReading("van", { n })], canWait: true });
  expect(log.head).toBe(3);
});
