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
  stop(): Promise<void>;
}

export interface Contestant {
  readonly name: ContestantName;
  /** How the load reaches it: devices over MQTT, or frames of a raw WebSocket. */
  readonly feed: "mqtt" | "websocket";
  readonly dashboards: "fieldcast" | "topics";
  start(): Promise<Server>;
}

export type ContestantName = "fieldcast" | Baseline;

/** Folders of the gateways' logs, removed at the latest when the bench ends. */
const dataDirs = new Set<string>();
process.on("exit", () => {
  for (const dataDir of dataDirs) rmSync(dataDir, { recursive: true, force: true, maxRetries: 5 });
});

const program = fileURLToPath(new URL("../../src/main.js", import.meta.url));

/** The contestant of that name. `profileDir`: where V8's CPU profiles of Fieldcast go, null for none. */
export function contestant(name: ContestantName, profileDir: string | null): Contestant {
  if (name === "fieldcast") {
    return { name, feed: "mqtt", dashboards: "fieldcast", start: () => startFieldcast(profileDir) };
  }
  const feed = name.startsWith("aedes") ? "mqtt" : "websocket";
  return { name, feed, dashboards: "topics", start: () => startBaseline(name) };
}

async function startFieldcast(profileDir: string | null): Promise<Server> {
  const dataDir = mkdtempSync(join(tmpdir(), "fieldcast-bench-"));
  dataDirs.add(dataDir);
  const profile = profileDir === null ? [] : ["--cpu-prof", `--cpu-prof-dir=${profileDir}`];
  const settings = [`dataDir=${dataDir}`, "mqtt.port=0", "http.port=0"];
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

async function startBaseline(name: Baseline): Promise<Server> {
  const child = new Child(roleArgs(name));
  const ports = await child.firstLine((line) => JSON.parse(line) as BaselineReady);
  return {
    pid: child.pid,
    ...ports,
    ingested: async () => (await child.request({ question: "ingested" })) as number,
    stop: () => child.end("SIGKILL"),
  };
}
