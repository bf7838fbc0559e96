import { describe, expect, test, vi } from "vitest";
import type { Log } from "../../src/log/contract.ts";
import type { Reading, Values } from "../../src/model/reading.ts";
import { subprotocols } from "../../src/wire/messages.ts";
import { append, openTestLog } from "../support/log.ts";
import { fakeTimers, HubClient, openHub, pass, turns } from "./hub-support.ts";

const noon = Date.UTC(2026, 10, 22, 12);
const box = [0, 0, 10, 10] as const;

function at(device: string, seconds: number, values: Values = {}): Reading {
  return { domain: "gps", device, time: noon + seconds * 1_000, values: { lat: 5, lon: 1, ...values } };
}

/** Appends a reading of `device` for each second, the second as value. */
async function fill(log: Log, device: string, from: number, to: number): Promise<void> {
  await append(log, ...Array.from({ length: to - from }, (_, i) => at(device, from + i, { n: from + i })));
}

describe.each(subprotocols)("%s", (subprotocol) => {
  describe("from a time", () => {
    test("shows what was, then sends each reading since once, late uploads too, then goes live", async () => {
      const { log, hub } = await openHub();
      await append(log, at("a", 0, { n: 0 }), at("b", 1, { n: 1 }), at("a", 10, { n: 10 }));
      await append(log, at("a", 5, { n: 5 }), at("c", 20, { n: 20 }), at("b", 12, { n: 12 }));
      const client = new HubClient(hub, subprotocol);
      client.request({ type: "subscribe", id: 1, filter: "gps/#", from: { time: noon + 10_000 } });
      await turns();
      const [answer] = client.ofType("subscribed");
      expect(answer?.time).toBe(noon + 10_000);
      expect(answer?.snapshot?.map(({ topic, values }) => [topic, values["n"]])).toEqual([
        ["gps/a", 10],
        ["gps/b", 1],
      ]);
      expect(client.seqs).toEqual([5, 6]);
      await append(log, at("a", 3, { n: 3 }), at("a", 30, { n: 30 }));
      await turns();
      expect(client.seqs).toEqual([5, 6, 7, 8]);
      expect(client.ofType("gap")).toEqual([]);
    });

    test("beyond the ring: a gap, the oldest that is left, and on from there", async () => {
      const log = await openTestLog({ tailRecords: 5, latestCheckpointBytes: 200 }, { maxBytes: 900 });
      const { hub } = await openHub({}, log);
      for (let n = 0; n < 100; n++) await append(log, at("a", n, { n }));
      const { oldest } = log;
      const client = new HubClient(hub, subprotocol);
      client.request({ type: "subscribe", id: 1, filter: "#", from: { time: noon + 5_000 } });
      await turns();
      const gap = { type: "gap", id: 1, reason: "evicted", from: null, to: oldest - 1, oldest };
      expect(client.messages[1]).toEqual(gap);
      const [answer] = client.ofType("subscribed");
      expect(answer?.time).toBe(noon + (oldest - 1) * 1_000);
      expect(answer?.snapshot?.[0]?.values["n"]).toBe(oldest - 1);
      expect(client.seqs).toEqual(Array.from({ length: 100 - oldest }, (_, i) => oldest + 1 + i));
    });

    test("before everything, or after it, is an empty snapshot and everything, or the present", async () => {
      const { log, hub } = await openHub();
      await fill(log, "a", 0, 5);
      const client = new HubClient(hub, subprotocol);
      client.request({ type: "subscribe", id: 1, filter: "#", from: { time: noon - 1 } });
      client.request({ type: "subscribe", id: 2, filter: "#", from: { time: noon + 3_600_000 } });
      await turns();
      const [early, late] = client.ofType("subscribed");
      expect(early?.snapshot).toEqual([]);
      expect(late?.snapshot).toMatchObject([{ seq: 5, values: { n: 4 } }]);
      expect(client.seqs).toEqual([1, 2, 3, 4, 5]);
    });

    test("with a rate: what was, then what changed since, as it is now", async () => {
      const { log, hub } = await openHub();
      await fill(log, "a", 0, 50);
      const client = new HubClient(hub, subprotocol);
      client.request({ type: "subscribe", id: 1, filter: "#", from: { time: noon + 10_000 }, rate: 1 });
      await turns();
      expect(client.ofType("subscribed")[0]?.snapshot).toMatchObject([{ values: { n: 10 } }]);
      expect(client.readings).toMatchObject([{ seq: 50, values: { n: 49 } }]);
    });
  });

  describe("the last N", () => {
    test("of each topic by time of observation, in order, then live", async () => {
      const { log, hub } = await openHub();
      await fill(log, "a", 0, 10);
      await append(log, at("b", 7), at("b", 3), at("b", 5), at("a", 2));
      await fill(log, "c", 0, 1);
      const client = new HubClient(hub, subprotocol);
      client.request({ type: "subscribe", id: 1, filter: "gps/#", from: { last: 2 } });
      await turns();
      expect(client.ofType("subscribed")).toEqual([{ type: "subscribed", id: 1, cursor: `${log.epoch}:8` }]);
      expect(client.seqs).toEqual([9, 10, 11, 13, 15]);
      await append(log, at("a", -100), at("d", 50));
      expect(client.seqs.slice(5)).toEqual([16, 17]);
    });

    test("from far back, without what lies between, whatever is on the way to the hub", async () => {
      fakeTimers();
      const log = await openTestLog({ tailRecords: 10 });
      const { hub } = await openHub({ batchMs: 50, maxFrameBytes: 4_096 }, log);
      await fill(log, "old", 0, 3);
      for (let i = 0; i < 40; i++) await fill(log, "busy", i * 50, i * 50 + 50);
      const client = new HubClient(hub, subprotocol);
      await append(log, at("busy", 5_000), at("busy", 1), at("old", 4_000));
      client.request({ type: "subscribe", id: 1, filter: "gps/#", from: { last: 2 } });
      await append(log, at("busy", 2));
      await pass(200);
      expect(client.seqs).toEqual([3, 2_003, 2_004, 2_006, 2_007]);
    });

    test("none are an answer too, and too many a refusal", async () => {
      const { log, hub } = await openHub({ maxLastReadings: 20 });
      await fill(log, "a", 0, 15);
      await fill(log, "b", 0, 15);
      const client = new HubClient(hub, subprotocol);
      client.request({ type: "subscribe", id: 1, filter: "gps/none", from: { last: 5 } });
      client.request({ type: "subscribe", id: 2, filter: "gps/#", from: { last: 11 } });
      client.request({ type: "subscribe", id: 3, filter: "gps/#", from: { last: 10 } });
      await turns();
      expect(
        client
          .ofType("subscribed")
          .map(({ id }) => id)
          .sort(),
      ).toEqual([1, 3]);
      expect(client.ofType("error")).toMatchObject([{ id: 2, code: "bad-from" }]);
      expect(client.seqs).toHaveLength(20);
    });
  });

  describe("at a speed", () => {
    test("readings come when they are due, and the head is live", async () => {
      fakeTimers(noon + 100_000);
      const { log, hub } = await openHub();
      await fill(log, "a", 0, 30);
      const client = new HubClient(hub, subprotocol);
      const request = { type: "subscribe", id: 1, filter: "#", from: { time: noon + 9_000 }, speed: 10 };
      client.request(request);
      await turns();
      expect(client.ofType("subscribed")[0]?.snapshot).toMatchObject([{ values: { n: 9 } }]);
      expect(client.seqs).toEqual([]);
      await pass(550);
      expect(client.readings.map(({ values }) => values["n"])).toEqual([10, 11, 12, 13, 14]);
      client.request({ type: "update", id: 1, speed: 1 });
      await pass(2_000);
      expect(client.readings.at(-1)?.values["n"]).toBe(16);
      client.request({ type: "update", id: 1, speed: 100 });
      await pass(200);
      expect(client.readings.at(-1)?.values["n"]).toBe(29);
      expect(client.states).toEqual(["playing", "live"]);
      await append(log, at("a", 3_000, { n: 3_000 }));
      expect(client.readings.at(-1)?.values["n"]).toBe(3_000);
      expect(client.seqs).toEqual(Array.from({ length: 21 }, (_, i) => i + 11));
    });

    test("says where it is at least once a second, in the time of its readings", async () => {
      fakeTimers(noon + 100_000);
      const { log, hub } = await openHub();
      await fill(log, "a", 0, 1);
      await fill(log, "a", 60, 61);
      const client = new HubClient(hub, subprotocol);
      client.request({ type: "subscribe", id: 1, filter: "#", from: { time: noon + 500 }, speed: 2 });
      await pass(5_000);
      const told = client.ofType("replay");
      expect(told.length).toBeGreaterThanOrEqual(5);
      expect(told[0]).toEqual({ type: "replay", id: 1, state: "playing", time: noon + 500 });
      const seconds = told.map(({ time }) => ((time ?? 0) - noon) / 1_000);
      for (const [index, second] of seconds.slice(1).entries()) {
        expect(second - (seconds[index] as number)).toBeGreaterThan(1.5);
        expect(second - (seconds[index] as number)).toBeLessThan(2.5);
      }
    });

    test("late readings go with their neighbours", async () => {
      fakeTimers(noon + 100_000);
      const { log, hub } = await openHub();
      await append(log, at("a", 0), at("a", 10), at("b", 2), at("a", 11));
      const client = new HubClient(hub, subprotocol);
      client.request({ type: "subscribe", id: 1, filter: "#", from: { cursor: `${log.epoch}:0` }, speed: 1 });
      await pass(9_000);
      expect(client.seqs).toEqual([1]);
      await pass(1_500);
      expect(client.seqs).toEqual([1, 2, 3]);
      await pass(1_000);
      expect(client.seqs).toEqual([1, 2, 3, 4]);
    });

    test("nothing happened before: it begins with the first reading", async () => {
      fakeTimers(noon + 100_000);
      const { log, hub } = await openHub();
      await fill(log, "a", 0, 3);
      const client = new HubClient(hub, subprotocol);
      client.request({ type: "subscribe", id: 1, filter: "#", from: { time: 0 }, speed: 1 });
      await pass(100);
      expect(client.seqs).toEqual([1]);
      await pass(1_000);
      expect(client.seqs).toEqual([1, 2]);
    });

    test("with a rate updates are merged over what became due", async () => {
      fakeTimers(noon + 1_000_000);
      const { log, hub } = await openHub();
      await append(log, at("a", 0, { battery: 80 }));
      await fill(log, "a", 1, 500);
      const client = new HubClient(hub, subprotocol);
      const from = { time: noon };
      client.request({ type: "subscribe", id: 1, filter: "#", from, speed: 100, rate: 2 });
      await pass(2_050);
      const updates = client.readings;
      expect(updates.length).toBeGreaterThanOrEqual(4);
      expect(updates.length).toBeLessThanOrEqual(5);
      const seen = updates.map(({ values }) => values["n"] as number);
      expect(seen).toEqual(seen.toSorted((one, other) => one - other));
      expect(seen.at(-1)).toBeGreaterThan(140);
      expect(seen.at(-1)).toBeLessThan(210);
      for (const { values } of updates) expect(values["battery"]).toBe(80);
      await pass(5_000);
      expect(client.readings.at(-1)?.values["n"]).toBe(499);
    });

    test("it goes on, and tells where it is, when the clock is set back", async () => {
      fakeTimers(noon + 1_000_000);
      const { log, hub } = await openHub();
      await fill(log, "a", 0, 500);
      const client = new HubClient(hub, subprotocol);
      const from = { time: noon };
      client.request({ type: "subscribe", id: 1, filter: "#", from, speed: 10, rate: 2 });
      await pass(2_000);
      vi.setSystemTime(Date.now() - 3_600_000);
      const before = { updates: client.readings.length, told: client.ofType("replay").length };
      await pass(3_000);
      expect(client.readings.length).toBeGreaterThanOrEqual(before.updates + 5);
      expect(client.ofType("replay").length).toBeGreaterThanOrEqual(before.told + 2);
    });

    test("with a box the view is that of the replay, and moves while it is paused", async () => {
      fakeTimers(noon + 1_000_000);
      const { log, hub } = await openHub();
      await append(log, at("a", 0, { lat: 5 }), at("b", 0, { lat: 50, name: "B" }));
      await append(log, at("a", 10, { lat: 50 }), at("b", 20, { lat: 6 }), at("a", 100, { lat: 7 }));
      await append(log, at("b", 100, { lat: 70 }));
      const client = new HubClient(hub, subprotocol);
      const from = { time: noon };
      client.request({ type: "subscribe", id: 1, filter: "#", from, speed: 10, bbox: box });
      await turns();
      expect(client.ofType("subscribed")[0]?.snapshot?.map(({ topic }) => topic)).toEqual(["gps/a"]);
      await pass(1_100);
      expect(client.ofType("view")).toMatchObject([{ entered: [], left: ["gps/a"] }]);
      await pass(1_000);
      expect(client.seqs).toEqual([4]);
      expect(client.ofType("view")[1]).toMatchObject({ left: [], entered: [{ topic: "gps/b" }] });
      expect(client.ofType("view")[1]?.entered[0]?.values).toEqual({ lat: 6, lon: 1, name: "B" });

      client.request({ type: "update", id: 1, paused: true });
      client.request({ type: "update", id: 1, bbox: [0, 40, 10, 60] });
      await pass(60_000);
      expect(client.ofType("view")[2]).toMatchObject({ left: ["gps/b"], entered: [{ topic: "gps/a" }] });
      client.request({ type: "update", id: 1, paused: false });
      await pass(10_000);
      expect(client.ofType("view").slice(3)).toMatchObject([{ left: ["gps/a"], entered: [] }]);
      expect(client.states).toEqual(["playing", "paused", "playing", "live"]);
    });

    test("from a cursor with a box it says afresh what was in view there", async () => {
      fakeTimers(noon + 1_000_000);
      const { log, hub } = await openHub();
      await append(log, at("a", 0, { lat: 5 }), at("b", 0, { lat: 50 }), at("a", 10, { lat: 50 }));
      const client = new HubClient(hub, subprotocol);
      const from = { cursor: `${log.epoch}:2` };
      client.request({ type: "subscribe", id: 1, filter: "#", from, speed: 1, bbox: box });
      await turns();
      const views = client.ofType("view");
      expect(views[0]).toMatchObject({ reset: true, left: [], entered: [{ topic: "gps/a" }] });
      expect(views[1]).toMatchObject({ left: ["gps/a"] });
    });

    test("a reader that stalls costs its buffer, and finds its replay where it left it", async () => {
      fakeTimers(noon + 1_000_000);
      const { log, hub } = await openHub({ maxBufferBytes: 8_192, maxFrameBytes: 4_096 });
      for (let i = 0; i < 600; i++) await append(log, at("a", i, { n: i, text: "x".repeat(500) }));
      const client = new HubClient(hub, subprotocol);
      client.request({ type: "subscribe", id: 1, filter: "#", from: { time: noon }, speed: 10 });
      await pass(1_000);
      client.socket.isStalled = true;
      await pass(30_000);
      expect(client.socket.maxBufferedBytes).toBeLessThan(8_192 + 4_096 + 2_048);
      client.socket.resume();
      await turns();
      const last = client.readings.at(-1)?.values["n"] as number;
      expect(last).toBeLessThan(60);
      await pass(1_000);
      const later = client.readings.at(-1)?.values["n"] as number;
      expect(later - last).toBeGreaterThanOrEqual(9);
      expect(later - last).toBeLessThan(25);
      expect(client.seqs).toEqual(Array.from({ length: later }, (_, i) => i + 2));
    });

    test("overtaken by the ring it tells of the gap and shows the oldest that is left, not the present", async () => {
      fakeTimers(noon + 1_000_000);
      const log = await openTestLog({ tailRecords: 5, latestCheckpointBytes: 200 }, { maxBytes: 900 });
      const { hub } = await openHub({ maxFrameBytes: 200 }, log);
      await fill(log, "a", 0, 10);
      const client = new HubClient(hub, subprotocol);
      client.request({ type: "subscribe", id: 1, filter: "#", from: { time: noon }, speed: 1 });
      await pass(1_100);
      expect(client.seqs).toEqual([2]);
      for (let n = 10; n < 100; n++) await fill(log, "a", n, n + 1);
      const { oldest } = log;
      expect(oldest).toBeGreaterThan(20);
      await pass(10_000);
      expect(client.ofType("gap")).toMatchObject([{ reason: "evicted", to: oldest - 1, oldest }]);
      const answer = client.ofType("subscribed")[1];
      expect(answer?.snapshot?.[0]?.values["n"]).toBe(oldest - 1);
      expect(client.readings.at(-1)?.seq).toBeLessThan(oldest + 12);
      expect(client.readings.at(-1)?.seq).toBeGreaterThan(oldest);
    });

    test("overtaken among late uploads it loses only what the gap names", async () => {
      fakeTimers(noon + 1_000_000);
      const log = await openTestLog({ tailRecords: 5, latestCheckpointBytes: 200 }, { maxBytes: 900 });
      const { hub } = await openHub({ maxFrameBytes: 200 }, log);
      await fill(log, "a", 0, 10);
      const client = new HubClient(hub, subprotocol);
      client.request({ type: "subscribe", id: 1, filter: "#", from: { time: noon }, speed: 1 });
      await pass(1_100);
      for (let n = 10; n < 100; n++) await fill(log, "a", n - 200, n - 199);
      await pass(20_000);
      const [gap] = client.ofType("gap");
      if (typeof gap?.from !== "number" || typeof gap.to !== "number") throw new Error("no gap was told");
      const { from, to } = gap;
      expect(gap.oldest).toBe(to + 1);
      expect(client.ofType("subscribed")[1]?.cursor).toBe(`${log.epoch}:${to}`);
      const all = Array.from({ length: log.head - 1 }, (_, i) => i + 2);
      expect(client.seqs).toEqual(all.filter((seq) => seq < from || seq > to));
    });
  });

  describe("paused", () => {
    test("nothing comes but the answer; then it goes on, a live one too", async () => {
      fakeTimers(noon + 1_000_000);
      const { log, hub } = await openHub();
      await fill(log, "a", 0, 10);
      const client = new HubClient(hub, subprotocol);
      const from = { time: noon + 4_000 };
      client.request({ type: "subscribe", id: 1, filter: "#", from, paused: true });
      await pass(5_000);
      expect(client.ofType("subscribed")[0]?.snapshot).toMatchObject([{ values: { n: 4 } }]);
      expect(client.seqs).toEqual([]);
      expect(client.ofType("replay")).toEqual([
        { type: "replay", id: 1, state: "paused", time: noon + 4_000 },
      ]);
      client.request({ type: "update", id: 1, paused: null });
      await turns();
      expect(client.seqs).toEqual([6, 7, 8, 9, 10]);
      expect(client.states).toEqual(["paused", "playing", "live"]);
      client.request({ type: "update", id: 1, paused: true });
      await fill(log, "a", 10, 20);
      await turns();
      expect(client.seqs).toHaveLength(5);
      client.request({ type: "update", id: 1, paused: false });
      await turns();
      expect(client.seqs).toEqual(Array.from({ length: 15 }, (_, i) => i + 6));
      expect(client.states.slice(3)).toEqual(["paused", "playing", "live"]);
    });

    test("the clock stands still meanwhile", async () => {
      fakeTimers(noon + 1_000_000);
      const { log, hub } = await openHub();
      await fill(log, "a", 0, 30);
      const client = new HubClient(hub, subprotocol);
      client.request({ type: "subscribe", id: 1, filter: "#", from: { time: noon }, speed: 1 });
      await pass(3_100);
      client.request({ type: "update", id: 1, paused: true });
      await pass(600_000);
      expect(client.seqs).toEqual([2, 3, 4]);
      client.request({ type: "update", id: 1, paused: false });
      await pass(500);
      expect(client.seqs).toEqual([2, 3, 4]);
      await pass(500);
      expect(client.seqs).toEqual([2, 3, 4, 5]);
    });
  });

  describe("a seek", () => {
    test("goes on from another time, answered like a subscribe", async () => {
      fakeTimers(noon + 1_000_000);
      const { log, hub } = await openHub();
      await fill(log, "a", 0, 100);
      const client = new HubClient(hub, subprotocol);
      client.request({ type: "subscribe", id: 1, filter: "#", from: { time: noon }, speed: 1 });
      await pass(2_100);
      client.request({ type: "update", id: 1, from: { time: noon + 50_000 } });
      await turns();
      const answers = client.messages.map(({ type }) => type).filter((type) => type !== "replay");
      expect(answers.slice(-2)).toEqual(["ack", "subscribed"]);
      expect(client.ofType("subscribed")[1]).toMatchObject({
        time: noon + 50_000,
        snapshot: [{ values: { n: 50 } }],
      });
      await pass(2_100);
      expect(client.seqs).toEqual([2, 3, 52, 53]);
      client.request({ type: "update", id: 1, from: { time: noon + 10_000 }, paused: true });
      await pass(2_000);
      expect(client.ofType("subscribed")[2]?.snapshot).toMatchObject([{ values: { n: 10 } }]);
      expect(client.seqs).toHaveLength(4);
      client.request({ type: "update", id: 1, from: "latest", paused: null });
      await turns();
      expect(client.ofType("subscribed")[3]?.snapshot).toMatchObject([{ values: { n: 99 } }]);
      expect(client.states.at(-1)).toBe("live");
    });

    test("of a live subscription, and one again before the first is answered", async () => {
      const { log, hub } = await openHub();
      await fill(log, "a", 0, 100);
      const client = new HubClient(hub, subprotocol);
      client.request({ type: "subscribe", id: 1, filter: "#" });
      await turns();
      for (const seconds of [10, 20, 90]) {
        client.request({ type: "update", id: 1, from: { time: noon + seconds * 1_000 } });
      }
      await turns();
      expect(client.ofType("ack")).toHaveLength(3);
      expect(client.ofType("subscribed").map(({ time }) => time)).toEqual([undefined, noon + 90_000]);
      expect(client.seqs).toEqual([92, 93, 94, 95, 96, 97, 98, 99, 100]);
      await append(log, at("a", 200));
      expect(client.seqs.at(-1)).toBe(101);
    });
  });

  test("replays share bounded memory: one too many is refused, and one that ends makes room", async () => {
    fakeTimers(noon + 1_000_000);
    const { log, hub } = await openHub({ maxReplayBytes: 30 * 512 });
    await append(log, ...Array.from({ length: 20 }, (_, i) => at(`d${i}`, 0)));
    await append(log, ...Array.from({ length: 20 }, (_, i) => at(`d${i}`, 100)));
    const client = new HubClient(hub, subprotocol);
    const from = { time: noon + 1_000 };
    for (const id of [1, 2]) {
      client.request({ type: "subscribe", id, filter: "gps/#", from, speed: 1, rate: 1 });
    }
    client.request({ type: "subscribe", id: 3, filter: "gps/#", from, speed: 1 });
    await pass(500);
    expect(client.ofType("error")).toMatchObject([{ id: 2, code: "too-many-replays" }]);
    client.request({ type: "unsubscribe", id: 1 });
    client.request({ type: "subscribe", id: 2, filter: "gps/#", from, speed: 100, rate: 1 });
    await pass(5_000);
    expect(client.ofType("error")).toHaveLength(1);
    expect(
      client
        .ofType("replay")
        .filter(({ id }) => id === 2)
        .at(-1)?.state,
    ).toBe("live");
    expect(hub.replayMemory.used).toBe(0);
  });
});
