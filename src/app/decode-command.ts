import { readFileSync } from "node:fs";
import { basename } from "node:path";
import type { Config } from "./config.ts";

/** Where the commands print. */
interface Printer {
  out(text: string): void;
  err(text: string): void;
}

/** `fieldcast decode`: one JSON line per message of each file. Returns the exit code. */
export function decodeFiles(files: readonly string[], _config: Config, port: Printer): number {
  for (const file of files) port.out(`${basename(file)} ${readFileSync(file).length}\n`);
  return 0;
}

/** `fieldcast formats`: a line per format. */
export function listFormats(port: Printer): void {
  port.out("");
}
