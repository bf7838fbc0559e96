import { describe, expect, test } from "vitest";
import { WebSocket } from "ws";
import { connect, FieldcastError, type Reading, type State } from "../../src/client/node.ts";
import { closeCodes } from "../../src/model/errors.ts";
import { open, range, seqs, startGateway, until } from "./support.ts";
import { ManualTime } from "./time.ts";

describe("a lost connection", () => {
  test.each(["msgpack", "json"] as const)("is resumed where it ended (%s)", async (protocol) => {
    const gateway = await startGateway();
    gateway.commit("gps/van-7", { lat: 52.5 });
    const states: State[] = [];
    const fieldcast = open(gateway, { protocol });
    fieldcast.onState((state) => states.push(state));
    const got: Reading[] = [];
    const subscription = fieldcast.subscribe("gps/#", (reading) => got.push(reading));
    await until(() => got.length === 1);
    gateway.commit("gps/van-7", { lat: 52.6, moving: true });
    await until(() => got.length === 2);
    expect(subscription.cursor).toBe("e1:2");

    gateway.peer.drop();
    gateway.commit("gps/van-7", { lat: 52.7 });
    await until(() => got.length === 3);
    gateway.commit("gps/van-7", { lat: 52.8 });
    await until(() => got.length === 4);

    expect(got[0]).toEqual({
      seq: 1,
      topic: "gps/van-7",
      time: 1_000,
      values: { lat: 52.5 },
      snapshot: true,
    });
    expect(got[1]?.values).toEqual({ lat: 52.6, moving: true });
    expect(got.map(({ snapshot }) => snapshot)).toEqual([true, false, false, false]);
    expect(seqs(got)).toEqual([1, 2, 3, 4]);
    expect(gateway.peer.subscribes).toEqual([
      { type: "subscribe", id: expect.any(Number), filter: "gps/#", from: { cursor: "e1:2" } },
    ]);
    expect(states).toEqual(["online", "offline", "connecting", "online"]);
  });

  test("is resumed after a restart of the gateway, however long it takes", async () => {
    const gateway = await startGateway();
    const reasons: string[] = [];
    const fieldcast = open(gateway);
    fieldcast.onState((state, reason) => reasons.push(`${state} ${reason?.code ?? ""}`));
    const got: Reading[] = [];
    fieldcast.subscribe("#", { from: "now" }, (reading) => got.push(reading));
    await until(() => gateway.peers[0]?.filters.size === 1);
    gateway.commit("gps/a", { n: 1 });
    await until(() => got.length === 1);
    await gateway.stop();
    await until(() => reasons.filter((line) => line === "offline lost").length >= 3);
    gateway.commit("gps/a", { n: 2 });
    await gateway.restart();
    await until(() => got.length === 2);
    expect(seqs(got)).toEqual([1, 2]);
  });

  test("a subscription that was never answered starts as it was asked to", async () => {
    const gateway = await startGateway();
    const fieldcast = open(gateway);
    await until(() => fieldcast.state === "online");
    gateway.peer.isMute = true;
    const got: Reading[] = [];
    const subscription = fieldcast.subscribe("gps/#", (reading) => got.push(reading));
    await until(() => gateway.peer.subscribes.length === 1);
    expect(subscription.cursor).toBeNull();
    gateway.commit("gps/a", { n: 1 });
    gateway.peer.drop();
    await until(() => got.length === 1);
    expect(gateway.peer.subscribes[0]?.from).toBe("latest");
  });
});

describe("retries", () => {
  test("grow to the cap, and begin anew after a connection that stayed up", async () => {
    const gateway = await startGateway();
    const time = new ManualTime();
    const fieldcast = open(gateway, {
      clock: time,
      timers: time,
      random: () => 1,
      backoff: { maxDelayMs: 1_000 },
    });
    await until(() => fieldcast.state === "online");
    const delays: (number | undefined)[] = [];
    const failOnce = async (upMs: number) => {
      await until(() => fieldcast.state === "online");
      time.advance(upMs);
      gateway.peer.drop();
      await until(() => fieldcast.state === "offline");
      delays.push(time.delays[0]);
      time.advance(time.delays[0] ?? 0);
    };
    for (const upMs of [0, 0, 4_999, 0, 5_000]) await failOnce(upMs);
    expect(delays).toEqual([250, 500, 1_000, 1_000, 250]);
  });

  test("are over at once when the page wakes", async () => {
    const gateway = await startGateway();
    const page = new EventTarget();
    const listening = new Set<string>();
    const methods = {
      addEventListener: (type: string, listener: () => void) => {
        listening.add(type);
        page.addEventListener(type, listener);
      },
      removeEventListener: (type: string, listener: () => void) => {
        listening.delete(type);
        page.removeEventListener(type, listener);
      },
    };
    Object.assign(globalThis, methods);
    try {
      const time = new ManualTime();
      const fieldcast = open(gateway, { clock: time, timers: time });
      await until(() => fieldcast.state === "online");
      gateway.peer.drop();
      await until(() => fieldcast.state === "offline");
      page.dispatchEvent(new Event("online"));
      expect(fieldcast.state).toBe("connecting");
      await until(() => fieldcast.state === "online");
      expect(listening).toEqual(new Set(["online"]));
      fieldcast.close();
      expect(listening.size).toBe(0);
    } finally {
      for (const name of Object.keys(methods)) Reflect.deleteProperty(globalThis, name);
    }
  });

  test("end at a close code that says so", async () => {
    const gateway = await startGateway();
    const errors: FieldcastError[] = [];
    const states: [State, string | undefined][] = [];
    const fieldcast = open(gateway);
    fieldcast.onState((state, reason) => states.push([state, reason?.message]));
    fieldcast.subscribe("gps/#", { onReading: () => {}, onError: (error) => errors.push(error) });
    const iterator = fieldcast.subscribe("gps/#")[Symbol.asyncIterator]();
    const next = iterator.next();
    await until(() => gateway.peers[0]?.filters.size === 2);
    gateway.peer.close(closeCodes.protocolViolation, "frames that are no messages");
    await expect(next).rejects.toMatchObject({ code: "refused" });
    expect(fieldcast.state).toBe("closed");
    expect(errors.map(({ code }) => code)).toEqual(["refused"]);
    expect(states.at(-1)?.[1]).toContain("4501, frames that are no messages");
    expect(() => fieldcast.subscribe("gps/#")).toThrow(FieldcastError);
  });

  test("go on after a close code that allows it", async () => {
    const gateway = await startGateway();
    const fieldcast = open(gateway);
    await until(() => fieldcast.state === "online");
    gateway.peer.close(closeCodes.restarting, "restarting");
    await until(() => fieldcast.stats.connections === 2);
  });
});

