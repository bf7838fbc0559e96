import { MsgpackWriter } from "../wire/writer.ts";
import type { LatestRow } from "./engine.ts";
import { encodeLatest } from "./latest.ts";
import type { TopicEntry } from "./topics.ts";

/** Rows written with one commit, so that neither thread is held up when a hundred thousand topics have changed. */
const maxRowsPerCommit = 500;

/** A part of a round, as it goes into a commit. */
export interface CheckpointPart {
  readonly rows: readonly LatestRow[];
  /** Not null with the last part of a round. */
  readonly checkpoint: number | null;
  readonly entries: readonly TopicEntry[];
}

/**
 * Which topics' latest must be written. A round writes all that changed up to its beginning, in parts; when its last part
 * is committed, the rows contain every record up to that beginning.
 */
export class LatestCheckpoint {
  readonly #writer = new MsgpackWriter();
  #changed = new Set<TopicEntry>();
  #round = new Set<TopicEntry>();
  #roundSeq: number | null = null;
  #bytes = 0;

  /** Bytes of records since the last round began. */
  get bytesSinceRound(): number {
    return this.#bytes;
  }

  /** Whether a round is under way. */
  get isActive(): boolean {
    return this.#roundSeq !== null;
  }

  changed(entry: TopicEntry, bytes: number): void {
    this.#changed.add(entry);
    this.#bytes += bytes;
  }

  /** The engine may have lost every row: all of them are written again, in a round of their own. */
  beginAnew(entries: Iterable<TopicEntry>, head: number): void {
    this.#changed = new Set(entries);
    this.#round.clear();
    this.#roundSeq = null;
    this.begin(head);
  }

  /** Begins a round unless one is under way or nothing changed. */
  begin(head: number): void {
    if (this.#roundSeq !== null || this.#changed.size === 0) return;
    this.#round = this.#changed;
    this.#changed = new Set();
    this.#roundSeq = head;
    this.#bytes = 0;
  }

  /** The next part of the round; give it back with `untake` if its commit fails. */
  take(): CheckpointPart {
    const entries: TopicEntry[] = [];
    for (const entry of this.#round) {
      if (entries.length === maxRowsPerCommit) break;
      this.#round.delete(entry);
      entries.push(entry);
    }
    const isLast = this.#roundSeq !== null && this.#round.size === 0;
    const checkpoint = isLast ? this.#roundSeq : null;
    if (isLast) this.#roundSeq = null;
    return { rows: entries.flatMap((entry) => this.#row(entry)), checkpoint, entries };
  }

  untake(part: CheckpointPart): void {
    for (const entry of part.entries) this.#round.add(entry);
    this.#roundSeq ??= part.checkpoint;
  }

  #row(entry: TopicEntry): LatestRow[] {
    const { topic, lastSeq, latest, forgotten } = entry;
    if (forgotten || !latest) return [];
    return [{ topicId: topic.id, lastSeq, body: encodeLatest(this.#writer, topic.id, latest) }];
  }
}
