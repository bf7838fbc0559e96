import bindings from "gtfs-realtime-bindings";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type FeedName, RealtimeFeeds } from "../../src/gtfs/realtime-feeds.ts";
import type { Log } from "../../src/log/contract.ts";
import { isoTime, type Reading, type Values } from "../../src/model/reading.ts";
import { append, openTestLog } from "../support/log.ts";

const { FeedMessage } = bindings.transit_realtime;
const run = {
  tripId: "t1",
  routeId: "r7",
  directionId: 0,
  operatingDay: "2026-11-20",
  startTime: "25:10:00",
};

let log: Log;
let now: number;

beforeEach(async () => {
  log = await openTestLog();
  now = log.time;
});
afterEach(() => log.close());

async function read(name: FeedName) {
  const message = FeedMessage.decode(await new RealtimeFeeds(log).read(name));
  return FeedMessage.toObject(message, { longs: Number }) as {
    header: { timestamp: number };
    entity: { id: string; [kind: string]: unknown }[];
  };
}

function vehicle(values: Values = {}, device = "a/1"): Reading {
  const own = { state: "running", ...run, delayS: 60, nextStopId: "B", stopSequence: 2, ...values };
  return { domain: "trips", device: `transit/${device}`, time: now, values: own };
}

function call(stop: string, stopSequence: number, seconds: number, values: Values = {}): Reading {
  const [scheduled, expected] = [isoTime(now + seconds * 1_000), isoTime(now + (seconds + 60) * 1_000)];
  const times = { scheduledArrival: scheduled, expectedArrival: expected, expectedDeparture: expected };
  const own = { state: "expected", vehicle: "a/1", ...run, stopSequence, ...times, ...values };
  return { domain: "arrivals", device: stop, channel: "r7/1", time: now, values: own };
}

const position = (device: string, time: number, values: Values = {}): Reading => {
  return { domain: "transit", device, time, values: { event: "position", lat: 60, lon: 25, ...values } };
};

