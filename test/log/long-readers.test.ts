import { existsSync, statSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import type { Log, ObservedPlace } from "../../src/log/contract.ts";
import { append, open, reading } from "./harness.ts";
import { sqliteIn, temporaryFolder } from "./place.ts";

const mebibyte = 1024 * 1024;
const maxBytes = 12 * mebibyte;
/** SQLite writes on from its beginning once it is moved into the file, which is tried from 4 MiB on; it is never larger than this. */
const maxWalBytes = 9 * mebibyte;

/** Reads everything by topic and time, again and again. */
async function exportOn(log: Log, isOver: () => boolean): Promise<number> {
  let pages = 0;
  for (let after: ObservedPlace | null = null; !isOver(); pages++) {
    after = (await log.observed({ filter: "#", maxBytes: 16 * 1024, after })).next;
  }
  return pages;
}

/** Reads everything in its order, far behind the head, again and again. */
async function resumeOn(log: Log, isOver: () => boolean): Promise<number> {
  let pages = 0;
  for (let at = log.oldest + 1_000; !isOver(); pages++) {
    const page = await log.read(at, 64 * 1024);
    at = page.kind === "evicted" || page.through > log.head - 2_000 ? log.oldest + 1_000 : page.through;
  }
  return pages;
}

async function backUpOn(log: Log, folder: string, isOver: () => boolean): Promise<number> {
  let copies = 0;
  for (; !isOver(); copies++) {
    await log.backup(join(folder, "copy.db"));
    await rm(join(folder, "copy.db"));
  }
  return copies;
}

it("readers and backups that never end let neither file grow, while the ring evicts", {
  timeout: 120_000,
}, async () => {
  const folder = await temporaryFolder();
  const options = { tailRecords: 500, latestCheckpointBytes: mebibyte, gatherMs: 0 };
  const log = await open(sqliteIn(folder, { maxBytes }), options);
  let n = 0;
  const store = () =>
    append(
      log,
      ...Array.from({ length: 100 }, () => reading(`d${n % 50}`, { n: n++, pad: "x".repeat(900) })),
    );
  while (log.oldest === 1) await store();
  let isOver = false;
  const over = () => isOver;
  const others = Promise.all([exportOn(log, over), resumeOn(log, over), backUpOn(log, folder, over)]);
  const [file, wal] = [join(folder, "log.db"), join(folder, "log.db-wal")];
  let [largestFile, largestWal, smallestFile] = [0, 0, Number.POSITIVE_INFINITY];
  const until = log.head + (2 * maxBytes) / 2_000;
  while (log.head < until) {
    await store();
    largestFile = Math.max(largestFile, statSync(file).size);
    smallestFile = Math.min(smallestFile, statSync(file).size);
    largestWal = Math.max(largestWal, existsSync(wal) ? statSync(wal).size : 0);
  }
  isOver = true;
  for (const count of await others) expect(count).toBeGreaterThan(0);
  expect(largestWal).toBeLessThan(maxWalBytes);
  expect(largestFile / maxBytes).toBeLessThan(1.1);
  expect(smallestFile / maxBytes).toBeGreaterThan(0.8);
  await log.close();
  await rm(folder, { recursive: true });
});
