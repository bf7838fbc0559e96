import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connectAsync } from "mqtt";
import { expect, it, onTestFinished } from "vitest";
import { startGateway } from "../../src/app/gateway.ts";
import { loadConfig } from "../../src/app/load-config.ts";
import { connect, type Reading } from "../../src/client/node.ts";
import { systemClock } from "../../src/model/clock.ts";
import { isoTime } from "../../src/model/reading.ts";
import { silentLogger } from "../../src/observe/log.ts";

const settings = `
insights:
  presence: { enabled: false }
  fares:
    watches:
      - { name: stockholm, from: HEL, to: ARN, currency: EUR, below: 120 }
`;

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), "fieldcast-fares-"));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

async function start(dataDir: string) {
  const file = join(dataDir, "fieldcast.yaml");
  writeFileSync(file, settings);
  const flags = { "mqtt.port": "0", "http.port": "0", dataDir };
  const config = loadConfig({ flags, env: {}, file });
  const gateway = await startGateway(config, { logger: silentLogger, clock: systemClock });
  const fieldcast = connect(`ws://127.0.0.1:${gateway.httpPort}/stream`);
  const seen: Reading[] = [];
  fieldcast.subscribe("watches/#", { from: { last: 100 } }, (reading) => void seen.push(reading));
  const feed = await connectAsync(`mqtt://127.0.0.1:${gateway.mqttPort}`);
  let isOpen = true;
  const stop = async () => {
    if (!isOpen) return;
    isOpen = false;
    await feed.endAsync();
    fieldcast.close();
    await gateway.close();
  };
  onTestFinished(stop);
  const shows = async (topic: string, values: object) => {
    const last = () => seen.findLast((one) => one.topic === topic)?.values;
    await expect.poll(last, { timeout: 15_000 }).toMatchObject(values);
  };
  return { feed, seen, shows, stop };
}

function quote(total: string, quotedAt: number, validMs: number): string {
  const segment = { carrier: "ZZ", number: "803", departLocal: "2026-12-24T07:25:00", cabin: "economy" };
  return JSON.stringify({
    v: 1,
    type: "fare.quote",
    quoteId: "q-1",
    quotedAt: isoTime(quotedAt),
    expiresAt: isoTime(quotedAt + validMs),
    origin: "HEL",
    destination: "ARN",
    price: { currency: "EUR", total },
    slices: [{ segments: [segment] }],
  });
}

it("fares, from MQTT to the SDK: prices, a watch that fires once over a restart, and an offer that ends", async () => {
  const dataDir = folder();
  const route = "watches/routes/HEL-ARN/economy/EUR";
  const flight = "watches/flights/HEL-ARN/ZZ803/2026-12-24/economy/EUR";
  const topic = "fares/acme/HEL-ARN/quote";
  const now = Date.now();
  const first = await start(dataDir);
  await first.feed.publishAsync(topic, quote("130.00", now - 60_000, 600_000), { qos: 1 });
  await first.shows("watches/stockholm", { state: "armed", amountMinor: 13_000, exponent: 2 });
  await first.feed.publishAsync(topic, quote("119.90", now - 50_000, 600_000), { qos: 1 });
  await first.shows("watches/stockholm", {
    state: "fired",
    firedMinor: 11_990,
    firedAt: isoTime(now - 50_000),
  });
  await first.shows(flight, { amountMinor: 11_990, changeMinor: -1_010, highMinor: 13_000 });
  await first.stop();

  const second = await start(dataDir);
  await second.feed.publishAsync(topic, quote("119.80", now - 40_000, 600_000), { qos: 1 });
  await second.shows(route, { amountMinor: 11_980, changeMinor: -10 });
  await second.feed.publishAsync(topic, quote("122.00", now - 30_000, 600_000), { qos: 1 });
  await second.shows("watches/stockholm", { state: "armed", fires: 1 });
  await second.feed.publishAsync(topic, quote("110.00", now - 20_000, 25_000), { qos: 1 });
  await second.shows("watches/stockholm", { state: "fired", fires: 2, firedMinor: 11_000 });
  await second.shows(route, { amountMinor: null, lowMinor: 11_000 });
  const words = second.seen.filter((one) => one.topic === "watches/stockholm");
  expect(words.map(({ values }) => values["state"])).toEqual(["armed", "fired", "armed", "fired"]);
});
