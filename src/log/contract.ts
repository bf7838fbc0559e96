import type { Packet, QuarantinedPacket } from "../model/packet.ts";
import type { Reading, Values } from "../model/reading.ts";
import type { Shape } from "../wire/body.ts";

/** A topic's place in the log's dictionary. Ids are small, start at 1 and are never used twice within an epoch. */
export interface Topic {
  readonly id: number;
  readonly name: string;
  /** Characters of `name` ahead of the slash before the channel (model/topic.ts); absent if its readings have no channel. */
  readonly channelAt?: number;
}

/**
 * A committed reading. `body` is its one encoding (see wire/PROTOCOL.md, "Bodies"): the same bytes are stored, pushed
 * and replayed. `time`, `values` and `attrs` are decoded from it when a record comes from the store.
 */
export interface LogRecord {
  readonly seq: number;
  readonly topic: Topic;
  /** Epoch milliseconds of the observation. */
  readonly time: number;
  readonly values: Values;
  /** Remarks that are not measurements; null if it has none. */
  readonly attrs: Values | null;
  /**
   * When it was committed, epoch milliseconds by the log's clock, the same whenever it is read; never less than that of a
   * record before it while one process runs. Absent from what `observed` gives and from what views make.
   */
  readonly committedAt?: number | undefined;
  /** The shape that `body` is written in. */
  readonly shapeId: number;
  readonly body: Uint8Array;
}

/** What a topic shows now: values merged field by field by observation time. */
export interface Latest {
  readonly topic: Topic;
  /** The highest seq that contributed. */
  readonly seq: number;
  /** The newest observation time among the values, epoch milliseconds. */
  readonly time: number;
  readonly values: Values;
  /** Observation time of each value that is older than `time`; null if all are of the same instant. */
  readonly times: Readonly<Record<string, number>> | null;
  /** Those of the reading that set `time`: they are not merged. */
  readonly attrs: Values | null;
}

export interface LatestPage {
  readonly entries: readonly Latest[];
  readonly next: number | null;
}

/**
 * Where a page of `observed` ended: at a record, or (with a `seq` that no record has) at the end of a topic. A plain object
 * of whole numbers, which a caller may turn into text and back; it stays valid when the log is opened again.
 */
export interface ObservedPlace {
  readonly topicId: number;
  /** Epoch milliseconds of the observation. */
  readonly time: number;
  readonly seq: number;
  /** Records of this topic in this page and those before it; counts towards `perTopic`. */
  readonly taken: number;
}

/** Which records to return topic by topic. */
export interface ObservedQuery {
  /** A valid MQTT topic filter. */
  readonly filter: string;
  /** Earliest observation time, inclusive, epoch milliseconds; absent: as far back as the ring goes. */
  readonly from?: number;
  /** Latest observation time, inclusive; absent: no limit. */
  readonly to?: number;
  /** Newest observation first within each topic; else oldest first. */
  readonly newestFirst?: boolean;
  /** Most records of each topic, in the order asked for (with `newestFirst` the newest ones); absent: all. */
  readonly perTopic?: number;
  /** About how many bytes of bodies a page has; at least one record, if there is one. */
  readonly maxBytes: number;
  /** `next` of the page before; everything else must be as it was then. */
  readonly after?: ObservedPlace | null;
}

export interface ObservedPage {
  readonly records: readonly LogRecord[];
  /** Where to go on; null when there is no more. */
  readonly next: ObservedPlace | null;
}

/** A stretch of the log, or the word that the log no longer has what comes after the asked position. */
export type Page =
  | {
      readonly kind: "records";
      readonly records: readonly LogRecord[];
      /** The position after this page: every record up to it has been returned (or does not exist). */
      readonly through: number;
    }
  | { readonly kind: "evicted"; readonly oldest: number };

/**
 * Why the log does not store an append now; no PUBACK may leave. Its readings may have been shown all the same, to be stored when the
 * store is well again: what comes again then is the same (`LogOptions.maxRecentReadings`).
 */
export class LogUnavailable extends Error {
  override readonly name = "LogUnavailable";
}

/** The batch needs topics for which the log has no room. Nothing of it was stored; the same batch fails again. */
export class TooManyTopics extends Error {
  override readonly name = "TooManyTopics";
}

