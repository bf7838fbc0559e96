import { type Log, TooManyTopics, UnstorableReading } from "../log/contract.ts";
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
  /**
   * The same for a sender who wants to know what came of it: resolves to the reason why the packet (or a part of it) went
   * to quarantine, null if nothing was wrong.
   * @throws LogUnavailable (as rejection) as `ingest`
   */
  publish(packet: Packet): Promise<string | null>;
  readonly counts: Readonly<PipelineCounts>;
}

/**
 * The hot path: decode → check → sequence and commit (the log) → publish (the log's listeners).
 * @param onQuarantined told of each packet that was handed to the quarantine; must not throw
 */
export function createPipeline(
  route: Route,
  log: Log,
  onQuarantined: (packet: QuarantinedPacket) => void = () => {},
): Pipeline {
  const counts: PipelineCounts = { packets: 0, readings: 0, quarantined: 0, silent: 0 };
  /** Of the packet at hand; a packet is handed to the log in one go, so no other can come between. */
  let reasonAtHand: string | null = null;
  const takeReason = () => {
    const reason = reasonAtHand;
    reasonAtHand = null;
    return reason;
  };

  function ingest(packet: Packet): Promise<void> | null {
    counts.packets++;
    const format = route(packet.topic);
    if (!format) return store([], quarantined(packet, null, "no format reads this topic"));
    const { readings, rejected } = format.decode(packet);
    const { good, problem } = check(readings);
    const reason = rejected ?? problem;
    if (reason === null && good.length === 0) counts.silent++;
    try {
      return store(good, reason === null ? null : quarantined(packet, format.name, reason));
    } catch (error) {
      if (!isRefusal(error)) throw error;
      return storeSingly(good, reason, packet, format.name);
    }
  }

  function store(readings: readonly Reading[], quarantine: QuarantinedPacket | null): Promise<void> | null {
    const committed = log.append(quarantine === null ? { readings } : { readings, quarantine: [quarantine] });
    counts.readings += readings.length;
    if (quarantine !== null) {
      counts.quarantined++;
      reasonAtHand = quarantine.reason;
      onQuarantined(quarantine);
    }
    return committed;
  }

  // A reading that the log cannot keep does not take its neighbours with it.
  function storeSingly(
    readings: readonly Reading[],
    reason: string | null,
    packet: Packet,
    format: string,
  ): Promise<void> {
    let problem = reason;
    const commits: (Promise<void> | null)[] = [];
    for (const reading of readings) {
      try {
        commits.push(store([reading], null));
      } catch (error) {
        if (!isRefusal(error)) throw error;
        problem ??= error.message;
      }
    }
    if (problem !== null) commits.push(store([], quarantined(packet, format, problem)));
    return Promise.all(commits).then(() => {});
  }

  async function publish(packet: Packet): Promise<string | null> {
    takeReason();
    const committed = ingest(packet);
    const reason = takeReason();
    await committed;
    return reason;
  }

  return { ingest, publish, counts };
}

function isRefusal(error: unknown): error is TooManyTopics | UnstorableReading {
  return error instanceof TooManyTopics || error instanceof UnstorableReading;
}

function quarantined(packet: Packet, format: string | null, reason: string): QuarantinedPacket {
  const { topic, payload, receivedAt, client } = packet;
  return { topic, payload, receivedAt, client, format, reason };
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
