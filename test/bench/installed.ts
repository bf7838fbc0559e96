import { accessSync, constants, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { Child, roleArgs } from "./child.ts";
import type { Server } from "./contestants.ts";
import { makeFolder, removeFolder } from "./folders.ts";
import { freePort, listening } from "./ports.ts";

/** Contestants that run only where their program is installed, and the program. */
export const programs = {
  mosquitto: "mosquitto",
  nats: "nats-server",
  "redis-ws": "redis-server",
} as const;

export type Installed = keyof typeof programs;

/** Debian puts servers where only the administrator's shell looks. */
const administratorsFolders = ["/usr/sbin", "/usr/local/sbin"] as const;

/** The path of a contestant's program, null where it is not installed. */
export function findProgram(name: Installed): string | null {
  const folders = [...(process.env["PATH"] ?? "").split(delimiter), ...administratorsFolders];
  const candidates = folders.filter((folder) => folder !== "").map((folder) => join(folder, programs[name]));
  return candidates.find(isExecutable) ?? null;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Starts an installed contestant with a configuration of its own, on free ports of loopback. */
export async function startInstalled(name: Installed): Promise<Server> {
  const program = findProgram(name);
  if (program === null) throw new Error(`${programs[name]} is not installed`);
  const folder = makeFolder();
  if (name === "mosquitto") return startMosquitto(program, folder);
  if (name === "nats") return startNats(program, folder);
  return startRedis(program, folder);
}

async function startMosquitto(program: string, folder: string): Promise<Server> {
  const port = await freePort();
  const config = writeConfig(folder, [
    `listener ${port} 127.0.0.1`,
    "allow_anonymous true",
    "persistence false",
    "log_dest none",
    // Its default for TCP gathers small packets, which would show as latency.
    "set_tcp_nodelay true",
    // 0 is no limit: the default drops for a subscriber that is 1,000 messages behind.
    "max_queued_messages 0",
  ]);
  return startBroker(new Child(["-c", config], program), port, folder);
}

async function startNats(program: string, folder: string): Promise<Server> {
  const port = await freePort();
  const config = writeConfig(folder, [
    "server_name: bench",
    "host: 127.0.0.1",
    `port: ${await freePort()}`,
    // NATS keeps MQTT sessions in JetStream and does not start MQTT without it.
    `jetstream { store_dir: ${JSON.stringify(folder)} }`,
    `mqtt { host: 127.0.0.1, port: ${port} }`,
  ]);
  return startBroker(new Child(["-c", config], program), port, folder);
}

function writeConfig(folder: string, lines: readonly string[]): string {
  const path = join(folder, "bench.conf");
  // Readable for all: mosquitto gives up the administrator's rights.
  writeFileSync(path, `${lines.join("\n")}\n`, { mode: 0o644 });
  return path;
}

async function startBroker(child: Child, port: number, folder: string): Promise<Server> {
  child.mute();
  await listening(child, port);
  return {
    pids: [child.pid],
    mqttPort: port,
    webSocketPort: port,
    ingested: () => Promise.reject(new Error("this broker does not tell what it has taken in")),
    restart: () => Promise.reject(new Error("this broker keeps nothing over a restart")),
    stop: async () => {
      await child.end("SIGKILL");
      removeFolder(folder);
    },
  };
}

/** Redis, and beside it the process that takes MQTT in, publishes to Redis and gives what Redis says to WebSockets. */
async function startRedis(program: string, folder: string): Promise<Server> {
  const redisPort = await freePort();
  const args = ["--port", String(redisPort), "--bind", "127.0.0.1", "--dir", folder];
  const redis = new Child([...args, "--save", "", "--appendonly", "no"], program);
  redis.mute();
  await listening(redis, redisPort);
  const bridge = new Child([...roleArgs("redis-ws"), String(redisPort)]);
  const ports = await bridge.firstLine(
    (line) => JSON.parse(line) as Pick<Server, "mqttPort" | "webSocketPort">,
  );
  return {
    pids: [bridge.pid, redis.pid],
    ...ports,
    ingested: async () => (await bridge.request({ question: "ingested" })) as number,
    restart: () => Promise.reject(new Error("Redis keeps nothing here")),
    stop: async () => {
      await bridge.end("SIGKILL");
      await redis.end("SIGKILL");
      removeFolder(folder);
    },
  };
}