/** A reading of the batch can never be stored (too large, too deep, no time). Nothing of the batch was stored. */
export class UnstorableReading extends Error {
  override readonly name = "UnstorableReading";
}

/**
 * How far somebody has come who reads the log and appends what follows from it: stored in one commit with what it
 * appended, so that nothing is missing or there twice after a crash. One per name; the newest counts.
 */
export interface Progress {
  readonly name: string;
  /** What follows from the records up to here is in the log. */
  readonly seq: number;
  /** What follows from the time up to here is in the log too: epoch milliseconds, `Log.time`. */
  readonly time: number;
  /** What it must know to go on from exactly here. Absent: what was saved before stays. */
  readonly state?: Uint8Array;
}

/** Progress as it was found when the log was opened. */
export interface SavedProgress extends Omit<Progress, "state"> {
  /** The newest state that was saved, and where it belongs; null if none was. */
  readonly state: { readonly seq: number; readonly time: number; readonly bytes: Uint8Array } | null;
}

export interface Append {
  readonly readings: readonly Reading[];
  /** Packets to keep in quarantine, committed with the same promise. */
  readonly quarantine?: readonly QuarantinedPacket[];
  /**
   * Packets that formats need again after a restart, committed with the same promise. The newest of each topic is kept, one
   * with an empty payload forgets its topic. Bounded (maxRememberedPackets, maxRememberedBytes): what was remembered
   * longest ago is forgotten first.
   */
  readonly remember?: readonly Packet[];
  /** Ids of quarantined packets that could be read after all: they leave the quarantine with the same commit. */
  readonly release?: readonly number[];
  /** Committed with the same promise. */
  readonly progress?: Progress;
  /** When the oldest of it came to the gateway, epoch milliseconds; absent: now. Listeners are told how long it has waited. */
  readonly cameAt?: number;
  /**
   * False if nobody is told that it is stored: its readings may be shown before they are (`LogOptions.storeWithinMs`). There is a promise
   * only if the store holds things up; it resolves when they are shown. Absent: true.
   */
  readonly isAwaited?: boolean;
}

/** Which quarantined packets to return, and in which order. */
export interface QuarantineQuery {
  /** Only ids below this one. */
  readonly before?: number;
  /** Only ids above this one. */
  readonly after?: number;
  /** Only topics that match this MQTT filter. */
  readonly filter?: string;
  /** Only those that this format tried; null for those that no format claims. */
  readonly format?: string | null;
  readonly oldestFirst?: boolean;
  /** Longer payloads are cut to this length; absent: they come whole. */
  readonly previewBytes?: number;
  /** The page ends when its payloads (as cut), topics and reasons reach this; absent: some mebibytes. */
  readonly maxPageBytes?: number;
}

/** A packet as it comes out of the quarantine. */
export interface StoredPacket extends QuarantinedPacket {
  readonly id: number;
  /** Length of the whole payload, which is longer than `payload` if that was cut. */
  readonly payloadBytes: number;
}

/** The state of the log for health checks. */
export interface LogHealth {
  readonly ok: boolean;
  /** What is wrong and what to do, null if nothing. */
  readonly problem: string | null;
}

/** Stretches of the store that were found not to be as they were stored, since the log was opened. */
export interface DamageCounts {
  /** The store's other copy had them. */
  readonly mended: number;
  /** A reader of the log got `evicted` there. */
  readonly lost: number;
}

/**
 * The ordered sequence of readings. Positions are assigned once, in the order of `append` calls. The promise of an append
 * resolves only after the engine has committed it. Listeners hear then too; while the engine takes nothing, they hear of what is
 * kept in memory until it does (DURABILITY.md, "When the store takes nothing").
 */
