import { describe, expect, test } from "vitest";
import type { FieldcastError, Gap, Reading } from "../../src/client/node.ts";
import { open, range, seqs, startGateway, until } from "./support.ts";

describe("the cursor", () => {
  test("includes the reading that a callback is being given", async () => {
    const gateway = await startGateway();
    for (const n of range(1, 3)) gateway.commit(`gps/${n}`, { n });
    const cursors: (string | null)[] = [];
    const subscription = open(gateway).subscribe("gps/#", () => cursors.push(subscription.cursor));
    await until(() => cursors.length === 3);
    // Two thirds of a snapshot are no place to go on from.
    expect(cursors).toEqual([null, null, "e1:3"]);
    gateway.commitMany("gps/1", 2);
    await until(() => cursors.length === 5);
    expect(cursors.slice(3)).toEqual(["e1:4", "e1:5"]);
  });

  test("goes on in another process", async () => {
    const gateway = await startGateway();
    const got: Reading[] = [];
    const subscription = open(gateway).subscribe("gps/#", (reading) => got.push(reading));
    await until(() => gateway.peers[0]?.filters.size === 1);
    gateway.commitMany("gps/a", 3);
    await until(() => got.length === 3);
    subscription.close();
    gateway.commitMany("gps/a", 2);
    const { cursor } = subscription;
    if (cursor === null) throw new Error("no cursor");
    const second = open(gateway).subscribe("gps/#", { from: { cursor } }, (reading) => got.push(reading));
    expect(second.cursor).toBe(cursor);
    await until(() => got.length === 5);
    expect(seqs(got)).toEqual(range(1, 5));
  });

  test("moves with heartbeats and with frames that bring nothing", async () => {
    const gateway = await startGateway();
    const subscription = open(gateway).subscribe("gps/#", () => {});
    await until(() => subscription.cursor === "e1:0");
    for (const n of range(1, 4)) gateway.commit("energy/a", { n });
    const id = gateway.peer.subscribes[0]?.id as number;
    gateway.peer.send({ type: "readings", id, cursor: gateway.cursor(3), readings: [] });
    await until(() => subscription.cursor === "e1:3");
    gateway.peer.send({ type: "heartbeat", cursor: gateway.cursor(4) });
    await until(() => subscription.cursor === "e1:4");
    gateway.peer.send({ type: "heartbeat", cursor: gateway.cursor(2) });
    gateway.peer.drop();
    await until(() => gateway.peers[1]?.subscribes.length === 1);
    expect(gateway.peer.subscribes[0]?.from).toEqual({ cursor: "e1:4" });
  });

  test("does not move with a heartbeat before the subscription is answered", async () => {
    const gateway = await startGateway();
    const errors: FieldcastError[] = [];
    const fieldcast = open(gateway, { onError: (error) => errors.push(error) });
    await until(() => fieldcast.state === "online");
    const { peer } = gateway;
    peer.isMute = true;
    const waiting = fieldcast.subscribe("gps/#", { from: { cursor: "e1:0" }, onReading: () => {} });
    await until(() => peer.subscribes.length === 1);
    peer.isMute = false;
    gateway.commit("gps/a", { n: 1 });
    peer.send({ type: "heartbeat", cursor: gateway.cursor() });
    peer.send({ type: "error", id: null, code: "bad-message", message: "behind the heartbeat" });
    await until(() => errors.length === 1);
    expect(waiting.cursor).toBe("e1:0");
  });
});

describe("a new connection", () => {
  test("moves no cursor before it has answered, and never back", async () => {
    const gateway = await startGateway();
    const errors: FieldcastError[] = [];
    const got: Reading[] = [];
    const fieldcast = open(gateway, { onError: (error) => errors.push(error) });
    const subscription = fieldcast.subscribe("gps/#", { from: "now" }, (reading) => got.push(reading));
    await until(() => gateway.peers[0]?.filters.size === 1);
    gateway.commitMany("gps/a", 3);
    await until(() => got.length === 3);
    gateway.isDeaf = true;
    gateway.peer.drop();
    await until(() => gateway.peers[1]?.subscribes.length === 1);
    const { peer } = gateway;
    peer.send({ type: "heartbeat", cursor: "e1:7" });
    peer.send({ type: "error", id: null, code: "bad-message", message: "behind the heartbeat" });
    await until(() => errors.length === 1);
    expect(subscription.cursor).toBe("e1:3");

    const id = peer.subscribes[0]?.id as number;
    peer.send({ type: "subscribed", id, cursor: "e1:1" });
    gateway.push(peer, id, gateway.committed);
    await until(() => fieldcast.stats.duplicates === 3);
    expect(seqs(got)).toEqual([1, 2, 3]);
    expect(subscription.cursor).toBe("e1:3");
  });
});

describe("duplicates", () => {
  test.each(["msgpack", "json"] as const)("are dropped and counted (%s)", async (protocol) => {
    const gateway = await startGateway();
    gateway.copies = 2;
    const got: Reading[] = [];
    const fieldcast = open(gateway, { protocol });
    fieldcast.subscribe("gps/#", { from: "now" }, (reading) => got.push(reading));
    await until(() => gateway.peers[0]?.filters.size === 1);
    for (const n of range(1, 5)) gateway.commit("gps/a", { n });
    await until(() => fieldcast.stats.duplicates === 5);
    expect(seqs(got)).toEqual(range(1, 5));
    expect(fieldcast.stats.readings).toBe(5);
  });
});

