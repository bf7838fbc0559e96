import { execFileSync } from "node:child_process";

/** Compiles the server once before any test, because the worker thread and the spawned processes run from `dist`. */
export function setup(): void {
  execFileSync("npx", ["tsc", "-p", "tsconfig.json"], { stdio: "inherit" });
}
