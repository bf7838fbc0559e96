import { expect, it } from "vitest";
import { MemoryEngine } from "../../src/log/engines/memory.ts";
import { randomEpoch } from "../../src/log/epoch.ts";
import { openLog } from "../../src/log/log.ts";
import { defaultRingOptions } from "../../src/log/options.ts";
import { systemClock } from "../../src/model/clock.ts";
import { silentLogger } from "../../src/observe/log.ts";
import { TestedEngine } from "../log/harness.ts";
import { append, gpsReading, openTestLog } from "../support/log.ts";
import { describeStream } from "./served.ts";

describeStream((served) => {
  const { serve, join, keep } = served;

  it("resumes from a cursor: each reading once, in order, across connections", async () => {
    const { log, server } = await serve();
    const first = await join(server);
    first.send({ type: "subscribe", id: 1, filter: "gps/+", from: "now" });
    await first.next("subscribed", 1);
    for (let i = 0; i < 50; i++) await append(log, gpsReading(`d${i % 5}`, { n: i }));
    await first.untilReadings(1, 50);
    const cursor = first.cursor(1);
    first.close();
    for (let i = 50; i < 2_000; i++) await append(log, gpsReading(`d${i % 5}`, { n: i }));
    const second = await join(server);
    second.send({ type: "subscribe", id: 9, filter: "gps/+", from: { cursor } });
    expect((await second.next("subscribed", 9)).snapshot).toBeUndefined();
    for (let i = 2_000; i < 2_100; i++) await append(log, gpsReading(`d${i % 5}`, { n: i }));
    const readings = await second.untilReadings(9, 2_050);
    expect(readings.map(({ values }) => values["n"])).toEqual(
      Array.from({ length: 2_050 }, (_, i) => i + 50),
    );
  });

  it("resumes thousands of readings that only the store holds, then goes live without a seam", async () => {
    const log = await openTestLog({ tailRecords: 100 });
    keep(log);
    const { server } = await serve({ maxFrameBytes: 4_096 }, log);
    for (let i = 0; i < 5_000; i += 50) {
      await append(log, ...Array.from({ length: 50 }, (_, k) => gpsReading(`d${k % 7}`, { n: i + k })));
    }
    const client = await join(server);
    client.send({ type: "subscribe", id: 1, filter: "gps/#", from: { cursor: `${log.epoch}:0` } });
    await client.next("readings", 1);
    for (let i = 5_000; i < 5_200; i++) await append(log, gpsReading("live", { n: i }));
    const readings = await client.untilReadings(1, 5_200);
    expect(readings.map(({ seq }) => seq)).toEqual(Array.from({ length: 5_200 }, (_, i) => i + 1));
  });

  it("resumes the last minute of everything from memory: the store is not asked", async () => {
    const engine = new TestedEngine(new MemoryEngine(defaultRingOptions, randomEpoch));
    const log = keep(await openLog(engine, {}, systemClock, silentLogger));
    const { server } = await serve({}, log);
    const t0 = Date.now() - 60_000;
    for (let second = 0; second < 60; second++) {
      const all = Array.from({ length: 100 }, (_, d) => gpsReading(`d${d}`, { second }, t0 + 1_000 * second));
      await append(log, ...all);
    }
    const client = await join(server);
    client.send({ type: "subscribe", id: 1, filter: "#", from: { cursor: `${log.epoch}:0` } });
    const readings = await client.untilReadings(1, 6_000);
    expect(readings.map(({ seq }) => seq)).toEqual(Array.from({ length: 6_000 }, (_, i) => i + 1));
    expect(engine.reads).toBe(0);
  });

  it("tells of a gap when the ring no longer has it, gives a fresh snapshot and what is left", async () => {
    const log = keep(
      await openTestLog(
        // Nothing is evicted but by what is appended here.
        { gatherMs: 0, tailRecords: 50, latestCheckpointBytes: 4_096, latestCheckpointMs: 3_600_000 },
        { maxBytes: 8_192 },
      ),
    );
    const { server } = await serve({}, log);
    for (let i = 0; i < 1_000; i++) await append(log, gpsReading(`d${i % 3}`, { n: i }));
    expect(log.oldest).toBeGreaterThan(1);
    const client = await join(server);
    client.send({ type: "subscribe", id: 1, filter: "gps/#", from: { cursor: `${log.epoch}:5` } });
    const gap = await client.next("gap", 1);
    const { oldest } = log;
    expect(gap).toEqual({ type: "gap", id: 1, reason: "evicted", from: 6, to: oldest - 1, oldest });
    const { snapshot, cursor } = await client.next("subscribed", 1);
    expect(snapshot?.map(({ topic, values }) => [topic, values["n"]])).toEqual([
      ["gps/d0", 999],
      ["gps/d1", 997],
      ["gps/d2", 998],
    ]);
    expect(cursor).toBe(`${log.epoch}:${oldest - 1}`);
    const left = Array.from({ length: 1_001 - oldest }, (_, i) => oldest + i);
    // Only then, as what is appended evicts what the client would not have been sent yet.
    await client.untilReadings(1, left.length);
    await append(log, gpsReading("d0", { n: 1_000 }));
    left.push(1_001);
    expect((await client.untilReadings(1, left.length)).map(({ seq }) => seq)).toEqual(left);
  });

  it("tells of a gap when the cursor is of another log or lies beyond this one", async () => {
    const { log, server } = await serve();
    await append(log, gpsReading("a", {}));
    const client = await join(server);
    client.send({ type: "subscribe", id: 1, filter: "#", from: { cursor: "anotherepoch:12" } });
    client.send({ type: "subscribe", id: 2, filter: "#", from: { cursor: `${log.epoch}:99` } });
    expect(await client.next("gap", 1)).toEqual({
      type: "gap",
      id: 1,
      reason: "epoch",
      from: null,
      to: null,
      oldest: 1,
    });
    expect(await client.next("gap", 2)).toEqual({
      type: "gap",
      id: 2,
      reason: "ahead",
      from: null,
      to: null,
      oldest: 1,
    });
    expect((await client.next("subscribed", 2)).snapshot).toHaveLength(1);
  });
});
