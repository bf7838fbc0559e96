import type { Packet as MqttPacket } from "mqtt-packet";
import { expect, onTestFinished, test } from "vitest";
import { joinCommands } from "../../src/app/commands.ts";
import type { MqttBroker } from "../../src/ingest/broker.ts";
import type { CommandCounts, CommandSettings, Commands } from "../../src/ingest/commands.ts";
import { systemClock } from "../../src/model/clock.ts";
import type { Packet } from "../../src/model/packet.ts";
import {
  broker,
  connectPacket,
  publishPacket,
  type RawClient,
  raw,
  roundTrip,
  session,
  subscribePacket,
  until,
} from "./harness.ts";

interface Joined {
  readonly to: MqttBroker;
  readonly commands: Commands;
  /** Topics that went to the formats, and reasons of the quarantine. */
  readonly ingested: string[];
  readonly quarantined: string[];
}

/** A broker with commands, as the gateway joins them. */
async function join(settings: Partial<CommandSettings> = {}): Promise<Joined> {
  const ingested: string[] = [];
  const quarantined: string[] = [];
  const pipeline = {
    ingest: ({ topic }: Packet) => {
      ingested.push(topic);
      return null;
    },
    quarantine: (_packet: Packet, reason: string) => {
      quarantined.push(reason);
      return null;
    },
  };
  const running: { broker: MqttBroker | null } = { broker: null };
  const all = { allow: ["gps/#"], timeoutMs: 10_000, maxInflight: 10, ...settings };
  const { commands, onPacket } = joinCommands(all, pipeline, running, systemClock);
  onTestFinished(() => commands.close());
  const to = await broker({ onPacket });
  running.broker = to;
  return { to, commands, ingested, quarantined };
}

/** A client that has subscribed. */
async function listener(to: MqttBroker, id: string, filters: string[], clean = true): Promise<RawClient> {
  const client = await session(to, id, clean);
  client.send(subscribePacket(filters, 1));
  await until(() => client.of("suback").length === 1);
  return client;
}

interface Received {
  readonly id: string;
  readonly answerTo: string;
  readonly [name: string]: unknown;
}

/** What a device was asked, from the `nth` command that it got. */
async function command(client: RawClient, nth = 0): Promise<Received> {
  await until(() => client.of("publish").length > nth);
  const { payload } = client.of("publish")[nth] as { payload: Buffer };
  return JSON.parse(payload.toString()) as Received;
}

function say(client: RawClient, topic: string, answer: object | string, messageId = 9): void {
  const payload = typeof answer === "string" ? answer : JSON.stringify(answer);
  client.send(publishPacket(topic, 1, messageId, { payload }));
}

function counted(commands: Commands): Partial<CommandCounts> {
  return Object.fromEntries(Object.entries(commands.counts).filter(([, count]) => count > 0));
}

test("a device gets the command once, with QoS 1 and not retained, and its result comes back", async () => {
  const { to, commands, ingested, quarantined } = await join();
  const device = await listener(to, "van-7", ["command/gps/van-7"]);
  const sentAt = systemClock.now();
  const outcome = commands.send({ topic: "gps/van-7", command: "set-interval", params: { seconds: 30 } });
  const { id, expiresAt, ...rest } = await command(device);
  expect(device.of("publish")).toMatchObject([{ topic: "command/gps/van-7", qos: 1, retain: false }]);
  expect(rest).toEqual({ command: "set-interval", params: { seconds: 30 }, answerTo: "answer/gps/van-7" });
  expect(id).toMatch(/^[\w-]{22}$/);
  expect(Date.parse(expiresAt as string)).toBeGreaterThanOrEqual(sentAt + 10_000);
  say(device, "answer/gps/van-7", { id, ok: true, result: { seconds: 30 } });
  expect(await outcome).toEqual({ result: { seconds: 30 } });
  await until(() => device.ids("puback").length === 1);
  expect([ingested, quarantined]).toEqual([[], []]);
  expect(counted(commands)).toEqual({ sent: 1, answered: 1 });
});

