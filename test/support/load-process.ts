import { type ChildProcess, fork } from "node:child_process";
import { join } from "node:path";
import type { Questions } from "../bench/load/worker.ts";

const program = join(import.meta.dirname, "../../dist/test/bench/main.js");

/** The bench's load generator as a process of its own, so that thousands of clients disturb no clock of a test. */
export class LoadProcess {
  private readonly child: ChildProcess = fork(program, ["--role", "load"], { stdio: "pipe" });
  private lastWords = "";

  constructor() {
    this.child.stderr?.on("data", (data: Buffer) => {
      this.lastWords = (this.lastWords + data.toString()).slice(-4_000);
    });
  }

  /** One question at a time. @throws Error with its last words when the process has ended */
  ask<Name extends keyof Questions>(
    name: Name,
    ask: Questions[Name]["ask"],
  ): Promise<Questions[Name]["answer"]> {
    return new Promise((resolve, reject) => {
      const ended = (code: number | null) =>
        reject(new Error(`the load process ended with ${code}:\n${this.lastWords}`));
      this.child.once("exit", ended);
      this.child.once("message", (message: { answer: Questions[Name]["answer"] }) => {
        this.child.off("exit", ended);
        resolve(message.answer);
      });
      if (this.child.exitCode !== null) ended(this.child.exitCode);
      else this.child.send({ name, ask });
    });
  }

  dispose(): void {
    this.child.kill("SIGKILL");
  }
}
