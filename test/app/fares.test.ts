import { expect, it } from "vitest";
import { isoTime } from "../../src/model/reading.ts";
import { dataFolder, startLive } from "./live-gateway.ts";

const config = `
insights:
  presence: { enabled: false }
  fares:
    watches:
      - { name: stockholm, from: HEL, to: ARN, currency: EUR, below: 120 }
`;

function start(dataDir: string) {
  return startLive({ dataDir, config, follow: ["watches/#"], from: { last: 100 } });
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
  const dataDir = dataFolder();
  const route = "watches/routes/HEL-ARN/economy/EUR";
  const flight = "watches/flights/HEL-ARN/ZZ803/2026-12-24/economy/EUR";
  const topic = "fares/acme/HEL-ARN/quote";
  const now = Date.now();
  const first = await start(dataDir);
  await first.publish(topic, quote("130.00", now - 60_000, 600_000));
  await first.shows("watches/stockholm", { state: "armed", amountMinor: 13_000, exponent: 2 });
  await first.publish(topic, quote("119.90", now - 50_000, 600_000));
  await first.shows("watches/stockholm", {
    state: "fired",
    firedMinor: 11_990,
    firedAt: isoTime(now - 50_000),
  });
  await first.shows(flight, { amountMinor: 11_990, changeMinor: -1_010, highMinor: 13_000 });
  await first.stop();

  const second = await start(dataDir);
  await second.publish(topic, quote("119.80", now - 40_000, 600_000));
  await second.shows(route, { amountMinor: 11_980, changeMinor: -10 });
  await second.publish(topic, quote("122.00", now - 30_000, 600_000));
  await second.shows("watches/stockholm", { state: "armed", fires: 1 });
  await second.publish(topic, quote("110.00", now - 20_000, 25_000));
  await second.shows("watches/stockholm", { state: "fired", fires: 2, firedMinor: 11_000 });
  await second.shows(route, { amountMinor: null, lowMinor: 11_000 });
  const words = second.seen.filter((one) => one.topic === "watches/stockholm");
  expect(words.map(({ values }) => values["state"])).toEqual(["armed", "fired", "armed", "fired"]);
});
