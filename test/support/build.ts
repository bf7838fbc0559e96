import { spawnSync } from "node:child_process";

/**
 * Compiles the server once before any test, because the worker thread and the spawned processes run from `dist`. Type
 * errors do not stop it: `npm run types`, the first step of `npm test`, reports them.
 */
export function setup(): void {
  const { error } = spawnSync("npx", ["tsc", "-p", "tsconfig.json"], { stdio: "ignore" });
  if (error) throw new Error(`the server could not be compiled: ${error.message}`);
}
