import { existsSync, readFileSync } from "node:fs";
import { Command, CommanderError } from "commander";
import { systemClock } from "../model/clock.ts";
import { createLogger, silentLogger } from "../observe/log.ts";
import { formatAddress } from "./address.ts";
import type { Config } from "./config.ts";
import { configReference } from "./config-keys.ts";
import { routerSettings } from "./context-config.ts";
import { decodeFiles, listFormats } from "./decode-command.ts";
import { configuredInsights } from "./insight-config.ts";
import { ConfigError, loadConfig } from "./load-config.ts";
import { redact } from "./secrets.ts";
import { StartError } from "./start-error.ts";

/** What the command line has of the process; `main.ts` gives the real one. */
export interface ProcessPort {
  readonly env: Readonly<Record<string, string | undefined>>;
  out(text: string): void;
  err(text: string): void;
  /** Calls back at each SIGINT and SIGTERM. */
  onSignal(stop: (signal: string) => void): void;
  /** Ends the process at once, whatever its threads do. */
  exit(): void;
}

interface ConfigFlags {
  readonly config?: string;
  readonly host?: string;
  readonly mqttPort?: string;
  readonly httpPort?: string;
  readonly dataDir?: string;
  readonly set: Readonly<Record<string, string>>;
}

interface DecodeFlags {
  readonly quarantine?: boolean;
  readonly url?: string;
  readonly commit?: boolean;
}

/** Runs one command and returns the exit code: 0 done, 1 failed, 2 wrong use or configuration. */
export async function runCommandLine(args: readonly string[], port: ProcessPort): Promise<number> {
  let code = 0;
  const program = new Command("fieldcast")
    .description("IoT telemetry gateway: MQTT in, live dashboards out")
    .version(packageVersion(), "-V, --version", "print the version")
    .exitOverride()
    .configureOutput({ writeOut: port.out, writeErr: port.err });
  withConfig(program.command("serve").description("start the gateway")).action(async (flags: ConfigFlags) => {
    code = await serve(flags, port);
  });
  withConfig(program.command("check-config").description("say whether the configuration can be used")).action(
    async (flags: ConfigFlags) => {
      await checkFiles(readConfig(flags, port));
      port.out("the configuration is good\n");
    },
  );
  withConfig(program.command("print-config").description("print the configuration in force, as YAML"))
    .option("--redact", "hide secrets")
    .action(async (flags: ConfigFlags & { readonly redact?: boolean }) => {
      const { stringify } = await import("yaml");
      const config = readConfig(flags, port);
      port.out(stringify(flags.redact ? redact(config) : config));
    });
  program
    .command("config-reference")
    .description("print the table of all configuration keys")
    .action(() => port.out(configReference()));
  withConfig(
    program
      .command("decode")
      .description("read messages from files and print what each would become, one JSON line a message")
      .argument("[file...]", "JSON files, each a list of messages")
      .option("--quarantine", "instead of files, try the packets in quarantine again")
      .option("--url <address>", "the running gateway; default: where the configuration says it listens")
      .option("--commit", "put what can be read now into the log, in its own time"),
  ).action(async (files: string[], flags: ConfigFlags & DecodeFlags) => {
    const config = readConfig(flags, port);
    if (!flags.quarantine) {
      if (files.length === 0) throw new ConfigError("decode: name a file, or use --quarantine");
      code = decodeFiles(files, routerSettings(config), systemClock, port);
      return;
    }
    const { decodeQuarantine } = await import("./quarantine-command.ts");
    const target = { url: targetUrl(flags, config), commit: flags.commit === true };
    code = await decodeQuarantine(target, config, systemClock, port);
  });
  withConfig(
    program
      .command("backup")
      .description("copy the log to the folder `backups` in the gateway's data folder, while it is in use")
      .argument("[name]", "of the file; default: the time")
      .option("--url <address>", "the running gateway; default: where the configuration says it listens"),
  ).action(async (name: string | undefined, flags: ConfigFlags & { readonly url?: string }) => {
    const config = readConfig(flags, port);
    const { backUp } = await import("./backup-command.ts");
    code = await backUp({ name: name ?? null, url: targetUrl(flags, config) }, config, systemClock, port);
  });
  program
    .command("formats")
    .description("list the device formats that are spoken, with their topics")
    .option("--json", "as a JSON list")
    .action(({ json }: { readonly json?: boolean }) => listFormats(json === true, port));
  try {
    await program.parseAsync(args, { from: "user" });
    return code;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    if (!(error instanceof ConfigError)) throw error;
    port.err(`${error.message}\n`);
    return 2;
  }
}

