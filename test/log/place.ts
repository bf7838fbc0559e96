import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { LogEngine } from "../../src/log/engine.ts";
import { MemoryEngine } from "../../src/log/engines/memory.ts";
import { SqliteEngine } from "../../src/log/engines/sqlite.ts";
import { randomEpoch } from "../../src/log/epoch.ts";
import { defaultRingOptions, type RingOptions, type SqliteOptions } from "../../src/log/options.ts";
import type { EngineKind } from "./engine-suite.ts";

/** A new temporary folder. */
export async function temporaryFolder(): Promise<string> {
  return mkdtemp(join(tmpdir(), "fieldcast-log-"));
}

export function sqliteIn(folder: string, options: Partial<SqliteOptions> = {}): LogEngine {
  return new SqliteEngine({ path: join(folder, "log.db"), ...options });
}

export function memoryEngine(ring: Partial<RingOptions> = {}): LogEngine {
  return new MemoryEngine({ ...defaultRingOptions, ...ring }, randomEpoch);
}

export const sqliteKind: EngineKind = sqliteKindWith("sqlite", {});

/** SQLite that writes its copy by topic all the time. */
export const sqliteSegmentsKind: EngineKind = sqliteKindWith("sqlite with small segments", {
  maxGatheredBytes: 120,
});

function sqliteKindWith(name: string, options: Partial<SqliteOptions>): EngineKind {
  return {
    name,
    declines: {},
    async place() {
      const folder = await temporaryFolder();
      return {
        engine: (ring) => sqliteIn(folder, { ...options, ...ring }),
        remove: () => rm(folder, { recursive: true, force: true }),
      };
    },
  };
}

const keepsNothing = "it keeps nothing beyond the engine's life";

export const memoryKind: EngineKind = {
  name: "memory",
  declines: {
    "everything is there after it is opened again": keepsNothing,
    "head does not go back when the ring was empty at the restart": keepsNothing,
  },
  async place() {
    // One engine per place: it can be opened again as long as it lives.
    let engine: LogEngine | null = null;
    return {
      engine(ring) {
        engine ??= memoryEngine(ring);
        return engine;
      },
      remove: async () => {},
    };
  },
};
