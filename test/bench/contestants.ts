import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Baseline, BaselineReady } from "./baselines/run.ts";
import { Child, roleArgs } from "./child.ts";

/** A running server under measurement. */
export interface Server {
  readonly pid: number;
  readonly mqttPort: number;
  readonly webSocketPort: number;
  /** Readings it has taken in so far, by its own count. */
  ingested(): Promise<number>;
  /** Kills it and starts it again, with the same ports and the same data. */
  restart(): Promise<Server>;
  stop(): Promise<void>;
}

export interface Contestant {
  readonly name: ContestantName;
  /** How the load reaches it: devices over MQTT, or frames of a raw WebSocket. */
  readonly feed: "mqtt" | "websocket";
  readonly dashboards: "fieldcast" | "topics";
  start(): Promise<Server>;
}

/** `fieldcast-ws` is Fieldcast on its second transport. */
export type ContestantName = "fieldcast" | "fieldcast-ws" | Baseline;

/** Folders of the gateways' logs, removed at the latest when the bench ends. */
const dataDirs = new Set<string>();
process.on("exit", () => {
  for (const dataDir of dataDirs) rmSync(dataDir, { recursive: true, force: true, maxRetries: 5 });
});

const program = fileURLToPath(new URL("../../src/main.js", import.meta.url));

/** The contestant of that name. `profileDir`: where V8's CPU profiles of Fieldcast go, null for none. */
export function contestant(name: ContestantName, profileDir: string | null): Contestant {
  if (name === "fieldcast" || name === "fieldcast-ws") {
    const settings = name === "fieldcast" ? [] : ["transport=ws"];
    const start = () => {
      const dataDir = mkdtempSync(join(tmpdir(), "fieldcast-bench-"));
      dataDirs.add(dataDir);
      return startFieldcast(profileDir, dataDir, ["mqtt.port=0", "http.port=0", ...settings]);
    };
    return { name, feed: "mqtt", dashboards: "fieldcast", start };
  }
  const feed = name.startsWith("aedes") ? "mqtt" : "websocket";
  return { name, feed, dashboards: "topics", start: () => startBaseline(name, 0) };
}

async function startFieldcast(
  profileDir: string | null,
  dataDir: string,
  own: readonly string[],
): Promise<Server> {
  const profile = profileDir === null ? [] : ["--cpu-prof", `--cpu-prof-dir=${profileDir}`];
  const settings = [`dataDir=${dataDir}`, ...own];
  const child = new Child([
    ...profile,
    program,
    "serve",
    ...settings.flatMap((setting) => ["--set", setting]),
  ]);
  const ports = await child.firstLine(readReadyLine);
  return {
    pid: child.pid,
    ...ports,
    ingested: () => readMetric(ports.webSocketPort, "fieldcast_readings_total"),
    restart: async () => {
      await child.end("SIGKILL");
      const { mqttPort, webSocketPort } = ports;
      const same = [...own, `mqtt.port=${mqttPort}`, `http.port=${webSocketPort}`];
      return startFieldcast(profileDir, dataDir, same);
    },
    stop: async () => {
      // A profile is only written at an orderly end.
      await child.end(profileDir === null ? "SIGKILL" : "SIGTERM");
      rmSync(dataDir, { recursive: true, force: true, maxRetries: 5 });
      dataDirs.delete(dataDir);
    },
  };
}

function readReadyLine(line: string): { mqttPort: number; webSocketPort: number } | null {
  const { msg = "", mqtt } = JSON.parse(line) as { msg?: string; mqtt?: string };
  const url = /ready: (http:\S+)/.exec(msg)?.[1];
  if (url === undefined || mqtt === undefined) return null;
  return { mqttPort: Number(new URL(mqtt).port), webSocketPort: Number(new URL(url).port) };
}

async function readMetric(port: number, name: string): Promise<number> {
  const response = await fetch(`http://127.0.0.1:${port}/metrics`);
  const value = new RegExp(`^${name} (\\S+)$`, "m").exec(await response.text())?.[1];
  if (value === undefined) throw new Error(`the gateway's /metrics has no ${name}`);
  return Number(value);
}

async function startBaseline(name: Baseline, port: number): Promise<Server> {
  const child = new Child([...roleArgs(name), String(port)]);
  const ports = await child.firstLine((line) => JSON.parse(line) as BaselineReady);
  return {
    pid: child.pid,
    ...ports,
    ingested: async () => (await child.request({ question: "ingested" })) as number,
    restart: async () => {
      await child.end("SIGKILL");
      return startBaseline(name, ports.webSocketPort);
    },
    stop: () => child.end("SIGKILL"),
  };
}
