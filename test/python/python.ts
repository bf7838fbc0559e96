import { spawnSync } from "node:child_process";
import { join } from "node:path";

/** The interpreter: `PYTHON_PATH`, else `python3` from the PATH. */
export function pythonPath(): string {
  const path = process.env["PYTHON_PATH"] ?? "python3";
  const { error, status } = spawnSync(path, ["-c", "import sys; sys.exit(sys.version_info < (3, 8))"]);
  if (!error && status === 0) return path;
  throw new Error(
    `these tests need Python 3.8 or newer as ${path}: install it (Debian: apt-get install python3) or set PYTHON_PATH`,
  );
}

/** Arguments that start a program of this folder; -B leaves no compiled files behind. */
export function pythonArgs(program: string, ...args: readonly string[]): string[] {
  return ["-B", join(import.meta.dirname, program), ...args];
}
