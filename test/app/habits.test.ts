import { expect, it } from "vitest";
import { dataFolder, startLive } from "./live-gateway.ts";

const hourMs = 3_600_000;
const quarterMs = hourMs / 4;
/** 2026-11-02 is a Monday. */
const monday = Date.UTC(2026, 10, 2);

/** A clock that the test moves: what ends is told some seconds later. */
const clockAt = (time: number) => {
  const clock = { time, now: () => clock.time };
  return clock;
};

/** A counter at equal steps of time: what it shows at first, and after each amount. */
function counted(amounts: readonly number[], begin: number, stepMs: number, from = 0): object[] {
  let energyImportWh = from;
  return [0, ...amounts].map((wh, index) => {
    energyImportWh += wh;
    return { time: begin + index * stepMs, energyImportWh };
  });
}

it("usageNormal, from MQTT to the SDK: what is usual on Mondays; a restart and a late reading change nothing", async () => {
  const config = `
timezone: UTC
insights:
  presence: { enabled: false }
  usage: { sites: [{ name: home, grid: [energy/grid] }] }
  usageNormal: {}
`;
  const clock = clockAt(monday + 30 * 24 * hourMs);
  const dataDir = dataFolder();
  const start = () =>
    startLive({ dataDir, config, clock, follow: ["usage/sites/home/normal"], from: { last: 100 } });
  const tell = async ({ publish }: Awaited<ReturnType<typeof start>>, readings: readonly object[]) => {
    for (const reading of readings) await publish("telemetry/energy/grid", reading);
    clock.time += 60_000;
  };
  // From 10 to 12 on four Mondays, two hours each, and then one that nobody compares.
  const weeks = [
    [400, 100, 7],
    [500, 100, 7],
    [600, 300, 7],
    [900, 100, 7],
  ].map((amounts, week) =>
    counted(amounts, monday + week * 168 * hourMs + 10 * hourMs, hourMs, week * 10_000),
  );
  const [one, two, three, four] = weeks as [object[], object[], object[], object[]];
  const day = (week: number, hour: number) => monday + (week * 168 + hour) * hourMs;

  const first = await start();
  await tell(first, [...one, ...two]);
  await first.shows("usage/sites/home/normal", { importWh: 100, usualWh: null }, day(1, 11));
  await first.stop();

  const second = await start();
  // What the counter showed at noon comes last: until then nothing is known of 11 and 12.
  const [ten, eleven, noon, one_] = three as [object, object, object, object];
  await tell(second, [ten, eleven, one_, noon]);
  await second.shows("usage/sites/home/normal", { importWh: 300, todayWh: 900 }, day(2, 11));
  await tell(second, four);
  // The medians of 400, 500, 600 and of 100, 100, 300.
  await second.shows(
    "usage/sites/home/normal",
    { importWh: 900, usualWh: 500, deviationPct: 80 },
    day(3, 10),
  );
  const atEleven = {
    usualWh: 100,
    deviationPct: 0,
    todayWh: 1_000,
    usualTodayWh: 600,
    todayDeviationPct: 66.7,
  };
  await second.shows("usage/sites/home/normal", atEleven, day(3, 11));
});

it("standby, from MQTT to the SDK: what is drawn at the quietest; a restart and a late reading change nothing", async () => {
  const config = `
timezone: UTC
insights:
  presence: { enabled: false }
  usage: { sites: [{ name: home, grid: [energy/grid] }] }
  standby: {}
`;
  const clock = clockAt(monday + 30 * 24 * hourMs);
  const dataDir = dataFolder();
  const start = () =>
    startLive({ dataDir, config, clock, follow: ["usage/sites/home/standby"], from: { last: 100 } });
  // The fixture's day: 4 quarter-hours of 5 Wh, 20 of 20 and 72 of 100, 7620 Wh together; then the next day begins.
  const amounts = Array.from({ length: 96 }, (_, at) => (at < 4 ? 5 : at < 24 ? 20 : 100));
  const readings = counted([...amounts, 100], monday, quarterMs);
  readings.splice(60, 0, ...readings.splice(30, 3));
  const first = await start();
  for (const reading of readings.slice(0, 45)) await first.publish("telemetry/energy/grid", reading);
  clock.time += 60_000;
  await first.stop();

  const second = await start();
  for (const reading of readings.slice(45)) await second.publish("telemetry/energy/grid", reading);
  clock.time += 60_000;
  // 5 % of 96 are 4.8, so the fifth lowest counts: 20 Wh = 80 W, 1920 Wh a day, 25.2 % of all.
  const values = { standbyW: 80, standbyDayWh: 1_920, sharePct: 25.2, quarterHours: 96 };
  await second.shows("usage/sites/home/standby", values, monday);
  expect(second.seen).toHaveLength(1);
});
