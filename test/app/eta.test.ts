import { expect, it } from "vitest";
import { dataFolder, startLive } from "./live-gateway.ts";

const config = `
insights:
  presence: { enabled: false }
  eta:
    detour: 1.2
    places:
      - { name: home, lat: 60.09, lon: 25, radiusM: 150 }
`;
const start = Date.UTC(2026, 10, 22, 12);
const at = (minutes: number, seconds = 0) => start + 60_000 * minutes + 1_000 * seconds;

/** 0.001 degrees (111.195 m) north each 10 s, from 60 N: 40 km/h. */
function way(): object[] {
  return Array.from({ length: 91 }, (_, step) => ({
    lat: 60 + step / 1_000,
    lon: 25,
    speedKmh: 40,
    time: start + 10_000 * step,
  }));
}

it("tells when a van will be there, from MQTT to the SDK, right through a restart, with a part of the way late", async () => {
  const dataDir = dataFolder();
  const follow = ["trips/+/eta/#"];
  const fixes = way();
  // What was measured from 12:05:10 to 12:05:40 comes behind the position of 12:06:40.
  fixes.splice(37, 0, ...fixes.splice(31, 4));
  const first = await startLive({ dataDir, config, follow });
  for (const fix of fixes.slice(0, 33)) await first.publish("telemetry/gps/van-7", fix);
  // At 12:02:00, from where it was at 12:01:50: 79 x 111.195 m x 1.2 at 40 km/h are 949 s, so 12:17:39.
  await first.shows("trips/van-7/eta/home", { state: "coming", etaS: 939, distanceM: 8_784 });
  await first.stop();

  const second = await startLive({ dataDir, config, follow, from: { time: new Date(start).toISOString() } });
  for (const fix of fixes.slice(33)) await second.publish("telemetry/gps/van-7", fix);
  // 60.089 N is the first position within 150 m.
  await second.shows("trips/van-7/eta/home", { state: "arrived", etaS: 0, distanceM: 111 });
  // Each minute brings it 12 s forward, since the way is straight: told again when that makes a minute. At 12:07:00 it is
  // 49 x 111.195 m away from where it was at 12:06:50: 588 s, 12:16:38. At 12:12:00 19 x 111.195 m: 228 s, 12:15:38.
  expect(second.seen.map(({ time, values }) => [time, values["state"], values["arrivesAt"]])).toEqual([
    [at(2), "coming", new Date(at(17, 39)).toISOString()],
    [at(7), "coming", new Date(at(16, 38)).toISOString()],
    [at(12), "coming", new Date(at(15, 38)).toISOString()],
    [at(14, 50), "arrived", new Date(at(14, 50)).toISOString()],
  ]);
});
