import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { Log, ObservedPage, ObservedPlace } from "../../src/log/contract.ts";
import { open, readAll } from "./harness.ts";
import { sqliteIn, temporaryFolder } from "./place.ts";

/** So little that segments are being written whenever the child is killed. */
const maxGatheredBytes = 3_000;
const script = new URL("./kill-child.js", import.meta.url).pathname;

/** Lets the child append until it has acknowledged `count`, kills it in the middle, returns what it acknowledged. */
async function runAndKill(folder: string, durability: string, count: number): Promise<string[]> {
  const child: ChildProcess = spawn(
    process.execPath,
    [script, join(folder, "log.db"), durability, String(maxGatheredBytes)],
    {
      stdio: ["ignore", "pipe", "inherit"],
    },
  );
  let output = "";
  child.stdout?.setEncoding("utf8");
  child.stdout?.on("data", (text: string) => {
    output += text;
    if (output.split("\n").length > count) child.kill("SIGKILL");
  });
  const [, signal] = await once(child, "close");
  expect(signal).toBe("SIGKILL");
  return output.split("\n").slice(0, -1);
}

/** Latest by its rule, from every reading in the log. */
async function expectedLatest(log: Log) {
  const topics: Record<string, Record<string, { time: number; value: unknown }>> = {};
  for (const { topic, time, values } of await readAll(log, 0, 100_000)) {
    topics[topic.name] ??= {};
    const best = topics[topic.name] as Record<string, { time: number; value: unknown }>;
    for (const [name, value] of Object.entries(values)) {
      if (time >= (best[name]?.time ?? Number.NEGATIVE_INFINITY)) best[name] = { time, value };
    }
  }
  return topics;
}

/** Every seq as it is found by topic and time. */
async function seqsByTopic(log: Log): Promise<number[]> {
  const seqs: number[] = [];
  for (let after: ObservedPlace | null | undefined; after !== null; ) {
    const page: ObservedPage = await log.observed({ filter: "#", maxBytes: 100_000, after: after ?? null });
    seqs.push(...page.records.map(({ seq }) => seq));
    after = page.next;
  }
  return seqs;
}

async function expectedByTopic(log: Log): Promise<number[]> {
  const records = await readAll(log, 0, 100_000);
  records.sort((a, b) => a.topic.id - b.topic.id || a.time - b.time || a.seq - b.seq);
  return records.map(({ seq }) => seq);
}

function seenLatest(log: Log) {
  const topics: Record<string, Record<string, { time: number; value: unknown }>> = {};
  for (const { topic, time, values, times } of log.latest("#")) {
    const fields = Object.entries(values).map(([name, value]) => [
      name,
      { time: times?.[name] ?? time, value },
    ]);
    topics[topic.name] = Object.fromEntries(fields);
  }
  return topics;
}

describe("kill -9 in the middle of commits", () => {
  it.each(["process", "power-loss"])(
    "loses nothing acknowledged: %s",
    { timeout: 120_000 },
    async (durability) => {
      const folder = await temporaryFolder();
      const acknowledged: string[] = [];
      const ends: [epoch: string, head: number][] = [];
      for (const count of [1, 40, 333, 700]) {
        acknowledged.push(...(await runAndKill(folder, durability, count)));
        const log = await open(sqliteIn(folder, { maxGatheredBytes }));
        for (const [epoch, head] of ends) expect(log.epochEnd(epoch)).toBe(head);
        ends.push([log.epoch, log.head]);
        const stored = new Set((await readAll(log, 0, 100_000)).map(({ values }) => values["id"]));
        expect(acknowledged.filter((id) => !stored.has(id))).toEqual([]);
        // Two readings an append: a batch is there whole or not at all.
        expect(log.head % 2).toBe(0);
        expect(seenLatest(log)).toEqual(await expectedLatest(log));
        expect(await seqsByTopic(log)).toEqual(await expectedByTopic(log));
        await log.close();
      }
      await rm(folder, { recursive: true });
    },
  );
});
