import { spawnSync } from "node:child_process";
import { closeSync, existsSync, mkdtempSync, openSync, rmSync, writeFileSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const modes = { works: ".", full: "F", fails: "E", readOnly: "R", hangs: "H" } as const;

export type DiskMode = keyof typeof modes;

/** A disk under one gateway's log that fails when the test says so (disk.c). Needs a C compiler, but no rights. */
export class FaultyDisk {
  /** For the gateway's process. */
  readonly env: Readonly<Record<string, string>>;
  /** What was done to the files, if it is recorded. */
  readonly recordPath: string;
  readonly #folder: string;
  readonly #control: number;

  /**
   * @param logPath the log's file
   * @throws Error if there is no C compiler
   */
  constructor(logPath: string, { isRecorded = false } = {}) {
    this.#folder = mkdtempSync(join(tmpdir(), "fieldcast-disk-"));
    const library = join(this.#folder, "disk.so");
    compile(library);
    const control = join(this.#folder, "control");
    writeFileSync(control, modes.works);
    this.#control = openSync(control, "r+");
    this.recordPath = join(this.#folder, "record");
    this.env = {
      LD_PRELOAD: library,
      DISK_FILE: logPath,
      DISK_CONTROL: control,
      ...(isRecorded && { DISK_RECORD: this.recordPath }),
    };
  }

  set mode(mode: DiskMode) {
    writeSync(this.#control, modes[mode], 0);
  }

  remove(): void {
    this.mode = "works";
    closeSync(this.#control);
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

function compile(library: string): void {
  // Compiled code has no C beside it.
  const beside = join(import.meta.dirname, "disk.c");
  const source = existsSync(beside) ? beside : join(import.meta.dirname, "../../../test/support/disk.c");
  const flags = ["-O1", "-shared", "-fPIC", "-w", "-o", library, source, "-ldl", "-lpthread"];
  const { error, status, stderr } = spawnSync(process.env["CC_PATH"] ?? "cc", flags, { encoding: "utf8" });
  if (error || status !== 0) {
    throw new Error(
      `the fault tests need a C compiler (Debian: apt-get install gcc libc6-dev): ${error ?? stderr}`,
    );
  }
}
