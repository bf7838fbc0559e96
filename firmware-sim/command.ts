import { randomBytes } from "node:crypto";
import { Command, InvalidArgumentError, Option } from "commander";
import { systemClock } from "../src/model/clock.ts";
import { type Domain, domains } from "../src/model/reading.ts";
import { createFleet, defaultSeed, type Fleet, maxDevicesPerDomain, minIntervalMs } from "./fleet.ts";
import type { Qos } from "./link.ts";
import { maxConnections, Publisher } from "./publisher.ts";
import { describeFleet, describeStatus } from "./screen.ts";
import { startSimulation } from "./simulation.ts";

interface Options {
  readonly url: string;
  readonly seed: number;
  readonly domains: readonly Domain[];
  readonly devices?: number;
  readonly interval?: number;
  readonly duration: number;
  readonly qos: string;
  readonly username?: string;
  readonly password?: string;
  readonly clientPerDevice: boolean;
}

const statusEveryMs = 5000;
const closeTimeoutMs = 3000;
const maxSeed = 2 ** 32 - 1;

/** Runs `fieldcast-sim`. Resolves with the exit code when the simulation has ended. */
export async function runCommand(argv: readonly string[]): Promise<number> {
  const program = new Command("fieldcast-sim")
    .description(
      "Simulated devices of all five domains, to prove a Fieldcast installation before the real ones arrive.",
    )
    .option(
      "--url <url>",
      "the gateway: mqtt://, mqtts://, ws:// or wss://",
      parseUrl,
      "mqtt://127.0.0.1:1883",
    )
    .option(
      "--seed <n>",
      "the same seed gives the same city and the same drives",
      wholeNumber(0, maxSeed),
      defaultSeed,
    )
    .addOption(
      new Option("--domains <list>", `comma-separated: ${domains.join(",")}`)
        .argParser(parseDomains)
        .default([...domains], "all"),
    )
    .option("--devices <n>", "devices per domain (default: 6 to 10)", wholeNumber(1, maxDevicesPerDomain))
    .option(
      "--interval <ms>",
      "between reports of gps and transit; energy takes 2, road and fare 3 times as long (default: 1000)",
      wholeNumber(minIntervalMs, 3_600_000),
    )
    .option("--duration <s>", "0 runs until Ctrl-C", wholeNumber(0, 1_000_000), 0)
    .addOption(new Option("--qos <level>", "MQTT quality of service").choices(["0", "1", "2"]).default("1"))
    .option("--username <name>")
    .option("--password <password>", "also from the environment: FIELDCAST_SIM_PASSWORD")
    .option("--client-per-device", `an MQTT connection per device, up to ${maxConnections}`, true)
    .option("--no-client-per-device", "one MQTT connection for all devices");
  program.parse(argv);
  return simulate(program.opts<Options>());
}

async function simulate(options: Options): Promise<number> {
  const { seed, domains: wanted, devices, interval } = options;
  const fleet = createFleet({
    seed,
    startTime: systemClock.now(),
    domains: wanted,
    ...(devices === undefined ? {} : { devices: forAll(devices) }),
    ...(interval === undefined ? {} : { intervalMs: intervalsFrom(interval) }),
  });
  const publisher = createPublisher(options, fleet);
  printStart(options, fleet);
  const simulation = startSimulation(fleet, publisher, systemClock);
  const status = setInterval(() => console.log(describeStatus(publisher.status)), statusEveryMs);
  const reason = await untilEnd(options.duration);
  simulation.stop();
  clearInterval(status);
  await publisher.close(closeTimeoutMs);
  const { acknowledged } = publisher.status;
  console.log(`\n${reason}. ${describeStatus(publisher.status)}`);
  if (reason === "Interrupted" || acknowledged > 0) return 0;
  console.error("No message was acknowledged: the installation does not work yet.");
  return 1;
}

function createPublisher(options: Options, fleet: Fleet): Publisher {
  const password = options.password ?? process.env["FIELDCAST_SIM_PASSWORD"];
  return new Publisher({
    url: options.url,
    qos: Number(options.qos) as Qos,
    devices: fleet.devices.map(({ id }) => id),
    isClientPerDevice: options.clientPerDevice,
    commands: fleet,
    clientIdPrefix: `sim-${randomBytes(2).toString("hex")}`,
    onProblem: (sentence) => console.error(`! ${sentence} Trying again.`),
    ...(options.username === undefined ? {} : { username: options.username }),
    ...(password === undefined ? {} : { password }),
  });
}

function printStart(options: Options, fleet: Fleet): void {
  console.log(
    [
      "Fieldcast simulator",
      `  gateway      ${options.url}`,
      `  devices      ${describeFleet(fleet)}`,
      `  connections  ${options.clientPerDevice ? "one per device" : "one"}, QoS ${options.qos}`,
      `  seed         ${options.seed}`,
      options.duration === 0 ? "  Ctrl-C ends it." : `  ends after ${options.duration} s`,
      "",
    ].join("\n"),
  );
}

/** Resolves with the reason when the time is up (never for 0) or a signal asks to end. */
async function untilEnd(durationS: number): Promise<"Interrupted" | "Time is up"> {
  return new Promise((resolve) => {
    const timer = durationS === 0 ? undefined : setTimeout(() => end("Time is up"), durationS * 1000);
    const interrupt = (): void => end("Interrupted");
    const end = (reason: "Interrupted" | "Time is up"): void => {
      clearTimeout(timer);
      // With the handlers gone, a second Ctrl-C ends a stuck goodbye at once.
      process.off("SIGINT", interrupt).off("SIGTERM", interrupt);
      resolve(reason);
    };
    process.on("SIGINT", interrupt).on("SIGTERM", interrupt);
  });
}

function forAll(count: number): Record<Domain, number> {
  return { gps: count, energy: count, road: count, transit: count, fare: count };
}

function intervalsFrom(baseMs: number): Record<Domain, number> {
  return { gps: baseMs, transit: baseMs, energy: 2 * baseMs, road: 3 * baseMs, fare: 3 * baseMs };
}

function wholeNumber(low: number, high: number): (text: string) => number {
  return (text) => {
    const value = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN;
    if (value >= low && value <= high) return value;
    throw new InvalidArgumentError(`A whole number from ${low} to ${high} is needed.`);
  };
}

function parseDomains(text: string): Domain[] {
  const names = text.split(",").map((name) => name.trim());
  const unknown = names.find((name) => !domains.some((domain) => domain === name));
  if (unknown === undefined) return domains.filter((domain) => names.includes(domain));
  throw new InvalidArgumentError(`There is no domain "${unknown}"; there are ${domains.join(", ")}.`);
}

function parseUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url?.hostname && ["mqtt:", "mqtts:", "ws:", "wss:"].includes(url.protocol)) return text;
  throw new InvalidArgumentError("Write it as mqtt://host:1883, mqtts://host:8883 or ws://host:8080/mqtt.");
}
