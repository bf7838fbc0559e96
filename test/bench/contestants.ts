import { fileURLToPath } from "node:url";
import type { Baseline, BaselineReady } from "./baselines/run.ts";
import { Child, roleArgs } from "./child.ts";
import { makeFolder, removeFolder } from "./folders.ts";
import { type Installed, programs, startInstalled } from "./installed.ts";

/** A running server under measurement. */
export interface Server {
  /** Its processes; what they have started counts as well. */
  readonly pids: readonly [number, ...number[]];
  readonly mqttPort: number;
  /** Of the dashboards; with a broker's own subscribers the same as the other. */
  readonly webSocketPort: number;
  /** Readings it has taken in so far, by its own count. */
  ingested(): Promise<number>;
  /** Kills it and starts it again, with the same ports and the same data. */
  restart(): Promise<Server>;
  stop(): Promise<void>;
}

export interface Contestant {
  /** How the load reaches it: devices over MQTT, or frames of a raw WebSocket. */
  readonly feed: "mqtt" | "websocket";
  readonly dashboards: "fieldcast" | "topics" | "mqtt";
  start(): Promise<Server>;
}

/** `fieldcast-ws` is Fieldcast on its second transport. */
export type ContestantName = "fieldcast" | "fieldcast-ws" | Baseline | Installed;

const program = fileURLToPath(new URL("../../src/main.js", import.meta.url));

/** What differs between the runs of Fieldcast. */
export interface FieldcastOptions {
  /** As `--set` of the command line takes them. */
  readonly settings: readonly string[];
  /** Where V8's CPU profiles go, null for none. */
  readonly profileDir: string | null;
}

/** The contestant of that name. */
export function contestant(name: ContestantName, options: FieldcastOptions): Contestant {
  if (name === "fieldcast" || name === "fieldcast-ws") {
    const transport = name === "fieldcast" ? [] : ["transport=ws"];
    const own = ["mqtt.port=0", "http.port=0", ...transport, ...options.settings];
    const start = () => startFieldcast(options.profileDir, makeFolder(), own);
    return { feed: "mqtt", dashboards: "fieldcast", start };
  }
  if (name in programs) {
    const dashboards = name === "redis-ws" ? "topics" : "mqtt";
    return { feed: "mqtt", dashboards, start: () => startInstalled(name as Installed) };
  }
  const feed = name.startsWith("aedes") ? "mqtt" : "websocket";
  return { feed, dashboards: "topics", start: () => startBaseline(name as Baseline, 0) };
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
    pids: [child.pid],
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
      removeFolder(dataDir);
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
    pids: [child.pid],
    ...ports,
    ingested: async () => (await child.request({ question: "ingested" })) as number,
    restart: async () => {
      await child.end("SIGKILL");
      return startBaseline(name, ports.webSocketPort);
    },
    stop: () => child.end("SIGKILL"),
  };
}