describe("GTFS-Realtime feeds", () => {
  it("are whole messages even if there is nothing to tell", async () => {
    for (const name of ["vehicle-positions", "trip-updates", "alerts"] as const) {
      const { header, entity = [] } = await read(name);
      expect(header).toMatchObject({ gtfsRealtimeVersion: "2.0", incrementality: 0 });
      expect(header.timestamp).toBeGreaterThanOrEqual(Math.floor(now / 1_000));
      expect(header.timestamp).toBeLessThanOrEqual(log.time / 1_000);
      expect(entity).toEqual([]);
    }
  });

  it("tell where vehicles are, with the trip that is known of them", async () => {
    await append(log, vehicle(), position("a/1", now - 2_000, { speedKmh: 36, courseDeg: 90 }));
    await append(log, position("b", now - 3_600_000), position("c", now, { tripId: "t9", speedKmh: 7.2 }));
    const { entity } = await read("vehicle-positions");
    const at = Math.floor((now - 2_000) / 1_000);
    expect(entity).toEqual([
      {
        id: "a/1",
        vehicle: {
          trip: { tripId: "t1", routeId: "r7", directionId: 0, startTime: "25:10:00", startDate: "20261120" },
          vehicle: { id: "a/1" },
          position: { latitude: 60, longitude: 25, bearing: 90, speed: 10 },
          currentStopSequence: 2,
          stopId: "B",
          currentStatus: 2,
          timestamp: at,
        },
      },
      expect.objectContaining({ id: "c", vehicle: expect.objectContaining({ trip: { tripId: "t9" } }) }),
    ]);
  });

  it("tell calls in the order of the trip, in times that only grow", async () => {
    await append(log, vehicle());
    await append(log, call("C", 3, 50), call("B", 2, 100), call("D", 10, 200, { state: "skipped" }));
    await append(
      log,
      call("E", 11, 300, { state: "unknown", expectedArrival: null, expectedDeparture: null }),
    );
    const { entity } = await read("trip-updates");
    const baseS = Math.floor(now / 1_000);
    const update = entity[0]?.["tripUpdate"] as { stopTimeUpdate: object[] };
    expect(entity.map(({ id }) => id)).toEqual(["t1/a/1"]);
    expect(update).toMatchObject({ delay: 60, timestamp: baseS, vehicle: { id: "a/1" } });
    expect(update.stopTimeUpdate).toEqual([
      {
        stopSequence: 2,
        stopId: "B",
        arrival: { time: baseS + 160, delay: 60 },
        departure: { time: baseS + 160 },
      },
      {
        stopSequence: 3,
        stopId: "C",
        arrival: { time: baseS + 161, delay: 111 },
        departure: { time: baseS + 161 },
      },
      { stopSequence: 10, stopId: "D", scheduleRelationship: 1 },
      { stopSequence: 11, stopId: "E", scheduleRelationship: 2 },
    ]);
  });

  it("tell a call once, though topics of another timetable show it too", async () => {
    await append(log, vehicle(), call("B", 2, 100));
    const old = call("B", 2, 50);
    await append(log, { ...old, channel: "r7/2", time: now - 1_000 });
    const { entity } = await read("trip-updates");
    const update = entity[0]?.["tripUpdate"] as { stopTimeUpdate: object[] };
    expect(update.stopTimeUpdate).toMatchObject([{ arrival: { time: Math.floor(now / 1_000) + 160 } }]);
  });

  it("leave out calls of trips that are over, and of vehicles that are silent", async () => {
    await append(log, vehicle({ startTime: "26:10:00" }), call("B", 2, 100));
    await append(log, vehicle({ state: "silent" }, "b"), call("C", 2, 100, { vehicle: "b" }));
    expect((await read("trip-updates")).entity).toBeUndefined();
  });

  it("tell notices until they are resolved, those that somebody acknowledged as well", async () => {
    const notice = (device: string, channel: string, values: Values): Reading => {
      const all = { state: "firing", since: isoTime(now - 60_000), ...run, ...values };
      return {
        domain: "alerts",
        device: `transit/${device}`,
        channel,
        time: now,
        values: all,
        attrs: { text: "7: late" },
      };
    };
    await append(
      log,
      notice("line/r7", "delay/t1", { kind: "delay" }),
      notice("stop/B", "skipped/t1", { kind: "skipped", state: "acknowledged", stopId: "B" }),
      notice("stop/C", "early/t1", { kind: "early", state: "resolved", stopId: "C" }),
    );
    const { entity } = await read("alerts");
    expect(entity.map(({ id }) => id)).toEqual(["line/r7/delay/t1", "stop/B/skipped/t1"]);
    expect(entity[1]?.["alert"]).toEqual({
      activePeriod: [{ start: Math.floor((now - 60_000) / 1_000) }],
      informedEntity: [
        {
          routeId: "r7",
          stopId: "B",
          trip: { tripId: "t1", routeId: "r7", directionId: 0, startTime: "25:10:00", startDate: "20261120" },
        },
      ],
      cause: 1,
      effect: 6,
      headerText: { translation: [{ text: "7: late", language: "en" }] },
    });
  });

  describe("tell alerts of others", () => {
    const foreign = (id: string, values: Values, attrs: Values = {}, time = now): Reading => {
      const all = { event: "alert", ...values };
      return { domain: "transit", device: `alert/${id}`, time, values: all, attrs };
    };
    const headerText = "Works on the bridge";
    const hourMs = 3_600_000;

    it("with their periods, entities and words", async () => {
      const activePeriods = [
        { activeFrom: isoTime(now - hourMs), activeUntil: isoTime(now - 60_000) },
        { activeFrom: isoTime(now + hourMs) },
      ];
      const informed = [
        { routeId: "r7", directionId: 1, stopId: "B" },
        { routeId: "r8", tripId: "t1" },
      ];
      await append(
        log,
        foreign("a", { routeId: "r7" }, { headerText, effect: "DETOUR", activePeriods, informed }),
      );
      const { entity } = await read("alerts");
      const nowS = Math.floor(now / 1_000);
      expect(entity).toEqual([
        {
          id: "alert/a",
          alert: {
            activePeriod: [{ start: nowS - 3_600, end: nowS - 60 }, { start: nowS + 3_600 }],
            informedEntity: [
              { routeId: "r7", stopId: "B", directionId: 1 },
              { routeId: "r8", trip: { tripId: "t1", routeId: "r8" } },
            ],
            cause: 1,
            effect: 4,
            headerText: { translation: [{ text: headerText }] },
          },
        },
      ]);
    });

    it("about every route or stop that they list, and only while they hold", async () => {
      const isOver = { headerText, activeUntil: isoTime(now - 1_000) };
      await append(
        log,
        foreign("routes", { routeId: "r1" }, { headerText, routeIds: ["r1", "r2"] }),
        foreign("native", { stopId: "B", headerText, descriptionText: "Until Monday" }),
        foreign("over", { routeId: "r1" }, isOver),
        foreign("about-nothing", {}, { headerText }),
        foreign("mute", { routeId: "r1" }),
        foreign("forgotten", { routeId: "r1" }, { headerText }, now - 25 * hourMs),
      );
      const { entity } = await read("alerts");
      expect(
        entity.map(({ id, alert }) => [id, (alert as { informedEntity: object }).informedEntity]),
      ).toEqual([
        ["alert/routes", [{ routeId: "r1" }, { routeId: "r2" }]],
        ["alert/native", [{ stopId: "B" }]],
      ]);
      expect(entity[1]?.["alert"]).not.toHaveProperty("activePeriod");
      expect(entity[1]?.["alert"]).toMatchObject({
        effect: 8,
        descriptionText: { translation: [{ text: "Until Monday" }] },
      });
    });
  });
});
