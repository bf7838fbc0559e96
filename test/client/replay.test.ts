import { describe, expect, test } from "vitest";
import type { Reading, Replay } from "../../src/client/node.ts";
import type { Gateway } from "./gateway.ts";
import { open, range, seqs, startGateway, until } from "./support.ts";
import { ManualTime } from "./time.ts";

/** A gateway with a van that was seen at 1,000, 2,000, … up to 10,000. */
async function gatewayWithPast(): Promise<Gateway> {
  const gateway = await startGateway();
  for (const n of range(1, 10)) gateway.commit("gps/van", { lat: n, lon: 0 }, n * 1_000);
  return gateway;
}

/** Sends the readings of these numbers, as they are due in a replay. */
function play(gateway: Gateway, first: number, last: number): void {
  const id = gateway.peer.subscribes.at(-1)?.id as number;
  const readings = gateway.committed.filter(({ seq }) => seq >= first && seq <= last);
  gateway.push(gateway.peer, id, readings);
}

function tell(gateway: Gateway, { state, time }: Replay): void {
  const id = gateway.peer.subscribes.at(-1)?.id as number;
  gateway.peer.send({ type: "replay", id, state, ...(time !== null && { time }) });
}

function updates(gateway: Gateway): object[] {
  return gateway.peer.requests.filter(({ type }) => type === "update");
}

describe.each(["msgpack", "json"] as const)("a replay (%s)", (protocol) => {
  test("shows what was, tells where it is, and goes on after a lost connection at the same speed", async () => {
    const gateway = await gatewayWithPast();
    const got: Reading[] = [];
    const snapshots: (number | null)[] = [];
    const replays: Replay[] = [];
    const subscription = open(gateway, { protocol }).subscribe(
      "gps/#",
      {
        from: { time: "1970-01-01T00:00:03Z" },
        speed: 10,
        onSnapshot: (time) => snapshots.push(time),
        onReplay: (replay) => replays.push(replay),
      },
      (reading) => got.push(reading),
    );
    expect(subscription.replay).toBeNull();
    await until(() => got.length === 1);
    expect(snapshots).toEqual([3_000]);
    expect(got[0]).toMatchObject({ seq: 3, snapshot: true });
    tell(gateway, { state: "playing", time: 3_000 });
    play(gateway, 4, 6);
    await until(() => got.length === 4);
    expect(subscription.replay).toEqual({ state: "playing", time: 3_000 });

    gateway.peer.drop();
    await until(() => gateway.peers[1]?.subscribes.length === 1);
    expect(gateway.peer.subscribes[0]).toMatchObject({ from: { cursor: gateway.cursor(6) }, speed: 10 });
    await until(() => got.length === 8);
    expect(seqs(got)).toEqual(range(3, 10));
    expect(replays).toEqual([{ state: "playing", time: 3_000 }]);
  });

  test("is held, goes on and changes its speed, on the next connection too", async () => {
    const gateway = await gatewayWithPast();
    const fieldcast = open(gateway, { protocol });
    const options = { from: { time: 2_000 }, speed: 5, paused: true, onReading: () => {} };
    const subscription = fieldcast.subscribe("gps/#", options);
    await until(() => subscription.cursor !== null);
    subscription.setSpeed(100);
    subscription.resume();
    await until(() => updates(gateway).length === 2);
    subscription.pause();
    await until(() => updates(gateway).length === 3);
    const { id } = gateway.peer.subscribes[0] as { id: number };
    expect(updates(gateway)).toEqual([
      { type: "update", id, speed: 100 },
      { type: "update", id, paused: false },
      { type: "update", id, paused: true },
    ]);
    gateway.peer.drop();
    await until(() => gateway.peers[1]?.subscribes.length === 1);
    expect(gateway.peer.subscribes[0]).toMatchObject({ speed: 100, paused: true });
  });

  test("that had become live is live again at once after a lost connection", async () => {
    const gateway = await gatewayWithPast();
    const subscription = open(gateway, { protocol }).subscribe(
      "gps/#",
      { from: { time: 9_000 }, speed: 5 },
      () => {},
    );
    await until(() => subscription.cursor !== null);
    tell(gateway, { state: "live", time: 10_000 });
    await until(() => subscription.replay?.state === "live");
    gateway.peer.drop();
    await until(() => gateway.peers[1]?.subscribes.length === 1);
    expect(gateway.peer.subscribes[0]).toMatchObject({ speed: 0 });
    subscription.seek({ time: 1_000 });
    await until(() => gateway.peer.subscribes.length === 2);
    expect(gateway.peer.subscribes[1]).toMatchObject({ from: { time: 1_000 }, speed: 5 });
  });

  test("goes elsewhere, and what was under way for the old place is not handed out", async () => {
    const gateway = await gatewayWithPast();
    const got: Reading[] = [];
    const subscription = open(gateway, { protocol }).subscribe(
      "gps/#",
      { from: { time: 7_000 } },
      (reading) => {
        got.push(reading);
        // In the middle of a frame that holds more.
        if (got.length === 2) subscription.seek({ time: 1_000 });
      },
    );
    await until(() => got.length === 2 + 10);
    expect(seqs(got)).toEqual([7, 8, ...range(1, 10)]);
    subscription.seek({ last: 2 });
    expect(subscription.cursor).toBeNull();
  });

  test("goes elsewhere while it is offline", async () => {
    const gateway = await gatewayWithPast();
    const fieldcast = open(gateway, { protocol });
    const got: Reading[] = [];
    const subscription = fieldcast.subscribe("gps/#", { from: "now" }, (reading) => got.push(reading));
    await until(() => subscription.cursor !== null);
    await gateway.stop();
    await until(() => fieldcast.state !== "online");
    subscription.seek({ last: 3 });
    await gateway.restart();
    await until(() => got.length === 3);
    expect(seqs(got)).toEqual([8, 9, 10]);
    expect(got.some(({ snapshot }) => snapshot)).toBe(false);
  });

  test("can be iterated; going elsewhere gives up what waited", async () => {
    const gateway = await gatewayWithPast();
    const fieldcast = open(gateway, { protocol });
    const replays: Replay[] = [];
    const subscription = fieldcast.subscribe("gps/#", {
      from: { time: 0 },
      onReplay: (replay) => replays.push(replay),
    });
    const iterator = subscription[Symbol.asyncIterator]();
    expect((await iterator.next()).value?.seq).toBe(1);
    await until(() => fieldcast.stats.readings === 10);
    for (const time of range(1, 500)) tell(gateway, { state: "playing", time });
    subscription.seek({ time: 9_000 });
    expect((await iterator.next()).value?.seq).toBe(9);
    for (const time of range(501, 1_000)) tell(gateway, { state: "playing", time });
    gateway.commit("gps/van", { lat: 11, lon: 0 }, 11_000);
    expect((await iterator.next()).value?.seq).toBe(10);
    expect((await iterator.next()).value?.seq).toBe(11);
    // Of what was told while nobody asked, the last.
    expect(replays.at(-1)?.time).toBe(1_000);
    expect(replays.length).toBeLessThan(10);
    subscription.close();
  });
});

