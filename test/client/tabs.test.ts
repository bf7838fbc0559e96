import { describe, expect, test } from "vitest";
import type { ConnectOptions, Fieldcast, Reading } from "../../src/client/node.ts";
import { browserTabs } from "../../src/client/tab-platform.ts";
import type { Gateway } from "./gateway.ts";
import { TabHost } from "./locks.ts";
import { open, range, seqs, startGateway, until } from "./support.ts";
import { ManualTime } from "./time.ts";

interface Tab {
  readonly fieldcast: Fieldcast;
  readonly readings: Reading[];
  readonly platform: ReturnType<TabHost["tab"]>;
}

let groups = 0;

/** Opens tabs that follow `gps/#`, one after the other; the first of them holds the connection. */
async function openTabs(gateway: Gateway, count: number, options: ConnectOptions = {}): Promise<Tab[]> {
  const host = new TabHost();
  // Tests run side by side, and channels reach over all of them.
  const shareTabs = `${process.pid} ${++groups}`;
  const tabs: Tab[] = [];
  for (let n = 0; n < count; n++) {
    const platform = host.tab();
    const fieldcast = open(gateway, { shareTabs, tabs: platform, ...options });
    const readings: Reading[] = [];
    fieldcast.subscribe("gps/#", { from: "now" }, (reading) => readings.push(reading));
    tabs.push({ fieldcast, readings, platform });
    await until(() => gateway.peers.at(-1)?.filters.size === n + 1);
  }
  return tabs;
}

function all(tabs: readonly Tab[], count: number): Promise<void> {
  return until(() => tabs.every(({ readings }) => readings.length >= count));
}

