import { spawnSync } from "node:child_process";
import { cp, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import Database from "better-sqlite3";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Log } from "../../src/log/contract.ts";
import { append, open, readAll, reading } from "./harness.ts";
import { sqliteIn, temporaryFolder } from "./place.ts";

let folder: string;
beforeEach(async () => {
  folder = await temporaryFolder();
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** The numbers of all that can be read, gaps left out. */
async function readableNumbers(log: Log): Promise<unknown[]> {
  const numbers: unknown[] = [];
  for (let at = 0; at < log.head; ) {
    const page = await log.read(at, 2_000);
    if (page.kind === "evicted") at = page.oldest - 1;
    else {
      numbers.push(...page.records.map(({ values }) => values["n"]));
      at = page.through;
    }
  }
  return numbers;
}

describe("opening a SQLite log", () => {
  it("makes the folder, and leaves one file after close", async () => {
    const log = await open(sqliteIn(join(folder, "deep/er")));
    await append(log, reading("a"));
    await log.close();
    expect(await readdir(join(folder, "deep/er"))).toEqual(["log.db"]);
  });

  it("sets a file aside that is no database, as it is, and begins a new log", async () => {
    const text = "these are the holiday pictures ".repeat(100);
    await writeFile(join(folder, "log.db"), text);
    const log = await open(sqliteIn(folder));
    await append(log, reading("a"));
    await log.close();
    expect((await readdir(folder)).sort()).toEqual(["log.db", "log.db.damaged-1"]);
    expect(await readFile(join(folder, "log.db.damaged-1"), "utf8")).toBe(text);
    const again = await open(sqliteIn(folder));
    expect([again.epochEnd(log.epoch), again.head]).toEqual([1, 1]);
    await again.close();
  });

  it("refuses another program's database, and one of another version", async () => {
    const db = new Database(join(folder, "log.db"));
    db.exec("CREATE TABLE holiday (id)");
    db.close();
    const before = await readFile(join(folder, "log.db"));
    await expect(open(sqliteIn(folder))).rejects.toThrow(/log\.db is a SQLite database of another program/);
    expect(await readFile(join(folder, "log.db"))).toEqual(before);
    await rm(join(folder, "log.db"));
    await (await open(sqliteIn(folder))).close();
    const newer = new Database(join(folder, "log.db"));
    newer.pragma("user_version = 99");
    newer.close();
    await expect(open(sqliteIn(folder))).rejects.toThrow(/log\.db has schema version 99/);
  });

  it("brings a file of schema version 1 to today's, with what is in it", async () => {
    const first = await open(sqliteIn(folder));
    await append(first, reading("a"));
    const { epoch } = first;
    await first.close();
    const db = new Database(join(folder, "log.db"));
    db.exec("DROP INDEX topic_copy; DROP INDEX shape_copy");
    db.exec(
      "DROP TABLE remembered; DROP TABLE progress; DROP TABLE progress_state; ALTER TABLE topic DROP COLUMN channel_at",
    );
    db.exec("DROP TABLE segment; DROP TABLE chunk; DROP TABLE epoch; ALTER TABLE block DROP COLUMN sum");
    for (const name of ["count", "bytes", "position"]) {
      db.exec(`ALTER TABLE meta DROP COLUMN remembered_${name}`);
    }
    db.pragma("user_version = 1");
    db.close();
    const second = await open(sqliteIn(folder));
    expect([second.epochEnd(epoch), second.head]).toEqual([1, 1]);
    expect([second.remembered(), second.progress()]).toEqual([[], []]);
    await second.append({
      readings: [],
      remember: [{ topic: "t", payload: Uint8Array.of(1), receivedAt: 5, client: null }],
    });
    await second.close();
    const third = await open(sqliteIn(folder));
    expect(third.remembered()).toMatchObject([{ topic: "t", receivedAt: 5, client: null }]);
    await third.close();
  });

  it("brings a file of schema version 2 to today's, with its history by topic", async () => {
    const first = await open(sqliteIn(folder));
    for (let n = 0; n < 30; n++) await append(first, reading("a", { n }), reading("b", { n }));
    await first.close();
    const db = new Database(join(folder, "log.db"));
    db.exec("DROP TABLE segment; DROP TABLE chunk; DROP TABLE epoch; ALTER TABLE block DROP COLUMN sum");
    db.exec("DROP INDEX topic_copy; DROP INDEX shape_copy");
    db.exec("DROP TABLE progress; DROP TABLE progress_state; ALTER TABLE topic DROP COLUMN channel_at");
    db.pragma("user_version = 2");
    db.close();
    const second = await open(sqliteIn(folder, { maxGatheredBytes: 500 }));
    await append(second, reading("a", { n: 30 }));
    const page = await second.observed({ filter: "gps/a", maxBytes: 100_000 });
    expect(page.records.map(({ values }) => values["n"])).toEqual(Array.from({ length: 31 }, (_, n) => n));
    await second.close();
  });

  it("brings a file of schema version 7 to today's, with the states of insights", async () => {
    const first = await open(sqliteIn(folder));
    await append(first, reading("a"), reading("a", { n: 2 }));
    await first.close();
    const db = new Database(join(folder, "log.db"));
    db.exec("DROP TABLE progress_state; ALTER TABLE progress ADD COLUMN state_seq INTEGER");
    db.exec("ALTER TABLE progress ADD COLUMN state_time INTEGER; ALTER TABLE progress ADD COLUMN state BLOB");
    db.exec("INSERT INTO progress VALUES ('one', 2, 20, 1, 10, x'0708'), ('other', 1, 10, NULL, NULL, NULL)");
    db.pragma("user_version = 7");
    db.close();
    const second = await open(sqliteIn(folder));
    expect(second.progress()).toEqual([
      { name: "one", seq: 2, time: 20, state: { seq: 1, time: 10, bytes: Uint8Array.of(7, 8) } },
      { name: "other", seq: 1, time: 10, state: null },
    ]);
    await second.close();
  });

  it("refuses a file that another gateway holds, until that one is gone", async () => {
    const first = await open(sqliteIn(folder));
    await expect(open(sqliteIn(folder))).rejects.toThrow(/log\.db is in use by another process/);
    await append(first, reading("a"));
    await first.close();
    const second = await open(sqliteIn(folder));
    expect(await readAll(second, 0)).toHaveLength(1);
    await second.close();
  });

  it("refuses a path that cannot be a file", async () => {
    await mkdir(join(folder, "log.db"));
    await expect(open(sqliteIn(folder))).rejects.toThrow(
      /log\.db cannot be opened for writing: it is a folder/,
    );
    await writeFile(join(folder, "file"), "");
    await expect(open(sqliteIn(join(folder, "file")))).rejects.toThrow(/cannot be opened for writing/);
  });

  it("says of a read-only disk that it is read-only", async (context) => {
    await (await open(sqliteIn(folder))).close();
    const bind = ["--bind", folder, folder];
    context.skip(spawnSync("mount", bind).status !== 0, "mounting is not allowed here");
    try {
      spawnSync("mount", ["-o", "remount,ro,bind", folder]);
      await expect(open(sqliteIn(folder))).rejects.toThrow(/log\.db cannot be written: .* is read-only/);
    } finally {
      spawnSync("umount", ["-l", folder]);
    }
    await (await open(sqliteIn(folder))).close();
  });

  it("refuses a folder that cannot be made, at once", async () => {
    // On Linux /proc answers ENOENT to those who want a folder in it.
    await expect(open(sqliteIn("/proc/fieldcast/data"))).rejects.toThrow(
      /data\/log\.db cannot be opened for writing: check that its folder exists \(or can be made\)/,
    );
    const long = join(folder, "x".repeat(300));
    await expect(open(sqliteIn(long))).rejects.toThrow(/cannot be opened for writing.*ENAMETOOLONG/);
  });

  it.each([
    ["its first pages", 4_096, 5 * 4_096],
    ["its header", 0, 100],
    ["pages in the middle", 40 * 4_096, 44 * 4_096],
    ["its second half", 80 * 4_096, Number.POSITIVE_INFINITY],
  ])(
    "reads what it can of a file with damage in %s, and tells that there is a gap",
    async (_name, from, to) => {
      const log = await open(sqliteIn(folder));
      for (let n = 0; n < 150; n++) await append(log, reading("a", { n, text: "x".repeat(3_000) }));
      await log.close();
      const bytes = await readFile(join(folder, "log.db"));
      bytes.fill(0xa5, from, Math.min(to, bytes.length));
      await writeFile(join(folder, "log.db"), bytes);
      const second = await open(sqliteIn(folder), { tailRecords: 0 });
      const isKept = second.epochEnd(log.epoch) !== null;
      await append(second, reading("a", { n: 1_000 }));
      const numbers = await readableNumbers(second);
      expect(numbers.at(-1)).toBe(1_000);
      expect(numbers).toEqual([...numbers].sort((a, b) => Number(a) - Number(b)));
      if (from >= 40 * 4_096) expect(numbers.length).toBeGreaterThan(20);
      expect(numbers.length).toBeLessThanOrEqual(151);
      await second.close();
      // Damage that only readers meet is set aside at the next start.
      const third = await open(sqliteIn(folder));
      expect(third.epochEnd(log.epoch)).toBeNull();
      if (!isKept) expect(third.epochEnd(second.epoch)).toBe(third.head);
      expect(await readableNumbers(third)).toEqual(numbers);
      await third.close();
      expect(await readdir(folder)).toContain("log.db.damaged-1");
    },
  );

  it("loses nothing but the bad table, at once, where only a small table is damaged", async () => {
    const log = await open(sqliteIn(folder));
    for (let n = 0; n < 50; n++) await append(log, reading("a", { n }));
    await log.close();
    const db = new Database(join(folder, "log.db"));
    const root = db.prepare<[], { rootpage: number }>(
      "SELECT rootpage FROM sqlite_master WHERE name = 'progress'",
    );
    const page = root.get()?.rootpage ?? 0;
    db.close();
    const bytes = await readFile(join(folder, "log.db"));
    bytes.fill(0xa5, (page - 1) * 4_096, page * 4_096);
    await writeFile(join(folder, "log.db"), bytes);
    const begin = Date.now();
    const second = await open(sqliteIn(folder), { tailRecords: 0 });
    // A lock that is waited for costs five seconds a table.
    expect(Date.now() - begin).toBeLessThan(5_000);
    expect(second.epochEnd(log.epoch)).toBeNull();
    expect(await readableNumbers(second)).toEqual(Array.from({ length: 50 }, (_, n) => n));
    await second.close();
  });

  it("notices that finished commits are missing behind a damaged place of the write-ahead log", async () => {
    const log = await open(sqliteIn(folder));
    for (let n = 0; n < 40; n++) await append(log, reading("a", { n }));
    const crashed = join(folder, "crashed");
    await mkdir(crashed);
    for (const name of ["log.db", "log.db-wal"]) {
      await writeFile(join(crashed, name), await readFile(join(folder, name)));
    }
    await log.close();
    const intact = join(folder, "intact");
    await cp(crashed, intact, { recursive: true });
    const wal = await readFile(join(crashed, "log.db-wal"));
    const middle = Math.floor(wal.length * 0.8);
    wal[middle] = (wal[middle] as number) ^ 1;
    await writeFile(join(crashed, "log.db-wal"), wal);
    const whole = await open(sqliteIn(intact));
    expect([whole.epochEnd(log.epoch), whole.head]).toEqual([40, 40]);
    await whole.close();
    const damaged = await open(sqliteIn(crashed));
    expect(damaged.epochEnd(log.epoch)).toBeNull();
    expect(damaged.head).toBe(40);
    expect(damaged.latest("gps/a")[0]?.values).toEqual({ n: 39 });
    expect((await readableNumbers(damaged)).length).toBeGreaterThan(35);
    await damaged.close();
    expect((await readdir(crashed)).sort()).toEqual(["log.db", "log.db.damaged-1", "log.db.damaged-1-wal"]);
  });

  it.each(["process", "power-loss"] as const)("keeps its durability as asked: %s", async (durability) => {
    const log = await open(sqliteIn(folder, { durability }));
    await append(log, reading("a"));
    await log.close();
    const again = await open(sqliteIn(folder, { durability }));
    expect(again.head).toBe(1);
    await again.close();
  });
});
