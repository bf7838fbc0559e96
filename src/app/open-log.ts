import { join } from "node:path";
import type { Log } from "../log/contract.ts";
import type { LogEngine } from "../log/engine.ts";
import { MemoryEngine } from "../log/engines/memory.ts";
import { SqliteEngine } from "../log/engines/sqlite.ts";
import { randomEpoch } from "../log/epoch.ts";
import { openLog } from "../log/log.ts";
import { type DomainLimits, defaultLogOptions, defaultRingOptions } from "../log/options.ts";
import type { Clock } from "../model/clock.ts";
import type { Logger } from "../observe/log.ts";
import type { Config } from "./config.ts";

const hourMs = 3_600_000;

/**
 * Opens the log that the configuration describes.
 * @throws Error when it cannot be used (another gateway has it open); the message says what to do
 */
export function openConfiguredLog(config: Config, clock: Clock, logger: Logger): Promise<Log> {
  return openLog(createEngine(config, logger), logOptions(config), clock, logger);
}

function createEngine(config: Config, logger: Logger): LogEngine {
  const ring = {
    ...defaultRingOptions,
    maxBytes: config.ring.maxBytes,
    maxAgeMs: config.ring.maxAgeHours * hourMs,
    domains: domainLimits(config),
  };
  if (config.ring.engine === "memory") {
    logger.warn("the log is kept in memory only: it ends with this process");
    return new MemoryEngine(ring, randomEpoch);
  }
  return new SqliteEngine({
    ...ring,
    durability: config.ring.durability,
    path: join(config.dataDir, "log.db"),
  });
}

function domainLimits({ ring }: Config): Record<string, DomainLimits> {
  const limits = ring.domains.map(({ domain, maxAgeHours, maxBytes }): [string, DomainLimits] => [
    domain,
    {
      ...(maxAgeHours !== undefined && { maxAgeMs: maxAgeHours * hourMs }),
      ...(maxBytes !== undefined && { maxBytes }),
    },
  ]);
  return Object.fromEntries(limits);
}

/** Who wants readings at once pays with more commits, but not with one for each reading. */
const maxGatherMsUnbatched = 2;

/** How far apart commits begin under load, milliseconds. */
export function commitGatherMs({ ring, stream }: Config): number {
  return stream.batchMs > 0 ? ring.gatherMs : Math.min(ring.gatherMs, maxGatherMsUnbatched);
}

function logOptions(config: Config) {
  const { ring } = config;
  return {
    ...defaultLogOptions,
    tailBytes: ring.tailBytes,
    maxTopics: ring.maxTopics,
    gatherMs: commitGatherMs(config),
    storeWithinMs: ring.storeWithinMs,
    maxRecentReadings: ring.recentReadings,
  };
}
