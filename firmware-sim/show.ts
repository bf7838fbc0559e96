import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import { Command } from "commander";
import { systemClock } from "../src/model/clock.ts";
import { domains } from "../src/model/reading.ts";
import { createFleet, defaultSeed } from "./fleet.ts";
import { GatewayLog, type Ready } from "./gateway-log.ts";
import { Publisher } from "./publisher.ts";
import { describeFleet, drawBox } from "./screen.ts";
import { startSimulation } from "./simulation.ts";
import { writeTimetable } from "./timetable.ts";

/** Where `tsc` puts the gateway, seen from where it puts this file. */
const gatewayEntry = fileURLToPath(new URL("../src/main.js", import.meta.url));
/** The insights about the simulated devices; who names a file of their own gets that. */
const demoConfig = fileURLToPath(new URL("../../config/demo.yaml", import.meta.url));
/** Not the folder of a real installation: its log would fill with devices that there are not. */
const demoFolder = "./data/demo";
const readyTimeoutMs = 60_000;
/** So that there is always one to see. */
const jamEveryMs = 6 * 60_000;
/** A meter's quarter-hours of two weeks and more. */
const maxBufferedPerDevice = 4_000;
/** How long the gateway may take to commit and close before it is killed. */
const gatewayStopMs = 15_000;

/** Why the demo ends: someone asked, or the gateway ended by itself. */
type Ending = { readonly kind: "asked" } | { readonly kind: "gateway"; readonly code: number };

/**
 * Starts the gateway as a child process and plays the devices of all domains to it. Resolves with the exit code: 0
 * after Ctrl-C or SIGTERM, the gateway's own if it ends by itself. The arguments are those of `fieldcast serve`.
 */
export async function runDemo(args: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  const asked = readArguments(args);
  const log = new GatewayLog(env["FIELDCAST_LOG_LEVEL"] ?? "");
  const dataDir = asked.dataDir || env["FIELDCAST_DATA_DIR"] || demoFolder;
  const file = asked.config || env["FIELDCAST_CONFIG"] || demoConfig;
  const timetable = writeTimetable(dataDir);
  const isNew = !existsSync(join(dataDir, "log.db"));
  // Who brings a file of their own names what is in it.
  const isOurs = isDemoConfig(file);
  const ours = isOurs ? { FIELDCAST_CONFIG: file, FIELDCAST_INSIGHTS_TRANSIT_GTFS: timetable } : {};
  const defaults = { ...ours, FIELDCAST_DATA_DIR: dataDir };
  const gateway = startGateway(args, { ...env, ...defaults }, log);
  const ending = Promise.race([untilAsked(), untilExit(gateway)]);
  const first = await Promise.race([ending, log.ready, late()]);
  if (first === "late") {
    console.error(`The gateway was not ready within ${readyTimeoutMs / 1000} s.`);
    await stopGateway(gateway);
    return 1;
  }
  if (!("mqtt" in first)) return finish(first, gateway, "The demo cannot start", log);
  const end = await play(first, env, isNew, ending);
  return finish(end, gateway, "The gateway ended by itself", log);
}

/** The demo's own file, however it is named. */
function isDemoConfig(file: string): boolean {
  return resolve(file) === resolve(demoConfig);
}

interface Arguments {
  readonly config?: string;
  readonly dataDir?: string;
}

/** Ends the process, with help or a sentence, unless the gateway will understand the arguments. */
function readArguments(args: readonly string[]): Arguments {
  return new Command("npm run demo --")
    .description("The gateway with some forty simulated devices of all five domains.")
    .option("-c, --config <file>", "YAML configuration file (default: FIELDCAST_CONFIG or config/demo.yaml)")
    .option("--host <address>", "address to listen on")
    .option("--mqtt-port <port>", "port of the MQTT broker")
    .option("--http-port <port>", "port of the dashboard, the stream and the API")
    .option("--data-dir <folder>", `folder of the log's file (default: FIELDCAST_DATA_DIR or ${demoFolder})`)
    .option("--set <key=value>", "set any configuration key; may be repeated")
    .parse(args, { from: "user" })
    .opts<Arguments>();
}

