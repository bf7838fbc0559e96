import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { ReadingRow } from "../../src/formats/decode-file.ts";
import type { FormatSettings } from "../../src/formats/format.ts";

/** A message of the fixtures with what must come of it (test/fixtures/formats/README.md). */
export interface FixtureMessage {
  readonly name: string;
  readonly topic: string;
  readonly encoding: string;
  readonly payload: unknown;
  readonly receivedAt: string;
  readonly context?: FormatSettings;
  /** True if a packet before this one in its group announced the topic. */
  readonly discovered?: boolean;
  readonly expected: { readonly readings: readonly ReadingRow[]; readonly rejected: string | null };
}

/** A fixture file, parsed. */
export interface FixtureFile {
  readonly path: string;
  readonly messages: readonly FixtureMessage[];
}

const root = join(import.meta.dirname, "../fixtures/formats");

/** The fixture files of a format; none if it has no folder. */
export function fixtureFiles(format: string): FixtureFile[] {
  const folders = readdirSync(root, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  if (!folders.some((entry) => entry.name === format)) return [];
  const names = readdirSync(join(root, format)).filter((name) => name.endsWith(".json"));
  return names.sort().map((name) => ({
    path: `${format}/${name}`,
    messages: JSON.parse(readFileSync(join(root, format, name), "utf8")) as FixtureMessage[],
  }));
}
