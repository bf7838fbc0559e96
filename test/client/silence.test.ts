import { describe, expect, test } from "vitest";
import { WebSocket } from "ws";
import type { Reading } from "../../src/client/node.ts";
import { open, seqs, startGateway, until } from "./support.ts";
import { ManualTime } from "./time.ts";

describe("silence", () => {
  test("of 2.5 heartbeats ends the connection, though no close event ever comes", async () => {
    const gateway = await startGateway();
    gateway.heartbeatMs = 4_000;
    const time = new ManualTime();
    const got: Reading[] = [];
    const fieldcast = open(gateway, {
      clock: time,
      timers: time,
      random: () => 0.5,
      backoff: { firstDelayMs: 250 },
    });
    fieldcast.subscribe("gps/#", (reading) => got.push(reading));
    await until(() => gateway.peers[0]?.filters.size === 1);
    gateway.commit("gps/a", { n: 1 });
    await until(() => got.length === 1);

    gateway.peer.isMute = true;
    gateway.commit("gps/a", { n: 2 });
    time.advance(9_999);
    expect(fieldcast.state).toBe("online");
    time.advance(1);
    expect(fieldcast.state).toBe("offline");
    expect(time.delays).toEqual([125]);
    time.advance(125);
    await until(() => got.length === 2);
    expect(seqs(got)).toEqual([1, 2]);
    expect(gateway.peers).toHaveLength(2);
  });

  test("leaves a socket behind whose late frames go nowhere", async () => {
    // Browsers have no terminate(): a socket that is closing still hands over what arrives.
    const BrowserLike = class extends WebSocket {};
    Object.defineProperty(BrowserLike.prototype, "terminate", { value: undefined });
    const gateway = await startGateway();
    gateway.heartbeatMs = 4_000;
    const time = new ManualTime();
    const got: Reading[] = [];
    const fieldcast = open(gateway, { clock: time, timers: time, webSocket: BrowserLike });
    const subscription = fieldcast.subscribe("gps/#", { from: "now" }, (reading) => got.push(reading));
    await until(() => subscription.cursor !== null);
    const old = gateway.peer;
    time.advance(10_000);
    expect(fieldcast.state).toBe("offline");
    gateway.commit("gps/a", { n: 1 });
    await until(() => old.filters.size === 0);
    expect(fieldcast.stats.ignored).toBe(0);
    time.advance(250);
    await until(() => got.length === 1);
    expect(fieldcast.stats.ignored + fieldcast.stats.duplicates).toBe(0);
  });

  test("a heartbeat is no silence", async () => {
    const gateway = await startGateway();
    gateway.heartbeatMs = 4_000;
    const time = new ManualTime();
    const fieldcast = open(gateway, { clock: time, timers: time });
    const subscription = fieldcast.subscribe("gps/#", () => {});
    await until(() => subscription.cursor !== null);
    time.advance(9_000);
    gateway.commit("energy/a", { n: 1 });
    gateway.peer.send({ type: "heartbeat", cursor: gateway.cursor() });
    await until(() => subscription.cursor === "e1:1");
    time.advance(9_999);
    expect(fieldcast.state).toBe("online");
    time.advance(1);
    expect(fieldcast.state).toBe("offline");
  });

  test("before the welcome lasts 10 s at most", async () => {
    const gateway = await startGateway();
    gateway.isHolding = true;
    const time = new ManualTime();
    const fieldcast = open(gateway, { clock: time, timers: time });
    await until(() => gateway.peers.length === 1);
    time.advance(9_999);
    expect(fieldcast.state).toBe("connecting");
    time.advance(1);
    expect(fieldcast.state).toBe("offline");
  });

  test("after a sleep frames that waited get a second to be seen", async () => {
    const gateway = await startGateway();
    gateway.heartbeatMs = 4_000;
    const time = new ManualTime();
    const fieldcast = open(gateway, { clock: time, timers: time });
    await until(() => fieldcast.state === "online");
    time.sleep(3_600_000);
    time.advance(0);
    expect(fieldcast.state).toBe("online");
    time.advance(1_000);
    expect(fieldcast.state).toBe("offline");
  });
});
