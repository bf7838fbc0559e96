import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connectAsync } from "mqtt";
import { expect, it, onTestFinished } from "vitest";
import { startGateway } from "../../src/app/gateway.ts";
import { loadConfig } from "../../src/app/load-config.ts";
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

async function start(dataDir: string) {
  const file = join(dataDir, "fieldcast.yaml");
  writeFileSync(file, settings);
  const flags = { "mqtt.port": "0", "http.port": "0", dataDir };
  const config = loadConfig({ flags, env: {}, file });
  const gateway = await startGateway(config, { logger: silentLogger, clock: systemClock });
  let isOpen = true;
  const stop = async () => {
    if (isOpen) await gateway.close();
    isOpen = false;
  };
  onTestFinished(stop);
  const ask = async (method: string, path: string, headers: Record<string, string> = {}) => {
    const url = `http://127.0.0.1:${gateway.httpPort}/api/v1/watches${path}`;
    const response = await fetch(url, { method, headers });
    const body = (await response.json()) as { error?: string; watches?: { name: string; state: unknown }[] };
    return { status: response.status, body };
  };
  const shows = (name: string, state: string | null) =>
    expect
      .poll(async () => (await ask("GET", "")).body.watches?.find((one) => one.name === name)?.state, {
        timeout: 15_000,
      })
      .toBe(state);
  const offer = async (total: string, quotedAt: number) => {
    const feed = await connectAsync(`mqtt://127.0.0.1:${gateway.mqttPort}`);
    const segment = { carrier: "ZZ", number: "803", departLocal: "2026-12-24T07:25:00", cabin: "economy" };
    const quote = {
      v: 1,
      type: "fare.quote",
      quoteId: "q-1",
      quotedAt: isoTime(quotedAt),
      expiresAt: isoTime(quotedAt + 600_000),
      origin: "HEL",
      destination: "ARN",
      price: { currency: "EUR", total },
      slices: [{ segments: [segment] }],
    };
    await feed.publishAsync("fares/acme/HEL-ARN/quote", JSON.stringify(quote), { qos: 1 });
    await feed.endAsync();
  };
  return { ask, offer, shows, stop };
}

const route = "from=HEL&to=ARN&currency=EUR";

it("watches over HTTP: made, fired, kept over a restart, listed with those of the configuration, removed", async () => {
  const dataDir = mkdtempSync(join(tmpdir(), "fieldcast-watches-"));
  onTestFinished(() => rmSync(dataDir, { recursive: true, force: true }));
  const now = Date.now();
  const first = await start(dataDir);
  const made = await first.ask("POST", `?name=weekend&from=hel&to=arn&currency=eur&below=119.90`);
  expect(made).toEqual({
    status: 200,
    body: {
      name: "weekend",
      from: "HEL",
      to: "ARN",
      currency: "EUR",
      below: "119.90",
      source: "api",
      topic: "watches/weekend",
      state: null,
    },
  });
  await first.ask("POST", `?name=dr%C3%B6p&${route}&dropsPct=10`);
  await first.offer("130.00", now - 60_000);
  await first.shows("weekend", "armed");
  await first.stop();

  const second = await start(dataDir);
  await second.offer("119.90", now - 50_000);
  await second.shows("stockholm", "fired");
  await second.shows("weekend", "armed");
  await second.offer("110.00", now - 40_000);
  await second.shows("weekend", "fired");
  await second.shows("dröp", "fired");
  const { body } = await second.ask("GET", "");
  expect(body.watches).toMatchObject([
    { name: "stockholm", source: "config", below: 120 },
    { name: "weekend", source: "api" },
    { name: "dröp", source: "api", dropsPct: 10 },
  ]);
  expect((await second.ask("DELETE", "/dr%C3%B6p")).status).toBe(200);
  expect((await second.ask("DELETE", "/dr%C3%B6p")).status).toBe(404);
  expect((await second.ask("DELETE", "/stockholm")).status).toBe(409);
  expect((await second.ask("POST", `?name=stockholm&${route}&below=1`)).status).toBe(409);
  const refusals = [
    [`?name=a&${route}`, "watch: give it exactly one of below"],
    [`?name=a&${route}&below=120.123`, "parameter below: EUR has 2 decimals"],
    ["?name=a&from=HEL&to=ARN&currency=EUX&below=1", "currency"],
    ["?name=a%2Fb&from=HEL&to=ARN&currency=EUR&below=1", "parameter name: use letters"],
    [`?name=a&${route}&dropsPct=ten`, "parameter dropsPct"],
    [`?name=a&${route}&dropsPct=0.5`, "is not more than noisePct"],
  ] as const;
  for (const [query, problem] of refusals) {
    const { status, body: refusal } = await second.ask("POST", query);
    expect([status, refusal.error]).toEqual([400, expect.stringContaining(problem)]);
  }
  const foreign = { origin: "https://elsewhere.example" };
  expect((await second.ask("POST", `?name=a&${route}&below=1`, foreign)).status).toBe(403);
  expect((await second.ask("DELETE", "/weekend", foreign)).status).toBe(403);
  expect((await second.ask("GET", "")).body.watches?.map(({ name }) => name)).toEqual([
    "stockholm",
    "weekend",
  ]);
});
