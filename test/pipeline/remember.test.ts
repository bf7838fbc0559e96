import { describe, expect, it, onTestFinished } from "vitest";
import type { Log } from "../../src/log/contract.ts";
import { MemoryEngine } from "../../src/log/engines/memory.ts";
import { randomEpoch } from "../../src/log/epoch.ts";
import { openLog } from "../../src/log/log.ts";
import { defaultRingOptions } from "../../src/log/options.ts";
import { systemClock } from "../../src/model/clock.ts";
import type { Decoded, Packet, Reply } from "../../src/model/packet.ts";
import { silentLogger } from "../../src/observe/log.ts";
import { createPipeline, type Pipeline } from "../../src/pipeline/pipeline.ts";
import { gpsReading } from "../support/log.ts";

/**
 * A format as they come: `<device>/birth` tells the name, an empty one takes it back; `<device>/data` cannot be read
 * before and asks for a birth.
 */
function createDecoder(): (packet: Packet) => Decoded {
  const names = new Map<string, string>();
  return ({ topic, payload }) => {
    const [device = "", kind] = topic.split("/");
    const text = new TextDecoder().decode(payload);
    if (kind === "birth") {
      if (text === "") names.delete(device);
      else names.set(device, text);
      return { readings: [gpsReading(`${text || device}-born`, {})], rejected: null, remember: true };
    }
    const name = names.get(device);
    if (name !== undefined) return { readings: [gpsReading(name, {})], rejected: null };
    const replies: Reply[] = [{ topic: `${device}/rebirth`, payload: Uint8Array.of(1) }];
    return { readings: [], rejected: "no birth", replies };
  };
}

interface Life {
  readonly log: Log;
  readonly pipeline: Pipeline;
  readonly replies: string[];
  send(topic: string, text: string): Promise<void> | null;
}

/** One life of a gateway on an engine that outlives it. */
async function live(engine: MemoryEngine, options: { maxTopics?: number } = {}): Promise<Life> {
  const log = await openLog(engine, options, systemClock, silentLogger);
  onTestFinished(() => log.close());
  const decode = createDecoder();
  const replies: string[] = [];
  const route = () => ({ name: "test", decode });
  const pipeline = createPipeline(route, log, undefined, ({ topic }) => replies.push(topic));
  const send = (topic: string, text: string) =>
    pipeline.ingest({ topic, payload: Buffer.from(text), receivedAt: Date.UTC(2026, 10, 22), client: null });
  return { log, pipeline, replies, send };
}

const memory = () => new MemoryEngine(defaultRingOptions, randomEpoch);

describe("what a format must remember", () => {
  it("survives a restart, and nothing is stored or answered twice", async () => {
    const engine = memory();
    const first = await live(engine);
    await first.send("a/birth", "old");
    await first.send("a/birth", "van");
    await first.send("b/birth", "bus");
    await first.send("b/birth", "");
    await first.log.close();
    const second = await live(engine);
    const { head } = second.log;
    expect(second.pipeline.recall()).toBe(1);
    expect([second.log.head, second.pipeline.counts.packets]).toEqual([head, 0]);
    await second.send("a/data", "1");
    expect(second.log.latest("gps/van")).toHaveLength(1);
    await second.send("b/data", "1");
    expect(second.replies).toEqual(["b/rebirth"]);
  });

  it("is kept even when the log has no room for its readings", async () => {
    const engine = memory();
    const first = await live(engine, { maxTopics: 1 });
    await first.send("a/birth", "one");
    await first.send("b/birth", "two");
    expect((await first.log.quarantined(9)).map(({ topic }) => topic)).toEqual(["b/birth"]);
    expect(first.pipeline.counts.remembered).toBe(2);
    await first.log.close();
    expect((await live(engine)).pipeline.recall()).toBe(2);
  });
});

describe("an answer to a device", () => {
  it("leaves after the commit, and not at all if that fails", async () => {
    const { log, replies, send, pipeline } = await live(memory());
    const committed = send("a/data", "1");
    expect(replies).toEqual([]);
    await committed;
    expect(replies).toEqual(["a/rebirth"]);
    await log.close();
    await expect(send("b/data", "1")).rejects.toThrow("the log is closed");
    expect(replies).toEqual(["a/rebirth"]);
    expect(pipeline.counts.replies).toBe(1);
  });
});
