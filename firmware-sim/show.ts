import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { systemClock } from "../src/model/clock.ts";
import { domains } from "../src/model/reading.ts";
import { createFleet, defaultSeed } from "./fleet.ts";
import { Publisher } from "./publisher.ts";
import { describeFleet, drawBox } from "./screen.ts";
import { startSimulation } from "./simulation.ts";

/** Where `tsc` puts the gateway, seen from where it puts this file. */
const gatewayEntry = fileURLToPath(new URL("../src/main.js", import.meta.url));
const readyPollMs = 200;
const readyTimeoutMs = 60_000;
/** How long the gateway may take to commit and close before it is killed. */
const gatewayStopMs = 15_000;

interface Address {
  readonly host: string;
  readonly httpPort: string;
  readonly mqttPort: string;
}

/** Why the demo ends: someone asked, the gateway ended by itself, or it never became ready. */
type Ending = { readonly kind: "asked" } | { readonly kind: "gateway"; readonly code: number };

/**
 * Starts the gateway as a child process and plays the devices of all domains to it. Resolves with the exit code: 0
 * after Ctrl-C or SIGTERM, the gateway's own if it ends by itself.
 */
export async function runDemo(gatewayArgs: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  const address = addressFrom(env);
  const gateway = startGateway(gatewayArgs, env);
  const ending = Promise.race([untilAsked(), untilExit(gateway)]);
  const first = await Promise.race([ending, untilReady(address)]);
  if (first === "ready") return play(address, env, gateway, ending);
  if (first === "late") {
    console.error(`The gateway was not ready within ${readyTimeoutMs / 1000} s; its log above says why.`);
    await stopGateway(gateway);
    return 1;
  }
  return finish(first, gateway);
}

async function play(
  address: Address,
  env: NodeJS.ProcessEnv,
  gateway: ChildProcess,
  ending: Promise<Ending>,
): Promise<number> {
  const fleet = createFleet({ seed: defaultSeed, startTime: systemClock.now(), domains });
  const publisher = new Publisher({
    url: `mqtt://${address.host}:${address.mqttPort}`,
    qos: 1,
    devices: fleet.devices.map(({ id }) => id),
    isClientPerDevice: true,
    clientIdPrefix: `demo-${randomBytes(2).toString("hex")}`,
    onProblem: (sentence) => console.error(`! ${sentence} Trying again.`),
    ...credentialsFrom(env),
  });
  const simulation = startSimulation(fleet, publisher, systemClock);
  const url = `http://${address.host}:${address.httpPort}/`;
  console.log(
    `\n${drawBox(["Fieldcast demo", "", `Open  ${url}`, "", `Devices: ${describeFleet(fleet)}`, "Ctrl-C ends it."])}\n`,
  );
  const end = await ending;
  simulation.stop();
  await publisher.close(end.kind === "asked" ? 2000 : 0);
  return finish(end, gateway);
}

async function finish(end: Ending, gateway: ChildProcess): Promise<number> {
  if (end.kind === "gateway") {
    console.error(`The gateway ended by itself with code ${end.code}; its last lines above say why.`);
    return end.code;
  }
  await stopGateway(gateway);
  console.log("The demo has ended.");
  return 0;
}

function addressFrom(env: NodeJS.ProcessEnv): Address {
  const host = env["FIELDCAST_HOST"];
  const isEverywhere = !host || host === "0.0.0.0" || host === "::" || host === "localhost";
  return {
    host: isEverywhere ? "127.0.0.1" : host.includes(":") ? `[${host}]` : host,
    httpPort: env["FIELDCAST_HTTP_PORT"] || "8080",
    mqttPort: env["FIELDCAST_MQTT_PORT"] || "1883",
  };
}

function credentialsFrom(env: NodeJS.ProcessEnv): { username?: string; password?: string } {
  const [username, password] = [env["FIELDCAST_SIM_USERNAME"], env["FIELDCAST_SIM_PASSWORD"]];
  return { ...(username ? { username } : {}), ...(password ? { password } : {}) };
}

function startGateway(args: readonly string[], env: NodeJS.ProcessEnv): ChildProcess {
  // In a process group of its own, so that Ctrl-C reaches the demo alone: the devices stop first, then the gateway.
  const gateway = spawn(process.execPath, [gatewayEntry, "serve", ...args], {
    stdio: ["ignore", "inherit", "inherit"],
    detached: true,
    env,
  });
  // Whatever ends the demo, the gateway must not stay behind.
  process.once("exit", () => gateway.kill("SIGTERM"));
  return gateway;
}

async function untilExit(gateway: ChildProcess): Promise<Ending> {
  return new Promise((resolve) => {
    gateway.once("exit", (code) => resolve({ kind: "gateway", code: code ?? 1 }));
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

async function untilReady({ host, httpPort }: Address): Promise<"ready" | "late"> {
  const url = `http://${host}:${httpPort}/readyz`;
  const giveUpAt = systemClock.now() + readyTimeoutMs;
  while (systemClock.now() < giveUpAt) {
    const response = await fetch(url, { signal: AbortSignal.timeout(2000) }).catch(() => null);
    if (response?.status === 200) return "ready";
    await new Promise((resolve) => setTimeout(resolve, readyPollMs));
  }
  return "late";
}

async function stopGateway(gateway: ChildProcess): Promise<void> {
  if (gateway.exitCode !== null || gateway.signalCode !== null) return;
  const hasEnded = once(gateway, "exit");
  gateway.kill("SIGTERM");
  const killer = setTimeout(() => gateway.kill("SIGKILL"), gatewayStopMs);
  await hasEnded;
  clearTimeout(killer);
}