describe("frames", () => {
  test("one that cannot be read costs the connection, and no reading", async () => {
    const gateway = await startGateway();
    const errors: FieldcastError[] = [];
    const got: Reading[] = [];
    const fieldcast = open(gateway, { onError: (error) => errors.push(error) });
    fieldcast.subscribe("gps/#", (reading) => got.push(reading));
    await until(() => gateway.peers[0]?.filters.size === 1);
    gateway.commit("gps/a", { n: 1 });
    await until(() => got.length === 1);
    gateway.peer.sendRaw(new Uint8Array([0xc1]));
    gateway.commit("gps/a", { n: 2 });
    await until(() => got.length === 2);
    expect(seqs(got)).toEqual([1, 2]);
    expect(errors.map(({ code }) => code)).toEqual(["bad-frame"]);
  });

  test("of a kind that a newer gateway may send are passed over", async () => {
    const gateway = await startGateway();
    const got: Reading[] = [];
    const fieldcast = open(gateway, { protocol: "json" });
    fieldcast.subscribe("gps/#", (reading) => got.push(reading));
    await until(() => gateway.peers[0]?.filters.size === 1);
    gateway.peer.sendRaw('{"type":"weather","id":1}');
    gateway.commit("gps/a", { n: 1 });
    await until(() => got.length === 1);
    expect(fieldcast.stats.connections).toBe(1);
  });
});

describe("connect", () => {
  test("sends the token in hello, before anything else", async () => {
    const gateway = await startGateway();
    const fieldcast = open(gateway, { token: "secret" });
    fieldcast.subscribe("gps/#", () => {});
    await until(() => gateway.peers[0]?.requests.length === 2);
    expect(gateway.peer.requests[0]).toEqual({ type: "hello", token: "secret" });
  });

  test("refuses an address that is none, and says what one looks like", () => {
    expect(() => connect("nonsense")).toThrow(expect.objectContaining({ code: "bad-url" }));
  });

  test("takes a WebSocket from outside", async () => {
    const gateway = await startGateway();
    let made = 0;
    class Counted extends WebSocket {
      constructor(url: string, protocols: string[]) {
        super(url, protocols);
        made++;
      }
    }
    const fieldcast = open(gateway, { webSocket: Counted });
    await until(() => fieldcast.state === "online");
    expect(made).toBe(1);
  });

  test("close() before the connection is up leaves nothing behind", async () => {
    const gateway = await startGateway();
    const time = new ManualTime();
    const fieldcast = open(gateway, { clock: time, timers: time });
    fieldcast.close();
    fieldcast.close();
    expect(fieldcast.state).toBe("closed");
    expect(time.delays).toEqual([]);
  });

  test("two subscriptions share one socket, each with its own place", async () => {
    const gateway = await startGateway();
    const fieldcast = open(gateway);
    const vans: Reading[] = [];
    const meters: Reading[] = [];
    const first = fieldcast.subscribe("gps/#", (reading) => vans.push(reading));
    const second = fieldcast.subscribe("energy/#", (reading) => meters.push(reading));
    await until(() => gateway.peers[0]?.filters.size === 2);
    for (const n of range(1, 6)) gateway.commit(n % 2 ? "gps/a" : "energy/b", { n });
    await until(() => vans.length + meters.length === 6);
    expect([seqs(vans), seqs(meters)]).toEqual([
      [1, 3, 5],
      [2, 4, 6],
    ]);
    expect([first.cursor, second.cursor]).toEqual(["e1:5", "e1:6"]);
    expect(gateway.peers).toHaveLength(1);
  });
});
