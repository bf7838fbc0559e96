import { describe, expect, test, vi } from "vitest";
import type { Reading, Values } from "../../src/model/reading.ts";
import type { Hub } from "../../src/stream/hub.ts";
import { type ServerMessage, subprotocols } from "../../src/wire/messages.ts";
import { append, openTestLog } from "../support/log.ts";
import { fakeTimers, openHub, turns } from "./hub-support.ts";
import { ModelSocket } from "./model-socket.ts";

const time = Date.UTC(2026, 10, 22, 10);
const box = [0, 0, 10, 10] as const;

function at(device: string, lat: number, more: Values = {}, ageMs = 0): Reading {
  return { domain: "gps", device, time: time - ageMs, values: { lat, lon: 1, ...more } };
}

describe.each(subprotocols)("%s", (subprotocol) => {
  function join(hub: Hub): { socket: ModelSocket; messages: ServerMessage[] } {
    const messages: ServerMessage[] = [];
    const onMessage = (message: ServerMessage) => void messages.push(message);
    return { socket: new ModelSocket(hub, subprotocol, () => {}, onMessage), messages };
  }
  const ofType = <T extends ServerMessage["type"]>(messages: readonly ServerMessage[], type: T) =>
    messages.filter((message): message is Extract<ServerMessage, { type: T }> => message.type === type);

  test("says that a topic left which only passed through the box, within a batch or long ago", async () => {
    const { log, hub } = await openHub();
    await append(log, at("a", 50), at("b", 50));
    const { socket, messages } = join(hub);
    socket.request({ type: "subscribe", id: 1, filter: "gps/#", bbox: box });
    await turns();
    await append(log, at("a", 5), at("a", 51));
    await append(log, at("b", 5, {}, 60_000));
    expect(ofType(messages, "readings").flatMap(({ readings }) => readings.map(({ seq }) => seq))).toEqual([
      3, 5,
    ]);
    expect(ofType(messages, "view")).toMatchObject([{ left: ["gps/a"] }, { left: ["gps/b"] }]);

    socket.isStalled = true;
    await append(log, at("a", 6, { text: "x".repeat(300_000 / 8) }, 0));
    for (let i = 0; i < 10; i++) await append(log, at("c", 50, { text: "x".repeat(30_000), i }));
    await append(log, at("a", 52));
    socket.resume();
    await turns();
    expect(ofType(messages, "view").at(-1)).toMatchObject({ left: ["gps/a"] });
  });

  test("does not take back the snapshot that fills a gap", async () => {
    const log = await openTestLog({ tailRecords: 5, latestCheckpointBytes: 200 }, { maxBytes: 500 });
    const { hub } = await openHub({}, log);
    for (let n = 0; n < 100; n++) await append(log, at("a", 5, { n }));
    const { socket, messages } = join(hub);
    const from = { cursor: `${log.epoch}:1` };
    socket.request({ type: "subscribe", id: 1, filter: "gps/#", bbox: box, from });
    await turns();
    expect(ofType(messages, "gap")).toHaveLength(1);
    expect(ofType(messages, "subscribed")[0]?.snapshot).toHaveLength(1);
    expect(ofType(messages, "view")).toEqual([]);
  });

  test("tells what is in view again when the box is taken away", async () => {
    const { log, hub } = await openHub();
    await append(log, at("a", 5), at("b", 50), {
      domain: "gps",
      device: "nowhere",
      time,
      values: { batteryPct: 5 },
    });
    const { socket, messages } = join(hub);
    socket.request({ type: "subscribe", id: 1, filter: "gps/#", bbox: box });
    await turns();
    socket.request({ type: "update", id: 1, bbox: null });
    await turns();
    const [view] = ofType(messages, "view");
    expect(view?.entered.map(({ topic }) => topic)).toEqual(["gps/b", "gps/nowhere"]);
  });

  test("a box moved again and again costs a client that reads nothing no more than its buffer", async () => {
    const { log, hub } = await openHub({ maxBufferBytes: 16_384, maxFrameBytes: 8_192 });
    const fleet = Array.from({ length: 5_000 }, (_, i) => at(`device-${i}`, 5));
    await append(log, ...fleet);
    const { socket, messages } = join(hub);
    socket.request({ type: "subscribe", id: 1, filter: "gps/#", from: "now", bbox: [50, 50, 60, 60] });
    await turns();
    socket.isStalled = true;
    for (let i = 0; i < 100; i++) {
      socket.request({ type: "update", id: 1, bbox: i % 2 === 0 ? box : [50, 50, 60, 60] });
      await new Promise((resolve) => setImmediate(resolve));
    }
    socket.request({ type: "update", id: 1, bbox: box });
    await turns();
    expect(socket.maxBufferedBytes).toBeLessThan(16_384 + 3 * 8_192 + 101 * 40);
    socket.resume();
    await turns();
    const inView = new Set<string>();
    for (const { entered, left } of ofType(messages, "view")) {
      for (const topic of left) inView.delete(topic);
      for (const { topic } of entered) inView.add(topic);
    }
    expect(inView.size).toBe(5_000);
  });

  describe("with a rate", () => {
    test("the last update comes though another topic's reading waits in the batch window", async () => {
      fakeTimers();
      const { log, hub } = await openHub({ batchMs: 50 });
      const { socket, messages } = join(hub);
      socket.request({ type: "subscribe", id: 1, filter: "gps/#", rate: 2, from: "now" });
      await turns();
      await append(log, at("a", 1, { n: 1 }));
      await append(log, at("a", 1, { n: 2 }));
      vi.advanceTimersByTime(480);
      await append(log, at("b", 1));
      await append(log, at("b", 2));
      vi.advanceTimersByTime(600);
      await turns();
      const updates = ofType(messages, "readings").flatMap(({ readings }) => readings);
      expect(updates.filter(({ topic }) => topic === "gps/a").at(-1)?.values["n"]).toBe(2);
    });

    test("it holds under steady traffic that never leaves the batch window empty", async () => {
      fakeTimers();
      const { log, hub } = await openHub({ batchMs: 50 });
      await append(log, at("a", 1, { n: 0 }));
      await append(log, at("a", 1, { n: 1 }));
      const { socket, messages } = join(hub);
      socket.request({ type: "subscribe", id: 1, filter: "gps/#", rate: 2, from: "now" });
      for (let ms = 0; ms < 3_000; ms += 10) {
        const stored = append(log, at("a", 1, { n: ms }));
        vi.advanceTimersByTime(10);
        await stored;
        await new Promise((resolve) => setImmediate(resolve));
      }
      expect(ofType(messages, "readings").length).toBeLessThanOrEqual(3 * 2 + 2);
      expect(ofType(messages, "readings").length).toBeGreaterThanOrEqual(3 * 2 - 1);
    });

    test("who joins others whose update is held back gets nothing twice, and hears of what leaves", async () => {
      fakeTimers();
      const { log, hub } = await openHub();
      const first = join(hub);
      const request = { type: "subscribe", id: 1, filter: "gps/#", rate: 2, bbox: box };
      first.socket.request(request);
      await turns();
      await append(log, at("a", 50));
      await append(log, at("a", 5));
      const second = join(hub);
      second.socket.request(request);
      await turns();
      await append(log, at("a", 51));
      vi.advanceTimersByTime(1_100);
      await turns();
      const seqs = ofType(second.messages, "readings").flatMap(({ readings }) =>
        readings.map(({ seq }) => seq),
      );
      expect(seqs).toEqual([]);
      expect(ofType(second.messages, "subscribed")[0]?.snapshot).toHaveLength(1);
      expect(ofType(second.messages, "view")).toMatchObject([{ left: ["gps/a"] }]);
    });
  });
});
