import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connectAsync } from "mqtt";
import { expect, it, onTestFinished } from "vitest";
import { startGateway } from "../../src/app/gateway.ts";
import { loadConfig } from "../../src/app/load-config.ts";
import { connect, type Reading } from "../../src/client/node.ts";
import { systemClock } from "../../src/model/clock.ts";
import { silentLogger } from "../../src/observe/log.ts";

const config = `
insights:
  trips: { statusS: 60, speedLimitKmh: 30 }
  geofence:
    fences:
      - { name: school, circle: { lat: 60.01, lon: 25, radiusM: 200 } }
`;
const start = Date.UTC(2026, 10, 22, 8);

/** 60 steps of 0.0005 degrees north (55.6 m), one each 5 s (40 km/h), then five minutes at the same place. */
function way(): object[] {
  const fix = (seconds: number, step: number, speedKmh: number) => ({
    lat: 60 + step * 0.0005,
    lon: 25,
    speedKmh,
    accuracyM: 5,
    time: new Date(start + seconds * 1_000).toISOString(),
  });
  const parked = [0, 60, 120, 180].map((seconds) => fix(seconds, 0, 0));
  const driving = Array.from({ length: 60 }, (_, i) => fix(185 + 5 * i, i + 1, 40));
  return [...parked, ...driving, ...[540, 600, 660, 720].map((seconds) => fix(seconds, 60, 0))];
}

async function openGateway(dataDir: string) {
  const file = join(dataDir, "f.yaml");
  writeFileSync(file, config);
  const flags = { "mqtt.port": "0", "http.port": "0", dataDir };
  const gateway = await startGateway(loadConfig({ flags, env: {}, file }), {
    logger: silentLogger,
    clock: systemClock,
  });
  const device = await connectAsync(`mqtt://127.0.0.1:${gateway.mqttPort}`);
  let isOpen = true;
  const stop = async () => {
    if (!isOpen) return;
    isOpen = false;
    await device.endAsync();
    await gateway.close();
  };
  onTestFinished(stop);
  const publish = async (fixes: readonly object[]) => {
    for (const fix of fixes)
      await device.publishAsync("telemetry/gps/van-7", JSON.stringify(fix), { qos: 1 });
  };
  return { url: `ws://127.0.0.1:${gateway.httpPort}/stream`, publish, stop };
}

it("tells trips and fences from MQTT to the SDK, each once, right through a restart, with a part of the way late", async () => {
  const dataDir = mkdtempSync(join(tmpdir(), "fieldcast-gps-"));
  onTestFinished(() => rmSync(dataDir, { recursive: true, force: true }));
  const fixes = way();
  const late = fixes.splice(20, 5);
  fixes.splice(30, 0, ...late);
  const first = await openGateway(dataDir);
  await first.publish(fixes.slice(0, 28));
  await first.stop();
  const second = await openGateway(dataDir);
  await second.publish(fixes.slice(28));

  const seen: Reading[] = [];
  const fieldcast = connect(second.url);
  onTestFinished(() => fieldcast.close());
  for (const filter of ["trips/#", "geofence/#"]) {
    fieldcast.subscribe(
      filter,
      { from: { time: new Date(start).toISOString() } },
      (reading) => void seen.push(reading),
    );
  }
  const of = (topic: string) => seen.filter((reading) => reading.topic === topic).map(({ values }) => values);
  await expect.poll(() => of("trips/van-7/trip"), { timeout: 20_000 }).toHaveLength(1);
  // The circle of 200 m around 60.01 begins at 60.0082 and is left beyond 225 m, at 60.0120235: 60.0085 is the 17th step
  // (185 + 16 x 5 s), 60.0125 the 25th.
  const at = (seconds: number) => new Date(start + seconds * 1_000).toISOString();
  expect(of("trips/van-7/trip")[0]).toMatchObject({
    start: at(180),
    end: at(480),
    distanceM: 3_336,
    maxKmh: 40,
    endedBy: "stopped",
  });
  await expect
    .poll(() => of("geofence/school/van-7").at(-1))
    .toMatchObject({
      event: "exit",
      enteredAt: at(265),
      leftAt: at(305),
      insideS: 40,
    });
  await expect
    .poll(() => of("trips/van-7").at(-1))
    .toMatchObject({ state: "stopped", since: at(480), totalDistanceM: 3_336 });
  expect(of("trips/van-7/speeding").at(-1)).toMatchObject({
    isSpeeding: false,
    since: at(185),
    limitKmh: 30,
  });
  const told = seen.map(({ topic, time, values }) => JSON.stringify([topic, time, values]));
  expect(new Set(told).size).toBe(told.length);
});