/** @param isNew whether the log is empty: then the devices upload what they kept, so that there is something to look back at */
async function play(
  { http, mqtt }: Ready,
  env: NodeJS.ProcessEnv,
  isNew: boolean,
  ending: Promise<Ending>,
): Promise<Ending> {
  const fleet = createFleet({ seed: defaultSeed, startTime: systemClock.now(), domains, jamEveryMs });
  const publisher = new Publisher({
    url: mqtt,
    qos: 1,
    devices: fleet.devices.map(({ id }) => id),
    isClientPerDevice: true,
    commands: fleet,
    maxBufferedPerDevice,
    clientIdPrefix: `demo-${randomBytes(2).toString("hex")}`,
    onProblem: (sentence) => console.error(`! ${sentence} Trying again.`),
    ...credentialsFrom(env),
  });
  if (isNew) for (const message of fleet.past()) publisher.publish(message);
  const simulation = startSimulation(fleet, publisher, systemClock);
  const devices = `Devices: ${describeFleet(fleet)}`;
  console.log(`\n${drawBox(["Fieldcast demo", "", `Open  ${http}`, "", devices, "Ctrl-C ends it."])}\n`);
  const end = await ending;
  simulation.stop();
  await publisher.close(end.kind === "asked" ? 2000 : 0);
  return end;
}

/** Resolves with the exit code. `what` happened if the gateway ended by itself. */
async function finish(end: Ending, gateway: ChildProcess, what: string, log: GatewayLog): Promise<number> {
  if (end.kind === "gateway") {
    console.error(
      `${what}: ${log.lastWords ?? `the gateway's code is ${end.code}, the lines above say why`}`,
    );
    return end.code;
  }
  await stopGateway(gateway);
  console.log("The demo has ended.");
  return 0;
}

function credentialsFrom(env: NodeJS.ProcessEnv): { username?: string; password?: string } {
  const [username, password] = [env["FIELDCAST_SIM_USERNAME"], env["FIELDCAST_SIM_PASSWORD"]];
  return { ...(username ? { username } : {}), ...(password ? { password } : {}) };
}

function startGateway(args: readonly string[], env: NodeJS.ProcessEnv, log: GatewayLog): ChildProcess {
  const serve = ["serve", ...args, "--set", `logLevel=${log.level}`];
  // In a process group of its own, so that Ctrl-C reaches the demo alone: the devices stop first, then the gateway.
  const gateway = spawn(process.execPath, [gatewayEntry, ...serve], {
    stdio: ["ignore", "pipe", "inherit"],
    detached: true,
    env,
  });
  createInterface({ input: gateway.stdout as Readable }).on("line", (line) => log.take(line));
  // Whatever ends the demo, the gateway must not stay behind.
  process.once("exit", () => gateway.kill("SIGTERM"));
  return gateway;
}

async function untilExit(gateway: ChildProcess): Promise<Ending> {
  return new Promise((resolve) => {
    // Not "exit": what it said last has been read by then.
    gateway.once("close", (code) => resolve({ kind: "gateway", code: code ?? 1 }));
    gateway.once("error", (error) => {
      console.error(`The gateway could not be started: ${error.message}`);
      resolve({ kind: "gateway", code: 1 });
    });
  });
}

async function untilAsked(): Promise<Ending> {
  return new Promise((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
      process.on(signal, () => resolve({ kind: "asked" }));
    }
  });
}

async function late(): Promise<"late"> {
  return new Promise((resolve) => {
    setTimeout(() => resolve("late"), readyTimeoutMs).unref();
  });
}

async function stopGateway(gateway: ChildProcess): Promise<void> {
  if (gateway.exitCode !== null || gateway.signalCode !== null) return;
  const hasEnded = once(gateway, "exit");
  gateway.kill("SIGTERM");
  const killer = setTimeout(() => gateway.kill("SIGKILL"), gatewayStopMs);
  await hasEnded;
  clearTimeout(killer);
}
