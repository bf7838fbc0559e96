import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connectAsync } from "mqtt";
import { describe, expect, it, onTestFinished } from "vitest";
import { configSchema } from "../../src/app/config.ts";
import { startGateway } from "../../src/app/gateway.ts";
import { loadConfig } from "../../src/app/load-config.ts";
import { connect, type Reading } from "../../src/client/node.ts";
import { allInsights } from "../../src/insights/registry.ts";
import { systemClock } from "../../src/model/clock.ts";
import { silentLogger } from "../../src/observe/log.ts";

const example = join(import.meta.dirname, "../../config/insights.yaml");
const demo = join(import.meta.dirname, "../../config/demo.yaml");

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), "fieldcast-insights-"));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

function load(text: string) {
  const file = join(folder(), "f.yaml");
  writeFileSync(file, text);
  return loadConfig({ flags: {}, env: {}, file });
}

async function start(dataDir: string, flags: Readonly<Record<string, string>>) {
  const all = { "mqtt.port": "0", "http.port": "0", dataDir, ...flags };
  const config = loadConfig({ flags: all, env: {}, file: null });
  const gateway = await startGateway(config, { logger: silentLogger, clock: systemClock });
  const fieldcast = connect(`ws://127.0.0.1:${gateway.httpPort}/stream`);
  const seen: Reading[] = [];
  fieldcast.subscribe("presence/gps/#", {}, (reading) => void seen.push(reading));
  let isOpen = true;
  const stop = async () => {
    if (!isOpen) return;
    isOpen = false;
    fieldcast.close();
    await gateway.close();
  };
  onTestFinished(stop);
  const shows = async (values: object) => {
    await expect.poll(() => seen.at(-1)?.values, { timeout: 15_000 }).toMatchObject(values);
    expect(seen.at(-1)?.topic).toBe("presence/gps/van-7");
  };
  return { gateway, seen, shows, stop };
}

describe("insights in the config", () => {
  it("has an example that can be used, with a section for every insight", () => {
    const { insights } = loadConfig({ flags: {}, env: {}, file: example });
    expect(Object.keys(insights).sort()).toEqual(allInsights.map(({ name }) => name).sort());
  });

  it("run in the demo, each of them", () => {
    const { insights } = loadConfig({ flags: {}, env: {}, file: demo });
    const running = allInsights.filter(({ name }) => insights[name]?.enabled);
    expect(running.map(({ name }) => name)).toEqual(allInsights.map(({ name }) => name));
  });

  it("run by default or when they are mentioned", () => {
    const { insights } = configSchema.parse({});
    for (const { name, onByDefault } of allInsights) {
      expect(insights[name]?.enabled).toBe(onByDefault ? true : undefined);
    }
    expect(load("insights:\n  presence:\n").insights["presence"]?.enabled).toBe(true);
  });

  it.each([
    ["an unknown insight", "insights:\n  presense: {}", "f.yaml:2: insights.presense: there is no such key"],
    [
      "a wrong value",
      "insights:\n  presence:\n    minStaleS: -1",
      "f.yaml:3: insights.presence.minStaleS: Too small",
    ],
    [
      "values that do not go together",
      "insights:\n  presence:\n    minStaleS: 60\n    maxStaleS: 30",
      "f.yaml:4: insights.presence.maxStaleS: 30 is less than minStaleS (60)",
    ],
    [
      "a filter that is none",
      'insights:\n  presence:\n    filters: ["gps/#/a"]',
      'f.yaml:3: insights.presence: the filter "gps/#/a" cannot be used',
    ],
  ])("tell the line of %s", (_what, text, message) => {
    expect(() => load(text)).toThrow(message);
  });
});

describe("presence, from MQTT to the SDK", () => {
  it("tells that a device is there, that its connection closed, and that it is gone; a restart changes nothing", async () => {
    const place = folder();
    const first = await start(place, { "insights.presence.closedS": "0.5" });
    const device = await connectAsync(`mqtt://127.0.0.1:${first.gateway.mqttPort}`);
    await device.publishAsync("telemetry/gps/van-7", '{"lat":60.1,"lon":24.9}', { qos: 1 });
    await first.shows({ state: "online", connected: true });
    await device.endAsync();
    await first.shows({ state: "offline", connected: false });
    const told = first.seen.map(({ seq }) => seq);
    expect(told.length).toBe(4);
    await first.stop();
    const second = await start(place, {});
    await second.shows({ state: "offline", connected: false });
    const back = await connectAsync(`mqtt://127.0.0.1:${second.gateway.mqttPort}`);
    onTestFinished(() => back.endAsync());
    await back.publishAsync("telemetry/gps/van-7", '{"lat":60.1,"lon":24.9,"time":1000}', { qos: 1 });
    await second.shows({ state: "online", connected: true });
  });
});
