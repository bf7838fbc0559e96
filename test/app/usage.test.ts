import { it } from "vitest";
import { calendarOf } from "../../src/insights/calendar.ts";
import { isoTime } from "../../src/model/reading.ts";
import { dataFolder, startLive } from "./live-gateway.ts";

const minuteMs = 60_000;

const config = `
ring: { engine: sqlite }
insights:
  presence: { enabled: false }
  usage:
    timezone: Europe/Helsinki
    refreshS: 1
    sites:
      - { name: home, grid: ["energy/grid"], production: ["energy/roof"] }
  cost:
    tariffs:
      - accounts: [sites/home]
        currency: EUR
        timezone: Europe/Helsinki
        import: { dynamic: true }
        prices: energy/spot/+
`;

/** A gateway whose clock goes ahead when it is told to. */
async function start(dataDir: string, clock: { shiftMs: number; now(): number }) {
  const follow = ["usage/#"];
  const live = await startLive({ dataDir, config, follow, from: { last: 100 }, clock });
  const publish = (device: string, time: number, values: object) =>
    live.publish(`telemetry/energy/${device}`, { time, ...values });
  const shows = (topic: string, time: number, values: object) => live.shows(topic, values, time);
  return { publish, shows, stop: live.stop };
}

it("usage, from MQTT to the SDK: quarter-hours of a meter and its site; a restart changes nothing, a late reading corrects", async () => {
  const clock = { shiftMs: 0, now: () => Date.now() + clock.shiftMs };
  const dataDir = dataFolder();
  // Two quarter-hours ago, on the quarter.
  const begin = Math.floor(clock.now() / (15 * minuteMs)) * 15 * minuteMs - 30 * minuteMs;
  const at = (minutes: number) => begin + minutes * minuteMs;
  const first = await start(dataDir, clock);
  await first.publish("grid", at(0), { energyImportWh: 1_000, energyExportWh: 50 });
  await first.publish("roof", at(0), { energyExportWh: 7_000 });
  await first.publish("grid", at(10), { energyImportWh: 1_200, energyExportWh: 60 });
  await first.stop();

  const second = await start(dataDir, clock);
  await second.publish("grid", at(20), { energyImportWh: 1_300, energyExportWh: 80 });
  await second.publish("roof", at(20), { energyExportWh: 7_200 });
  clock.shiftMs += 60_000;
  // 200 Wh by the tenth minute and half of the next 100; 10 Wh and half of 20.
  await second.shows("usage/grid/quarterHour", at(0), { importWh: 250, exportWh: 20, gapS: 0 });
  // The roof's 200 Wh in 20 minutes are 150 in 15.
  await second.shows("usage/sites/home/quarterHour", at(0), {
    importWh: 250,
    productionWh: 150,
    selfUseWh: 130,
    consumptionWh: 380,
    incompleteMeters: 0,
  });
  await second.publish("grid", at(15), { energyImportWh: 1_290, energyExportWh: 60 });
  clock.shiftMs += 60_000;
  await second.shows("usage/grid/quarterHour", at(0), { importWh: 290, exportWh: 10 });
  await second.shows("usage/sites/home/quarterHour", at(0), { selfUseWh: 140, consumptionWh: 430 });
  // 290 Wh, at 100 EUR/kWh.
  const [startsAt, endsAt] = [isoTime(at(0)), isoTime(at(30))];
  await second.publish("spot/0", at(-60), { startsAt, endsAt, priceMinorPerMwh: 100_000_000 });
  const { start: month } = calendarOf("Europe/Helsinki").periodOf("month", at(0));
  clock.shiftMs += 60_000;
  await second.shows("usage/sites/home/cost/month", month, { costMinor: 29_000, currency: "EUR" });
  await second.shows("usage/grid/now", at(20), { quarterHourImportWh: 10, quarterHourExportWh: 20 });
});
