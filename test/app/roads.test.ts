import { expect, it } from "vitest";
import { dataFolder, startLive } from "./live-gateway.ts";

const config = `
insights:
  roads:
    intervalS: 1
    staleS: 600
    lateS: 30
    jamStartS: 2
    jamEndS: 2
    minVehicles: 1
    minGainS: 1
    probes: ["gps/#"]
    segments:
      - { name: quay, line: [[60.0, 25.0], [60.009, 25.0]], lengthM: 1000, freeFlowKmh: 60, sensors: [{ device: "23145", channel: "1" }] }
      - { name: lane, line: [[60.0, 25.01], [60.009, 25.01]], lengthM: 1000, freeFlowKmh: 40 }
    routes:
      - { name: by-quay, segments: [quay], choice: to-town }
      - { name: by-lane, segments: [lane], choice: to-town }
`;

async function start(dataDir: string) {
  const follow = ["congestion/#", "routes/#", "alerts/jam/#"];
  const live = await startLive({ dataDir, config, follow });
  return {
    ...live,
    /** A measuring station's mean speed of five minutes, as Digitraffic publishes it. */
    station: (kmh: number) =>
      live.publish("tms-v2/23145/5122", { value: kmh, time: Math.floor(Date.now() / 1_000) }),
    acknowledge: (id: unknown) =>
      fetch(`http://127.0.0.1:${live.gateway.httpPort}/api/v1/alerts/${String(id)}/ack?by=anna`, {
        method: "POST",
      }),
    vehicle: (values: object) => live.publish("telemetry/gps/taxi-1", values),
  };
}

it("tells of congestion, the way to take and a jam from MQTT to the SDK; a restart in the middle changes nothing", async () => {
  const folder = dataFolder();
  const first = await start(folder);
  await first.station(12);
  await first.shows("congestion/quay", { level: "queuing", speedKmh: 12, travelTimeS: 300, sensors: 1 });
  await first.shows("routes/by-quay", { travelTimeS: 300, delayS: 240, isBest: null });
  await first.shows("routes/to-town/best", { best: null, knownRoutes: 1, totalRoutes: 2 });
  await first.shows("alerts/jam/quay", { state: "firing", end: null, isHead: true, queueM: 1_000 });
  const jam = first.seen.findLast(({ topic }) => topic === "alerts/jam/quay");
  const answer = await first.acknowledge(jam?.values["id"]);
  expect([answer.status, await answer.json()]).toMatchObject([200, { topic: "alerts/jam/quay", by: "anna" }]);
  await first.shows("alerts/jam/quay", { state: "acknowledged", acknowledgedBy: "anna", queueM: 1_000 });
  expect((await first.acknowledge(jam?.values["id"])).status).toBe(409);
  await first.stop();

  const second = await start(folder);
  await second.shows("alerts/jam/quay", { state: "acknowledged", acknowledgedBy: "anna" });
  await second.vehicle({ lat: 60.004, lon: 25.01, speedKmh: 40, courseDeg: 2 });
  await second.shows("congestion/lane", { level: "free", speedKmh: 40, vehicles: 1 });
  // The way over the quay is known from before the restart.
  await second.shows("routes/to-town/best", {
    best: "by-lane",
    travelTimeS: 90,
    savesS: 210,
    knownRoutes: 2,
  });
  await second.station(60);
  await second.shows("alerts/jam/quay", {
    state: "resolved",
    outcome: "over",
    start: jam?.values["start"],
    queueM: 0,
    acknowledgedBy: "anna",
  });
  await second.shows("routes/to-town/best", { best: "by-quay", travelTimeS: 60, savesS: 0 });
});
