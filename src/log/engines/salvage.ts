import { performance } from "node:perf_hooks";
import type Database from "better-sqlite3";
import { readBodyHead } from "../record.ts";
import { unpackBodies } from "./blocks.ts";
import { blockChecksum, isSoundBlock } from "./checksum.ts";
import type { Column } from "./leaf-pages.ts";
import { rowBytes } from "./retention.ts";
import { type Row, SalvageSource } from "./salvage-source.ts";
import { type BlockRow, type MetaRow, prepareStatements, type Statements } from "./sqlite-statements.ts";

/** After this no more blocks are read, nor are pages looked at for names: a gateway that does not come up is worse than history that waits in another file. */
const maxSalvageMs = 10_000;

/** An older schema has no checksums. */
type SalvagedBlock = Row & Omit<BlockRow, "sum"> & { readonly sum?: number | null };

/** Holes that are told one by one. */
const maxHoles = 1_000;

export interface Salvaged {
  /** Readings that were copied. */
  readonly count: number;
  /** Seqs between them that are gone, both ends inclusive. */
  readonly holes: readonly { readonly from: number; readonly to: number }[];
}

/**
 * Copies what can be read of a damaged log into a new, empty one; seqs stay as they were. Newest readings come first, since the
 * time for it is limited; what SQLite cannot reach is looked for on all pages, and proves itself by its checksum.
 * @throws Error if another process has the log open, or the new one does not take it
 */
export function salvage(damagedPath: string, db: Database.Database): Salvaged {
  const sql = prepareStatements(db);
  const meta = sql.meta.get();
  if (!meta) throw new Error("a new log has no meta row");
  const source = new SalvageSource(damagedPath);
  try {
    const count = db.transaction(() => {
      const copied = copyAll(source, sql, meta, new BlockCopy(db, sql, meta));
      sql.putMeta.run(meta);
      return copied;
    })();
    const holes = db
      .prepare<[number], { from: number; to: number }>(
        `SELECT * FROM (SELECT last_seq + 1 AS "from", lead(first_seq) OVER (ORDER BY first_seq) - 1 AS "to" FROM block)
         WHERE "to" >= "from" LIMIT ?`,
      )
      .all(maxHoles);
    return { count, holes };
  } finally {
    source.close();
  }
}

function copyAll(source: SalvageSource, sql: Statements, meta: MetaRow, blocks: BlockCopy): number {
  const [old] = source.read("meta").rows;
  copyDictionary(source, sql, blocks);
  for (const id of blocks.topicIds) meta.last_topic_id = Math.max(meta.last_topic_id, id);
  meta.last_topic_id = Math.max(meta.last_topic_id, Number(old?.["last_topic_id"] ?? 0));
  copyPackets(source, sql, meta);
  const latest = source.read("latest");
  for (const { topic_id, last_seq, body } of latest.rows) {
    if (blocks.topicIds.has(topic_id as number)) {
      sql.putLatest.run(topic_id as number, last_seq as number, body as Uint8Array);
    }
  }
  copyBlocks(source, blocks);
  meta.head = Math.max(meta.head, Number(old?.["head"] ?? 0));
  const isLatestWhole = latest.isWhole() && !source.isDoubtful;
  meta.checkpoint = isLatestWhole ? Number(old?.["checkpoint"] ?? 0) : 0;
  copyProgress(source, sql, meta.head);
  return blocks.count;
}

/** Without it bodies say nothing: from the tables, from the index that has the same, and from all pages. */
function copyDictionary(source: SalvageSource, sql: Statements, { topicIds, shapeIds }: BlockCopy): void {
  const putTopic = (id: number, name: unknown, channelAt: unknown) => {
    if (topicIds.has(id) || typeof name !== "string") return;
    sql.putTopic.run(id, name, (channelAt ?? null) as number | null);
    topicIds.add(id);
  };
  const putShape = (id: number, names: unknown, decimals: unknown) => {
    if (shapeIds.has(id) || !isList(names) || !isList(decimals)) return;
    sql.putShape.run(id, names, decimals);
    shapeIds.add(id);
  };
  const isWhole = (["", "INDEXED BY"] as const).some((how) => {
    const topics = source.read(how === "" ? "topic" : `topic ${how} topic_copy`);
    for (const { id, name, channel_at } of topics.rows) putTopic(id as number, name, channel_at);
    const shapes = source.read(how === "" ? "shape" : `shape ${how} shape_copy`);
    for (const { id, names, decimals } of shapes.rows) putShape(id as number, names, decimals);
    return topics.isWhole() && shapes.isWhole() && !source.isDoubtful;
  });
  if (isWhole) return;
  const until = performance.now() + maxSalvageMs;
  for (const { rowid, columns } of source.rowsOnPages()) {
    if (performance.now() > until) return;
    const [key, first, second] = columns;
    if (key !== null || typeof first !== "string" || columns.length > 3) continue;
    if (typeof second === "string") putShape(rowid, first, second);
    else putTopic(rowid, first, second);
  }
}

function isList(text: unknown): text is string {
  try {
    return typeof text === "string" && Array.isArray(JSON.parse(text));
  } catch {
    return false;
  }
}

