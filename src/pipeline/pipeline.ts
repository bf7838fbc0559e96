import { type Log, TooManyTopics } from "../log/contract.ts";
import type { Decoded, Packet, QuarantinedPacket } from "../model/packet.ts";
import type { Reading } from "../model/reading.ts";
import { checkReading } from "./check.ts";

/** Finds who reads a topic; null if nobody does. */
export type Route = (
  topic: string,
) => { readonly name: string; readonly decode: (packet: Packet) => Decoded } | null;

/** What went through, for metrics. Only grows. */
export interface PipelineCounts {
  packets: number;
  readings: number;
  quarantined: number;
  /** Packets that had nothing to say: status messages, last wills, commands. */
  silent: number;
}

export interface Pipeline {
  /**
   * Takes a packet through the whole path. The promise resolves when everything it had to say is committed, in the order
   * of the calls; null means there is nothing to wait for.
   * @throws LogUnavailable (as rejection) when the log did not take it: it must not be acknowledged
   */
  ingest(packet: Packet): Promise<void> | null;
  readonly counts: Readonly<PipelineCounts>;
}

/** The hot path: decode → check → sequence and commit (the log) → publish (the log's listeners). */
export function createPipeline(route: Route, log: Log): Pipeline {
  const counts: PipelineCounts = { packets: 0, readings: 0, quarantined: 0, silent: 0 };

  function ingest(packet: Packet): Promise<void> | null {
    counts.packets++;
    const format = route(packet.topic);
    if (!format) return quarantine([], packet, null, "no format reads this topic");
    const { readings, rejected } = format.decode(packet);
    const { good, problem } = check(readings);
    const reason = rejected ?? problem;
    if (reason !== null) return quarantine(good, packet, format.name, reason);
    if (good.length === 0) counts.silent++;
    return commit(good, packet, format.name);
  }

  function commit(readings: readonly Reading[], packet: Packet, format: string): Promise<void> | null {
    try {
      const committed = log.append({ readings });
      counts.readings += readings.length;
      return committed;
    } catch (error) {
      if (!(error instanceof TooManyTopics)) throw error;
      return quarantine([], packet, format, error.message);
    }
  }

  function quarantine(
    good: readonly Reading[],
    packet: Packet,
    format: string | null,
    reason: string,
  ): Promise<void> | null {
    counts.quarantined++;
    const { topic, payload, receivedAt, client } = packet;
    const kept: QuarantinedPacket = { topic, payload, receivedAt, client, format, reason };
    try {
      const committed = log.append({ readings: good, quarantine: [kept] });
      counts.readings += good.length;
      return committed;
    } catch (error) {
      if (!(error instanceof TooManyTopics)) throw error;
      return log.append({ readings: [], quarantine: [{ ...kept, reason: `${reason}; ${error.message}` }] });
    }
  }

  return { ingest, counts };
}

function check(readings: readonly Reading[]): { good: readonly Reading[]; problem: string | null } {
  let problem: string | null = null;
  let good = readings;
  for (const reading of readings) {
    const found = checkReading(reading);
    if (found === null) continue;
    problem ??= found;
    good = good.filter((other) => other !== reading);
  }
  return { good, problem };
}
