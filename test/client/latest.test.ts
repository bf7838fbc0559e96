import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Latest, mergeLatest } from "../../src/client/latest.ts";
import type { FieldcastError } from "../../src/client/node.ts";
import { open, startGateway, until } from "./support.ts";

describe("latest()", () => {
  test.each(["msgpack", "json"] as const)(
    "merges field by field by observation time (%s)",
    async (protocol) => {
      const gateway = await startGateway();
      gateway.commit("energy/a", { powerW: 10, voltageV: 230 }, 1_000);
      const plugs = open(gateway, { protocol }).latest("energy/#");
      await until(() => plugs.get("energy/a") !== undefined);
      expect(plugs.get("energy/a")).toEqual({
        topic: "energy/a",
        time: 1_000,
        values: { powerW: 10, voltageV: 230 },
        times: {},
      });
      gateway.commit("energy/a", { powerW: 20 }, 5_000);
      await until(() => plugs.get("energy/a")?.time === 5_000);
      // Late: fills in the current, overwrites nothing.
      gateway.commit("energy/a", { powerW: 99, currentA: 0.1 }, 3_000);
      await until(() => plugs.get("energy/a")?.values["currentA"] !== undefined);
      expect(plugs.get("energy/a")).toEqual({
        topic: "energy/a",
        time: 5_000,
        values: { powerW: 20, voltageV: 230, currentA: 0.1 },
        times: { voltageV: 1_000, currentA: 3_000 },
      });
    },
  );

  test.each(["msgpack", "json"] as const)("takes the ages of a snapshot (%s)", async (protocol) => {
    const gateway = await startGateway();
    const fieldcast = open(gateway, { protocol });
    await until(() => fieldcast.state === "online");
    const { peer } = gateway;
    peer.isMute = true;
    const plugs = fieldcast.latest("energy/#");
    await until(() => peer.subscribes.length === 1);
    peer.isMute = false;
    const values = { powerW: 10, voltageV: 230 };
    const reading = { seq: 4, topic: "energy/a", time: 5_000, values, times: { voltageV: 2_000 } };
    const id = peer.subscribes[0]?.id as number;
    peer.send({ type: "subscribed", id, cursor: "e1:4", snapshot: [reading] });
    await until(() => plugs.get("energy/a") !== undefined);
    expect(plugs.get("energy/a")?.times).toEqual({ voltageV: 2_000 });
  });

  test("gives one stable snapshot between changes, and calls back once per frame", async () => {
    const gateway = await startGateway();
    const fieldcast = open(gateway);
    const fleet = fieldcast.latest("gps/#");
    let calls = 0;
    const stop = fleet.subscribe(() => calls++);
    await until(() => calls === 1);
    const before = fleet.getSnapshot();
    expect(fleet.getSnapshot()).toBe(before);
    gateway.commitMany("gps/a", 100);
    await until(() => calls === 2);
    const after = fleet.getSnapshot();
    expect(after).not.toBe(before);
    expect(before.size).toBe(0);
    expect(after.get("gps/a")?.values).toEqual({ n: 100 });
    gateway.commit("gps/a", { n: 7 }, 1);
    await until(() => fieldcast.stats.readings === 101);
    expect(fleet.getSnapshot()).toBe(after);
    stop();
    fleet.close();
    await until(() => gateway.peer.filters.size === 0);
    expect(calls).toBe(2);
  });

  test("starts anew from the snapshot after a gap", async () => {
    const gateway = await startGateway();
    gateway.commit("gps/old", { n: 1 });
    const fleet = open(gateway).latest("gps/#");
    await until(() => fleet.get("gps/old") !== undefined);
    await gateway.stop();
    gateway.loseLog("e2");
    gateway.commit("gps/new", { n: 1 });
    await gateway.restart();
    await until(() => fleet.get("gps/new") !== undefined);
    expect([...fleet.getSnapshot().keys()]).toEqual(["gps/new"]);
  });

  test("is bounded, and says so once", async () => {
    const gateway = await startGateway();
    const errors: FieldcastError[] = [];
    const fleet = open(gateway).latest("gps/#", { maxTopics: 2, onError: (error) => errors.push(error) });
    await until(() => gateway.peers[0]?.filters.size === 1);
    for (const n of [1, 2, 3, 4]) gateway.commit(`gps/${n}`, { n });
    gateway.commit("gps/1", { n: 5 });
    await until(() => fleet.get("gps/1")?.values["n"] === 5);
    expect(fleet.getSnapshot().size).toBe(2);
    expect(errors.map(({ code }) => code)).toEqual(["too-many-topics"]);
  });
});

describe("mergeLatest", () => {
  test("attrs are those of the reading that set the time", () => {
    const alert = { topic: "t", time: 2, values: { state: "firing" }, attrs: { text: "over 50" } };
    const shown = mergeLatest(undefined, alert);
    expect(shown.attrs).toEqual(alert.attrs);
    const late = { topic: "t", time: 1, values: { level: 1 }, attrs: { text: "late" } };
    expect(mergeLatest(shown, late).attrs).toEqual(alert.attrs);
    expect("attrs" in mergeLatest(shown, { topic: "t", time: 3, values: { state: "ok" } })).toBe(false);
  });

  const names = ["a", "b", "constructor", "__proto__"];
  const observations = fc.array(
    fc.record({
      time: fc.integer({ min: 0, max: 5 }),
      values: fc
        .array(fc.tuple(fc.constantFrom(...names), fc.integer()), { minLength: 1 })
        .map(Object.fromEntries),
    }),
    { minLength: 1 },
  );

  test("each value is the one observed last, of equals the one that came last", () => {
    fc.assert(
      fc.property(observations, (readings) => {
        let latest: Latest | undefined;
        const model = new Map<string, { time: number; value: unknown }>();
        for (const { time, values } of readings) {
          latest = mergeLatest(latest, { topic: "t", time, values });
          for (const [name, value] of Object.entries(values)) {
            if (time >= (model.get(name)?.time ?? 0)) model.set(name, { time, value });
          }
        }
        const newest = Math.max(...[...model.values()].map(({ time }) => time));
        expect(latest?.time).toBe(newest);
        expect(Object.entries(latest?.values ?? {})).toEqual(
          [...model].map(([name, { value }]) => [name, value]),
        );
        const older = [...model].filter(([, { time }]) => time < newest);
        expect(Object.entries(latest?.times ?? {})).toEqual(older.map(([name, { time }]) => [name, time]));
      }),
    );
  });
});
