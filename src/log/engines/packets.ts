import type { Packet, QuarantinedPacket } from "../../model/packet.ts";
import type { QuarantineQuery, StoredPacket } from "../contract.ts";
import type { RingOptions } from "../options.ts";
import { takePage } from "../quarantine.ts";
import type { MetaRow, Statements } from "./sqlite-statements.ts";

/** Adds packets to the quarantine, and drops the oldest beyond its limits. */
export function quarantinePackets(
  sql: Statements,
  meta: MetaRow,
  packets: readonly QuarantinedPacket[],
  { quarantineMaxPackets, quarantineMaxBytes }: RingOptions,
): void {
  for (const { receivedAt, topic, client, format, reason, payload } of packets) {
    sql.putPacket.run(receivedAt, topic, client, format, reason, payload);
    meta.quarantine_count++;
    meta.quarantine_bytes += payload.length;
  }
  while (meta.quarantine_count > quarantineMaxPackets || meta.quarantine_bytes > quarantineMaxBytes) {
    const dropped = sql.dropOldestPacket.get();
    if (!dropped) break;
    meta.quarantine_count--;
    meta.quarantine_bytes -= dropped.size;
  }
}

/** Drops packets from the quarantine; those that are gone already do not matter. */
export function releasePackets(sql: Statements, meta: MetaRow, ids: readonly number[]): void {
  for (const id of ids) {
    const released = sql.dropPacket.get(id);
    if (!released) continue;
    meta.quarantine_count--;
    meta.quarantine_bytes -= released.size;
  }
}

/** Remembers a packet in place of its topic's last one; what was remembered longest ago goes first. */
export function rememberPacket(
  sql: Statements,
  meta: MetaRow,
  { topic, receivedAt, client, payload }: Packet,
  { maxRememberedPackets, maxRememberedBytes }: RingOptions,
): void {
  let dropped = sql.dropRemembered.get(topic);
  if (payload.length > 0) {
    sql.putRemembered.run(topic, ++meta.remembered_position, receivedAt, client, payload);
    meta.remembered_count++;
    meta.remembered_bytes += payload.length;
  }
  for (;;) {
    if (dropped) {
      meta.remembered_count--;
      meta.remembered_bytes -= dropped.size;
    }
    const isOver = meta.remembered_count > maxRememberedPackets || meta.remembered_bytes > maxRememberedBytes;
    dropped = isOver ? sql.dropOldestRemembered.get() : undefined;
    if (!dropped) return;
  }
}

/** See engine.ts, `quarantined`. */
export function readQuarantine(sql: Statements, limit: number, query: QuarantineQuery): StoredPacket[] {
  const heads = query.oldestFirst ? sql.oldestPackets : sql.newestPackets;
  const found = heads.iterate(query.after ?? 0, query.before ?? Number.MAX_SAFE_INTEGER);
  const { previewBytes = Number.MAX_SAFE_INTEGER } = query;
  return takePage(found, limit, query).flatMap(({ id, payloadBytes }) => {
    const row = sql.packet.get(previewBytes, id);
    if (!row) return [];
    const { received_at: receivedAt, ...packet } = row;
    return { ...packet, receivedAt, payloadBytes };
  });
}
