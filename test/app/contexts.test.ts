import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connectAsync } from "mqtt";
import { describe, expect, it, onTestFinished } from "vitest";
import { runCommandLine } from "../../src/app/command-line.ts";
import { startGateway } from "../../src/app/gateway.ts";
import { loadConfig } from "../../src/app/load-config.ts";
import { systemClock } from "../../src/model/clock.ts";
import { silentLogger } from "../../src/observe/log.ts";

const contexts = `
contexts:
  - topic: plug/{room}/power
    mapping:
      domain: energy
      device: $topic.room
      fields: { powerW: { path: $, unit: kW } }
`;

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), "fieldcast-contexts-"));
  onTestFinished(() => rmSync(path, { recursive: true }));
  return path;
}

async function run(...args: string[]) {
  const out: string[] = [];
  const err: string[] = [];
  const port = {
    env: {},
    out: (text: string) => void out.push(text),
    err: (text: string) => void err.push(text),
    onSignal: () => {},
    exit: () => {},
  };
  return { code: await runCommandLine(args, port), out: out.join(""), err: err.join("") };
}

/** A gateway on this folder, and a device that is connected to it. */
async function start(dataDir: string, config: string) {
  const flags = { "mqtt.port": "0", "http.port": "0", dataDir, logLevel: "silent" };
  const gateway = await startGateway(loadConfig({ flags, env: {}, file: config }), {
    logger: silentLogger,
    clock: systemClock,
  });
  const device = await connectAsync(`mqtt://127.0.0.1:${gateway.mqttPort}`);
  const latest = async () =>
    (await fetch(`http://127.0.0.1:${gateway.httpPort}/api/v1/latest?filter=%23`)).text();
  return { device, latest, stop: () => device.endAsync().then(() => gateway.close()) };
}

describe("contexts of the config", () => {
  it("decide what the gateway makes of a packet", async () => {
    const place = folder();
    writeFileSync(join(place, "c.yaml"), contexts);
    const gateway = await start(place, join(place, "c.yaml"));
    onTestFinished(gateway.stop);
    await gateway.device.publishAsync("plug/kitchen/power", "0.25", { qos: 1 });
    expect(await gateway.latest()).toMatch(/"topic":"energy\/kitchen".*"powerW":250/);
  });

  it("decide what decode prints", async () => {
    const place = folder();
    writeFileSync(join(place, "c.yaml"), contexts);
    const message = { name: "m", topic: "plug/hall/power", encoding: "utf8", payload: "1.5" };
    writeFileSync(join(place, "m.json"), JSON.stringify([message]));
    const { code, out } = await run("decode", "--config", join(place, "c.yaml"), join(place, "m.json"));
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({
      name: "m",
      readings: [{ device: "hall", values: { powerW: 1500 } }],
      rejected: null,
    });
    const without = await run("decode", join(place, "m.json"));
    expect(JSON.parse(without.out).rejected).toMatch(/no format claims/);
  });

  it("that are wrong are told by check-config, with the line", async () => {
    const place = folder();
    writeFileSync(join(place, "c.yaml"), contexts.replace("kW", "kWh"));
    const { code, err } = await run("check-config", "--config", join(place, "c.yaml"));
    expect(code).toBe(2);
    expect(err).toMatch(
      /c\.yaml:7: contexts\.0\.mapping\.fields\.powerW\.unit: "kWh" is not a unit of powerW/,
    );
  });
});

describe("what a format must remember", () => {
  it("survives a restart of the gateway: a discovered device is read on", async () => {
    const place = folder();
    writeFileSync(join(place, "c.yaml"), "host: 127.0.0.1\n");
    const discovery = {
      unique_id: "m1_power",
      state_topic: "anything/m1/state",
      value_template: "{{ value_json.power }}",
      unit_of_measurement: "W",
      device_class: "power",
      device: { identifiers: ["m1"] },
    };
    const first = await start(place, join(place, "c.yaml"));
    await first.device.publishAsync("homeassistant/sensor/m1/config", JSON.stringify(discovery), { qos: 1 });
    await first.device.publishAsync("anything/m1/state", '{"power":10}', { qos: 1 });
    expect(await first.latest()).toMatch(/"topic":"energy\/m1".*"powerW":10/);
    await first.stop();
    const second = await start(place, join(place, "c.yaml"));
    onTestFinished(second.stop);
    await second.device.publishAsync("anything/m1/state", '{"power":20}', { qos: 1 });
    expect(await second.latest()).toMatch(/"topic":"energy\/m1".*"powerW":20/);
  });
});

describe("formats", () => {
  it("are listed with their topics, also as JSON", async () => {
    const { out } = await run("formats");
    expect(out).toMatch(/^owntracks +\S.*\n +owntracks\/#$/m);
    const list = JSON.parse((await run("formats", "--json")).out);
    expect(list).toContainEqual({
      name: "generic-json",
      title: "Any JSON or CSV, by a mapping in the config",
      topics: [],
    });
  });
});
