import { encode } from "@msgpack/msgpack";
import { describe, expect, test } from "vitest";
import type { Gap, Reading, ViewChange } from "../../src/client/node.ts";
import { freeShape, writeBody } from "../../src/wire/body.ts";
import { frameKinds, readingJson } from "../../src/wire/frames.ts";
import type { ServerMessage, WireReading } from "../../src/wire/messages.ts";
import { MsgpackWriter } from "../../src/wire/writer.ts";
import type { Gateway, Peer } from "./gateway.ts";
import { open, seqs, startGateway, until } from "./support.ts";

const options = {
  bbox: [24, 60, 25, 61],
  rate: 5,
  where: [{ field: "speedKmh", op: ">", value: 50 }],
  fields: ["lat", "lon"],
} as const;

function updates(peer: Peer): object[] {
  return peer.requests.filter(({ type }) => type === "update");
}

function reading(seq: number, topic: string): WireReading {
  return { seq, topic, time: 1_000, values: { n: seq } };
}

const topicNumbers = new Map<string, number>();

/** Sends a part of a snapshot or a change of a view, as the gateway frames them. */
function part({ peer }: Gateway, message: Extract<ServerMessage, { type: "snapshot" | "view" }>): void {
  const [key, readings] =
    message.type === "view" ? ["entered", message.entered] : ["snapshot", message.snapshot];
  if (!peer.isBinary) {
    const rest = JSON.stringify({ ...message, [key]: undefined });
    return peer.sendRaw(`${rest.slice(0, -1)},"${key}":[${readings.map(readingJson).join()}]}`);
  }
  const writer = new MsgpackWriter();
  for (const { topic } of readings) {
    // Beyond the numbers that the scripted gateway gives out itself.
    if (!topicNumbers.has(topic)) topicNumbers.set(topic, 1_000 + topicNumbers.size);
    const number = topicNumbers.get(topic) as number;
    peer.sendRaw(Buffer.concat([encode([frameKinds.topics]), encode([number, topic])]));
  }
  writer.raw(encode({ ...message, [key]: readings.length }));
  for (const { seq, topic, time, values } of readings) {
    writeBody(writer, seq, topicNumbers.get(topic) as number, freeShape, time, values);
  }
  peer.sendRaw(writer.take());
}

