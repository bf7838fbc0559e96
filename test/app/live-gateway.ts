import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connectAsync } from "mqtt";
import { expect, onTestFinished } from "vitest";
import { startGateway } from "../../src/app/gateway.ts";
import { loadConfig } from "../../src/app/load-config.ts";
import { connect, type Reading, type SubscribeOptions } from "../../src/client/node.ts";
import { type Clock, systemClock } from "../../src/model/clock.ts";
import { silentLogger } from "../../src/observe/log.ts";

/** A folder for a gateway's data, gone after the test. */
export function dataFolder(): string {
  const path = mkdtempSync(join(tmpdir(), "fieldcast-live-"));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

interface LiveSettings {
  readonly dataDir: string;
  /** The configuration file's text. */
  readonly config: string;
  /** Filters that the SDK follows. */
  readonly follow: readonly string[];
  readonly from?: SubscribeOptions["from"];
  readonly clock?: Clock;
  /** The gateway's environment. */
  readonly env?: Readonly<Record<string, string>>;
}

/** A gateway, a device at its MQTT port, and the SDK at its stream. All of it ends with `stop`, or with the test. */
export async function startLive({
  dataDir,
  config,
  follow,
  from,
  clock = systemClock,
  env = {},
}: LiveSettings) {
  const file = join(dataDir, "fieldcast.yaml");
  writeFileSync(file, config);
  const flags = { "mqtt.port": "0", "http.port": "0", dataDir };
  const gateway = await startGateway(loadConfig({ flags, env, file }), { logger: silentLogger, clock });
  const fieldcast = connect(`ws://127.0.0.1:${gateway.httpPort}/stream`);
  const seen: Reading[] = [];
  for (const filter of follow) {
    fieldcast.subscribe(filter, from === undefined ? {} : { from }, (reading) => void seen.push(reading));
  }
  const device = await connectAsync(`mqtt://127.0.0.1:${gateway.mqttPort}`);
  let isOpen = true;
  const stop = async () => {
    if (!isOpen) return;
    isOpen = false;
    await device.endAsync();
    fieldcast.close();
    await gateway.close();
  };
  onTestFinished(stop);
  return {
    gateway,
    seen,
    stop,
    /** Resolves when it is stored. */
    publish: (topic: string, payload: object | string) =>
      device.publishAsync(topic, typeof payload === "string" ? payload : JSON.stringify(payload), { qos: 1 }),
    /** Waits until a topic shows values; with `time`, those that it shows for that time. */
    shows: (topic: string, values: object, time?: number) =>
      expect
        .poll(
          () =>
            seen.findLast((one) => one.topic === topic && (time === undefined || one.time === time))?.values,
          { timeout: 20_000 },
        )
        .toMatchObject(values),
  };
}