describe("latest() of the past", () => {
  test("is as it was, moves through time, and counts ages from there", async () => {
    const gateway = await gatewayWithPast();
    gateway.commit("gps/bus", { lat: 1, lon: 1 }, 2_000);
    gateway.commit("gps/bus", { batteryPct: 80 }, 5_000);
    gateway.heartbeatMs = 0;
    const time = new ManualTime();
    const fleet = open(gateway, { clock: time, timers: time }).latest("gps/#", {
      from: { time: 5_500 },
      paused: true,
    });
    await until(() => fleet.getSnapshot().size === 2);
    expect(fleet.get("gps/van")?.values.lat).toBe(5);
    tell(gateway, { state: "paused", time: 5_500 });
    await until(() => fleet.replay !== null);
    expect(fleet.ageMs("gps/van")).toBe(500);
    expect(fleet.ageMs("gps/van", "batteryPct")).toBeUndefined();
    expect(fleet.ageMs("gps/plane")).toBeUndefined();

    fleet.seek({ time: 1_000 });
    await until(() => fleet.get("gps/van")?.values.lat === 1);
    expect([...fleet.getSnapshot().keys()]).toEqual(["gps/van"]);

    fleet.seek("latest");
    await until(() => gateway.peer.subscribes.length === 3);
    tell(gateway, { state: "live", time: 10_000 });
    await until(() => fleet.get("gps/van")?.values.lat === 10 && fleet.replay?.state === "live");
    expect(fleet.ageMs("gps/van")).toBe(time.now() - 10_000);
    fleet.pause();
    fleet.resume();
    fleet.setSpeed(2);
    await until(() => updates(gateway).length === 3);
  });

  test("knows the age of each value, and of none that is ahead", async () => {
    const gateway = await startGateway();
    const time = new ManualTime();
    gateway.commit("energy/a", { powerW: 10, voltageV: 230 }, time.now() - 9_000);
    const plugs = open(gateway, { clock: time, timers: time }).latest("energy/#");
    await until(() => plugs.get("energy/a") !== undefined);
    gateway.commit("energy/a", { powerW: 20 }, time.now() - 2_000);
    gateway.commit("energy/b", { powerW: 1 }, time.now() + 60_000);
    await until(() => plugs.get("energy/b") !== undefined);
    expect(plugs.ageMs("energy/a")).toBe(2_000);
    expect(plugs.ageMs("energy/a", "powerW")).toBe(2_000);
    expect(plugs.ageMs("energy/a", "voltageV")).toBe(9_000);
    expect(plugs.ageMs("energy/a", "constructor")).toBeUndefined();
    expect(plugs.ageMs("energy/b")).toBe(0);
    time.advance(1_000);
    expect(plugs.ageMs("energy/a")).toBe(3_000);
  });

  test("is a store as React's useSyncExternalStore wants it", async () => {
    const gateway = await startGateway();
    const { subscribe, getSnapshot } = open(gateway).latest("gps/#");
    // The contract: functions without `this`, the same snapshot until it has changed, a call at each change.
    let rendered = getSnapshot();
    let renders = 1;
    const stop = subscribe(() => {
      if (Object.is(rendered, getSnapshot())) return;
      rendered = getSnapshot();
      renders++;
    });
    await until(() => renders === 2);
    gateway.commit("gps/van", { lat: 1, lon: 1 });
    await until(() => renders === 3);
    expect(rendered.get("gps/van")?.values.lat).toBe(1);
    expect(getSnapshot()).toBe(rendered);
    stop();
  });
});
