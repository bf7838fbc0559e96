import { describe, expect, test } from "vitest";
import type { Reading, Subscription } from "../../src/client/node.ts";
import { open, range, seqs, startGateway, until } from "./support.ts";

async function take(subscription: Subscription, count: number): Promise<Reading[]> {
  const got: Reading[] = [];
  for await (const reading of subscription) {
    got.push(reading);
    if (got.length === count) break;
  }
  return got;
}

describe("an iterator", () => {
  test("hands out readings, and break unsubscribes", async () => {
    const gateway = await startGateway();
    gateway.commit("energy/a", { powerW: 20.5 });
    const subscription = open(gateway).subscribe("energy/+");
    const taking = take(subscription, 3);
    await until(() => gateway.peers[0]?.filters.size === 1);
    gateway.commitMany("energy/a", 4);
    expect(seqs(await taking)).toEqual([1, 2, 3]);
    await until(() => gateway.peer.filters.size === 0);
    expect(subscription.cursor).toBe("e1:3");
  });

  test("has a cursor that counts what was handed out, not what waits", async () => {
    const gateway = await startGateway();
    const fieldcast = open(gateway);
    const subscription = fieldcast.subscribe("gps/#", { from: "now" });
    await until(() => gateway.peers[0]?.filters.size === 1);
    gateway.commitMany("gps/a", 5);
    gateway.commit("energy/a", { n: 6 });
    gateway.peer.send({ type: "heartbeat", cursor: gateway.cursor() });
    await until(() => fieldcast.stats.readings === 5);
    const cursors: (string | null)[] = [subscription.cursor];
    for await (const _ of subscription) {
      cursors.push(subscription.cursor);
      if (cursors.length === 6) break;
    }
    expect(cursors.slice(0, 5)).toEqual(["e1:0", "e1:1", "e1:2", "e1:3", "e1:4"]);
    // With the last one goes all that the gateway is known to have sent: the heartbeat may have come by then.
    expect(["e1:5", "e1:6"]).toContain(cursors[5]);
  });

  test("that is slow leaves the wire, and misses nothing", async () => {
    const gateway = await startGateway();
    const fieldcast = open(gateway);
    const subscription = fieldcast.subscribe("gps/#", { from: "now", maxQueuedReadings: 10 });
    await until(() => gateway.peers[0]?.filters.size === 1);
    gateway.commitMany("gps/a", 25);
    await until(() => gateway.peer.filters.size === 0);
    expect(fieldcast.stats.readings).toBe(10);
    gateway.commitMany("gps/a", 25);
    expect(seqs(await take(subscription, 50))).toEqual(range(1, 50));
    expect(gateway.peer.subscribes.map(({ from }) => from)).toEqual([
      "now",
      ...[10, 20, 30, 40].map((seq) => ({ cursor: `e1:${seq}` })),
    ]);
    expect(fieldcast.stats.duplicates).toBe(0);
  });

  test("that is slow stays away over a reconnect", async () => {
    const gateway = await startGateway();
    const fieldcast = open(gateway);
    const subscription = fieldcast.subscribe("gps/#", { from: "now", maxQueuedReadings: 10 });
    await until(() => gateway.peers[0]?.filters.size === 1);
    gateway.commitMany("gps/a", 25);
    await until(() => gateway.peer.filters.size === 0);
    gateway.peer.drop();
    await until(() => fieldcast.stats.connections === 2);
    expect(gateway.peer.subscribes).toEqual([]);
    expect(seqs(await take(subscription, 25))).toEqual(range(1, 25));
  });

  test("gets a gap in its place, between what came before and its snapshot", async () => {
    const gateway = await startGateway();
    const fieldcast = open(gateway);
    const events: unknown[] = [];
    const subscription = fieldcast.subscribe("gps/#", {
      from: "now",
      maxQueuedReadings: 3,
      onGap: ({ reason }) => events.push(reason),
      onSnapshot: () => events.push("snapshot"),
    });
    await until(() => gateway.peers[0]?.filters.size === 1);
    gateway.commitMany("gps/a", 20);
    await until(() => gateway.peer.filters.size === 0);
    gateway.oldest = 15;
    for await (const { seq } of subscription) if (events.push(seq) === 6) break;
    expect(events).toEqual([1, 2, 3, "evicted", "snapshot", 20]);
  });

  test("keeps what it has over a lost connection", async () => {
    const gateway = await startGateway();
    const fieldcast = open(gateway);
    const subscription = fieldcast.subscribe("gps/#", { from: "now" });
    await until(() => gateway.peers[0]?.filters.size === 1);
    gateway.commitMany("gps/a", 5);
    await until(() => fieldcast.stats.readings === 5);
    gateway.peer.drop();
    gateway.commitMany("gps/a", 5);
    expect(seqs(await take(subscription, 10))).toEqual(range(1, 10));
    expect(gateway.peers[1]?.subscribes[0]?.from).toEqual({ cursor: "e1:5" });
  });

  test("finishes when the subscription or the client is closed", async () => {
    const gateway = await startGateway();
    const fieldcast = open(gateway);
    const first = fieldcast.subscribe("gps/#");
    const both = [take(first, 9), take(fieldcast.subscribe("gps/#"), 9)];
    await until(() => gateway.peers[0]?.filters.size === 2);
    first.close();
    fieldcast.close();
    expect(await Promise.all(both)).toEqual([[], []]);
  });

  test("is one per subscription, and none where there is a callback", async () => {
    const gateway = await startGateway();
    const fieldcast = open(gateway);
    await expect(
      take(
        fieldcast.subscribe("gps/#", () => {}),
        1,
      ),
    ).rejects.toMatchObject({ code: "not-iterable" });
    const subscription = fieldcast.subscribe("gps/#");
    const taking = take(subscription, 1);
    await expect(take(subscription, 1)).rejects.toMatchObject({ code: "not-iterable" });
    await until(() => gateway.peers[0]?.filters.size === 2);
    gateway.commit("gps/a", { n: 1 });
    expect(await taking).toHaveLength(1);
  });
});