describe("tabs that share a connection", () => {
  test.each(["msgpack", "json"] as const)(
    "have one socket, each its own subscriptions (%s)",
    async (protocol) => {
      const gateway = await startGateway();
      const tabs = await openTabs(gateway, 3, { protocol });
      const [first, second] = tabs as [Tab, Tab, Tab];
      const meters: Reading[] = [];
      const subscription = second.fieldcast.subscribe("energy/#", { from: "now" }, (one) => meters.push(one));
      await until(() => gateway.peer.filters.size === 4);
      for (const n of range(1, 6)) gateway.commit(n % 2 ? "gps/a" : "energy/b", { n });
      await all(tabs, 3);
      await until(() => meters.length === 3);
      expect(tabs.map(({ readings }) => seqs(readings))).toEqual([
        [1, 3, 5],
        [1, 3, 5],
        [1, 3, 5],
      ]);
      expect(seqs(meters)).toEqual([2, 4, 6]);
      subscription.close();
      await until(() => gateway.peer.filters.size === 3);
      gateway.peer.send({ type: "heartbeat", cursor: gateway.cursor() });
      gateway.commit("gps/a", { n: 7 });
      await all(tabs, 4);
      expect(gateway.peers).toHaveLength(1);
      expect(first.fieldcast.stats.ignored + second.fieldcast.stats.ignored).toBe(0);
    },
  );

  test("publish through it, each its own answer", async () => {
    const gateway = await startGateway();
    const tabs = await openTabs(gateway, 3);
    const publishes = tabs.flatMap(({ fieldcast }, tab) =>
      range(1, 40).map((n) => fieldcast.publish(`telemetry/gps/${tab}`, n % 2 ? { n } : new Uint8Array([n]))),
    );
    await Promise.all(publishes);
    expect(gateway.peer.publishes).toHaveLength(120);
    gateway.publishRefusal = "rejected";
    await expect(tabs[2]?.fieldcast.publish("telemetry/gps/x", { lat: 95 })).rejects.toMatchObject({
      code: "rejected",
    });
    expect(gateway.peers).toHaveLength(1);
  });

  test.each(["close()", "a crash"])(
    "go on when the holder goes by %s: nothing lost, nothing twice",
    async (way) => {
      const gateway = await startGateway();
      const tabs = await openTabs(gateway, 3);
      gateway.commit("gps/a", { n: 1 });
      await all(tabs, 1);
      const [holder, ...others] = tabs as [Tab, Tab, Tab];
      gateway.commit("gps/a", { n: 2 });
      if (way === "close()") holder.fieldcast.close();
      else holder.platform.crash();
      for (const n of range(3, 20)) gateway.commit("gps/a", { n });
      await until(() => gateway.peers.length === 2 && gateway.peer.filters.size === 2);
      for (const n of range(21, 30)) gateway.commit("gps/a", { n });
      await all(others, 30);
      for (const { readings } of others) expect(seqs(readings)).toEqual(range(1, 30));
      expect(gateway.peers).toHaveLength(2);
    },
  );

  test("rob a holder that is frozen of the connection, and it steps down when it wakes", async () => {
    const gateway = await startGateway();
    gateway.heartbeatMs = 4_000;
    const time = new ManualTime();
    const tabs = await openTabs(gateway, 2, { clock: time, timers: time, random: Math.random });
    const [holder, other] = tabs as [Tab, Tab];
    holder.platform.freeze();
    gateway.commit("gps/a", { n: 1 });
    await until(() => holder.readings.length === 1);
    // Silence, a new attempt, no answer, the lock.
    await until(() => {
      time.advance(500);
      gateway.peers[0]?.send({ type: "heartbeat" });
      return other.readings.length === 1;
    });
    expect(gateway.peers.length).toBeGreaterThanOrEqual(2);
    // The old holder was told that it is none any more: its socket is closed.
    await until(() => gateway.peers[0]?.filters.size === 0);
    holder.platform.thaw();
    time.advance(1_000);
    await until(() => gateway.peer.filters.size === 2);
    gateway.commit("gps/a", { n: 2 });
    await all(tabs, 2);
    for (const { readings } of tabs) expect(seqs(readings)).toEqual([1, 2]);
  });

  test("hear that the connection lives while only one of them gets readings, and the gateway says nothing else", async () => {
    const gateway = await startGateway();
    gateway.heartbeatMs = 4_000;
    const time = new ManualTime();
    const host = new TabHost();
    const shareTabs = `${process.pid} ${++groups}`;
    const connectTab = () => {
      return open(gateway, { shareTabs, tabs: host.tab(), clock: time, timers: time, random: Math.random });
    };
    const readings: Reading[] = [];
    connectTab().subscribe("gps/#", { from: "now" }, (reading) => readings.push(reading));
    await until(() => gateway.peers.at(-1)?.filters.size === 1);
    const idle = connectTab();
    const states: string[] = [];
    idle.onState((state) => states.push(state));
    await until(() => states.includes("online"));
    for (const n of range(1, 40)) {
      time.advance(1_000);
      gateway.commit("gps/a", { n });
      await until(() => readings.length === n);
    }
    expect(states.filter((state) => state !== "online" && state !== "connecting")).toEqual([]);
    expect(gateway.peers.length).toBe(1);
  });

  test("are left to themselves when they are frozen, and resume when they wake", async () => {
    const gateway = await startGateway();
    const tabs = await openTabs(gateway, 2);
    const [holder, frozen] = tabs as [Tab, Tab];
    frozen.platform.freeze();
    // More than a tab may leave unacknowledged.
    for (const n of range(1, 600)) gateway.commit("gps/a", { n });
    await all([holder], 600);
    await until(() => gateway.peer.filters.size === 1);
    expect(frozen.readings).toEqual([]);
    frozen.platform.thaw();
    await until(() => gateway.peer.filters.size === 2);
    gateway.commit("gps/a", { n: 601 });
    await all(tabs, 601);
    for (const { readings } of tabs) expect(seqs(readings)).toEqual(range(1, 601));
    expect(gateway.peers).toHaveLength(1);
  });

  test("all hear of a lost gateway, and all resume", async () => {
    const gateway = await startGateway();
    const tabs = await openTabs(gateway, 3);
    gateway.commit("gps/a", { n: 1 });
    await all(tabs, 1);
    await gateway.stop();
    await until(() => tabs.every(({ fieldcast }) => fieldcast.state !== "online"));
    gateway.commit("gps/a", { n: 2 });
    await gateway.restart();
    await until(() => gateway.peer.filters.size === 3);
    gateway.commit("gps/a", { n: 3 });
    await all(tabs, 3);
    for (const { readings } of tabs) expect(seqs(readings)).toEqual([1, 2, 3]);
  });

  test("have sockets of their own where there is nothing to share, or other names", async () => {
    expect(browserTabs()).toBeNull();
    const gateway = await startGateway();
    const host = new TabHost();
    open(gateway, { shareTabs: true });
    open(gateway, { shareTabs: `${process.pid} ann`, tabs: host.tab() });
    open(gateway, { shareTabs: `${process.pid} bob`, tabs: new TabHost().tab() });
    await until(() => gateway.peers.length === 3);
  });
});
