import { closeSync, openSync, statSync, truncateSync, writeSync } from "node:fs";
import { cp, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Log } from "../../src/log/contract.ts";
import type { LogOptions } from "../../src/log/options.ts";
import { append, open, reading, until } from "./harness.ts";
import { sqliteIn, temporaryFolder } from "./place.ts";

const pageBytes = 4_096;
const text = "x".repeat(300);

let folder: string;
let log: Log;
beforeEach(async () => {
  folder = await temporaryFolder();
});
afterEach(async () => {
  await log.close();
  await rm(folder, { recursive: true, force: true });
});

const path = (name = "log.db") => join(folder, name);

/** Readings that are in the file as a checkpoint left it, not in its write-ahead log alone. */
async function start(options: Partial<LogOptions> = {}): Promise<Set<number>> {
  log = await open(sqliteIn(folder), options);
  const acknowledged = await store(0, 300);
  await log.close();
  // SQLite keeps in memory what was read; so little is.
  log = await open(sqliteIn(folder), { latestCheckpointMs: 20, maxRecentReadings: 0, ...options });
  return acknowledged;
}

/** Appends readings of these numbers; returns which were acknowledged. */
async function store(from: number, to: number): Promise<Set<number>> {
  const acknowledged = new Set<number>();
  for (let n = from; n < to; n++) {
    const device = `d${n % 7}`;
    const appended = append(log, reading(device, { n, text, [`field-${n % 5}`]: 1 }));
    await appended.then(
      () => acknowledged.add(n),
      () => null,
    );
  }
  return acknowledged;
}

/** The numbers of what can be read, and how much is said to be gone. */
async function readThrough(one: Log): Promise<{ numbers: Set<unknown>; gone: number }> {
  const numbers = new Set<unknown>();
  let gone = 0;
  for (let at = 0; at < one.head; ) {
    const page = await one.read(at, 20_000);
    if (page.kind === "evicted") {
      gone += page.oldest - 1 - at;
      at = page.oldest - 1;
      continue;
    }
    for (const { values } of page.records) numbers.add(values["n"]);
    at = page.through;
  }
  return { numbers, gone };
}

/** Opens what a crash now would leave. */
async function afterCrash<Answer>(look: (left: Log) => Promise<Answer>): Promise<Answer> {
  const crashed = await temporaryFolder();
  for (const name of await readdir(folder)) await cp(path(name), join(crashed, name));
  const left = await open(sqliteIn(crashed), { tailRecords: 0 });
  try {
    return await look(left);
  } finally {
    await left.close();
    await rm(crashed, { recursive: true, force: true });
  }
}

function garble(from: number, to: number): void {
  const pages = statSync(path()).size / pageBytes;
  const fd = openSync(path(), "r+");
  for (let page = Math.floor(pages * from); page < pages * to; page++) {
    writeSync(fd, Buffer.alloc(pageBytes, 0xa5), 0, pageBytes, page * pageBytes);
  }
  closeSync(fd);
}

/** What is in the file alone, and not in memory, is lost with it. */
const cuts: readonly (readonly [name: string, first: number, cut: () => Promise<void> | void])[] = [
  ["its write-ahead log is removed", 0, () => rm(path("log.db-wal"))],
  ["its write-ahead log is emptied", 0, () => truncateSync(path("log.db-wal"), 0)],
  ["its write-ahead log is cut off", 0, () => truncateSync(path("log.db-wal"), 20_000)],
  ["it is emptied", 300, () => truncateSync(path(), 0)],
  ["it is cut off", 300, () => truncateSync(path(), 10 * pageBytes)],
];

describe("a log in use", () => {
  it.each(cuts)("keeps what it acknowledged when %s, without a restart", async (_name, first, cut) => {
    const acknowledged = await start();
    for (const n of await store(300, 350)) acknowledged.add(n);
    await cut();
    for (const n of await store(350, 360)) acknowledged.add(n);
    await until(() => log.health().ok);
    const late = await store(360, 370);
    expect(late.size).toBe(10);
    for (const n of late) acknowledged.add(n);
    const live = await readThrough(log);
    expect([...acknowledged].filter((n) => n >= first && !live.numbers.has(n))).toEqual([]);
    expect(live.numbers.size + live.gone).toBe(log.head);
    const { numbers, latest } = await afterCrash(async (left) => ({
      ...(await readThrough(left)),
      latest: left.latest("#").map(({ topic }) => topic.name),
    }));
    expect([...acknowledged].filter((n) => n >= first && !numbers.has(n))).toEqual([]);
    expect(latest.sort()).toEqual([0, 1, 2, 3, 4, 5, 6].map((n) => `gps/d${n}`));
  });

  it.each([
    ["all of it", 0, 1],
    ["its second half", 0.5, 1],
  ] as const)(
    "heals by itself from garbage over %s, and tells readers what is gone",
    async (_name, from, to) => {
      await start({ tailRecords: 20 });
      const { epoch } = log;
      garble(from, to);
      let failed = 0;
      // Commits and readers meet it sooner or later.
      await until(async () => {
        const n = 300 + failed++;
        await store(n, n + 1);
        await readThrough(log).catch(() => null);
        return (await readdir(folder)).includes("log.db.damaged-1") && log.health().ok;
      });
      const next = 300 + failed;
      expect((await store(next, next + 10)).size).toBe(10);
      expect(log.epoch).toBe(epoch);
      const live = await readThrough(log);
      expect(live.numbers.size + live.gone).toBe(log.head);
      // The tail had these.
      for (let n = Math.max(300, next - 5); n < next + 10; n++) expect(live.numbers).toContain(n);
      expect(log.latest("#")).toHaveLength(7);
      const left = await afterCrash(async (one) => ({
        ...(await readThrough(one)),
        end: one.epochEnd(epoch),
        latest: one.latest("#").length,
      }));
      expect(left).toEqual({ ...live, end: log.head, latest: 7 });
    },
  );
});
