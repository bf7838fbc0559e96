import { expect, test } from "vitest";
import type { FieldcastError } from "../../src/client/node.ts";
import type { Peer } from "./gateway.ts";
import { open, startGateway, until } from "./support.ts";

/** What the gateway was sent, as text. */
function published({ publishes }: Peer): string[] {
  return publishes.map(({ topic, payload }) => `${topic} ${Buffer.from(payload).toString()}`);
}

async function codeOf(promise: Promise<unknown>): Promise<string> {
  const error = await promise.then(
    () => null,
    (thrown: FieldcastError) => thrown,
  );
  return error?.code ?? "none";
}

test.each(["msgpack", "json"] as const)("%s: resolves when the gateway has stored it", async (protocol) => {
  const gateway = await startGateway();
  const fieldcast = open(gateway, { protocol });
  await fieldcast.publish("gps/a", { lat: 1, note: "ä" });
  await fieldcast.publish("gps/b", "text");
  if (protocol === "msgpack") await fieldcast.publish("gps/c", Uint8Array.of(104, 105));
  else expect(await codeOf(fieldcast.publish("gps/c", Uint8Array.of(1)))).toBe("bad-payload");
  expect(published(gateway.peer).slice(0, 2)).toEqual(['gps/a {"lat":1,"note":"ä"}', "gps/b text"]);
  if (protocol === "msgpack") expect(published(gateway.peer)[2]).toBe("gps/c hi");
});

test("rejects with the gateway's reason, and the client goes on", async () => {
  const gateway = await startGateway();
  const fieldcast = open(gateway);
  gateway.publishRefusal = "rejected";
  await expect(fieldcast.publish("gps/a", {})).rejects.toMatchObject({
    code: "rejected",
    again: false,
    message: expect.stringContaining("lat: 95"),
  });
  gateway.publishRefusal = null;
  await fieldcast.publish("gps/a", {});
});

test("waits for the connection, and sends again what was not answered, in order", async () => {
  const gateway = await startGateway();
  const fieldcast = open(gateway);
  await until(() => fieldcast.state === "online");
  gateway.isDeaf = true;
  const first = fieldcast.publish("gps/a", "1");
  await until(() => gateway.peer.publishes.length === 1);
  await gateway.stop();
  await until(() => fieldcast.state !== "online");
  const second = fieldcast.publish("gps/a", "2");
  gateway.isDeaf = false;
  await gateway.restart();
  await Promise.all([first, second]);
  expect(published(gateway.peer)).toEqual(["gps/a 1", "gps/a 2"]);
});

test("gives up after the timeout, on the way or in the queue", async () => {
  const gateway = await startGateway();
  gateway.isDeaf = true;
  const fieldcast = open(gateway);
  const publishes = Array.from({ length: 40 }, (_, n) =>
    codeOf(fieldcast.publish("gps/a", String(n), { timeoutMs: 50 })),
  );
  expect(new Set(await Promise.all(publishes))).toEqual(new Set(["timeout"]));
  gateway.isDeaf = false;
  await fieldcast.publish("gps/a", "after");
});

test("keeps no more than the gateway takes on the way, and all come in order", async () => {
  const gateway = await startGateway();
  gateway.isDeaf = true;
  const fieldcast = open(gateway);
  const publishes = Array.from({ length: 200 }, (_, n) => fieldcast.publish("gps/a", String(n)));
  await until(() => gateway.peers[0]?.publishes.length === 32);
  gateway.isDeaf = false;
  gateway.peer.drop();
  await Promise.all(publishes);
  expect(published(gateway.peer)).toEqual(Array.from({ length: 200 }, (_, n) => `gps/a ${n}`));
});

test("refuses what the gateway would close the connection over, and more than can wait", async () => {
  const gateway = await startGateway();
  const fieldcast = open(gateway);
  expect(await codeOf(fieldcast.publish("gps/a", "x".repeat(70_000)))).toBe("bad-payload");
  const endless: { self?: object } = {};
  endless.self = endless;
  for (const noJson of [endless, { lat: 60n }]) {
    expect(await codeOf(fieldcast.publish("gps/a", noJson))).toBe("bad-payload");
  }
  gateway.isDeaf = true;
  const waiting = Array.from({ length: 1_000 }, () => codeOf(fieldcast.publish("gps/a", "x")));
  expect(await codeOf(fieldcast.publish("gps/a", "x"))).toBe("too-many-publishes");
  fieldcast.close();
  expect(new Set(await Promise.all(waiting))).toEqual(new Set(["closed"]));
  expect(await codeOf(fieldcast.publish("gps/a", "x"))).toBe("closed");
});

test("its answers are not taken for those of subscriptions", async () => {
  const gateway = await startGateway();
  const fieldcast = open(gateway);
  const topics: string[] = [];
  const subscription = fieldcast.subscribe("gps/#", ({ topic }) => void topics.push(topic));
  await fieldcast.publish("gps/a", "1");
  gateway.publishRefusal = "log-unavailable";
  expect(await codeOf(fieldcast.publish("gps/a", "1"))).toBe("log-unavailable");
  gateway.commit("gps/b", { lat: 1 });
  await until(() => topics.length === 1);
  subscription.close();
});
