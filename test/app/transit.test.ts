import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import bindings from "gtfs-realtime-bindings";
import { connectAsync } from "mqtt";
import { beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { createFleet, type Fleet } from "../../firmware-sim/fleet.ts";
import { writeTimetable } from "../../firmware-sim/timetable.ts";
import { startGateway } from "../../src/app/gateway.ts";
import { loadConfig } from "../../src/app/load-config.ts";
import { connect, type Reading } from "../../src/client/node.ts";
import { loadTimetable } from "../../src/gtfs/load-timetable.ts";
import { silentLogger } from "../../src/observe/log.ts";
import { problemsOf } from "../gtfs/realtime-rules.ts";

const { FeedMessage } = bindings.transit_realtime;

/** The gateway's and the fleet's: what is told must not depend on the hour at which the test runs. */
const clock = { time: Date.UTC(2026, 10, 20, 10), now: () => clock.time };

let folder: string;
let gtfs: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "fieldcast-transit-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  gtfs = writeTimetable(folder);
});

async function start() {
  const flags = {
    "mqtt.port": "0",
    "http.port": "0",
    dataDir: folder,
    "insights.transit.gtfs": gtfs,
    "insights.transit.delayNoticeS": "5",
    "insights.presence.enabled": "false",
  };
  const config = loadConfig({ flags, env: {}, file: null });
  const gateway = await startGateway(config, { logger: silentLogger, clock });
  const fieldcast = connect(`ws://127.0.0.1:${gateway.httpPort}/stream`);
  const seen: Reading[] = [];
  for (const filter of ["arrivals/#", "trips/transit/#", "alerts/transit/#"]) {
    fieldcast.subscribe(filter, {}, (reading) => void seen.push(reading));
  }
  let isOpen = true;
  const stop = async () => {
    if (!isOpen) return;
    isOpen = false;
    fieldcast.close();
    await gateway.close();
  };
  onTestFinished(stop);
  const feed = async (name: string) => {
    const response = await fetch(`http://127.0.0.1:${gateway.httpPort}/feeds/gtfs-realtime/${name}.pb`);
    expect(response.headers.get("content-type")).toBe("application/x-protobuf");
    return FeedMessage.decode(new Uint8Array(await response.arrayBuffer()));
  };
  return { gateway, seen, stop, feed };
}

/** Publishes what the fleet has to say up to a time, and then a word of a vehicle that is on no trip. */
async function drive(mqttPort: number, fleet: Fleet, until: number, last: string): Promise<void> {
  const device = await connectAsync(`mqtt://127.0.0.1:${mqttPort}`);
  const published: Promise<unknown>[] = [];
  while (fleet.time + fleet.tickMs <= until) {
    const messages = fleet.step();
    clock.time = fleet.time;
    for (const { topic, payload } of messages) {
      published.push(device.publishAsync(topic, payload, { qos: 1 }));
    }
  }
  await Promise.all(published);
  await device.publishAsync(`telemetry/transit/${last}`, '{"event":"position","delayS":0}', { qos: 1 });
  await device.endAsync();
}

const shown = (seen: readonly Reading[]) =>
  Object.fromEntries(seen.map(({ topic, values }) => [topic, values]));

/** The vehicles that are on a trip. */
const running = (seen: readonly Reading[]) =>
  Object.entries(shown(seen)).filter(
    ([topic, { state }]) => topic.startsWith("trips/") && (state === "running" || state === "atStop"),
  );

describe("transit, from MQTT to the SDK and the feeds", () => {
  it("tells trips, arrivals and notices; feeds keep the specification's rules; a restart changes nothing", async () => {
    const { timetable } = await loadTimetable(gtfs);
    const now = clock.time + 600_000;
    const fleet = createFleet({
      seed: 1,
      startTime: clock.time,
      domains: ["transit"],
      intervalMs: { transit: 5_000 },
    });
    const first = await start();
    await drive(first.gateway.mqttPort, fleet, now - 120_000, "last-1");
    await expect.poll(() => shown(first.seen), { timeout: 15_000 }).toHaveProperty("trips/transit/last-1");
    await first.stop();
    const second = await start();
    await drive(second.gateway.mqttPort, fleet, now, "last-2");
    await expect.poll(() => shown(second.seen), { timeout: 15_000 }).toHaveProperty("trips/transit/last-2");
    expect(running(second.seen).length).toBeGreaterThanOrEqual(8);
    const board = Object.entries(shown(second.seen)).filter(
      ([topic, { state }]) => topic.startsWith("arrivals/") && state === "expected",
    );
    expect(board.length).toBeGreaterThan(20);
    expect(second.seen.some(({ topic }) => topic.startsWith("alerts/transit/line/"))).toBe(true);

    const nowS = clock.time / 1_000;
    const feeds = await Promise.all(["vehicle-positions", "trip-updates", "alerts"].map(second.feed));
    expect(feeds.flatMap((feed) => problemsOf(feed, timetable, nowS))).toEqual([]);
    const [vehicles, updates, alerts] = feeds.map(({ entity }) => entity.length);
    expect(vehicles).toBe(10);
    expect(updates).toBeGreaterThanOrEqual(8);
    expect(alerts).toBeGreaterThan(0);

    // Nothing is told twice, though the second life began from a saved state.
    const lastOf = new Map<string, string>();
    for (const { topic, values } of second.seen) {
      const said = JSON.stringify(values);
      expect(lastOf.get(topic)).not.toBe(said);
      lastOf.set(topic, said);
    }
  });
});
