import { rm } from "node:fs/promises";
import { join } from "node:path";
import Database from "better-sqlite3";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createRandom } from "../../firmware-sim/random.ts";
import type { Log, ObservedPage, ObservedPlace } from "../../src/log/contract.ts";
import { append, open, reading, t0 } from "./harness.ts";
import { sqliteIn, temporaryFolder } from "./place.ts";

const count = 120;
/** Readings of each commit, and so of each block. */
const perBlock = 4;
const withoutTail = { tailRecords: 0 };

let folder: string;
beforeEach(async () => {
  folder = await temporaryFolder();
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** The number of a reading tells its seq and its time. */
async function fill(maxGatheredBytes: number): Promise<void> {
  const log = await open(sqliteIn(folder, { maxGatheredBytes }));
  for (let n = 1; n <= count; n += perBlock) {
    const numbers = Array.from({ length: perBlock }, (_, more) => n + more);
    await append(log, ...numbers.map((one) => reading(`d${one % 3}`, { n: one }, t0 + one)));
  }
  await log.close();
}

/** Changes a stored blob behind the log's back: what a disk does, as far as SQLite can tell. */
function flipBit(table: "block" | "chunk" | "segment", row: number, at: number, bit = 0): void {
  const db = new Database(join(folder, "log.db"));
  const column = table === "segment" ? "directory" : "bytes";
  const found = db
    .prepare<[number], { id: number; bytes: Buffer }>(
      `SELECT rowid AS id, ${column} AS bytes FROM ${table} ORDER BY rowid LIMIT 1 OFFSET ?`,
    )
    .get(row);
  if (!found) throw new Error(`${table} has no row ${row}`);
  const place = Math.floor(at * found.bytes.length);
  found.bytes[place] = (found.bytes[place] as number) ^ (1 << bit);
  db.prepare(`UPDATE ${table} SET ${column} = ? WHERE rowid = ?`).run(found.bytes, found.id);
  db.close();
}

/** Seqs in the order of the log, and what is said to be gone. Nothing that is read may be wrong. */
async function readThrough(log: Log): Promise<{ seqs: number[]; gaps: [number, number][] }> {
  const seqs: number[] = [];
  const gaps: [number, number][] = [];
  for (let at = 0; at < log.head; ) {
    const page = await log.read(at, 300);
    if (page.kind === "evicted") {
      expect(page.oldest).toBeGreaterThan(at + 1);
      gaps.push([at + 1, page.oldest - 1]);
      at = page.oldest - 1;
      continue;
    }
    for (const { seq, time, values } of page.records) {
      expect([time - t0, values["n"]]).toEqual([seq, seq]);
      seqs.push(seq);
    }
    at = page.through;
  }
  return { seqs, gaps };
}

/** Seqs found by topic and time, in order. */
async function observed(log: Log): Promise<number[]> {
  const seqs: number[] = [];
  for (let after: ObservedPlace | null | undefined; after !== null; ) {
    const page: ObservedPage = await log.observed({ filter: "#", maxBytes: 500, after: after ?? null });
    for (const { seq, time, values } of page.records) {
      expect([time - t0, values["n"]]).toEqual([seq, seq]);
      seqs.push(seq);
    }
    after = page.next;
  }
  return seqs.sort((one, other) => one - other);
}

const all = Array.from({ length: count }, (_, index) => index + 1);

describe("a bit that flips on the disk", () => {
  it("in a block of which there is no other copy costs this block: its readers are told", async () => {
    await fill(1e6);
    flipBit("block", 10, 0.7);
    const log = await open(sqliteIn(folder), withoutTail);
    const left = all.filter((seq) => seq <= 40 || seq > 44);
    expect(await readThrough(log)).toEqual({ seqs: left, gaps: [[41, 44]] });
    expect(await observed(log)).toEqual(left);
    // However often it is met.
    await readThrough(log);
    expect(log.damage).toEqual({ mended: 0, lost: 1 });
    expect(log.health().ok).toBe(true);
    await log.close();
  });

  it("in the newest block stops nobody", async () => {
    await fill(1e6);
    flipBit("block", count / perBlock - 1, 0.7);
    const log = await open(sqliteIn(folder), withoutTail);
    await append(log, reading("d1", { n: count + 1 }, t0 + count + 1));
    const { gaps } = await readThrough(log);
    expect(gaps).toEqual([[count - perBlock + 1, count]]);
    await log.close();
  });

  it("in a block is mended from the copy by topic, for good", async () => {
    await fill(300);
    flipBit("block", 10, 0.7);
    const log = await open(sqliteIn(folder), withoutTail);
    expect(await readThrough(log)).toEqual({ seqs: all, gaps: [] });
    expect(log.damage).toEqual({ mended: 1, lost: 0 });
    await append(log, reading("d1", { n: count + 1 }, t0 + count + 1));
    await log.close();
    const again = await open(sqliteIn(folder), withoutTail);
    expect((await readThrough(again)).seqs).toHaveLength(count + 1);
    expect(again.damage).toEqual({ mended: 0, lost: 0 });
    await again.close();
  });

  it.each(["chunk", "segment"] as const)("in a %s of the copy by topic is made up for", async (table) => {
    await fill(600);
    flipBit(table, 2, 0.6);
    const log = await open(sqliteIn(folder), withoutTail);
    expect(await observed(log)).toEqual(all);
    expect(log.damage).toEqual({ mended: 1, lost: 0 });
    await log.close();
  });

  it.each([1, 2, 3, 4])("anywhere in either copy never makes a wrong value (seed %i)", async (seed) => {
    await fill(300);
    const random = createRandom(seed);
    for (let flip = 0; flip < 10; flip++) {
      const table = (["block", "chunk", "segment"] as const)[Math.floor(random.next() * 3)] ?? "block";
      flipBit(table, Math.floor(random.next() * 4), random.next(), Math.floor(random.next() * 8));
    }
    const log = await open(sqliteIn(folder), withoutTail);
    const { seqs, gaps } = await readThrough(log);
    const lost = gaps.flatMap(([from, to]) => all.slice(from - 1, to));
    expect([...seqs, ...lost].sort((one, other) => one - other)).toEqual(all);
    const found = await observed(log);
    expect(found).toEqual([...new Set(found)]);
    expect(found.length).toBeGreaterThan(count / 2);
    await log.close();
  });
});
