import { matchesFilter } from "../model/filter.ts";
import type { QuarantineQuery } from "./contract.ts";
import { maxQuarantinePageBytes } from "./engine.ts";

interface PacketHead {
  readonly id: number;
  readonly topic: string;
  readonly format: string | null;
}

/** Whether a quarantined packet is asked for. */
export function matchesQuery(query: QuarantineQuery, { id, topic, format }: PacketHead): boolean {
  const { before = Number.POSITIVE_INFINITY, after = 0, filter, format: wanted } = query;
  if (id >= before || id <= after) return false;
  if (wanted !== undefined && format !== wanted) return false;
  return filter === undefined || matchesFilter(filter, topic);
}

/** The first of `packets`: at most `limit`, and no more once their payloads reach `maxQuarantinePageBytes`. */
export function takePage<Item>(
  packets: readonly Item[],
  limit: number,
  sizeOf: (packet: Item) => number,
): Item[] {
  const page: Item[] = [];
  let bytes = 0;
  for (const packet of packets) {
    if (page.length === limit || bytes >= maxQuarantinePageBytes) break;
    page.push(packet);
    bytes += sizeOf(packet);
  }
  return page;
}
