import { afterEach, describe, expect, it } from "vitest";
import type { Log } from "../../src/log/contract.ts";
import type { Decoded, Packet } from "../../src/model/packet.ts";
import type { Reading } from "../../src/model/reading.ts";
import { createPipeline } from "../../src/pipeline/pipeline.ts";
import { gpsReading, openTestLog } from "../support/log.ts";

const logs: Log[] = [];
afterEach(async () => {
  for (const log of logs.splice(0)) await log.close();
});

function packet(topic = "t"): Packet {
  return { topic, payload: Uint8Array.of(1, 2, 3), receivedAt: Date.UTC(2026, 10, 22), client: "device-1" };
}

async function pipelineFor(decode: () => Decoded, options: Parameters<typeof openTestLog>[0] = {}) {
  const log = await openTestLog(options);
  logs.push(log);
  return {
    log,
    pipeline: createPipeline((topic) => (topic === "unknown" ? null : { name: "test", decode }), log),
  };
}

const good = (device: string): Reading => gpsReading(device, {});

describe("pipeline", () => {
  it("commits what a format read", async () => {
    const { log, pipeline } = await pipelineFor(() => ({ readings: [good("a"), good("b")], rejected: null }));
    await pipeline.ingest(packet());
    expect(log.latest("#").map(({ topic }) => topic.name)).toEqual(["gps/a", "gps/b"]);
    expect(pipeline.counts).toMatchObject({ packets: 1, readings: 2, quarantined: 0, silent: 0 });
  });

  it("has nothing to wait for when a packet says nothing", async () => {
    const { pipeline } = await pipelineFor(() => ({ readings: [], rejected: null }));
    expect(pipeline.ingest(packet())).toBeNull();
    expect(pipeline.counts.silent).toBe(1);
  });

  it("quarantines a packet whole, with who sent it, who tried and why", async () => {
    const { log, pipeline } = await pipelineFor(() => ({
      readings: [],
      rejected: "lat: 95 is outside -90..90",
    }));
    await pipeline.ingest(packet());
    const [kept] = await log.quarantined(10);
    expect(kept).toMatchObject({
      topic: "t",
      client: "device-1",
      format: "test",
      reason: "lat: 95 is outside -90..90",
      receivedAt: Date.UTC(2026, 10, 22),
    });
    expect([...(kept?.payload ?? [])]).toEqual([1, 2, 3]);
  });

  it("quarantines a packet whose topic nobody reads", async () => {
    const { log, pipeline } = await pipelineFor(() => ({ readings: [], rejected: null }));
    await pipeline.ingest(packet("unknown"));
    expect((await log.quarantined(1))[0]).toMatchObject({
      format: null,
      reason: "no format reads this topic",
    });
  });

  it("keeps the good readings of a packet that has a bad one", async () => {
    const { log, pipeline } = await pipelineFor(() => ({
      readings: [good("a")],
      rejected: "entity 2: no position",
    }));
    await pipeline.ingest(packet());
    expect(log.head).toBe(1);
    expect(await log.quarantined(10)).toHaveLength(1);
  });

  it.each([
    [{ time: Number.NaN }, /time: NaN/],
    [{ device: "" }, /device/],
    [{ device: "__proto__" }, /device/],
    [{ channel: "" }, /channel/],
    [{ values: {} }, /at least one/],
    [{ values: { lat: Number.POSITIVE_INFINITY } }, /values\.lat: is not a finite number/],
    [{ values: JSON.parse('{"__proto__": 1}') }, /not allowed/],
    [{ device: "x".repeat(70_000) }, /longer than/],
    [{ values: Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`v${i}`, i])) }, /more than 256/],
  ])("lets no careless format poison the log: %#", async (wrong, reason) => {
    const { log, pipeline } = await pipelineFor(() => ({
      readings: [good("a"), { ...good("bad"), ...wrong } as Reading],
      rejected: null,
    }));
    await pipeline.ingest(packet());
    expect(log.latest("#").map(({ topic }) => topic.name)).toEqual(["gps/a"]);
    expect((await log.quarantined(10))[0]?.reason).toMatch(reason);
  });

  it("keeps the neighbours of a reading that the log has no room for", async () => {
    let devices = ["a", "b"];
    const { log, pipeline } = await pipelineFor(() => ({ readings: devices.map(good), rejected: null }), {
      maxTopics: 3,
    });
    await pipeline.ingest(packet());
    devices = ["c", "d", "a"];
    await pipeline.ingest(packet());
    expect(log.latest("#").map(({ topic }) => topic.name)).toEqual(["gps/a", "gps/b", "gps/c"]);
    expect(log.head).toBe(4);
    expect((await log.quarantined(10))[0]?.reason).toMatch(/topic/i);
  });

  it("resolves in the order of the calls, whatever comes of each", async () => {
    const outcomes: Decoded[] = [
      { readings: [good("a")], rejected: null },
      { readings: [], rejected: null },
      { readings: [], rejected: "no" },
      { readings: [good("b")], rejected: null },
    ];
    let next = 0;
    const { pipeline } = await pipelineFor(() => outcomes[next++ % 4] as Decoded);
    const order: number[] = [];
    await Promise.all(
      Array.from({ length: 40 }, (_, i) => pipeline.ingest(packet())?.then(() => order.push(i))),
    );
    expect(order).toEqual(order.toSorted((x, y) => x - y));
    expect(order.length).toBeGreaterThanOrEqual(30);
  });
});
