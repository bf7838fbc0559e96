import { expect, test } from "vitest";
import type { MqttBroker } from "../../src/ingest/broker.ts";
import {
  broker,
  publishPacket,
  type RawClient,
  roundTrip,
  session,
  subscribePacket,
  until,
} from "./harness.ts";

/** What a client got, as `topic@qos`, in the order in which it came. */
function got(client: RawClient): string[] {
  return client.of("publish").map((packet) => ("qos" in packet ? `${packet.topic}@${packet.qos}` : ""));
}

async function subscriber(
  to: MqttBroker,
  grants: readonly (readonly [string, 0 | 1 | 2])[],
  clean = true,
): Promise<RawClient> {
  const client = await session(to, "subscriber", clean);
  client.send({
    cmd: "subscribe",
    messageId: 1,
    subscriptions: grants.map(([topic, qos]) => ({ topic, qos })),
  });
  await until(() => client.of("suback").length === 1);
  expect(client.of("suback")).toMatchObject([{ granted: grants.map(([, qos]) => qos) }]);
  return client;
}

const published = [0, 1, 2] as const;

test.each([0, 1, 2] as const)("a filter granted QoS %i gets nothing at a higher one", async (granted) => {
  const to = await broker();
  for (const [index, filter] of ["q/#", "q/+", "#", "+/t", "q/t"].entries()) {
    for (const clean of [true, false]) {
      const client = await session(to, `${index}${clean}`, clean);
      client.send(subscribePacket([filter], granted));
      await until(() => client.of("suback").length === 1);
      for (const qos of published) await to.publish("q/t", "x", qos, false);
      await until(() => client.of("publish").length === 3);
      expect(got(client), filter).toEqual(published.map((qos) => `q/t@${Math.min(qos, granted)}`));
    }
  }
});

test.each([
  {
    grants: [
      ["q/+", 0],
      ["q/#", 2],
      ["q/t", 1],
    ] as const,
    expected: 2,
  },
  {
    grants: [
      ["q/t", 2],
      ["q/+", 0],
    ] as const,
    expected: 2,
  },
  {
    grants: [
      ["q/t", 0],
      ["#", 1],
    ] as const,
    expected: 1,
  },
  {
    grants: [
      ["q/t", 1],
      ["other/#", 2],
    ] as const,
    expected: 1,
  },
])("of overlapping filters the highest QoS counts: $grants", async ({ grants, expected }) => {
  const to = await broker();
  const client = await subscriber(to, grants);
  await to.publish("q/t", "x", 2, false);
  await roundTrip(client);
  await until(() => client.of("publish").length > 0);
  expect(got(client)).toEqual([`q/t@${expected}`]);
});

test("a topic that begins with $ is not matched by a wildcard at its begin, whatever that was granted", async () => {
  const to = await broker();
  const client = await subscriber(to, [
    ["$own/t", 0],
    ["#", 2],
    ["+/t", 2],
  ]);
  await to.publish("$own/t", "x", 2, false);
  await until(() => client.of("publish").length > 0);
  expect(got(client)).toEqual(["$own/t@0"]);
});

test("a filter that is granted another QoS has that one", async () => {
  const to = await broker();
  const client = await subscriber(to, [["q/#", 2]]);
  client.send(subscribePacket(["q/#"], 0, 2));
  await until(() => client.of("suback").length === 2);
  await to.publish("q/t", "x", 2, false);
  await until(() => client.of("publish").length === 1);
  client.send(subscribePacket(["q/#"], 1, 3));
  await until(() => client.of("suback").length === 3);
  await to.publish("q/t", "x", 2, false);
  await until(() => client.of("publish").length === 2);
  expect(got(client)).toEqual(["q/t@0", "q/t@1"]);
});

test("retained messages come at no higher QoS than was granted", async () => {
  const to = await broker();
  for (const qos of published) await to.publish(`r/${qos}`, "x", qos, true);
  for (const granted of published) {
    const client = await session(to, `granted${granted}`);
    client.send(subscribePacket(["r/#"], granted));
    await until(() => client.of("publish").length === 3);
    expect(got(client)).toEqual(published.map((qos) => `r/${qos}@${Math.min(qos, granted)}`));
  }
});

test("a session whose client is away is queued what it was granted", async () => {
  const to = await broker();
  const grants = [
    ["a/+", 1],
    ["b/+", 1],
    ["b/#", 2],
    ["c/#", 0],
  ] as const;
  const away = await subscriber(to, grants, false);
  away.socket.destroy();
  await until(() => to.connections() === 0);
  for (const topic of ["a/1", "b/1", "c/1"])
    for (const qos of published) await to.publish(topic, "x", qos, false);
  const back = await session(to, "subscriber", false);
  await until(() => back.of("publish").length === 4);
  expect(got(back)).toEqual(["a/1@1", "a/1@1", "b/1@1", "b/1@2"]);
  // The subscriptions were restored with what was granted.
  await to.publish("a/2", "x", 2, false);
  await to.publish("c/2", "x", 2, false);
  await until(() => back.of("publish").length === 6);
  expect(got(back).slice(4)).toEqual(["a/2@1", "c/2@0"]);
});

test("a session is through with a lowered message when it has acknowledged it", async () => {
  const to = await broker();
  const first = await subscriber(
    to,
    [
      ["q/+", 0],
      ["q/#", 1],
    ],
    false,
  );
  await to.publish("q/t", "x", 2, false);
  await until(() => first.of("publish").length === 1);
  expect(got(first)).toEqual(["q/t@1"]);
  first.send({ cmd: "puback", messageId: first.ids("publish")[0] as number });
  await roundTrip(first);
  first.socket.destroy();
  await until(() => to.connections() === 0);
  const second = await session(to, "subscriber", false);
  await roundTrip(second);
  expect(second.of("publish")).toEqual([]);
});

test("messages of mixed QoS come to a lowered filter in their order", async () => {
  const to = await broker();
  for (const clean of [true, false]) {
    const client = await session(to, `s${clean}`, clean);
    client.send(subscribePacket(["o/#"], 1));
    await until(() => client.of("suback").length === 1);
    const device = await session(to, `device${clean}`);
    const count = 150;
    for (let i = 0; i < count; i++) {
      const qos = published[i % 3] as 0 | 1 | 2;
      device.send(publishPacket("o/1", qos, qos === 0 ? undefined : i + 1, { payload: String(i) }));
    }
    await until(() => client.of("publish").length === count);
    const order = client.of("publish").map((packet) => Number("payload" in packet ? packet.payload : -1));
    expect(order).toEqual(Array.from({ length: count }, (_, i) => i));
  }
});
