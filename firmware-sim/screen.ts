import { domains } from "../src/model/reading.ts";
import type { Fleet } from "./fleet.ts";
import type { PublisherStatus } from "./publisher.ts";

/** `8 gps, 6 energy`. */
export function describeFleet(fleet: Fleet): string {
  const counts = domains.map((domain) => ({
    domain,
    count: fleet.devices.filter((device) => device.domain === domain).length,
  }));
  return counts
    .filter(({ count }) => count > 0)
    .map(({ domain, count }) => `${count} ${domain}`)
    .join(", ");
}

/** `sent 120  acknowledged 118  failed 0  buffered 0  dropped 0  reconnects 0  connections 38/38`. */
export function describeStatus(status: PublisherStatus): string {
  const { sent, acknowledged, failed, buffered, dropped, reconnects, connected, connections } = status;
  const parts = { sent, acknowledged, failed, buffered, dropped, reconnects };
  const counts = Object.entries(parts).map(([name, count]) => `${name} ${count}`);
  return `${counts.join("  ")}  connections ${connected}/${connections}`;
}

/** The lines in a frame that stands out among log lines. */
export function drawBox(lines: readonly string[]): string {
  const width = Math.max(...lines.map((line) => line.length));
  const edge = "─".repeat(width + 4);
  return [`┌${edge}┐`, ...lines.map((line) => `│  ${line.padEnd(width)}  │`), `└${edge}┘`].join("\n");
}
