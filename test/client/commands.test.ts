import { expect, test } from "vitest";
import { open, startGateway, until } from "./support.ts";

test.each(["msgpack", "json"] as const)("%s: resolves to what the device answered", async (protocol) => {
  const gateway = await startGateway();
  const fieldcast = open(gateway, { protocol });
  const params = { seconds: 30, from: new Date(0), none: undefined };
  const result = await fieldcast.command("gps/van-7", "set-interval", params, { timeoutMs: 1_000 });
  const plain = { seconds: 30, from: "1970-01-01T00:00:00.000Z" };
  expect(result).toEqual({ command: "set-interval", params: plain });
  expect(gateway.peer.commands).toEqual([
    { type: "command", id: 1, topic: "gps/van-7", command: "set-interval", params: plain, timeoutMs: 1_000 },
  ]);
  expect(await fieldcast.command("gps/van-7", "identify")).toEqual({ command: "identify" });
});

test("rejects with the gateway's code and the device's words, and the client goes on", async () => {
  const gateway = await startGateway();
  const fieldcast = open(gateway);
  gateway.commandRefusal = "command-failed";
  await expect(fieldcast.command("gps/van-7", "unlock")).rejects.toMatchObject({
    name: "FieldcastError",
    code: "command-failed",
    message: "battery too low",
    again: false,
  });
  gateway.commandRefusal = null;
  await fieldcast.command("gps/van-7", "unlock");
});

test("a command whose connection broke is never sent again, and says that it may be done", async () => {
  const gateway = await startGateway();
  const fieldcast = open(gateway);
  gateway.isDeaf = true;
  const outcome = fieldcast.command("gps/van-7", "reboot");
  outcome.catch(() => {});
  await until(() => gateway.peers[0]?.commands.length === 1);
  gateway.isDeaf = false;
  gateway.peer.drop();
  await expect(outcome).rejects.toMatchObject({ code: "command-lost", again: false });
  await until(() => gateway.peers.length === 2);
  await fieldcast.command("gps/van-7", "identify");
  expect(gateway.peers.flatMap(({ commands }) => commands.map(({ command }) => command))).toEqual([
    "reboot",
    "identify",
  ]);
});

test("what was asked before the connection is up waits for it, up to the timeout", async () => {
  const gateway = await startGateway();
  gateway.isHolding = true;
  const fieldcast = open(gateway);
  await expect(fieldcast.command("gps/van-7", "reboot", undefined, { timeoutMs: 50 })).rejects.toMatchObject({
    code: "lost",
    message: expect.stringContaining("was not sent"),
  });
  const waiting = fieldcast.command("gps/van-7", "identify");
  gateway.isHolding = false;
  gateway.peer.drop();
  expect(await waiting).toEqual({ command: "identify" });
  expect(gateway.peer.commands.map(({ command }) => command)).toEqual(["identify"]);
});

test("a closed client gives up what waits, and takes no more", async () => {
  const gateway = await startGateway();
  gateway.isDeaf = true;
  const fieldcast = open(gateway);
  const sent = fieldcast.command("gps/van-7", "reboot");
  sent.catch(() => {});
  await until(() => gateway.peers[0]?.commands.length === 1);
  fieldcast.close();
  await expect(sent).rejects.toMatchObject({ code: "command-lost" });
  await expect(fieldcast.command("gps/van-7", "reboot")).rejects.toMatchObject({ code: "closed" });
  gateway.isHolding = true;
  const other = open(gateway);
  const unsent = other.command("gps/van-7", "reboot");
  unsent.catch(() => {});
  other.close();
  await expect(unsent).rejects.toMatchObject({ code: "closed" });
});

test("params that no gateway would take are refused here, and the connection stays", async () => {
  const gateway = await startGateway();
  const fieldcast = open(gateway);
  const circular: { self?: object } = {};
  circular.self = circular;
  const wide = Object.fromEntries(Array.from({ length: 65 }, (_, n) => [`k${n}`, n]));
  const endless = JSON.parse(`${'{"a":'.repeat(2_000)}1${"}".repeat(2_000)}`) as object;
  for (const params of [{ text: "ä".repeat(40_000) }, circular, { deep: [wide] }, { n: 1n }, endless]) {
    await expect(fieldcast.command("gps/van-7", "x", params)).rejects.toMatchObject({ code: "bad-command" });
  }
  await fieldcast.command("gps/van-7", "identify");
  expect(gateway.peers.length).toBe(1);
});

test("commands, publishes and subscriptions keep out of each other's way", async () => {
  const gateway = await startGateway();
  const fieldcast = open(gateway);
  const subscription = fieldcast.subscribe("gps/#", () => {});
  const both = Array.from({ length: 20 }, (_, n) => [
    fieldcast.command("gps/van-7", "n", { n }),
    fieldcast.publish("gps/a", String(n)),
  ]);
  const results = await Promise.all(both.flat());
  expect(results.filter((_, index) => index % 2 === 0)).toEqual(
    Array.from({ length: 20 }, (_, n) => ({ command: "n", params: { n } })),
  );
  const ids = gateway.peer.requests.flatMap((request) => ("id" in request ? request.id : []));
  expect(new Set(ids).size).toBe(ids.length);
  subscription.close();
});
