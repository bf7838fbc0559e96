import { readFileSync } from "node:fs";
import type { RouterSettings } from "../formats/contexts.ts";
import { decodeMessages, listOf, type MessageFile } from "../formats/decode-file.ts";
import { allFormats } from "../formats/registry.ts";
import type { Clock } from "../model/clock.ts";

/** Where the commands print. */
export interface Printer {
  out(text: string): void;
  err(text: string): void;
}

/**
 * `fieldcast decode`: one JSON line per message of each file. A message's own `context` takes the place of the config's
 * contexts. Returns the exit code: 1 if a file cannot be read; the others are decoded all the same.
 */
export function decodeFiles(
  files: readonly string[],
  settings: RouterSettings,
  clock: Clock,
  port: Printer,
): number {
  let code = 0;
  const readable: MessageFile[] = [];
  for (const file of files) {
    try {
      readable.push({ file, messages: listOf(JSON.parse(readFileSync(file, "utf8"))) });
    } catch (error) {
      port.err(`${file}: ${(error as Error).message}\n`);
      code = 1;
    }
  }
  for (const row of decodeMessages(readable, clock, settings)) port.out(`${JSON.stringify(row)}\n`);
  return code;
}

/** `fieldcast formats`: what is spoken, with the topics it is recognized by; as one JSON list if `asJson`. */
export function listFormats(asJson: boolean, port: Printer): void {
  if (asJson) {
    const list = allFormats.map(({ name, title, topics }) => ({ name, title, topics }));
    port.out(`${JSON.stringify(list, null, 2)}\n`);
    return;
  }
  const nameWidth = Math.max(...allFormats.map(({ name }) => name.length));
  for (const { name, title, topics } of allFormats) {
    port.out(
      `${name.padEnd(nameWidth)}  ${title}\n${topics.map((topic) => `${" ".repeat(nameWidth)}    ${topic}\n`).join("")}`,
    );
  }
}