describe.each(["msgpack", "json"] as const)("a view (%s)", (protocol) => {
  test("is asked for with its options, again on the next connection", async () => {
    const gateway = await startGateway();
    open(gateway, { protocol }).subscribe("gps/#", { ...options, onReading: () => {} });
    await until(() => gateway.peers[0]?.filters.size === 1);
    expect(gateway.peer.subscribes[0]).toMatchObject({ from: "latest", ...options });
    gateway.commit("gps/a", { n: 1 });
    await until(() => gateway.peer.subscribes.length === 1);
    gateway.peer.drop();
    await until(() => gateway.peers[1]?.subscribes.length === 1);
    expect(gateway.peer.subscribes[0]).toMatchObject({ filter: "gps/#", ...options });
  });

  test("that changes while online is told at once, and kept for the next connection", async () => {
    const gateway = await startGateway();
    const subscription = open(gateway, { protocol }).subscribe("gps/#", { ...options, onReading: () => {} });
    await until(() => gateway.peers[0]?.filters.size === 1);
    const id = gateway.peer.subscribes[0]?.id;
    subscription.update({ bbox: [1, 2, 3, 4], rate: null });
    await until(() => updates(gateway.peer).length === 1);
    expect(updates(gateway.peer)).toEqual([{ type: "update", id, bbox: [1, 2, 3, 4], rate: null }]);
    gateway.peer.drop();
    await until(() => gateway.peers[1]?.subscribes.length === 1);
    const { where, fields } = options;
    expect(gateway.peer.subscribes[0]).toMatchObject({ bbox: [1, 2, 3, 4], where, fields });
    expect(gateway.peer.subscribes[0]).not.toHaveProperty("rate");
  });

  test("that changes while offline is asked for by the next connection, without an update", async () => {
    const gateway = await startGateway();
    const fieldcast = open(gateway, { protocol });
    const subscription = fieldcast.subscribe("gps/#", { rate: 5, onReading: () => {} });
    await until(() => gateway.peers[0]?.filters.size === 1);
    await gateway.stop();
    await until(() => fieldcast.state !== "online");
    subscription.update({ rate: 1 });
    subscription.update({ fields: ["n"] });
    subscription.update({ fields: null, bbox: [1, 2, 3, 4] });
    await gateway.restart();
    await until(() => gateway.peers[1]?.subscribes.length === 1);
    expect(gateway.peer.subscribes[0]).toMatchObject({ rate: 1, bbox: [1, 2, 3, 4] });
    expect(gateway.peer.subscribes[0]).not.toHaveProperty("fields");
    gateway.commit("gps/a", { n: 1 });
    expect(updates(gateway.peer)).toEqual([]);
  });

  test("lives on when a change makes no sense: the caller is told, and nothing is sent", async () => {
    const gateway = await startGateway();
    const seen: Reading[] = [];
    const subscription = open(gateway, { protocol }).subscribe("gps/#", { rate: 5 }, (one) => seen.push(one));
    await until(() => gateway.peers[0]?.filters.size === 1);
    const noBox = [Number.NaN, 60, 25, 61] as const;
    expect(() => subscription.update({ rate: 0 })).toThrow(/`rate` must be/);
    expect(() => subscription.setSpeed(-1)).toThrow(expect.objectContaining({ code: "bad-option" }));
    expect(() => subscription.update({ fields: ["n"], bbox: noBox })).toThrow(/`bbox` must be/);
    gateway.commit("gps/a", { n: 1 });
    await until(() => seen.length === 1);
    gateway.peer.drop();
    await until(() => gateway.peers[1]?.subscribes.length === 1);
    expect(gateway.peers.flatMap(updates)).toEqual([]);
    expect(gateway.peer.subscribes[0]).toMatchObject({ rate: 5 });
    expect(gateway.peer.subscribes[0]).not.toHaveProperty("fields");
  });

  test("too large for a request is refused at once: it would cost every subscription the connection", async () => {
    const gateway = await startGateway();
    const fieldcast = open(gateway, { protocol });
    const tooLarge = expect.objectContaining({ code: "bad-option", message: expect.stringMatching(/bytes/) });
    const where = [{ field: "note", op: "==", value: "ü".repeat(33_000) }] as const;
    expect(() => fieldcast.subscribe(`gps/${"x".repeat(66_000)}`, () => {})).toThrow(tooLarge);
    expect(() => fieldcast.latest("gps/#", { where })).toThrow(tooLarge);
    const subscription = fieldcast.subscribe("gps/#", { rate: 5, onReading: () => {} });
    expect(() => subscription.update({ where })).toThrow(tooLarge);
    await until(() => gateway.peers[0]?.filters.size === 1);
    expect(gateway.peer.subscribes).toHaveLength(1);
    expect(gateway.peer.subscribes[0]).not.toHaveProperty("where");
  });

  test("lives on when the gateway refuses a change", async () => {
    const gateway = await startGateway();
    const errors: string[] = [];
    const seen: Reading[] = [];
    const subscription = open(gateway, { protocol }).subscribe("gps/#", {
      onError: ({ code }) => errors.push(code),
      onReading: (one) => seen.push(one),
    });
    await until(() => gateway.peers[0]?.filters.size === 1);
    subscription.update({ rate: 1 });
    await until(() => updates(gateway.peer).length === 1);
    const id = gateway.peer.subscribes[0]?.id as number;
    gateway.peer.send({ type: "error", id, code: "bad-option", message: "not by this gateway" });
    await until(() => errors.length === 1);
    gateway.commit("gps/a", { n: 1 });
    await until(() => seen.length === 1);
    expect(errors).toEqual(["bad-option"]);
  });

  test("keeps what a change names as undefined", async () => {
    const gateway = await startGateway();
    const subscription = open(gateway, { protocol }).subscribe("gps/#", { rate: 5, onReading: () => {} });
    await until(() => gateway.peers[0]?.filters.size === 1);
    const id = gateway.peer.subscribes[0]?.id;
    const absent: object = { rate: undefined };
    subscription.update({ ...absent, fields: ["n"] });
    await until(() => updates(gateway.peer).length === 1);
    expect(updates(gateway.peer)).toEqual([{ type: "update", id, fields: ["n"] }]);
    gateway.peer.drop();
    await until(() => gateway.peers[1]?.subscribes.length === 1);
    expect(gateway.peer.subscribes[0]).toMatchObject({ rate: 5, fields: ["n"] });
  });

  test("that changes after the end goes nowhere", async () => {
    const gateway = await startGateway();
    const subscription = open(gateway, { protocol }).subscribe("gps/#", { rate: 5, onReading: () => {} });
    await until(() => gateway.peers[0]?.filters.size === 1);
    subscription.close();
    subscription.update({ rate: 1 });
    await until(() => gateway.peer.filters.size === 0);
    expect(gateway.peer.requests.map(({ type }) => type)).toEqual(["subscribe", "unsubscribe"]);
  });

  test("tells what entered and left, then the readings of what entered, and moves no cursor", async () => {
    const gateway = await startGateway();
    const events: (ViewChange | string)[] = [];
    const subscription = open(gateway, { protocol }).subscribe("gps/#", {
      bbox: options.bbox,
      onReading: ({ topic, snapshot }) => events.push(`${topic} ${snapshot}`),
      onView: (change) => events.push(change),
    });
    gateway.commit("gps/a", { n: 1 });
    await until(() => events.length === 1 && gateway.peer.filters.size === 1);
    const id = gateway.peer.subscribes[0]?.id as number;
    part(gateway, { type: "view", id, entered: [reading(7, "gps/b")], left: ["gps/a"] });
    await until(() => events.length === 3);
    expect(events.slice(1)).toEqual([{ entered: ["gps/b"], left: ["gps/a"], reset: false }, "gps/b true"]);
    expect(subscription.cursor).toBe("e1:1");
  });

  test("keeps latest() to what is in the box, over a reconnect too", async () => {
    const gateway = await startGateway();
    gateway.commit("gps/a", { n: 1 });
    gateway.commit("gps/b", { n: 2 });
    const fleet = open(gateway, { protocol }).latest("gps/#", { bbox: options.bbox });
    const names = () => [...fleet.getSnapshot().keys()].sort().join();
    await until(() => names() === "gps/a,gps/b");
    let id = gateway.peer.subscribes[0]?.id as number;
    part(gateway, { type: "view", id, entered: [reading(3, "gps/c")], left: ["gps/a"] });
    await until(() => names() === "gps/b,gps/c");
    gateway.peer.drop();
    await until(() => gateway.peers[1]?.filters.size === 1);
    id = gateway.peer.subscribes[0]?.id as number;
    part(gateway, { type: "view", id, entered: [reading(4, "gps/d")], left: [], reset: true });
    await until(() => names() === "gps/d");
    // The next part of a large box: it adds.
    part(gateway, { type: "view", id, entered: [reading(5, "gps/e")], left: [] });
    await until(() => names() === "gps/d,gps/e");
    fleet.update({ bbox: null });
    await until(() => updates(gateway.peer).length === 1);
    expect(updates(gateway.peer)).toEqual([{ type: "update", id, bbox: null }]);
  });
});

