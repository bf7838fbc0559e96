import { connect } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import type { MqttBroker } from "../../src/ingest/broker.ts";
import {
  broker,
  Commits,
  connectPacket,
  publishPacket,
  RawClient,
  raw,
  reset,
  roundTrip,
  session,
  subscribePacket,
  until,
} from "./harness.ts";

/** A client with a last will at `will/<id>`; `halfOpen` that does not end its side because the gateway ends the other. */
async function mortal(to: MqttBroker, id: string, halfOpen = false): Promise<RawClient> {
  const socket = connect({ port: to.port, host: "127.0.0.1", noDelay: true, allowHalfOpen: halfOpen });
  onTestFinished(() => void socket.destroy());
  const client = new RawClient(socket);
  const will = { topic: `will/${id}`, payload: Buffer.from("gone"), qos: 0 as const, retain: false };
  client.send({ ...connectPacket(id), will });
  await until(() => client.of("connack").length === 1);
  return client;
}

/** Waits until the system has what the client sent. */
function flushed({ socket }: RawClient): Promise<void> {
  return new Promise((resolve) => void socket.write(Buffer.alloc(0), () => resolve()));
}

/** Takes last wills at once, and all else when the test says so. */
function slowCommits(): { commits: Commits; wills: string[]; onPacket: Commits["onPacket"] | (() => null) } {
  const commits = new Commits();
  const wills: string[] = [];
  const onPacket = (packet: Parameters<Commits["onPacket"]>[0]) => {
    if (!packet.topic.startsWith("will/")) return commits.onPacket(packet);
    wills.push(packet.topic);
    return null;
  };
  return { commits, wills, onPacket: onPacket as Commits["onPacket"] };
}

for (const qos of [0, 1, 2] as const) {
  test(`no last will goes out after DISCONNECT, though the connection breaks while QoS ${qos} packets are under way`, async () => {
    const { commits, wills, onPacket } = slowCommits();
    const to = await broker({ onPacket });
    const clients = [await mortal(to, "polite"), await mortal(to, "rude")];
    const packet = publishPacket("t", qos, qos === 0 ? undefined : 1);
    for (const client of clients) {
      client.send(subscribePacket(["news"]));
      await until(() => client.of("suback").length === 1);
    }
    clients[0]?.send(packet, { cmd: "disconnect" });
    clients[1]?.send(packet);
    await until(() => commits.packets.length === 2);
    for (const client of clients) reset(client);
    // It is not read from any more, so the gateway notices when it writes.
    while (to.connections() > 0) await to.publish("news", "x", 0, false);
    await until(() => wills.length > 0);
    for (const index of [0, 1]) commits.resolve(index);
    await roundTrip(await session(to, "after"));
    expect(wills).toEqual(["will/rude"]);
  });
}

test("a DISCONNECT behind packets that have not had their turn counts too", async () => {
  const { commits, wills, onPacket } = slowCommits();
  const to = await broker({ onPacket, limits: { maxInflightPublishes: 2 } });
  const clients = [await mortal(to, "polite"), await mortal(to, "rude")];
  const packets = [1, 2, 3, 4, 5].map((id) => publishPacket("t", 1, id));
  clients[0]?.send(...packets, { cmd: "disconnect" });
  clients[1]?.send(...packets);
  await until(() => commits.packets.length === 4);
  for (const client of clients) reset(client);
  // The gateway reads no more from them: it notices when it writes.
  for (const index of [0, 1, 2, 3]) commits.resolve(index);
  await until(() => to.connections() === 0);
  await until(() => wills.length > 0);
  expect(wills).toEqual(["will/rude"]);
});

test("a DISCONNECT that breaks the rules is none", async () => {
  const { commits, wills, onPacket } = slowCommits();
  const to = await broker({ onPacket });
  const client = await mortal(to, "wrong");
  client.send(publishPacket("t", 0), Buffer.from([0xe0, 1, 0]));
  await until(() => wills.length === 1);
  expect([commits.topics, to.stats().refused.malformed]).toEqual([["t"], 1]);
});

test("what was sent before a FIN is answered, then the gateway ends its side, and the last will goes out", async () => {
  const { commits, wills, onPacket } = slowCommits();
  const to = await broker({ onPacket });
  const watcher = await session(to, "watcher");
  watcher.send(subscribePacket(["seen"]));
  await until(() => watcher.of("suback").length === 1);
  const client = await mortal(to, "ending");
  const ended = new Promise((resolve) => client.socket.once("end", resolve));
  client.send(publishPacket("t", 1, 7), publishPacket("seen", 1, 8), publishPacket("seen", 2, 9));
  client.socket.end();
  await until(() => commits.packets.length === 3);
  await roundTrip(watcher);
  expect([client.closed, wills]).toEqual([false, []]);
  for (const index of [0, 1, 2]) commits.resolve(index);
  await ended;
  expect(client.ids("puback")).toEqual([7, 8]);
  expect(client.ids("pubrec")).toEqual([9]);
  await until(() => wills.length === 1 && to.connections() === 1);
  expect(watcher.of("publish").length).toBe(2);
});

