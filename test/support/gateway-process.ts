import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

const program = join(import.meta.dirname, "../../dist/src/main.js");

/** A gateway as a process of its own, on free ports, with a data folder that outlives restarts. */
export class GatewayProcess {
  mqttPort = 0;
  httpPort = 0;
  /** Everything it logged, over all its lives. */
  readonly lines: string[] = [];
  /** Outlives restarts. */
  readonly dataDir: string;
  /** `key=value` pairs of the configuration, from the next start on. */
  settings: readonly string[];
  /** More of its environment, from the next start on. */
  env: Readonly<Record<string, string>> = {};
  private readonly ownsDataDir: boolean;
  private child: ChildProcess | null = null;

  /**
   * @param settings `key=value` pairs of the configuration
   * @param dataDir absent: a new temporary folder
   */
  constructor(settings: readonly string[] = [], dataDir?: string) {
    this.settings = settings;
    this.ownsDataDir = dataDir === undefined;
    this.dataDir = dataDir ?? mkdtempSync(join(tmpdir(), "fieldcast-e2e-"));
  }

  get url(): string {
    return `ws://127.0.0.1:${this.httpPort}/stream`;
  }

  /** Its process id, while it runs. */
  get pid(): number | undefined {
    return this.child?.pid;
  }

  /** Starts it and waits until it is ready; after the first time on the same ports as before. */
  async start(): Promise<void> {
    const settings = [
      // The log holds what a test publishes and nothing else, unless the test asks for more.
      "insights.presence.enabled=false",
      ...this.settings,
      `dataDir=${this.dataDir}`,
      `mqtt.port=${this.mqttPort}`,
      `http.port=${this.httpPort}`,
    ];
    const args = ["serve", ...settings.flatMap((setting) => ["--set", setting])];
    // The tests' own variables are no keys of its configuration.
    const env = Object.fromEntries(
      Object.entries(process.env).filter(([name]) => !name.startsWith("FIELDCAST_")),
    );
    const child = spawn(process.execPath, [program, ...args], {
      env: { ...env, ...this.env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.child = child;
    child.stderr.on("data", (data: Buffer) => this.lines.push(data.toString()));
    await new Promise<void>((resolve, reject) => {
      createInterface({ input: child.stdout }).on("line", (line) => {
        this.lines.push(line);
        if (this.readReadyLine(line)) resolve();
      });
      child.once("exit", (code) =>
        reject(new Error(`the gateway ended with ${code}:\n${this.lines.join("\n")}`)),
      );
    });
  }

  /** `kill -9`: nothing is said, nothing is flushed. */
  async kill(): Promise<void> {
    await this.end("SIGKILL");
  }

  /** SIGTERM; resolves to the exit code. */
  stop(): Promise<number | null> {
    return this.end("SIGTERM");
  }

  /** SIGTERM and nothing more. */
  signal(): void {
    this.child?.kill("SIGTERM");
  }

  /** Resolves to the exit code once it has ended by itself. */
  ended(): Promise<number | null> {
    const { child } = this;
    if (!child || child.exitCode !== null) return Promise.resolve(child?.exitCode ?? null);
    return new Promise((resolve) => child.once("exit", (code) => resolve(code)));
  }

  /** Ends it for good and removes its data, if the folder is its own. */
  async dispose(): Promise<void> {
    await this.kill();
    if (this.ownsDataDir) rmSync(this.dataDir, { recursive: true, force: true });
  }

  private end(signal: NodeJS.Signals): Promise<number | null> {
    const { child } = this;
    if (!child || child.exitCode !== null || child.signalCode !== null)
      return Promise.resolve(child?.exitCode ?? null);
    return new Promise((resolve) => {
      child.once("exit", (code) => resolve(code));
      child.kill(signal);
    });
  }

  private readReadyLine(line: string): boolean {
    const message = JSON.parse(line) as { msg?: string; mqtt?: string };
    const http = /fieldcast is ready: http:\/\/[^:]+:(\d+)\//.exec(message.msg ?? "");
    if (!http || !message.mqtt) return false;
    this.httpPort = Number(http[1]);
    this.mqttPort = Number(new URL(message.mqtt).port);
    return true;
  }
}
