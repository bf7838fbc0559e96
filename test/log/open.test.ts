import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import Database from "better-sqlite3";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { append, open, readAll, reading } from "./harness.ts";
import { sqliteIn, temporaryFolder } from "./place.ts";

let folder: string;
beforeEach(async () => {
  folder = await temporaryFolder();
});
afterEach(() => rm(folder, { recursive: true, force: true }));

describe("opening a SQLite log", () => {
  it("makes the folder, and leaves one file after close", async () => {
    const log = await open(sqliteIn(join(folder, "deep/er")));
    await append(log, reading("a"));
    await log.close();
    expect(await readdir(join(folder, "deep/er"))).toEqual(["log.db"]);
  });

  it("refuses a file that is no database, and leaves it as it is", async () => {
    const text = "these are the holiday pictures ".repeat(100);
    await writeFile(join(folder, "log.db"), text);
    await expect(open(sqliteIn(folder))).rejects.toThrow(/log\.db is not a database: move it away/);
    expect(await readFile(join(folder, "log.db"), "utf8")).toBe(text);
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
    db.exec("DROP TABLE remembered; DROP TABLE progress; ALTER TABLE topic DROP COLUMN channel_at");
    db.exec("DROP TABLE segment; DROP TABLE chunk");
    for (const name of ["count", "bytes", "position"]) {
      db.exec(`ALTER TABLE meta DROP COLUMN remembered_${name}`);
    }
    db.pragma("user_version = 1");
    db.close();
    const second = await open(sqliteIn(folder));
    expect(second).toMatchObject({ epoch, head: 1 });
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
    db.exec("DROP TABLE segment; DROP TABLE chunk");
    db.exec("DROP TABLE progress; ALTER TABLE topic DROP COLUMN channel_at");
    db.pragma("user_version = 2");
    db.close();
    const second = await open(sqliteIn(folder, { maxGatheredBytes: 500 }));
    await append(second, reading("a", { n: 30 }));
    const page = await second.observed({ filter: "gps/a", maxBytes: 100_000 });
    expect(page.records.map(({ values }) => values["n"])).toEqual(Array.from({ length: 31 }, (_, n) => n));
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
    await expect(open(sqliteIn(folder))).rejects.toThrow(/log\.db cannot be opened for writing/);
    await writeFile(join(folder, "file"), "");
    await expect(open(sqliteIn(join(folder, "file")))).rejects.toThrow(/cannot be opened for writing/);
  });

  it("refuses a folder that cannot be made, at once", async () => {
    // On Linux /proc answers ENOENT to those who want a folder in it.
    await expect(open(sqliteIn("/proc/fieldcast/data"))).rejects.toThrow(
      /data\/log\.db cannot be opened for writing: check that its folder exists \(or can be made\)/,
    );
    const long = join(folder, "x".repeat(300));
    await expect(open(sqliteIn(long))).rejects.toThrow(/cannot be opened for writing.*ENAMETOOLONG/);
  });

  it("refuses a damaged file with a word on what to do", async () => {
    const log = await open(sqliteIn(folder));
    for (let i = 0; i < 50; i++) await append(log, reading("a", { text: "x".repeat(3_000) }));
    await log.close();
    const bytes = await readFile(join(folder, "log.db"));
    bytes.fill(0xa5, 4_096, 5 * 4_096);
    await writeFile(join(folder, "log.db"), bytes);
    await expect(open(sqliteIn(folder))).rejects.toThrow(/log\.db is damaged: .*move it away/);
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