test("requests before a FIN are answered too", async () => {
  const to = await broker();
  const client = await mortal(to, "asking");
  const ended = new Promise((resolve) => client.socket.once("end", resolve));
  client.send(
    subscribePacket(["a", "b"], 1, 3),
    { cmd: "unsubscribe", messageId: 4, unsubscriptions: ["a"] },
    publishPacket("c", 2, 5),
    { cmd: "pubrel", messageId: 5 },
    { cmd: "pingreq" },
  );
  client.socket.end();
  await ended;
  expect([client.ids("suback"), client.ids("unsuback"), client.ids("pubrec"), client.ids("pubcomp")]).toEqual(
    [[3], [4], [5], [5]],
  );
  expect(client.of("pingresp").length).toBe(1);
});

test("answers leave before a DISCONNECT takes effect", async () => {
  const { commits, wills, onPacket } = slowCommits();
  const to = await broker({ onPacket });
  const client = await mortal(to, "leaving");
  client.send(publishPacket("t", 2, 1), publishPacket("t", 1, 2), { cmd: "disconnect" });
  await until(() => commits.packets.length === 2);
  for (const index of [0, 1]) commits.resolve(index);
  await until(() => client.closed && to.connections() === 0);
  expect([client.ids("pubrec"), client.ids("puback"), wills]).toEqual([[1], [2], []]);
});

test("what came with QoS 0 before the connection was reset is taken, with or without a CONNACK", async () => {
  for (const gather of [
    { qos0Ms: 0, qos1Ms: 0 },
    { qos0Ms: 3_600_000, qos1Ms: 0 },
  ]) {
    const commits = new Commits();
    const to = await broker({ onPacket: commits.note, gather });
    const last = [publishPacket("a", 0), publishPacket("b", 1, 7), publishPacket("c", 0)];
    const known = await session(to, "known");
    known.send(...last);
    await flushed(known);
    reset(known);
    await until(() => to.connections() === 0);
    expect(commits.topics).toEqual(["a", "b", "c"]);
    const unknown = await raw(to);
    // What is acknowledged comes again, and what comes after a DISCONNECT does not count.
    unknown.send(connectPacket("unknown"), ...last, { cmd: "disconnect" }, publishPacket("d", 0));
    await flushed(unknown);
    reset(unknown);
    await until(() => to.connections() === 0);
    expect(commits.topics.slice(3)).toEqual(["a", "c"]);
    expect(commits.packets.at(-1)?.client).toBe("unknown");
  }
});

test("of a client that resets its connection nothing is taken without a login, or beyond its limits", async () => {
  const commits = new Commits();
  const to = await broker({
    onPacket: commits.note,
    authenticate: ({ clientId }) => clientId !== "stranger",
    limits: { maxPublishesPerSecond: 3 },
  });
  for (const clientId of ["stranger", "device"]) {
    const client = await raw(to);
    client.send(connectPacket(clientId), ...[1, 2, 3, 4, 5].map((n) => publishPacket(`${clientId}/${n}`, 0)));
    await flushed(client);
    reset(client);
    await until(() => to.connections() === 0);
  }
  expect(commits.topics).toEqual(["device/1", "device/2", "device/3"]);
});

test("a client that has ended its side and never closes is closed once it is answered", async () => {
  const to = await broker();
  const client = await mortal(to, "lingering", true);
  client.send(publishPacket("t", 1, 7));
  client.socket.end();
  await until(() => client.of("puback").length === 1);
  await until(() => to.connections() === 0);
});

test("a clock that leaps closes no connection", async () => {
  let now = 1_000_000;
  const clock = { now: () => (now += 3_600_000) };
  const to = await broker({ clock });
  const client = await raw(to);
  client.send({ ...connectPacket("a"), keepalive: 1 });
  await until(() => client.of("connack").length === 1);
  // Longer than its silence may last.
  for (const end = performance.now() + 3_000; performance.now() < end; ) {
    await roundTrip(client);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  expect(client.closed).toBe(false);
});

test("a process that stood still reads what came meanwhile before it calls a client silent", async () => {
  const to = await broker();
  const clients = await Promise.all([1, 2, 3, 4].map(() => raw(to)));
  for (const [i, client] of clients.entries()) client.send({ ...connectPacket(`a${i}`), keepalive: 1 });
  await until(() => clients.every((client) => client.of("connack").length === 1));
  const standStill = (ms: number) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
  // At whatever point of its silence the standstill meets a client.
  for (const pauseMs of [500, 1_200]) {
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
    for (const client of clients) client.send({ cmd: "pingreq" });
    standStill(2_000);
    for (const client of clients) await roundTrip(client);
  }
  expect(clients.map(({ closed }) => closed)).toEqual([false, false, false, false]);
});

test("a connection that was ended with packets under way leaves no timer behind, which would hold up the end of the process", async () => {
  const timers = () => process.getActiveResourcesInfo().filter((name) => name === "Timeout").length;
  const commits = new Commits();
  const to = await broker({ onPacket: commits.onPacket });
  let before = 0;
  // Counted within `until`, which has timers of its own.
  await until(() => {
    before = timers();
    return true;
  });
  const old = await session(to, "device");
  old.send(publishPacket("t", 0));
  await until(() => commits.packets.length === 1);
  const successor = await session(to, "device");
  await until(() => old.closed);
  commits.resolve(0);
  await roundTrip(successor);
  successor.socket.destroy();
  await until(() => to.connections() === 0);
  // Well before the ten seconds for which last answers are waited for.
  await until(() => timers() <= before);
});
