import { readFileSync } from "node:fs";
import { type Bridge, startBridge } from "../ingest/bridge.ts";
import type { OnPacket } from "../ingest/intake.ts";
import type { Source } from "../ingest/source.ts";
import type { Clock } from "../model/clock.ts";
import type { Logger } from "../observe/log.ts";
import type { SourceConfig } from "./source-config.ts";
import { StartError } from "./start-error.ts";

interface SourceParts {
  readonly onPacket: OnPacket;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** The sources of a gateway, as one thing to watch and to close. */
export interface Sources {
  readonly bridges: readonly Bridge[];
  /** What is wrong with each source that does not deliver; a gateway without them is still ready. */
  warnings(): string[];
  close(graceMs: number): Promise<void>;
}

/**
 * Starts following every source of the configuration.
 * @throws StartError when a certificate or key file cannot be read
 */
export function startSources(configs: readonly SourceConfig[], parts: SourceParts): Sources {
  const bridges = configs.map(readSource).map((source) => {
    if (source.clean && source.qos > 0) {
      parts.logger.info(
        { source: source.name },
        "a source without a clientId: what comes while it is away is lost",
      );
    }
    return startBridge(source, { ...parts, random: Math.random });
  });
  return {
    bridges,
    warnings: () =>
      bridges.flatMap((bridge) => {
        const problem = bridge.problem();
        return problem === null ? [] : `source ${bridge.name}: ${problem}`;
      }),
    close: async (graceMs) => {
      await Promise.all(bridges.map((bridge) => bridge.close(graceMs)));
    },
  };
}

/** @throws StartError naming the key and the file that cannot be read */
function readSource(config: SourceConfig): Source {
  const { ca, cert, key, rejectUnauthorized, clean, ...rest } = config;
  const read = (name: string, path: string | undefined) => {
    try {
      return path === undefined ? undefined : readFileSync(path, "utf8");
    } catch (error) {
      throw new StartError(
        `source ${config.name}: ${name}: cannot read the file: ${(error as Error).message}`,
      );
    }
  };
  return {
    ...rest,
    clean: clean ?? config.clientId === undefined,
    tls: { ca: read("ca", ca), cert: read("cert", cert), key: read("key", key), rejectUnauthorized },
  };
}
