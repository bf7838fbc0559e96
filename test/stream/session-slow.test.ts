import { expect, it } from "vitest";
import { append, gpsReading } from "../support/log.ts";
import { describeStream } from "./served.ts";

describeStream((served) => {
  const { serve, join } = served;
  const sentTo = (connection: number) => served.sent[connection]?.bytes ?? 0;

  it("gives a large snapshot in parts, whose cost to a slow connection is bounded", async () => {
    const { log, server } = await serve({ maxBufferBytes: 32_768, maxFrameBytes: 16_384 });
    const devices = Array.from({ length: 30_000 }, (_, i) =>
      gpsReading(`device-${i}`, { n: i, text: "x".repeat(100) }),
    );
    for (let i = 0; i < devices.length; i += 1_000) await append(log, ...devices.slice(i, i + 1_000));
    const client = await join(server);
    client.socket.pause();
    const before = sentTo(0);
    for (const id of [1, 2, 3]) client.send({ type: "subscribe", id, filter: "gps/#" });
    await expect.poll(() => sentTo(0) - before, { timeout: 10_000 }).toBeGreaterThan(32_768);
    expect(sentTo(0) - before).toBeLessThan(32_768 + 4 * 40_000);
    // Asking for more meanwhile is no reason to be dropped.
    for (let i = 0; i < 50; i++) client.send({ type: "subscribe", id: 100 + i, filter: "gps/device-1" });
    client.socket.resume();
    const parts = (id: number) =>
      client.messages.flatMap((message) =>
        (message.type === "subscribed" || message.type === "snapshot") && message.id === id ? [message] : [],
      );
    for (const id of [1, 2, 3]) {
      await client.until(
        () => parts(id).length > 0 && !parts(id).at(-1)?.more,
        `the whole snapshot of ${id}`,
      );
      const topics = parts(id).flatMap(({ snapshot }) => snapshot?.map(({ topic }) => topic) ?? []);
      expect(new Set(topics).size).toBe(30_000);
      expect(topics).toHaveLength(30_000);
    }
    await client.next("subscribed", 149);
    expect(client.closeCode).toBeNull();
    await append(log, gpsReading("device-7", { n: -7 }));
    expect(await client.untilReadings(1, 1)).toMatchObject([{ topic: "gps/device-7" }]);
  });

  it("never drops or loses a slow reader, bounds what it costs, and lets it catch up", async () => {
    const { log, server } = await serve({ maxBufferBytes: 32_768, heartbeatMs: 160, silentMs: 1_000 });
    const slow = await join(server);
    const healthy = await join(server);
    for (const client of [slow, healthy]) {
      client.send({ type: "subscribe", id: 1, filter: "gps/#", from: "now" });
      await client.next("subscribed", 1);
    }
    slow.socket.pause();
    const before = sentTo(0);
    const text = "x".repeat(2_000);
    const count = 12_000;
    for (let i = 0; i < count; i += 100) {
      await append(log, ...Array.from({ length: 100 }, (_, k) => gpsReading("d", { n: i + k, text })));
    }
    await healthy.untilReadings(1, count);
    // The limit, plus the one frame that went over it; the kernel took it all, which tells nothing of the client.
    const maxUnreadBytes = 32_768 + 65_536 + 4_096;
    expect(sentTo(0) - before).toBeGreaterThan(32_768);
    expect(sentTo(0) - before).toBeLessThan(maxUnreadBytes);
    // Longer than a connection may answer no ping.
    const beats = () => healthy.messages.filter(({ type }) => type === "heartbeat").length;
    const atFirst = beats();
    await healthy.until(() => beats() > atFirst + 10, "heartbeats");
    expect(slow.closeCode).toBeNull();
    slow.socket.resume();
    const readings = await slow.untilReadings(1, count);
    expect(readings.map(({ values }) => values["n"])).toEqual(Array.from({ length: count }, (_, i) => i));
  });
});
