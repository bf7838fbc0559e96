import { connect as connectMqtt, type MqttClient } from "mqtt";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { createFleet } from "../../firmware-sim/fleet.ts";
import { Publisher } from "../../firmware-sim/publisher.ts";
import { startSimulation } from "../../firmware-sim/simulation.ts";
import { type Gateway, startGateway } from "../../src/app/gateway.ts";
import { loadConfig } from "../../src/app/load-config.ts";
import { connect, type Fieldcast } from "../../src/client/node.ts";
import { systemClock } from "../../src/model/clock.ts";
import { silentLogger } from "../../src/observe/log.ts";

async function gateway(transport: string, more: Record<string, string> = {}): Promise<Gateway> {
  const flags = {
    "mqtt.port": "0",
    "http.port": "0",
    "ring.engine": "memory",
    logLevel: "silent",
    transport,
    "commands.allow": "gps/#",
    ...more,
  };
  const config = loadConfig({ flags, env: {}, file: null });
  const started = await startGateway(config, { logger: silentLogger, clock: systemClock });
  onTestFinished(() => started.close());
  return started;
}

function dashboard({ httpPort }: Gateway, protocol: "msgpack" | "json" = "msgpack"): Fieldcast {
  const fieldcast = connect(`ws://127.0.0.1:${httpPort}/stream`, { protocol });
  onTestFinished(() => fieldcast.close());
  return fieldcast;
}

interface Asked {
  readonly id: string;
  readonly command: string;
  readonly params: unknown;
  readonly answerTo: string;
}

/** A device of MQTT.js that answers with what `react` makes of a command; undefined is silence. */
async function device(
  { mqttPort }: Gateway,
  topic: string,
  react: (asked: Asked) => object | undefined,
): Promise<MqttClient> {
  const client = connectMqtt(`mqtt://127.0.0.1:${mqttPort}`, { reconnectPeriod: 0 });
  onTestFinished(() => void client.end(true));
  await vi.waitFor(() => expect(client.connected).toBe(true), { timeout: 10_000, interval: 5 });
  client.on("message", (_topic, payload) => {
    const asked = JSON.parse(payload.toString()) as Asked;
    const answer = react(asked);
    if (answer) client.publish(asked.answerTo, JSON.stringify({ id: asked.id, ...answer }), { qos: 1 });
  });
  await client.subscribeAsync(`command/${topic}`, { qos: 1 });
  return client;
}

async function page({ httpPort }: Gateway, path: string): Promise<string> {
  return (await fetch(`http://127.0.0.1:${httpPort}${path}`)).text();
}

describe.each(["uws", "ws"])("commands from the SDK to a device, over %s", (transport) => {
  it.each(["msgpack", "json"] as const)(
    "%s: the device's answer comes back, in numbers too",
    async (protocol) => {
      const to = await gateway(transport);
      await device(to, "gps/van-7", ({ command, params }) =>
        command === "reboot" ? { ok: false, error: "driving" } : { ok: true, result: { command, params } },
      );
      const fieldcast = dashboard(to, protocol);
      expect(await fieldcast.command("gps/van-7", "blink", { times: 3, note: "ä" })).toEqual({
        command: "blink",
        params: { times: 3, note: "ä" },
      });
      await expect(fieldcast.command("gps/van-7", "reboot")).rejects.toMatchObject({
        code: "command-failed",
        message: expect.stringContaining("driving"),
      });
      const metrics = await page(to, "/metrics");
      expect(metrics).toContain("fieldcast_commands_sent_total 2");
      expect(metrics).toContain('fieldcast_commands_total{outcome="answered"} 1');
      expect(metrics).toContain('fieldcast_commands_total{outcome="failed"} 1');
      // An answer is neither a reading nor a bad packet.
      expect(metrics).toContain("fieldcast_packets_total 0");
      expect(JSON.parse(await page(to, "/api/v1/latest?filter=%23"))).toMatchObject({ readings: [] });
    },
  );

  it("says why there is no answer", async () => {
    const to = await gateway(transport);
    await device(to, "gps/mute", () => undefined);
    const fieldcast = dashboard(to);
    const codeOf = (outcome: Promise<unknown>) => outcome.catch((error: { code: string }) => error.code);
    expect(await codeOf(fieldcast.command("gps/mute", "x", {}, { timeoutMs: 50 }))).toBe("no-answer");
    expect(await codeOf(fieldcast.command("gps/away", "x"))).toBe("not-connected");
    expect(await codeOf(fieldcast.command("energy/meter-1", "x"))).toBe("not-allowed");
    expect(await codeOf(fieldcast.command("gps/#", "x"))).toBe("bad-command");
  });

  it("a connection with too many under way is refused, another one is served", async () => {
    const to = await gateway(transport, { "stream.maxInflightCommands": "2" });
    await device(to, "gps/mute", () => undefined);
    await device(to, "gps/van-7", () => ({ ok: true }));
    const flood = dashboard(to);
    const outcomes = await Promise.allSettled(
      Array.from({ length: 50 }, () => flood.command("gps/mute", "x", {}, { timeoutMs: 1_000 })),
    );
    const codes = outcomes.map((one) =>
      one.status === "rejected" ? (one.reason as { code: string }).code : "",
    );
    expect(codes.filter((code) => code === "too-many-commands")).toHaveLength(48);
    expect(codes.filter((code) => code === "no-answer")).toHaveLength(2);
    expect(await dashboard(to).command("gps/van-7", "x")).toBeNull();
  });
});