describe("a gap", () => {
  test("is told before its snapshot, once", async () => {
    const gateway = await startGateway();
    const events: unknown[] = [];
    open(gateway).subscribe("gps/#", {
      onReading: ({ seq, snapshot }) => events.push(snapshot ? `snapshot ${seq}` : seq),
      onGap: (gap) => events.push(gap),
      onSnapshot: () => events.push("snapshot"),
    });
    await until(() => gateway.peers[0]?.filters.size === 1);
    gateway.commitMany("gps/a", 2);
    await until(() => events.length === 3);
    gateway.peer.drop();
    await until(() => gateway.peer.filters.size === 0);
    gateway.commitMany("gps/a", 7);
    gateway.oldest = 8;
    await until(() => events.length === 6);
    gateway.commit("gps/a", { n: 10 });
    await until(() => events.length === 7);
    const gap: Gap = { reason: "evicted", from: 3, to: 7, oldest: 8 };
    expect(events).toEqual(["snapshot", 1, 2, gap, "snapshot", "snapshot 9", 10]);
  });

  test("of a lost log goes back to the new log's numbers", async () => {
    const gateway = await startGateway();
    const gaps: Gap[] = [];
    const got: Reading[] = [];
    const subscription = open(gateway).subscribe("gps/#", {
      onReading: (reading) => got.push(reading),
      onGap: (gap) => gaps.push(gap),
    });
    await until(() => gateway.peers[0]?.filters.size === 1);
    gateway.commitMany("gps/a", 5);
    await until(() => got.length === 5);
    await gateway.stop();
    gateway.loseLog("e2");
    gateway.commit("gps/a", { n: 1 });
    await gateway.restart();
    await until(() => got.length === 6);
    gateway.commit("gps/a", { n: 2 });
    await until(() => got.length === 7);
    expect(gaps).toEqual([{ reason: "epoch", from: null, to: null, oldest: 1 }]);
    expect(seqs(got)).toEqual([1, 2, 3, 4, 5, 1, 2]);
    expect(subscription.cursor).toBe("e2:2");
  });

  test("of a log that lost its end goes back within the same epoch", async () => {
    const gateway = await startGateway();
    const gaps: string[] = [];
    const got: Reading[] = [];
    const subscription = open(gateway).subscribe("gps/#", {
      onReading: (reading) => got.push(reading),
      onGap: ({ reason }) => gaps.push(reason),
    });
    await until(() => gateway.peers[0]?.filters.size === 1);
    gateway.commitMany("gps/a", 5);
    await until(() => got.length === 5);
    await gateway.stop();
    gateway.loseLog("e1");
    gateway.commitMany("gps/a", 3);
    await gateway.restart();
    await until(() => got.length === 6);
    gateway.commit("gps/a", { n: 4 });
    await until(() => got.length === 7);
    expect(gaps).toEqual(["ahead"]);
    expect(seqs(got)).toEqual([1, 2, 3, 4, 5, 3, 4]);
    expect(subscription.cursor).toBe("e1:4");
  });

  test("whose snapshot did not come is told by the next connection", async () => {
    const gateway = await startGateway();
    const events: string[] = [];
    open(gateway).subscribe("gps/#", {
      onReading: ({ seq }) => events.push(String(seq)),
      onGap: ({ reason }) => events.push(reason),
    });
    await until(() => gateway.peers[0]?.filters.size === 1);
    gateway.commitMany("gps/a", 2);
    await until(() => events.length === 2);
    const id = gateway.peer.subscribes[0]?.id as number;
    gateway.peer.send({ type: "gap", id, reason: "evicted", from: 3, to: 8 });
    gateway.peer.send({ type: "heartbeat", cursor: "e1:9" });
    gateway.peer.close(4000, "restarting");
    await until(() => gateway.peers.length === 2 && gateway.peer.filters.size === 1);
    gateway.commit("gps/a", { n: 3 });
    await until(() => events.length === 3);
    expect(events).toEqual(["1", "2", "3"]);
    expect(gateway.peer.subscribes[0]?.from).toEqual({ cursor: "e1:2" });
  });
});

describe("close", () => {
  test("unsubscribes, and frames that come late go nowhere", async () => {
    const gateway = await startGateway();
    const got: Reading[] = [];
    const fieldcast = open(gateway);
    const subscription = fieldcast.subscribe("gps/#", (reading) => {
      got.push(reading);
      if (reading.seq === 2) subscription.close();
    });
    await until(() => gateway.peers[0]?.filters.size === 1);
    gateway.commitMany("gps/a", 4);
    await until(() => gateway.peer.filters.size === 0);
    const { id } = gateway.peer.requests[0] as { id: number };
    expect(gateway.peer.requests[1]).toEqual({ type: "unsubscribe", id });
    const again: Reading[] = [];
    fieldcast.subscribe("gps/#", { from: "now" }, (reading) => again.push(reading));
    await until(() => gateway.peer.filters.size === 1);
    gateway.push(gateway.peer, id, [{ seq: 9, topic: "gps/a", time: 0, values: {} }]);
    gateway.commit("gps/a", { n: 5 });
    await until(() => again.length === 1);
    expect([seqs(got), seqs(again)]).toEqual([[1, 2], [5]]);
    expect(fieldcast.stats.ignored).toBe(1);
    expect(subscription.cursor).toBe("e1:2");
  });
});