export interface Log {
  /**
   * Names this run of the log, `[0-9a-z]{1,32}`: a position means something only together with the epoch in which it was told,
   * because what was shown and never stored is gone after a crash, and its seqs are given again.
   */
  readonly epoch: string;
  /**
   * The last position of an epoch that is still good: `head` for this run, where it ended for an earlier one, null for one that
   * this log does not know.
   */
  epochEnd(epoch: string): number | null;
  /** Seq of the newest record, 0 if there was never one. */
  readonly head: number;
  /** Seq of the oldest record that can still be read; `head + 1` if none. */
  readonly oldest: number;
  /** The log's clock, epoch milliseconds: no record after `head` will have been committed before it. Never goes back. */
  readonly time: number;
  /**
   * Stores readings and quarantined packets. Resolves after the commit; promises resolve in the order of the calls, so
   * an append of nothing is a barrier. Returns null instead of a promise when there is nothing to wait for.
   * @throws TooManyTopics, UnstorableReading (at once, so that the caller can append something else in its place) when
   *   the batch itself cannot be stored
   * @throws LogUnavailable (as rejection) when the commit failed or the queue is full. After a failed commit readings without
   *   `progress` are shown and stored later, all else of the batch is dropped
   */
  append(batch: Append): Promise<void> | null;
  /**
   * Calls back with each commit's records in seq order, before the appends' promises settle, and with how long the first of them
   * has waited since it was appended, in milliseconds. Returns an unsubscribe.
   */
  onCommitted(listener: (records: readonly LogRecord[], waitedMs: number) => void): () => void;
  /**
   * Records after position `after`, up to about `maxBytes` of bodies, at least one if there is one. Synchronous when
   * the memory tail holds them. A page may end early. At the head (and past it) the page is empty.
   * @throws LogUnavailable (as rejection) when the store cannot be read
   */
  read(after: number, maxBytes: number): Page | Promise<Page>;
  /** Latest of every topic that matches the MQTT filter. */
  latest(filter: string): Latest[];
  /**
   * A part of what `latest` gives, in the order of topic ids: at most `limit` topics with an id above `after`, or fewer when
   * many do not match. Go on with `next` as `after`; null when there is no more.
   */
  latestPage(filter: string, after: number, limit: number): LatestPage;
  /**
   * A position such that every record up to it was observed at or before `time` (epoch milliseconds): all that was observed
   * later comes after it, though not only that. Just before the oldest record if that is newer than `time`, `head` if none is.
   * @throws LogUnavailable (as rejection) when the store cannot be read
   */
  positionBefore(time: number): Promise<number>;
  /**
   * What the topics that match the MQTT filter showed at `time`: values merged field by field from what was observed at or
   * before it, whenever it arrived. Pages as `latestPage` does. A value that is not of the topic's newest reading by then is
   * looked for `lookBackMs` before that reading (options.ts), unless it still is the latest; topics that the ring has nothing
   * of by then are left out. `seq` is the newest reading that contributed, 0 where the ring no longer has any.
   * @throws LogUnavailable (as rejection) when the store cannot be read
   */
  latestAt(filter: string, time: number, after: number, limit: number): Promise<LatestPage>;
  /**
   * A page of the ring's records topic by topic (in the order of topic ids), within a topic by observation time, then seq.
   * Records that are committed or evicted between two pages are in or out as their place has it.
   * @throws LogUnavailable (as rejection) when the store cannot be read
   */
  observed(query: ObservedQuery): Promise<ObservedPage>;
  /**
   * Since when `observed` has everything of the topics that match, as far as limits of domains go (options.ts): stored and observed
   * since, epoch milliseconds; null if they leave nothing out.
   * @throws LogUnavailable (as rejection) when the store cannot be read
   */
  limitedSince(filter: string): Promise<number | null>;
  /** The topic with this id, if the log still knows it. */
  topic(id: number): Topic | undefined;
  /** The field names and decimals of a body's shape (wire/PROTOCOL.md, "Shapes"). */
  shape(id: number): Shape | undefined;
  /** What was remembered when the log was opened, in the order in which it was appended. */
  remembered(): readonly Packet[];
  /** The progress that was found when the log was opened, in no order. */
  progress(): readonly SavedProgress[];
  /**
   * Up to `limit` quarantined packets, newest first unless the query says otherwise; fewer if they are large.
   * @throws LogUnavailable (as rejection) when the store cannot be read
   */
  quarantined(limit: number, query?: QuarantineQuery): Promise<StoredPacket[]>;
  health(): LogHealth;
  readonly damage: DamageCounts;
  /**
   * Copies the store, as it is at one moment until the end of the copying, to a new file that can be opened as a log: this
   * epoch ends there at its head. Appends and reads go on meanwhile.
   * @throws Error (as rejection) when the file exists or cannot be written, or the engine keeps no file
   */
  backup(path: string): Promise<void>;
  /** Commits what was appended, then releases the store. */
  close(): Promise<void>;
}
