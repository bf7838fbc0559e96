import type { Log } from "../../src/log/contract.ts";
import { MemoryEngine } from "../../src/log/engines/memory.ts";
import { randomEpoch } from "../../src/log/epoch.ts";
import { openLog } from "../../src/log/log.ts";
import {
  defaultLogOptions,
  defaultRingOptions,
  type LogOptions,
  type RingOptions,
} from "../../src/log/options.ts";
import { systemClock } from "../../src/model/clock.ts";
import type { Reading, Values } from "../../src/model/reading.ts";
import { silentLogger } from "../../src/observe/log.ts";

/** A real log on the memory engine. */
export function openTestLog(
  options: Partial<LogOptions> = {},
  ring: Partial<RingOptions> = {},
): Promise<Log> {
  const engine = new MemoryEngine({ ...defaultRingOptions, ...ring }, randomEpoch);
  return openLog(engine, { ...defaultLogOptions, gatherMs: 0, ...options }, systemClock, silentLogger);
}

/** A GPS reading of a device. */
export function gpsReading(device: string, values: Values, time = Date.UTC(2026, 10, 22, 10)): Reading {
  return { domain: "gps", device, time, values: { lat: 60.17, lon: 24.94, ...values } };
}

/** Appends and waits for the commit. */
export async function append(log: Log, ...readings: readonly Reading[]): Promise<void> {
  await log.append({ readings });
}
