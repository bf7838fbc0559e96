import { onTestFinished } from "vitest";
import { type Bridge, type BridgeParts, startBridge } from "../../src/ingest/bridge.ts";
import type { Source } from "../../src/ingest/source.ts";
import { systemClock } from "../../src/model/clock.ts";
import { silentLogger } from "../../src/observe/log.ts";

/** A source with a kept session. */
export function sourceAt(url: string, options: Partial<Source> = {}): Source {
  return {
    name: "out",
    url,
    clientId: "gateway",
    tls: { rejectUnauthorized: true },
    protocolVersion: 4,
    clean: false,
    sessionExpiryS: 3_600,
    keepaliveS: 60,
    topics: ["t/#"],
    qos: 2,
    topicPrefix: "",
    ...options,
  };
}

/** A bridge that retries within milliseconds and ends with the test. */
export function bridge(source: Source, parts: Partial<BridgeParts> = {}): Bridge {
  const started = startBridge(source, {
    onPacket: () => null,
    clock: systemClock,
    logger: silentLogger,
    random: () => 1,
    backoff: { firstDelayMs: 10, maxDelayMs: 50 },
    ...parts,
  });
  onTestFinished(() => started.close(0));
  return started;
}