test("a device that says no gives its reason; one without a result answers null", async () => {
  const { to, commands } = await join();
  const device = await listener(to, "van-7", ["command/gps/van-7"]);
  const no = commands.send({ topic: "gps/van-7", command: "unlock" });
  say(device, "answer/gps/van-7", { id: (await command(device)).id, ok: false, error: "battery too low" });
  expect(await no).toEqual({ code: "command-failed", problem: "battery too low" });
  const mute = commands.send({ topic: "gps/van-7", command: "unlock" });
  say(device, "answer/gps/van-7", { id: (await command(device, 1)).id, ok: false });
  expect(await mute).toMatchObject({ code: "command-failed", problem: expect.stringContaining("no reason") });
  const done = commands.send({ topic: "gps/van-7", command: "unlock" });
  say(device, "answer/gps/van-7", { id: (await command(device, 2)).id, ok: true });
  expect(await done).toEqual({ result: null });
});

test("nothing is allowed that the config does not name", async () => {
  const { to, commands } = await join({ allow: [] });
  const device = await listener(to, "van-7", ["command/gps/van-7"]);
  expect(await commands.send({ topic: "gps/van-7", command: "x" })).toMatchObject({ code: "not-allowed" });
  await roundTrip(device);
  expect(device.of("publish")).toEqual([]);
  const narrow = await join({ allow: ["gps/fleet/+"] });
  expect(await narrow.commands.send({ topic: "gps/van-7", command: "x" })).toMatchObject({
    code: "not-allowed",
  });
  expect(await narrow.commands.send({ topic: "gps/fleet/a", command: "x" })).toMatchObject({
    code: "not-connected",
  });
});

test("a device that is away is not connected, and gets nothing later", async () => {
  const { to, commands } = await join();
  const first = await listener(to, "van-7", ["command/gps/van-7", "news"], false);
  first.socket.destroy();
  await until(() => to.connections() === 0);
  const away = await commands.send({ topic: "gps/van-7", command: "reboot" });
  expect(away).toMatchObject({
    code: "not-connected",
    problem: expect.stringContaining("command/gps/van-7"),
  });
  await to.publish("news", "x", 1, false);
  const second = await session(to, "van-7", false);
  await until(() => second.of("publish").length === 1);
  await roundTrip(second);
  expect(second.of("publish")).toMatchObject([{ topic: "news" }]);
  const back = commands.send({ topic: "gps/van-7", command: "reboot" });
  say(second, "answer/gps/van-7", { id: (await command(second, 1)).id, ok: true });
  expect(await back).toEqual({ result: null });
});

test("a session that was cut off before its PUBACK does not get the command again", async () => {
  const { to, commands } = await join({ timeoutMs: 300 });
  const first = await listener(to, "van-7", ["command/gps/van-7"], false);
  const outcome = commands.send({ topic: "gps/van-7", command: "reboot" });
  await command(first);
  first.socket.destroy();
  expect(await outcome).toMatchObject({ code: "no-answer" });
  const second = await session(to, "van-7", false);
  await roundTrip(second);
  expect(second.of("connack")).toMatchObject([{ sessionPresent: true }]);
  expect(second.of("publish")).toEqual([]);
});

test("who listens to everything is no device, and sees neither commands nor answers", async () => {
  const { to, commands } = await join();
  const curious = await listener(to, "curious", ["#", "+/gps/van-7", "answer/gps/van-7"]);
  expect(await commands.send({ topic: "gps/van-7", command: "x" })).toMatchObject({ code: "not-connected" });
  const device = await listener(to, "van-7", ["command/gps/+"]);
  const outcome = commands.send({ topic: "gps/van-7", command: "x" });
  say(device, "answer/gps/van-7", { id: (await command(device)).id, ok: true, result: 1 });
  expect(await outcome).toEqual({ result: 1 });
  await to.publish("command/other", "x", 0, false);
  await until(() => curious.of("publish").length > 0);
  expect(curious.of("publish")).toMatchObject([{ topic: "command/other" }]);
});

