import { afterEach, describe, expect, it } from "vitest";
import type { Log } from "../../src/log/contract.ts";
import type { Decoded, Packet, QuarantinedPacket } from "../../src/model/packet.ts";
import { createNotices } from "../../src/pipeline/notices.ts";
import { createPipeline, type Route } from "../../src/pipeline/pipeline.ts";
import { createRetry } from "../../src/pipeline/retry.ts";
import { append, gpsReading, openTestLog } from "../support/log.ts";

const logs: Log[] = [];
afterEach(async () => {
  for (const log of logs.splice(0)) await log.close();
});

async function openLog(options: Parameters<typeof openTestLog>[0] = {}): Promise<Log> {
  const log = await openTestLog(options);
  logs.push(log);
  return log;
}

const time = Date.UTC(2026, 10, 22, 10);

function bad(topic: string, text = "x", format: string | null = "test"): QuarantinedPacket {
  const payload = new TextEncoder().encode(text);
  return { topic, payload, receivedAt: time, client: "c", format, reason: `why ${topic}` };
}

function routeOf(decode: (packet: Packet) => Decoded): () => Route {
  return () => (topic) => (topic.startsWith("unknown") ? null : { name: "test", decode });
}

/** A format that reads the time and the device from the payload. */
const readAll = routeOf(({ topic, payload }) => ({
  readings: [gpsReading(topic, { n: 1 }, Number(Buffer.from(payload).toString()))],
  rejected: null,
}));

describe("retry", () => {
  it("puts what can be read now into the log in its own time, and releases it with the same commit", async () => {
    const log = await openLog();
    await append(log, gpsReading("a", { n: 9 }, time));
    await log.append({ readings: [], quarantine: [bad("a", String(time - 60_000)), bad("b", String(time))] });
    const retried = await createRetry(log, readAll)(10, {});
    expect(retried.map(({ topic, rejected }) => [topic, rejected])).toEqual([
      ["a", null],
      ["b", null],
    ]);
    expect(await log.quarantined(10)).toEqual([]);
    expect(log.head).toBe(3);
    expect(log.latest("gps/a")[0]).toMatchObject({ time, values: { n: 9 } });
    expect(log.latest("gps/b")[0]).toMatchObject({ time });
  });

  it("leaves what still cannot be read, and parts of a packet too", async () => {
    const log = await openLog();
    const packets = [bad("unknown/1"), bad("half"), bad("poison"), bad("nothing")];
    await log.append({ readings: [], quarantine: packets });
    const route = routeOf(({ topic }) => {
      if (topic === "nothing") return { readings: [], rejected: null };
      const reading = gpsReading(topic, topic === "poison" ? { lat: Number.NaN } : {});
      return { readings: [reading], rejected: topic === "half" ? "entity 2: no position" : null };
    });
    const retried = await createRetry(log, route)(10, {});
    expect(retried.map(({ rejected }) => rejected)).toEqual([
      "no format reads this topic",
      "entity 2: no position",
      expect.stringMatching(/lat: is not a finite number/),
      null,
    ]);
    expect((await log.quarantined(10)).map(({ topic }) => topic)).toEqual(["poison", "half", "unknown/1"]);
    expect(log.head).toBe(0);
  });

  it("takes the oldest first and only what is asked for, with fresh decoders that know what is remembered", async () => {
    const log = await openLog();
    await log.append({ readings: [], quarantine: ["a/1", "b/1", "a/2", "a/3"].map((topic) => bad(topic)) });
    const seen: string[] = [];
    const retry = createRetry(
      log,
      routeOf(({ topic }) => {
        seen.push(topic);
        return { readings: [], rejected: "still not" };
      }),
    );
    await retry(2, { filter: "a/#" });
    expect(seen).toEqual(["a/1", "a/2"]);
  });

  it("stores nothing twice when two ask at once", async () => {
    const log = await openLog();
    const packets = Array.from({ length: 50 }, (_, n) => bad(`d${n}`, String(time + n)));
    await log.append({ readings: [], quarantine: packets });
    const retry = createRetry(log, readAll);
    await Promise.all([retry(100, {}), retry(100, {}), retry(100, {})]);
    expect(log.head).toBe(50);
    expect(await log.quarantined(100)).toEqual([]);
  });

  it("keeps in quarantine what the log has no room for", async () => {
    const log = await openLog({ maxTopics: 1 });
    await append(log, gpsReading("a", {}, time));
    await log.append({ readings: [], quarantine: [bad("a", String(time)), bad("b", String(time))] });
    const retried = await createRetry(log, readAll)(10, {});
    expect(retried.map(({ rejected }) => rejected)).toEqual([null, expect.stringMatching(/topics/)]);
    expect((await log.quarantined(10)).map(({ topic }) => topic)).toEqual(["b"]);
  });
});

describe("notices", () => {
  it("make a reading of each quarantined packet, under the format that tried", async () => {
    const log = await openLog();
    const notices = createNotices(log, { now: () => time });
    const route = routeOf(() => ({ readings: [], rejected: "lat: 95 is outside -90..90" }))();
    const pipeline = createPipeline(route, log, notices.announce);
    const packet = { payload: Uint8Array.of(1, 2, 3), receivedAt: time, client: "van" };
    await pipeline.ingest({ ...packet, topic: "t/1" });
    await pipeline.ingest({ ...packet, topic: "unknown/1", client: null });
    await log.append({ readings: [] });
    const found = log.latest("quarantine/#").map(({ topic, time: at, values }) => [topic.name, at, values]);
    expect(found).toEqual([
      [
        "quarantine/test",
        time,
        { topic: "t/1", reason: "lat: 95 is outside -90..90", bytes: 3, client: "van" },
      ],
      ["quarantine/unknown", time, { topic: "unknown/1", reason: "no format reads this topic", bytes: 3 }],
    ]);
  });

  it("are few in a flood, and say how many are missing", async () => {
    const log = await openLog();
    let now = time;
    const notices = createNotices(log, { now: () => now }, 3);
    for (let n = 0; n < 100; n++) notices.announce(bad(`t/${n}`));
    now += 1_000;
    notices.announce(bad("t/100"));
    now -= 60_000;
    notices.announce(bad("t/101"));
    await log.append({ readings: [] });
    expect(log.head).toBe(5);
    expect(notices.suppressed()).toBe(97);
    expect(log.latest("quarantine/test")[0]?.values["suppressed"]).toBe(97);
  });

  it("stay small, and never fail", async () => {
    const log = await openLog({ maxTopics: 1 });
    const notices = createNotices(log, { now: () => time });
    notices.announce({ ...bad("x".repeat(60_000)), reason: "y".repeat(60_000), client: "z".repeat(60_000) });
    notices.announce(bad("t", "x", "another"));
    await log.append({ readings: [] });
    expect(log.head).toBe(1);
    expect(notices.suppressed()).toBe(1);
    await log.close();
    notices.announce(bad("t"));
  });
});
