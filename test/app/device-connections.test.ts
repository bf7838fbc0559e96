import { expect, it, onTestFinished } from "vitest";
import { followDeviceConnections } from "../../src/app/device-connections.ts";
import type { Log, LogRecord } from "../../src/log/contract.ts";
import { systemClock } from "../../src/model/clock.ts";
import { append, gpsReading, openTestLog } from "../support/log.ts";

async function start() {
  const log = await openTestLog();
  const told: unknown[] = [];
  log.onCommitted((records) => {
    for (const { topic, values, attrs } of records.filter(isOfConnections)) {
      expect(topic.name).toBe("presence/connections");
      told.push([values["event"], attrs?.["devices"] ?? []]);
    }
  });
  const connections = follow(log);
  onTestFinished(() => log.close());
  const tells = (expected: unknown[]) => expect.poll(() => told, { timeout: 10_000 }).toEqual(expected);
  return { log, told, connections, tells };
}

function follow(log: Log) {
  const connections = followDeviceConnections(log, systemClock);
  onTestFinished(() => connections.close());
  return connections;
}

function isOfConnections({ topic }: LogRecord): boolean {
  return topic.name.startsWith("presence/");
}

it("tells of the devices that publish through a connection, many at once, when it opens and closes", async () => {
  const { connections, tells } = await start();
  connections.onConnection("a", true);
  connections.onReadings("a", [gpsReading("one", {}), gpsReading("two", {}), gpsReading("one", {})]);
  connections.onReadings(null, [gpsReading("retained", {})]);
  connections.onReadings("source:other", [gpsReading("elsewhere", {})]);
  await tells([["connected", ["gps/one", "gps/two"]]]);
  connections.onConnection("a", false);
  await tells([
    ["connected", ["gps/one", "gps/two"]],
    ["closed", ["gps/one", "gps/two"]],
  ]);
});

it("goes by the client that published last, and by what holds after all", async () => {
  const { connections, tells } = await start();
  connections.onConnection("a", true);
  connections.onConnection("b", true);
  connections.onReadings("a", [gpsReading("one", {}), gpsReading("two", {})]);
  connections.onReadings("b", [gpsReading("one", {})]);
  connections.onConnection("a", false);
  await tells([
    ["closed", ["gps/two"]],
    ["connected", ["gps/one"]],
  ]);
  connections.onConnection("b", false);
  connections.onConnection("b", true);
  await tells([
    ["closed", ["gps/two"]],
    ["connected", ["gps/one"]],
    ["connected", ["gps/one"]],
  ]);
});

it("parts what does not fit in one reading", async () => {
  const { connections, told } = await start();
  connections.onConnection("a", true);
  const names = Array.from({ length: 30 }, (_, n) => `${n}-${"x".repeat(2_000)}`);
  connections.onReadings(
    "a",
    names.map((name) => gpsReading(name, {})),
  );
  await expect
    .poll(() => (told as [string, string[]][]).flatMap(([, devices]) => devices), { timeout: 10_000 })
    .toEqual(names.map((name) => `gps/${name}`));
  expect(told.length).toBeGreaterThan(3);
});

it("says at a start that nobody's connection is known any more, unless nobody was ever there", async () => {
  const { log, told, tells } = await start();
  expect(told).toEqual([]);
  await append(log, gpsReading("one", {}));
  follow(log);
  await tells([["restarted", []]]);
});
