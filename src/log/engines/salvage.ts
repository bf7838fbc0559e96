import { performance } from "node:perf_hooks";
import Database from "better-sqlite3";
import { readBodyHead } from "../record.ts";
import { unpackBodies } from "./blocks.ts";
import { blockChecksum, isSoundBlock } from "./checksum.ts";
import { rowBytes } from "./retention.ts";
import { type BlockRow, type MetaRow, prepareStatements, type Statements } from "./sqlite-statements.ts";

/** After this no more blocks are read: a gateway that does not come up is worse than history that waits in another file. */
const maxSalvageMs = 10_000;

type Row = Readonly<Record<string, unknown>>;

/** An older schema has no checksums. */
type SalvagedBlock = Row & Omit<BlockRow, "sum"> & { readonly sum?: number | null };

/**
 * Copies what can be read of a damaged log into a new, empty one; seqs stay as they were. Newest readings come first, since the
 * time for it is limited. Returns how many readings were copied.
 */
export function salvage(damagedPath: string, db: Database.Database): number {
  const sql = prepareStatements(db);
  const meta = sql.meta.get();
  if (!meta) return 0;
  let damaged: Database.Database | null = null;
  let count = 0;
  try {
    damaged = new Database(damagedPath, { readonly: true });
    const source = damaged;
    db.transaction(() => {
      count = copyAll((table, order) => readRows(source, table, order), sql, meta);
      sql.putMeta.run(meta);
    })();
  } catch {
    // Nothing can be read of it.
    return count;
  } finally {
    damaged?.close();
  }
  return count;
}

/** A table's rows up to the first that cannot be read. `isWhole` is true afterwards if all were. */
interface Rows {
  readonly rows: Iterable<Row>;
  readonly isWhole: () => boolean;
}

function readRows(db: Database.Database, table: string, order: string): Rows {
  let isWhole = false;
  function* rows(): Generator<Row> {
    try {
      yield* db.prepare<[], Row>(`SELECT * FROM ${table} ${order}`).iterate();
      isWhole = true;
    } catch {
      // What follows is lost, or stands in a place that can be reached from the other end only.
    }
  }
  return { rows: rows(), isWhole: () => isWhole };
}

function copyAll(read: (table: string, order: string) => Rows, sql: Statements, meta: MetaRow): number {
  const [old] = read("meta", "").rows;
  const topicIds = new Set<number>();
  const topics = read("topic", "");
  for (const { id, name, channel_at } of topics.rows) {
    sql.putTopic.run(id as number, name as string, (channel_at ?? null) as number | null);
    topicIds.add(id as number);
  }
  const shapes = read("shape", "");
  for (const { id, names, decimals } of shapes.rows) {
    sql.putShape.run(id as number, names as string, decimals as string);
  }
  for (const id of topicIds) meta.last_topic_id = Math.max(meta.last_topic_id, id);
  meta.last_topic_id = Math.max(meta.last_topic_id, Number(old?.["last_topic_id"] ?? 0));
  copyPackets(read, sql, meta);
  // Without their dictionary bodies say nothing.
  if (!topics.isWhole() || !shapes.isWhole()) return 0;
  const latest = read("latest", "");
  for (const { topic_id, last_seq, body } of latest.rows) {
    sql.putLatest.run(topic_id as number, last_seq as number, body as Uint8Array);
  }
  const count = copyBlocks(read, sql, meta, topicIds);
  meta.head = Math.max(meta.head, Number(old?.["head"] ?? 0));
  meta.checkpoint = latest.isWhole() ? Number(old?.["checkpoint"] ?? 0) : 0;
  copyProgress(read, sql, meta.head);
  return count;
}

function copyPackets(read: (table: string, order: string) => Rows, sql: Statements, meta: MetaRow): void {
  for (const row of read("quarantine", "ORDER BY id").rows) {
    const { received_at, topic, client, format, reason, payload } = row as unknown as QuarantineRow;
    sql.putPacket.run(received_at, topic, client, format, reason, payload);
    meta.quarantine_count++;
    meta.quarantine_bytes += payload.length;
  }
  for (const row of read("remembered", "ORDER BY position").rows) {
    const { topic, received_at, client, payload } = row as unknown as QuarantineRow;
    sql.putRemembered.run(topic, ++meta.remembered_position, received_at, client, payload);
    meta.remembered_count++;
    meta.remembered_bytes += payload.length;
  }
}

interface QuarantineRow {
  readonly received_at: number;
  readonly topic: string;
  readonly client: string | null;
  readonly format: string | null;
  readonly reason: string;
  readonly payload: Uint8Array;
}

/** From both ends, as far as each can be read and time allows. */
function copyBlocks(
  read: (table: string, order: string) => Rows,
  sql: Statements,
  meta: MetaRow,
  topicIds: ReadonlySet<number>,
): number {
  const until = performance.now() + maxSalvageMs;
  let lowest = Number.POSITIVE_INFINITY;
  let count = 0;
  const copy = (row: Row) => {
    const block = row as SalvagedBlock;
    const { first_seq, last_seq, bytes } = block;
    if (!isGood(block, topicIds)) return;
    sql.putBlock.run({ ...block, sum: blockChecksum(block) });
    meta.head = Math.max(meta.head, last_seq);
    meta.ring_bytes += bytes.length + rowBytes;
    count += last_seq - first_seq + 1;
  };
  for (const row of read("block", "ORDER BY first_seq DESC").rows) {
    if (performance.now() > until) return count;
    lowest = row["first_seq"] as number;
    copy(row);
  }
  for (const row of read("block", "ORDER BY first_seq").rows) {
    if ((row["first_seq"] as number) >= lowest || performance.now() > until) return count;
    copy(row);
  }
  return count;
}

/** Whether every body is where it should be and says what it should. */
function isGood(block: SalvagedBlock, topicIds: ReadonlySet<number>): boolean {
  const { first_seq, last_seq, bytes } = block;
  try {
    if (!isSoundBlock(block)) return false;
    const heads = unpackBodies(bytes).map(readBodyHead);
    const isInOrder = heads.every(({ seq, topicId }, i) => seq === first_seq + i && topicIds.has(topicId));
    return isInOrder && heads.length === last_seq - first_seq + 1;
  } catch {
    return false;
  }
}

/** Nobody can have come further than the readings that are left. */
function copyProgress(read: (table: string, order: string) => Rows, sql: Statements, head: number): void {
  for (const row of read("progress", "").rows) {
    const { name, seq, time, state_seq, state_time, state } = row as unknown as ProgressColumns;
    if (seq > head) continue;
    sql.putProgress.run(name, seq, time, state_seq, state_time, state);
  }
}

interface ProgressColumns {
  readonly name: string;
  readonly seq: number;
  readonly time: number;
  readonly state_seq: number | null;
  readonly state_time: number | null;
  readonly state: Uint8Array | null;
}
