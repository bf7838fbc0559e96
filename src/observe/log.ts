import { type Logger, pino } from "pino";

export type { Logger };

/** Structured logs: one JSON object a line on stdout; `pino-pretty` or `jq` make them pleasant to read. */
export function createLogger(level: string): Logger {
  return pino({ level, base: null, timestamp: pino.stdTimeFunctions.isoTime });
}

/** For tests and tools that must stay quiet. */
export const silentLogger: Logger = pino({ level: "silent" });