function copyPackets(source: SalvageSource, sql: Statements, meta: MetaRow): void {
  for (const row of source.read("quarantine ORDER BY id").rows) {
    const { received_at, topic, client, format, reason, payload } = row as unknown as QuarantineRow;
    sql.putPacket.run(received_at, topic, client, format, reason, payload);
    meta.quarantine_count++;
    meta.quarantine_bytes += payload.length;
  }
  for (const row of source.read("remembered ORDER BY position").rows) {
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

/** From both ends, as far as each can be read and time allows; then what stands on the pages in between. */
function copyBlocks(source: SalvageSource, blocks: BlockCopy): void {
  const until = performance.now() + maxSalvageMs;
  let lowest = Number.POSITIVE_INFINITY;
  const newest = source.read("block ORDER BY first_seq DESC");
  for (const row of newest.rows) {
    if (performance.now() > until) return;
    lowest = row["first_seq"] as number;
    blocks.copy(row as SalvagedBlock);
  }
  if (newest.isWhole() && !source.isDoubtful) return;
  for (const row of source.read("block ORDER BY first_seq").rows) {
    if (performance.now() > until) return;
    if ((row["first_seq"] as number) >= lowest) break;
    blocks.copy(row as SalvagedBlock);
  }
  for (const { rowid, columns } of source.rowsOnPages()) {
    if (performance.now() > until) return;
    const block = asBlock(rowid, columns);
    if (block) blocks.copy(block);
  }
}

/** A row of the table of blocks, null if it is of another: only one with a checksum can be told. */
function asBlock(first_seq: number, columns: readonly Column[]): SalvagedBlock | null {
  const [key, last_seq, committed_at, min_time, max_time, bytes, sum] = columns;
  if (columns.length !== 7 || key !== null || !(bytes instanceof Uint8Array)) return null;
  const numbers = [last_seq, committed_at, min_time, max_time, sum];
  if (!numbers.every((one) => typeof one === "number")) return null;
  return { first_seq, last_seq, committed_at, min_time, max_time, bytes, sum } as SalvagedBlock;
}

/** Puts blocks into the new log: each once, and only what is good. */
class BlockCopy {
  readonly topicIds = new Set<number>();
  readonly shapeIds = new Set<number>([0]);
  /** Readings so far. */
  count = 0;
  readonly #sql: Statements;
  readonly #meta: MetaRow;
  readonly #lastUpTo: Database.Statement<[number], { last_seq: number }>;

  constructor(db: Database.Database, sql: Statements, meta: MetaRow) {
    this.#sql = sql;
    this.#meta = meta;
    this.#lastUpTo = db.prepare(
      "SELECT last_seq FROM block WHERE first_seq <= ? ORDER BY first_seq DESC LIMIT 1",
    );
  }

  copy(block: SalvagedBlock): void {
    const { first_seq, last_seq, bytes } = block;
    const isThere = (this.#lastUpTo.get(last_seq)?.last_seq ?? 0) >= first_seq;
    if (isThere || !this.#isGood(block)) return;
    this.#sql.putBlock.run({ ...block, sum: blockChecksum(block) });
    this.#meta.head = Math.max(this.#meta.head, last_seq);
    this.#meta.ring_bytes += bytes.length + rowBytes;
    this.count += last_seq - first_seq + 1;
  }

  /** Whether every body is where it should be, says what it should, and can be read. */
  #isGood(block: SalvagedBlock): boolean {
    const { first_seq, last_seq, bytes } = block;
    try {
      if (!isSoundBlock(block)) return false;
      const heads = unpackBodies(bytes).map(readBodyHead);
      const isReadable = heads.every(
        ({ seq, topicId, shapeId }, i) =>
          seq === first_seq + i && this.topicIds.has(topicId) && this.shapeIds.has(shapeId),
      );
      return isReadable && heads.length === last_seq - first_seq + 1;
    } catch {
      return false;
    }
  }
}

/** Nobody can have come further than the readings that are left. Before schema version 8 a state stood beside its progress. */
function copyProgress(source: SalvageSource, sql: Statements, head: number): void {
  const known = new Set<string>();
  for (const row of source.read("progress").rows) {
    const { name, seq, time, state_seq = null, state_time, state = null } = row as unknown as ProgressColumns;
    if (seq > head) continue;
    sql.putProgress.run(name, seq, time);
    known.add(name);
    if (state_seq !== null && state !== null) sql.putState.run(name, state_seq, state_time ?? time, state);
  }
  for (const row of source.read("progress_state").rows) {
    const { name, seq, time, state } = row as unknown as StateColumns;
    if (known.has(name)) sql.putState.run(name, seq, time, state);
  }
}

interface ProgressColumns {
  readonly name: string;
  readonly seq: number;
  readonly time: number;
  readonly state_seq?: number | null;
  readonly state_time?: number | null;
  readonly state?: Uint8Array | null;
}

interface StateColumns {
  readonly name: string;
  readonly seq: number;
  readonly time: number;
  readonly state: Uint8Array;
}
