import { type ChildProcess, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { Questions } from "./load/worker.ts";

/** Every process of the bench, so that none outlives it. */
const running = new Set<ChildProcess>();
process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

const entry = fileURLToPath(new URL("./main.js", import.meta.url));

/** A child process that is asked one question at a time over Node's own channel. */
export class Child {
  readonly pid: number;
  readonly #process: ChildProcess;
  #stderr = "";
  #waiting: { resolve: (answer: unknown) => void; reject: (error: Error) => void } | null = null;
  readonly #ended: Promise<number | null>;

  /**
   * Starts `node` with `args`, or another program, which then can be asked nothing.
   * @param env what it has besides this process's own
   */
  constructor(
    args: readonly string[],
    program: string = process.execPath,
    env: Readonly<Record<string, string>> = {},
  ) {
    const channel = program === process.execPath ? "ipc" : "ignore";
    this.#process = spawn(program, args, {
      stdio: ["ignore", "pipe", "pipe", channel],
      // JSON would make null of a percentile of nothing.
      serialization: "advanced",
      env: { ...process.env, ...env },
    });
    if (this.#process.pid === undefined) throw new Error(`cannot start ${program}`);
    this.pid = this.#process.pid;
    running.add(this.#process);
    this.#process.stderr?.on("data", (data: Buffer) => {
      this.#stderr = (this.#stderr + data.toString()).slice(-4_000);
    });
    this.#process.on("message", (message: { answer: unknown }) => {
      this.#waiting?.resolve(message.answer);
      this.#waiting = null;
    });
    this.#ended = new Promise((resolve) => {
      this.#process.once("exit", (code) => {
        running.delete(this.#process);
        this.#waiting?.reject(new Error(`a process of the bench ended with ${code}:\n${this.#stderr}`));
        resolve(code);
      });
    });
  }

  /** Resolves to the first value that `read` makes of a line on stdout; the rest of stdout is thrown away. */
  firstLine<T>(read: (line: string) => T | null): Promise<T> {
    return new Promise((resolve, reject) => {
      let text = "";
      this.#waiting = { resolve: () => {}, reject };
      this.#process.stdout?.on("data", (data: Buffer) => {
        if (this.#waiting === null) return;
        text += data.toString();
        const lines = text.split("\n");
        text = lines.pop() ?? "";
        const found = lines.map(read).find((value) => value !== null);
        if (found === undefined || found === null) return;
        this.#waiting = null;
        resolve(found);
      });
    });
  }

  /** Sends a message and resolves to the answer. @throws Error with its last words when the process ends instead */
  request(message: object | string): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
      this.#process.send(message, (error) => {
        if (error) reject(error);
      });
    });
  }

  /** Throws away what it prints, for a program that is not read: a full pipe would stop it. */
  mute(): void {
    this.#process.stdout?.resume();
  }

  /** The last of what it has printed on stderr. */
  get lastWords(): string {
    return this.#stderr;
  }

  get isRunning(): boolean {
    return running.has(this.#process);
  }

  /** Resolves when it has ended by itself. */
  async ended(): Promise<void> {
    await this.#ended;
  }

  /** Ends it with `signal` and resolves when it has ended, at once if it has already. */
  async end(signal: "SIGTERM" | "SIGKILL"): Promise<void> {
    this.#process.kill(signal);
    await this.#ended;
  }
}

/** The command that runs a role of this program in a process of its own. */
export function roleArgs(role: string): string[] {
  return [entry, "--role", role];
}

/** A process that makes load. */
export class LoadProcess {
  readonly child = new Child(roleArgs("load"));

  async ask<Name extends keyof Questions>(
    name: Name,
    ask: Questions[Name]["ask"],
  ): Promise<Questions[Name]["answer"]> {
    return (await this.child.request({ name, ask })) as Questions[Name]["answer"];
  }
}