test("a client that also listens to everything gets a command once", async () => {
  const { to, commands } = await join();
  const device = await listener(to, "van-7", ["#", "command/#", "command/gps/van-7"]);
  const outcome = commands.send({ topic: "gps/van-7", command: "x" });
  say(device, "answer/gps/van-7", { id: (await command(device)).id, ok: true });
  await outcome;
  await roundTrip(device);
  expect(device.of("publish").length).toBe(1);
  expect(commands.counts.sent).toBe(1);
});

test("no answer in time says so; a late one is counted and ignored", async () => {
  const { to, commands, quarantined } = await join();
  const device = await listener(to, "van-7", ["command/gps/van-7"]);
  const outcome = commands.send({ topic: "gps/van-7", command: "x", timeoutMs: 50 });
  const { id } = await command(device);
  expect(await outcome).toEqual({ code: "no-answer", problem: "gps/van-7 did not answer within 50 ms" });
  say(device, "answer/gps/van-7", { id, ok: true });
  await until(() => device.ids("puback").length === 1);
  expect(counted(commands)).toEqual({ sent: 1, unanswered: 1, ignoredAnswers: 1 });
  expect(quarantined).toEqual([]);
});

test("only the first answer counts, only on the topic of its device, only with its id", async () => {
  const { to, commands } = await join();
  const device = await listener(to, "van-7", ["command/gps/van-7"]);
  const other = await session(to, "van-8");
  const outcome = commands.send({ topic: "gps/van-7", command: "x" });
  const { id } = await command(device);
  say(other, "answer/gps/van-8", { id, ok: true, result: "forged" });
  say(other, "answer/gps/van-7", { id: "guessed", ok: true, result: "forged" }, 10);
  await until(() => other.ids("puback").length === 2);
  say(device, "answer/gps/van-7", { id, ok: true, result: "first" });
  say(device, "answer/gps/van-7", { id, ok: true, result: "second" }, 10);
  expect(await outcome).toEqual({ result: "first" });
  await until(() => device.ids("puback").length === 2);
  expect(counted(commands)).toEqual({ sent: 1, answered: 1, ignoredAnswers: 3 });
});

test.each([0, 1, 2] as const)("with QoS %i nobody can fake a command from outside", async (qos) => {
  const { to, quarantined, ingested } = await join();
  const device = await listener(to, "van-7", ["command/gps/van-7", "after"]);
  const forger = await session(to, "forger");
  forger.send(publishPacket("command/gps/van-7", qos, qos === 0 ? undefined : 5, { retain: true }));
  if (qos === 2) {
    await until(() => forger.ids("pubrec").length === 1);
    forger.send({ cmd: "pubrel", messageId: 5 });
  }
  forger.send(publishPacket("after", 1, 6));
  await until(() => device.of("publish").length > 0);
  expect(device.of("publish")).toMatchObject([{ topic: "after" }]);
  expect(quarantined).toEqual([expect.stringContaining("only the gateway publishes commands")]);
  expect(ingested).toEqual(["after"]);
  const late = await listener(to, "late", ["command/gps/van-7"]);
  await roundTrip(late);
  expect(late.of("publish")).toEqual([]);
});

test("a last will cannot fake a command either", async () => {
  const { to, quarantined } = await join();
  const device = await listener(to, "van-7", ["command/gps/van-7", "after"]);
  const forger = await raw(to);
  const will = { topic: "command/gps/van-7", payload: Buffer.from("{}"), qos: 1, retain: true } as const;
  forger.send({ ...connectPacket("forger"), will } as MqttPacket);
  await until(() => forger.of("connack").length === 1);
  forger.socket.destroy();
  await until(() => quarantined.length === 1);
  await to.publish("after", "x", 1, false);
  await until(() => device.of("publish").length > 0);
  expect(device.of("publish")).toMatchObject([{ topic: "after" }]);
});