describe.each(["msgpack", "json"] as const)("a snapshot in parts (%s)", (protocol) => {
  interface Followed {
    readonly gateway: Gateway;
    readonly events: (string | Gap)[];
    readonly got: Reading[];
    readonly cursor: () => string | null;
  }

  /** A subscription whose subscribe waits for the test's own answer. */
  async function follow(): Promise<Followed> {
    const gateway = await startGateway();
    gateway.isDeaf = true;
    const events: (string | Gap)[] = [];
    const got: Reading[] = [];
    const subscription = open(gateway, { protocol }).subscribe("gps/#", {
      onReading: (reading) => got.push(reading),
      onGap: (gap) => events.push(gap),
      onSnapshot: () => events.push("snapshot"),
    });
    await until(() => gateway.peers[0]?.subscribes.length === 1);
    return { gateway, events, got, cursor: () => subscription.cursor };
  }

  function begin(gateway: Gateway): number {
    const id = gateway.peer.subscribes.at(-1)?.id as number;
    const snapshot = [reading(1, "gps/a")];
    gateway.peer.send({ type: "subscribed", id, cursor: "e1:5", snapshot, more: true });
    return id;
  }

  test("is handed out whole", async () => {
    const { gateway, events, got, cursor } = await follow();
    const id = begin(gateway);
    part(gateway, { type: "snapshot", id, snapshot: [reading(2, "gps/b")], more: true });
    gateway.peer.send({ type: "heartbeat", cursor: "e1:9" });
    part(gateway, { type: "snapshot", id, snapshot: [reading(3, "gps/c")] });
    gateway.push(gateway.peer, id, [reading(6, "gps/a")]);
    await until(() => got.length === 4);
    expect(events).toEqual(["snapshot"]);
    expect(seqs(got)).toEqual([1, 2, 3, 6]);
    expect(got.map(({ snapshot }) => snapshot)).toEqual([true, true, true, false]);
    expect(cursor()).toMatch(/^e1:/);
  });

  test("that is cut off is not handed out, and is asked for anew", async () => {
    const { gateway, events, got, cursor } = await follow();
    const id = begin(gateway);
    part(gateway, { type: "snapshot", id, snapshot: [reading(2, "gps/b")], more: true });
    gateway.peer.send({ type: "heartbeat", cursor: "e1:9" });
    gateway.peer.close(4000, "restarting");
    await until(() => gateway.peers[1]?.subscribes.length === 1);
    expect([events, got, cursor()]).toEqual([[], [], null]);
    expect(gateway.peer.subscribes[0]?.from).toBe("latest");
    const again = begin(gateway);
    part(gateway, { type: "snapshot", id: again, snapshot: [reading(4, "gps/d")] });
    await until(() => got.length === 2);
    expect(seqs(got)).toEqual([1, 4]);
    expect(events).toEqual(["snapshot"]);
    expect(cursor()).toBe("e1:5");
  });

  test("after a gap comes with the gap, or the old place stays", async () => {
    const { gateway, events, got, cursor } = await follow();
    const id = begin(gateway);
    part(gateway, { type: "snapshot", id, snapshot: [] });
    await until(() => got.length === 1);
    gateway.peer.send({ type: "gap", id, reason: "evicted", from: 6, to: 8 });
    begin(gateway);
    gateway.peer.close(4000, "restarting");
    await until(() => gateway.peers[1]?.subscribes.length === 1);
    expect(gateway.peer.subscribes[0]?.from).toEqual({ cursor: "e1:5" });
    expect([events, cursor()]).toEqual([["snapshot"], "e1:5"]);
    const next = gateway.peer.subscribes[0]?.id as number;
    gateway.peer.send({ type: "gap", id: next, reason: "evicted", from: 6, to: 9 });
    begin(gateway);
    part(gateway, { type: "snapshot", id: next, snapshot: [reading(10, "gps/b")] });
    await until(() => got.length === 3);
    expect(events).toEqual(["snapshot", { reason: "evicted", from: 6, to: 9, oldest: null }, "snapshot"]);
  });
});
