import { matchesFilter } from "../model/filter.ts";
import type { QuarantineQuery } from "./contract.ts";
import { maxQuarantinePageBytes } from "./engine.ts";

/** What is looked at before a payload is. */
export interface PacketHead {
  readonly id: number;
  readonly topic: string;
  readonly format: string | null;
  readonly payloadBytes: number;
  /** Of the reason and of the client's name. */
  readonly textChars: number;
}

/** Whether a quarantined packet is asked for. */
function matchesQuery(query: QuarantineQuery, { id, topic, format }: PacketHead): boolean {
  const { before = Number.POSITIVE_INFINITY, after = 0, filter, format: wanted } = query;
  if (id >= before || id <= after) return false;
  if (wanted !== undefined && format !== wanted) return false;
  return filter === undefined || matchesFilter(filter, topic);
}

/** The packets that a query asks for: at most `limit` of `heads`, which are in its order, and no more than fit its page. */
export function takePage<Head extends PacketHead>(
  heads: Iterable<Head>,
  limit: number,
  query: QuarantineQuery,
): Head[] {
  const { previewBytes = Number.POSITIVE_INFINITY, maxPageBytes = maxQuarantinePageBytes } = query;
  const page: Head[] = [];
  let bytes = 0;
  for (const head of heads) {
    if (page.length === limit || bytes >= maxPageBytes) break;
    if (!matchesQuery(query, head)) continue;
    page.push(head);
    bytes += Math.min(head.payloadBytes, previewBytes) + head.topic.length + head.textChars;
  }
  return page;
}