test.each([
  ["no JSON", "{", /broken JSON/],
  ["no object", "[]", /object is expected/],
  ["no id", { ok: true }, /no `id`/],
  ["no ok", { id: "a", ok: "yes" }, /`ok` is neither/],
  ["a hostile key", '{"id":"a","ok":true,"result":{"__proto__":1}}', /__proto__/],
  ["deep nesting", `{"id":"a","ok":true,"result":${"[".repeat(40)}${"]".repeat(40)}}`, /nested deeper/],
])("an answer with %s is quarantined with the reason", async (_what, answer, reason) => {
  const { to, quarantined, commands } = await join();
  const device = await session(to, "van-7");
  say(device, "answer/gps/van-7", answer);
  await until(() => device.ids("puback").length === 1);
  expect(quarantined).toEqual([expect.stringMatching(reason)]);
  expect(counted(commands)).toEqual({});
});

test("an answer that is too large fails and says so; the largest that is taken comes through", async () => {
  const { to, commands } = await join();
  const device = await listener(to, "van-7", ["command/gps/van-7"]);
  const large = commands.send({ topic: "gps/van-7", command: "x" });
  const { id } = await command(device);
  say(device, "answer/gps/van-7", { id, ok: true, result: "x".repeat(20_000) });
  expect(await large).toMatchObject({
    code: "command-failed",
    problem: expect.stringMatching(/has 200\d\d bytes; at most 16384/),
  });
  const fits = commands.send({ topic: "gps/van-7", command: "x" });
  const next = await command(device, 1);
  const frame = JSON.stringify({ id: next.id, ok: true, result: "" }).length;
  say(device, "answer/gps/van-7", { id: next.id, ok: true, result: "x".repeat(16_384 - frame) });
  expect(await fits).toEqual({ result: "x".repeat(16_384 - frame) });
});

test("a flood is refused at the limit, and the others get their answers", async () => {
  const { to, commands } = await join({ maxInflight: 3 });
  const device = await listener(to, "van-7", ["command/gps/van-7"]);
  const sent = Array.from({ length: 100 }, () => commands.send({ topic: "gps/van-7", command: "x" }));
  const refused = await Promise.all(sent.slice(3));
  expect(new Set(refused.map((outcome) => ("code" in outcome ? outcome.code : "result")))).toEqual(
    new Set(["too-many-commands"]),
  );
  for (const nth of [0, 1, 2]) {
    const { id, answerTo } = await command(device, nth);
    say(device, answerTo, { id, ok: true, result: nth }, nth + 1);
  }
  expect(await Promise.all(sent.slice(0, 3))).toEqual([{ result: 0 }, { result: 1 }, { result: 2 }]);
  expect(counted(commands)).toEqual({ sent: 3, answered: 3, tooMany: 97 });
  const again = commands.send({ topic: "gps/van-7", command: "x" });
  say(device, "answer/gps/van-7", { id: (await command(device, 3)).id, ok: true });
  expect(await again).toEqual({ result: null });
});

test("what waits when the gateway goes down is told so", async () => {
  const { to, commands } = await join();
  const device = await listener(to, "van-7", ["command/gps/van-7"]);
  const outcome = commands.send({ topic: "gps/van-7", command: "x" });
  await command(device);
  commands.close();
  expect(await outcome).toMatchObject({ code: "no-answer", problem: expect.stringContaining("went down") });
});

test("other topics below `command/` and `answer/` are ordinary ones", async () => {
  const { to, ingested, quarantined } = await join();
  const client = await listener(to, "a", ["command/lamp"]);
  client.send(publishPacket("command/lamp", 1, 5), publishPacket("answer/42", 1, 6));
  await until(() => client.of("publish").length === 1 && client.ids("puback").length === 2);
  expect(ingested).toEqual(["command/lamp", "answer/42"]);
  expect(quarantined).toEqual([]);
});
