import { type Log, type QuarantineQuery, TooManyTopics, UnstorableReading } from "../log/contract.ts";
import type { Packet } from "../model/packet.ts";
import type { Reading } from "../model/reading.ts";
import { checkReadings } from "./check.ts";
import type { Route } from "./pipeline.ts";

/** What became of a quarantined packet that was decoded again. */
export interface RetriedPacket {
  readonly id: number;
  readonly topic: string;
  readonly readings: readonly Reading[];
  /** Why it stays in quarantine, null if it does not. */
  readonly rejected: string | null;
}

/** Decodes quarantined packets again, the oldest first, and puts what can be read now into the log. */
export type Retry = (limit: number, query: QuarantineQuery) => Promise<RetriedPacket[]>;

/**
 * Makes a `Retry`. A packet that can be read whole leaves the quarantine with the commit of its readings, so that it is in
 * one of the two at any moment, and never in both. Its readings keep their own times: late is not new.
 * @param newRoute a router with fresh decoders: those that read live packets must not see old ones between them
 */
export function createRetry(log: Log, newRoute: () => Route): Retry {
  let last: Promise<unknown> = Promise.resolve();
  // One after the other, or two callers would store the same packet twice.
  return (limit, query) => {
    const result = last.then(() => retry(log, newRoute(), limit, query));
    last = result.catch(() => {});
    return result;
  };
}

async function retry(
  log: Log,
  route: Route,
  limit: number,
  query: QuarantineQuery,
): Promise<RetriedPacket[]> {
  for (const packet of log.remembered()) route(packet.topic)?.decode(packet);
  const packets = await log.quarantined(limit, { ...query, oldestFirst: true });
  const commits: (Promise<void> | null)[] = [];
  const retried = packets.map(({ id, ...packet }): RetriedPacket => {
    const { readings, rejected, remember } = decodeAgain(route, packet);
    if (rejected !== null) return { id, topic: packet.topic, readings, rejected };
    try {
      commits.push(log.append({ readings, release: [id], ...(remember && { remember: [packet] }) }));
    } catch (error) {
      if (!(error instanceof TooManyTopics || error instanceof UnstorableReading)) throw error;
      return { id, topic: packet.topic, readings, rejected: error.message };
    }
    return { id, topic: packet.topic, readings, rejected: null };
  });
  await Promise.all(commits);
  return retried;
}

/** What a packet says now, checked like a live one. */
export function decodeAgain(
  route: Route,
  packet: Packet,
): { readings: readonly Reading[]; rejected: string | null; remember: boolean } {
  const format = route(packet.topic);
  if (!format) return { readings: [], rejected: "no format reads this topic", remember: false };
  const { readings, rejected, remember = false } = format.decode(packet);
  const { good, problem } = checkReadings(readings);
  return { readings: good, rejected: rejected ?? problem, remember };
}
