import { cpSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connectAsync } from "mqtt";
import { expect, it, onTestFinished } from "vitest";
import { runCommandLine } from "../../src/app/command-line.ts";
import { type Gateway, startGateway } from "../../src/app/gateway.ts";
import { loadConfig } from "../../src/app/load-config.ts";
import { systemClock } from "../../src/model/clock.ts";
import { silentLogger } from "../../src/observe/log.ts";

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), "fieldcast-backup-"));
  onTestFinished(() => rmSync(path, { recursive: true }));
  return path;
}

async function start(dataDir: string): Promise<Gateway> {
  const flags = { "mqtt.port": "0", "http.port": "0", dataDir, "insights.presence.enabled": "false" };
  const config = loadConfig({ flags, env: {}, file: null });
  return startGateway(config, { logger: silentLogger, clock: systemClock });
}

async function run(...args: readonly string[]): Promise<{ code: number; out: string; err: string }> {
  let out = "";
  let err = "";
  const code = await runCommandLine(["backup", ...args], {
    env: {},
    out: (text) => {
      out += text;
    },
    err: (text) => {
      err += text;
    },
    onSignal: () => {},
    exit: () => {},
  });
  return { code, out, err };
}

async function history(gateway: Gateway): Promise<string[]> {
  const response = await fetch(`http://127.0.0.1:${gateway.httpPort}/api/v1/history`);
  const { readings } = (await response.json()) as { readings: { values: { powerW: number } }[] };
  return readings.map(({ values }) => `${values.powerW} W`);
}

async function publish(gateway: Gateway, powerW: number): Promise<void> {
  const device = await connectAsync(`mqtt://127.0.0.1:${gateway.mqttPort}`);
  await device.publishAsync("telemetry/energy/m", JSON.stringify({ powerW }), { qos: 1 });
  await device.endAsync();
}

it("copies the log of a running gateway, and another gateway starts from the copy", async () => {
  const dataDir = folder();
  const gateway = await start(dataDir);
  try {
    await publish(gateway, 1);
    const url = `http://127.0.0.1:${gateway.httpPort}`;
    const { code, out } = await run("one", "--url", url);
    const path = join(dataDir, "backups", "one.db");
    expect([code, out]).toEqual([0, expect.stringContaining(`${path} (`)]);
    await publish(gateway, 2);
    expect(await run("one", "--url", url)).toMatchObject({
      code: 1,
      err: expect.stringContaining("one.db exists"),
    });
    expect(await run("../one", "--url", url)).toMatchObject({
      code: 1,
      err: expect.stringContaining("letters"),
    });
    expect((await run("--url", url)).out).toMatch(/backups\/\d{8}T\d{9}Z\.db \(\d+ bytes\)/);
    const other = join(folder(), "data");
    mkdirSync(other);
    cpSync(path, join(other, "log.db"));
    const again = await start(other);
    expect(await history(again)).toEqual(["1 W"]);
    await again.close();
    expect(await history(gateway)).toEqual(["1 W", "2 W"]);
  } finally {
    await gateway.close();
  }
  const { code, out } = await run("stopped", "--data-dir", dataDir);
  expect([code, out]).toEqual([0, expect.stringContaining("stopped.db")]);
  expect(await run("--url", "http://127.0.0.1:9")).toMatchObject({
    code: 1,
    err: expect.stringContaining("cannot be reached"),
  });
});