/** The gateway that a command asks; undefined if a data folder is named, whose file it opens itself. */
function targetUrl(
  flags: ConfigFlags & { readonly url?: string },
  { host, http }: Config,
): string | undefined {
  return flags.url ?? (flags.dataDir === undefined ? formatAddress("http", host, http.port) : undefined);
}

function packageVersion(): string {
  const path = ["../../package.json", "../../../package.json"]
    .map((relative) => new URL(relative, import.meta.url))
    .find((url) => existsSync(url));
  if (!path) return "unknown";
  return String((JSON.parse(readFileSync(path, "utf8")) as { version?: unknown }).version);
}

function withConfig(command: Command): Command {
  return command
    .option("-c, --config <file>", "YAML configuration file")
    .option("--host <address>", "address to listen on")
    .option("--mqtt-port <port>", "port of the MQTT broker")
    .option("--http-port <port>", "port of the dashboard, the stream and the API")
    .option("--data-dir <folder>", "folder of the log's file")
    .option("--set <key=value>", "set any configuration key; may be repeated", collectSetting, {});
}

function collectSetting(text: string, settings: Record<string, string>): Record<string, string> {
  const at = text.indexOf("=");
  if (at < 1) throw new ConfigError(`--set ${text}: expected key=value, as in mqtt.port=1884`);
  return { ...settings, [text.slice(0, at)]: text.slice(at + 1) };
}

function readConfig(flags: ConfigFlags, port: ProcessPort) {
  const named = {
    ...(flags.host !== undefined && { host: flags.host }),
    ...(flags.dataDir !== undefined && { dataDir: flags.dataDir }),
    ...(flags.mqttPort !== undefined && { "mqtt.port": flags.mqttPort }),
    ...(flags.httpPort !== undefined && { "http.port": flags.httpPort }),
  };
  const file = flags.config ?? port.env["FIELDCAST_CONFIG"] ?? null;
  return loadConfig({ flags: { ...flags.set, ...named }, env: port.env, file });
}

/** Reads the files that the configuration names, as a start does. */
async function checkFiles(config: Config): Promise<void> {
  try {
    await configuredInsights(config, silentLogger);
  } catch (error) {
    if (error instanceof StartError) throw new ConfigError(error.message);
    throw error;
  }
}

async function serve(flags: ConfigFlags, port: ProcessPort): Promise<number> {
  const config = readConfig(flags, port);
  const logger = createLogger(config.logLevel);
  const stopped = new Promise<string>((resolve) => {
    let firstAt: number | null = null;
    port.onSignal((signal) => {
      const now = systemClock.now();
      firstAt ??= now;
      resolve(signal);
      // Whoever asks again does not want to wait; a terminal and npm both passing on one Ctrl-C is not asking again.
      if (now - firstAt > 1_000) port.exit();
    });
  });
  // From the signal on, whatever is going on: a start can hang too, in a disk that does not answer.
  const ending = stopped.then((signal) => {
    logger.info({ signal }, "stopping");
    setTimeout(() => {
      logger.error({ shutdownGraceMs: config.shutdownGraceMs }, "stopping took too long; ending anyway");
      port.exit();
    }, config.shutdownGraceMs + 2_000).unref();
  });
  const { startGateway } = await import("./gateway.ts");
  try {
    const gateway = await startGateway(config, { logger, clock: systemClock });
    await ending;
    await gateway.close();
    logger.info("stopped");
    return 0;
  } catch (error) {
    if (error instanceof StartError) logger.fatal(`cannot start: ${error.message}`);
    else logger.fatal({ err: error }, `cannot run: ${(error as Error).message}`);
    return 1;
  }
}
