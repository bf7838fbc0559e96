import {
  copyFileSync,
  existsSync,
  openSync,
  readdirSync,
  rmSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { copyFile, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import Database from "better-sqlite3";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Log } from "../../src/log/contract.ts";
import { openLog } from "../../src/log/log.ts";
import { silentLogger } from "../../src/observe/log.ts";
import { append, open, reading, TestClock, t0 } from "./harness.ts";
import { sqliteIn, temporaryFolder } from "./place.ts";

const pageBytes = 4_096;
const withoutTail = { tailRecords: 0 };

let folder: string;
let path: string;
beforeEach(async () => {
  folder = await temporaryFolder();
  path = join(folder, "log.db");
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** `count` readings, one a commit; the number of each is its seq. */
async function fill(log: Log, count: number, textChars = 300): Promise<void> {
  const text = "x".repeat(textChars);
  for (let n = 1; n <= count; n++) await append(log, reading(`d${n % 3}`, { n, text }, t0 + n));
}

async function filled(count: number, textChars?: number): Promise<void> {
  const log = await open(sqliteIn(folder));
  await fill(log, count, textChars);
  await log.close();
}

/** What a `kill -9` leaves of `count` commits. */
async function crashed(count: number): Promise<void> {
  const used = join(folder, "used");
  const log = await open(sqliteIn(used));
  await fill(log, count);
  for (const name of ["log.db", "log.db-wal"]) await copyFile(join(used, name), join(folder, name));
  await log.close();
  rmSync(used, { recursive: true });
}

/** All that is left, each reading proven to be what was stored; and the gaps. */
async function readThrough(log: Log): Promise<{ numbers: number[]; gaps: number }> {
  const numbers: number[] = [];
  let gaps = 0;
  for (let at = 0; at < log.head; ) {
    const page = await log.read(at, 100_000);
    if (page.kind === "evicted") {
      gaps++;
      at = page.oldest - 1;
      continue;
    }
    for (const { seq, topic, values } of page.records) {
      expect([topic.name, values["n"]]).toEqual([`gps/d${seq % 3}`, seq]);
      numbers.push(seq);
    }
    at = page.through;
  }
  return { numbers, gaps };
}

function garblePage(page: number): void {
  const fd = openSync(path, "r+");
  writeSync(fd, Buffer.alloc(pageBytes, 0xa5), 0, pageBytes, (page - 1) * pageBytes);
}

function rootOf(table: string): number {
  const db = new Database(path);
  const found = db
    .prepare<[string], { rootpage: number }>("SELECT rootpage FROM sqlite_master WHERE name = ?")
    .get(table);
  db.close();
  return found?.rootpage ?? 0;
}

/** Pages with rows of blocks, in order of their keys. */
function blockLeaves(bytes: Buffer, page: number): number[] {
  const at = (page - 1) * pageBytes;
  if (bytes[at] === 0x0d) return [page];
  const count = bytes.readUInt16BE(at + 3);
  const children = Array.from({ length: count }, (_, cell) =>
    bytes.readUInt32BE(at + bytes.readUInt16BE(at + 12 + 2 * cell)),
  );
  return [...children, bytes.readUInt32BE(at + 8)].flatMap((child) => blockLeaves(bytes, child));
}

function flipped(bytes: Buffer, at: number): Buffer {
  bytes[at] = (bytes[at] as number) ^ 1;
  return bytes;
}

const numbersTo = (count: number) => Array.from({ length: count }, (_, index) => index + 1);

describe("a salvage", () => {
  it("loses the rows of bad pages and no others", async () => {
    await filled(1_000);
    const leaves = blockLeaves(await readFile(path), rootOf("block"));
    expect(leaves.length).toBeGreaterThan(40);
    for (const share of [0.05, 0.5, 0.95]) garblePage(leaves[Math.floor(leaves.length * share)] as number);
    const log = await open(sqliteIn(folder), withoutTail);
    const { numbers, gaps } = await readThrough(log);
    expect(numbers.length).toBeGreaterThan(950);
    expect(gaps).toBe(3);
    expect(log.damage.lost).toBe(3);
    await log.close();
  });

  it.each(["block", "topic", "shape", "latest", "topic_copy"])(
    "loses nothing by a bad first page of %s",
    async (table) => {
      await filled(200);
      garblePage(rootOf(table));
      const log = await open(sqliteIn(folder), withoutTail);
      expect((await readThrough(log)).numbers).toEqual(numbersTo(200));
      expect(log.latest("gps/d2")[0]?.values["n"]).toBe(200);
      await log.close();
    },
  );

  it("finds readings where the first page of the file is gone", async () => {
    await filled(200);
    garblePage(1);
    const log = await open(sqliteIn(folder), withoutTail);
    expect((await readThrough(log)).numbers).toEqual(numbersTo(200));
    await log.close();
  });

  it("finds readings that go on over many pages", async () => {
    await filled(30, 20_000);
    garblePage(rootOf("block"));
    garblePage(1);
    const log = await open(sqliteIn(folder), withoutTail);
    expect((await readThrough(log)).numbers).toEqual(numbersTo(30));
    await log.close();
  });

  it("that was cut off is begun again, and nothing is set aside before it is complete", async () => {
    await filled(200);
    garblePage(rootOf("topic"));
    const damaged = await readFile(path);
    // What a kill leaves in the middle of it: a new log without readings.
    const empty = join(folder, "empty");
    await (await open(sqliteIn(empty))).close();
    copyFileSync(join(empty, "log.db"), `${path}.salvaging`);
    writeFileSync(`${path}.being-read`, "");
    const log = await open(sqliteIn(folder), withoutTail);
    expect((await readThrough(log)).numbers).toHaveLength(200);
    await log.close();
    expect(readdirSync(folder).sort()).toEqual(["empty", "log.db", "log.db.damaged-1"]);
    expect(await readFile(`${path}.damaged-1`)).toEqual(damaged);
  });

  it("that was complete is put in its place by the next start, wherever the last was cut off", async () => {
    await filled(200);
    copyFileSync(path, `${path}.salvaged`);
    garblePage(1);
    const damaged = await readFile(path);
    const first = await open(sqliteIn(folder), withoutTail);
    expect((await readThrough(first)).numbers).toHaveLength(200);
    await first.close();
    expect(await readFile(`${path}.damaged-1`)).toEqual(damaged);
    // The old one has gone aside, the new one is not there yet.
    copyFileSync(path, `${path}.salvaged`);
    rmSync(path);
    const second = await open(sqliteIn(folder), withoutTail);
    expect((await readThrough(second)).numbers).toHaveLength(200);
    await second.close();
  });

  it("without room says so, leaves all as it was, and is tried again", async () => {
    await filled(400);
    garblePage(rootOf("topic"));
    const damaged = await readFile(path);
    const attempt = open(sqliteIn(folder, { maxFileBytes: damaged.length / 2 }));
    await expect(attempt).rejects.toThrow(/is damaged .* cannot be taken over: no room .* left as it was/);
    expect(readdirSync(folder)).toEqual(["log.db"]);
    expect(await readFile(path)).toEqual(damaged);
    const log = await open(sqliteIn(folder), withoutTail);
    expect((await readThrough(log)).numbers).toHaveLength(400);
    await log.close();
  });
});

describe("a write-ahead log", () => {
  it.each(["empty", "gone"])("is read when the file beside it is %s", async (what) => {
    await crashed(100);
    if (what === "empty") truncateSync(path, 0);
    else rmSync(path);
    const wal = await readFile(`${path}-wal`);
    const log = await open(sqliteIn(folder), withoutTail);
    expect((await readThrough(log)).numbers).toEqual(numbersTo(100));
    await log.close();
    expect(await readFile(`${path}.damaged-1-wal`)).toEqual(wal);
  });

  it.each([0.1, 0.5, 0.8])("with a flipped bit at %d of it loses next to nothing", async (share) => {
    await crashed(100);
    const wal = await readFile(`${path}-wal`);
    const place = Math.floor(wal.length * share);
    await writeFile(`${path}-wal`, flipped(wal, place));
    const log = await open(sqliteIn(folder), withoutTail);
    const { numbers } = await readThrough(log);
    expect(numbers.length).toBeGreaterThan(95);
    expect(numbers.at(-1)).toBe(100);
    await log.close();
  });

  it.each([32, 4_096])("is read though its first %i bytes are garbage", async (bytes) => {
    await crashed(100);
    const wal = await readFile(`${path}-wal`);
    wal.fill(0xa5, 0, bytes);
    await writeFile(`${path}-wal`, wal);
    const log = await open(sqliteIn(folder), withoutTail);
    expect((await readThrough(log)).numbers).toEqual(numbersTo(100));
    await log.close();
    expect(existsSync(`${path}.damaged-1-wal`)).toBe(true);
  });

  it.each([
    [
      "is cut off in the middle of a commit",
      (wal: Buffer) => wal.subarray(0, Math.floor(wal.length * 0.9) + 100),
    ],
    ["has a flipped bit in its last commit", (wal: Buffer) => flipped(wal, wal.length - 2_000)],
  ])("that %s is told of", async (_name, damage) => {
    await crashed(100);
    writeFileSync(`${path}-wal`, damage(await readFile(`${path}-wal`)));
    const told: string[] = [];
    const logger = { ...silentLogger, error: (_about: object, text: string) => told.push(text) };
    const log = await openLog(sqliteIn(folder), {}, new TestClock(), logger as never);
    expect(told).toEqual([expect.stringMatching(/log\.db-wal ends in the middle of a commit/)]);
    expect(log.head).toBeGreaterThan(50);
    await log.close();
  });

  it("that is whole is not talked about", async () => {
    await crashed(100);
    const told: string[] = [];
    const logger = { ...silentLogger, error: (_about: object, text: string) => told.push(text) };
    const log = await openLog(sqliteIn(folder), {}, new TestClock(), logger as never);
    expect([told, log.head]).toEqual([[], 100]);
    await log.close();
  });
});
