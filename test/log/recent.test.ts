import { rm } from "node:fs/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { readBody } from "../../src/wire/body.ts";
import { append, open, readAll, reading, TestedEngine, t0, until } from "./harness.ts";
import { memoryEngine, sqliteIn, temporaryFolder } from "./place.ts";

let folder: string;
beforeEach(async () => {
  folder = await temporaryFolder();
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const options = { maxRecentReadings: 20 };

describe("a reading that is sent again", () => {
  it("is stored once; one that differs in anything is another", async () => {
    const log = await open(memoryEngine(), options);
    const first = reading("a", { n: 1 });
    await append(log, first, { ...first }, reading("b", { n: 1 }));
    await append(log, first);
    await append(log, reading("a", { n: 1 }, t0 + 1), first, reading("a", { n: 2 }));
    await append(log, { ...first, attrs: { note: "x" } });
    const stored = await readAll(log, 0);
    expect(stored.map(({ topic, time, values }) => [topic.name, time - t0, values["n"]])).toEqual([
      ["gps/a", 0, 1],
      ["gps/b", 0, 1],
      ["gps/a", 1, 1],
      ["gps/a", 0, 2],
      ["gps/a", 0, 1],
    ]);
    expect(log.append({ readings: [first] })).toBeNull();
    await log.close();
  });

  it("is left out of an append of many, whose bodies follow each other; one that is refused leaves nothing behind", async () => {
    const log = await open(memoryEngine(), { maxRecentReadings: 1_000 });
    const note = "x".repeat(1_000);
    const many = Array.from({ length: 200 }, (_, n) => reading("a", { n: n % 150, note }));
    const bad = reading("b", { note: "x".repeat(100_000) });
    expect(() => log.append({ readings: [...many, bad] })).toThrow("maxReadingBytes");
    await append(log, ...many);
    const stored = (await readAll(log, 0)).map(({ body }) => readBody(body));
    expect(stored.map(({ seq, rest }) => [seq, ...rest])).toEqual(
      Array.from({ length: 150 }, (_, n) => [n + 1, n, note]),
    );
    await log.close();
  });

  it("is stored again when so many came in between, and always if nothing is to be known", async () => {
    const log = await open(memoryEngine(), options);
    const numbers = Array.from({ length: 300 }, (_, n) => n);
    for (const n of [...numbers, 299, 0]) await append(log, reading("a", { n }));
    expect((await readAll(log, 0)).map(({ values }) => values["n"])).toEqual([...numbers, 0]);
    await log.close();
    const forgetful = await open(memoryEngine(), { maxRecentReadings: 0 });
    await append(forgetful, reading("a"), reading("a"));
    expect(forgetful.head).toBe(2);
    await forgetful.close();
  });

  it("is acknowledged with the first one, and stored if that one fails", async () => {
    const engine = new TestedEngine(memoryEngine());
    const log = await open(engine, options);
    engine.hold();
    const done: string[] = [];
    const first = log.append({ readings: [reading("a")] })?.then(() => done.push("first"));
    await until(() => engine.batches.length === 1);
    const again = log.append({ readings: [reading("a")] })?.then(() => done.push("again"));
    expect(done).toEqual([]);
    engine.release();
    await Promise.all([first, again]);
    expect([done, log.head]).toEqual([["first", "again"], 1]);
    engine.fail("no room");
    await expect(append(log, reading("b"))).rejects.toThrow("no room");
    engine.fail(null);
    await append(log, reading("b"));
    expect(log.head).toBe(2);
    await log.close();
  });

  it("is stored each time if the gateway made it: what was corrected may be so after all", async () => {
    const log = await open(memoryEngine(), options);
    const word = (state: string) => ({
      domain: "alerts" as const,
      device: "rules/a",
      time: t0,
      values: { state },
    });
    for (const state of ["firing", "resolved", "firing"]) await append(log, word(state));
    expect(log.latest("alerts/#").map(({ values }) => values["state"])).toEqual(["firing"]);
    expect(log.head).toBe(3);
    await log.close();
  });

  it("is known after a restart", async () => {
    const log = await open(sqliteIn(folder), options);
    for (let n = 0; n < 28; n++) await append(log, reading("a", { n }));
    await log.close();
    const again = await open(sqliteIn(folder), options);
    for (const n of [19, 20, 21, 26, 27]) await append(again, reading("a", { n }));
    expect(again.head).toBe(28);
    await append(again, reading("a", { n: 2 }));
    expect(again.head).toBe(29);
    await again.close();
  });
});