it.each([
  ["telemetry/gps/#", /matches no device.* begin with gps, energy/],
  ["command/gps/van-7", /matches no device/],
  ["gps/#/a", /last level/],
])("commands.allow refuses %s, which would never match", (filter, problem) => {
  const flags = { "commands.allow": filter };
  expect(() => loadConfig({ flags, env: {}, file: null })).toThrow(problem);
});

it("a forged command stands in the quarantine with the reason, and whoever sent it stays connected", async () => {
  const to = await gateway("auto");
  let asked = 0;
  await device(to, "gps/van-7", () => ({ ok: true, result: ++asked }));
  const forger = await device(to, "gps/other", () => undefined);
  await forger.publishAsync("command/gps/van-7", JSON.stringify({ id: "x", command: "unlock" }), { qos: 1 });
  expect(await page(to, "/api/v1/quarantine")).toContain("only the gateway publishes commands");
  expect(forger.connected).toBe(true);
  expect(await dashboard(to).command("gps/van-7", "x")).toBe(1);
});

it("a gateway that goes down says so to whoever waits for a device", async () => {
  const to = await gateway("auto");
  let asked = 0;
  await device(to, "gps/mute", () => {
    asked++;
    return undefined;
  });
  const outcome = dashboard(to).command("gps/mute", "x");
  outcome.catch(() => {});
  await vi.waitFor(() => expect(asked).toBe(1), { timeout: 10_000, interval: 5 });
  await to.close();
  await expect(outcome).rejects.toMatchObject({
    code: "no-answer",
    message: expect.stringContaining("went down"),
  });
});

it("the simulated devices say what they are, change their rhythm and refuse the rest", async () => {
  const to = await gateway("auto", { "commands.allow": "#" });
  const fleet = createFleet({
    seed: 1,
    startTime: systemClock.now(),
    domains: ["gps", "road", "transit"],
    devices: { gps: 4, road: 2, transit: 2 },
  });
  const publisher = new Publisher({
    url: `mqtt://127.0.0.1:${to.mqttPort}`,
    qos: 1,
    devices: fleet.devices.map(({ id }) => id),
    isClientPerDevice: true,
    clientIdPrefix: "sim",
    commands: fleet,
  });
  onTestFinished(() => publisher.close(0));
  const simulation = startSimulation(fleet, publisher, systemClock);
  onTestFinished(() => simulation.stop());
  const fieldcast = dashboard(to);
  for (const { topic, model } of fleet.devices) {
    await vi.waitFor(
      async () => expect(await fieldcast.command(topic, "identify")).toMatchObject({ model }),
      { timeout: 10_000, interval: 50 },
    );
  }
  expect(await fieldcast.command("gps/tracker-4", "set-interval", { seconds: 0.5 })).toEqual({
    seconds: 0.5,
  });
  await expect(fieldcast.command("gps/tracker-4", "set-interval", { seconds: 0 })).rejects.toThrow(/seconds/);
  await expect(fieldcast.command("gps/city/van-1", "reboot")).rejects.toMatchObject({
    code: "command-failed",
    message: expect.stringContaining("knows identify and set-interval"),
  });
});
