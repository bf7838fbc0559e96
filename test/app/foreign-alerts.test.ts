import bindings from "gtfs-realtime-bindings";
import { connectAsync } from "mqtt";
import { expect, it, onTestFinished } from "vitest";
import { startGateway } from "../../src/app/gateway.ts";
import { loadConfig } from "../../src/app/load-config.ts";
import { systemClock } from "../../src/model/clock.ts";
import type { Timetable } from "../../src/model/timetable.ts";
import { silentLogger } from "../../src/observe/log.ts";
import { problemsOf } from "../gtfs/realtime-rules.ts";

const { FeedMessage } = bindings.transit_realtime;

const nowS = Math.floor(Date.now() / 1_000);

/** As an authority publishes it, written by the independent library. */
const published = {
  header: { gtfsRealtimeVersion: "2.0", incrementality: 0, timestamp: nowS },
  entity: [
    {
      id: "works",
      alert: {
        activePeriod: [{ start: nowS - 60, end: nowS + 3_600 }, { start: nowS + 86_400 }],
        informedEntity: [{ routeId: "r7", stopId: "B" }, { agencyId: "city" }, { routeType: 0 }],
        effect: 4,
        headerText: { translation: [{ text: "Works on the bridge" }] },
        descriptionText: { translation: [{ text: "Trams turn round at the market." }] },
      },
    },
    {
      id: "strike",
      alert: {
        informedEntity: [{ trip: { tripId: "t1", routeId: "r7" } }],
        effect: 1,
        headerText: { translation: [{ text: "No service" }] },
      },
    },
  ],
};

const timetable: Timetable = {
  timezone: "UTC",
  stops: [{ id: "B", name: "Bridge", lat: 0, lon: 0 }],
  routes: [{ id: "r7", name: "7" }],
  services: [],
  patterns: [],
  shapes: [],
  trips: [
    {
      id: "t1",
      route: 0,
      service: 0,
      pattern: 0,
      shape: null,
      direction: null,
      headsign: "",
      startS: 0,
      frequencies: null,
    },
  ],
};

it("alerts of others, from MQTT to the feed: nothing is lost on the way, and the feed keeps the specification's rules", async () => {
  const flags = { "mqtt.port": "0", "http.port": "0", "ring.engine": "memory" };
  const config = loadConfig({ flags, env: {}, file: null });
  const gateway = await startGateway(config, { logger: silentLogger, clock: systemClock });
  onTestFinished(() => gateway.close());
  const device = await connectAsync(`mqtt://127.0.0.1:${gateway.mqttPort}`);
  onTestFinished(() => device.endAsync());
  const payload = Buffer.from(FeedMessage.encode(FeedMessage.fromObject(published)).finish());
  await device.publishAsync("gtfsrt/alerts/city", payload, { qos: 1 });

  const response = await fetch(`http://127.0.0.1:${gateway.httpPort}/feeds/gtfs-realtime/alerts.pb`);
  const feed = FeedMessage.decode(new Uint8Array(await response.arrayBuffer()));
  expect(problemsOf(feed, timetable, nowS)).toEqual([]);
  expect(feed.entity.map(({ id }) => id)).toEqual(["alert/works", "alert/strike"]);
  const alerts = feed.entity.map((one) =>
    bindings.transit_realtime.Alert.toObject(one.alert as never, { longs: Number }),
  );
  expect(alerts[0]).toMatchObject(published.entity[0]?.alert as object);
  expect(alerts[1]).toMatchObject(published.entity[1]?.alert as object);
});
