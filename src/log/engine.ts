import type { Packet, QuarantinedPacket } from "../model/packet.ts";
import type { Shape } from "../wire/body.ts";
import type {
  ObservedPlace,
  Progress,
  QuarantineQuery,
  SavedProgress,
  StoredPacket,
  Topic,
} from "./contract.ts";

/** A topic's latest as the engine keeps it. */
export interface LatestRow {
  readonly topicId: number;
  /** Seq of the topic's newest reading, whether or not it contributed to latest. */
  readonly lastSeq: number;
  /** A body in the free shape, with ages. */
  readonly body: Uint8Array;
}

export interface FormerEpoch {
  readonly epoch: string;
  readonly lastSeq: number;
}

/** What an engine found when it was opened. */
export interface EngineState {
  /** `[0-9a-z]{1,32}`; another one after each opening if what was not committed is gone by then. */
  readonly epoch: string;
  /** Earlier epochs of the same data, and the head that each ended with; absent if there are none. */
  readonly formerEpochs?: readonly FormerEpoch[];
  /** Seq of the newest committed record, 0 if there was never one. Never smaller than it once was. */
  readonly head: number;
  /** Seq of the oldest record that can be read, `head + 1` if none. */
  readonly oldest: number;
  readonly topics: readonly Topic[];
  /** The highest topic id that was ever committed in this epoch, forgotten ones included. */
  readonly lastTopicId: number;
  readonly shapes: readonly Shape[];
  readonly latest: readonly LatestRow[];
  /** The latest rows contain every record up to this seq (and perhaps later ones). */
  readonly checkpoint: number;
  /** In the order in which they were committed, one per topic. */
  readonly remembered: readonly Packet[];
  /** One per name. */
  readonly progress: readonly SavedProgress[];
  /** What an operator must know about how it was opened; absent if nothing. */
  readonly notice?: string;
}

/**
 * A record as it is handed to an engine. Seqs are contiguous within a batch and continue the engine's head, unless what came in
 * between was lost before it could be stored: a reader there gets `evicted`.
 */
export interface EngineRecord {
  readonly seq: number;
  /** Epoch milliseconds of the observation. */
  readonly time: number;
  readonly topic: Topic;
  readonly body: Uint8Array;
  /** If it was shown earlier than its batch is stored; absent: that of the batch. Never goes back. */
  readonly committedAt?: number | undefined;
}

/** One transaction. Every list may be empty. */
export interface EngineBatch {
  /** Epoch milliseconds; the ring's age counts from here. */
  readonly committedAt: number;
  /** New since the last successful commit; they may have been in one that failed. */
  readonly topics: readonly Topic[];
  readonly shapes: readonly Shape[];
  readonly records: readonly EngineRecord[];
  /** Topics to drop from the dictionary and from latest; no record in the ring uses them. */
  readonly forgottenTopics: readonly number[];
  readonly latest: readonly LatestRow[];
  /** If not null: with `latest` of this batch, the rows contain every record up to this seq. */
  readonly checkpoint: number | null;
  readonly quarantine: readonly QuarantinedPacket[];
  /** In order; each takes the place of the one of the same topic, and an empty payload only drops that. */
  readonly remembered: readonly Packet[];
  /** Ids of quarantined packets to drop; those that are gone already do not matter. */
  readonly released: readonly number[];
  /** In order; each takes the place of the one of the same name, but for a state that it does not bring. */
  readonly progress: readonly Progress[];
}

export type EnginePage =
  | {
      readonly kind: "bodies";
      /** Contiguous from the asked position on; empty only if nothing follows it. */
      readonly bodies: readonly Uint8Array[];
      /** When each was committed. */
      readonly committedAt: readonly number[];
    }
  | {
      readonly kind: "evicted";
      readonly oldest: number;
    };

/** Which records of some topics to read (contract.ts, `ObservedQuery`). */
export interface ObservedAsk {
  /** Ascending, without repeats. */
  readonly topicIds: readonly number[];
  /** Observation times, both inclusive. */
  readonly from: number;
  readonly to: number;
  readonly newestFirst: boolean;
  readonly perTopic: number;
  readonly maxBytes: number;
  /** Its topic is the first of `topicIds`, or not among them. */
  readonly after: ObservedPlace | null;
}

export interface ObservedBodies {
  /** In the order asked for; may be fewer than fit, even none. */
  readonly bodies: readonly Uint8Array[];
  /** Null when all topics are done. */
  readonly next: ObservedPlace | null;
}

/** Readings that are not as they were stored. */
export interface Damage {
  /** Seqs, both inclusive. */
  readonly from: number;
  readonly to: number;
  /** The log in its order, or the copy by topic. */
  readonly copy: "log" | "topics";
  /** No other copy has them: whoever reads there is told that they are gone. */
  readonly isLost: boolean;
}

/** Bytes at which a page of quarantined packets ends, unless the query says otherwise. */
export const maxQuarantinePageBytes = 8 * 1024 * 1024;

/**
 * Where the log is stored. The log calls `open` first, then has at most one `commit` under way; reads may overlap with it.
 * Errors have a message that tells an operator what is wrong, where, and what to do.
 */
export interface LogEngine {
  /**
   * @param died called at most once, when the engine stopped by itself and will reject everything from now on
   * @param damaged called when damaged readings are met; of the same at least once
   * @param replaced called when the store was found to be damaged while in use, and another one took its place with what could be read of
   *   it: seqs are what they were, but records, also the newest, and names may be missing. Only ends, topics, shapes and `notice` of the
   *   state are given. Commits are rejected from before it until it was called
   * @throws Error when the store cannot be used; it is left as it was
   */
  open(
    died: (problem: string) => void,
    damaged?: (damage: Damage) => void,
    replaced?: (state: EngineState) => void,
  ): Promise<EngineState>;
  /**
   * Stores all of the batch or nothing of it. When it resolves, the batch survives the end of this process. When it
   * rejects, the engine's head is what it was, and the next commit is tried as if this one had not been. The ring's limits
   * are applied here: `oldest` is what holds after this commit. Records after the checkpoint are never dropped, because
   * latest is rebuilt from them.
   */
  commit(batch: EngineBatch): Promise<{ readonly oldest: number }>;
  /**
   * Bodies after `after`, about `maxBytes` of them and at least one if there is one; or the word that the record after
   * `after` is gone. Sees every commit that has resolved.
   */
  read(after: number, maxBytes: number): Promise<EnginePage>;
  /** A part of what was asked for. Sees every commit that has resolved. */
  observed(ask: ObservedAsk): Promise<ObservedBodies>;
  /**
   * Since when `observed` has everything of a domain, null for all domains together, as far as their own limits go: it finds what
   * was stored and observed since, epoch milliseconds. Null if none of them has left anything out. Absent: there are no such limits.
   */
  limitedSince?(domain: string | null): Promise<number | null>;
  /** Seq of the first record in the ring that was observed after `time`, `head + 1` if there is none. */
  firstAfter(time: number): Promise<number>;
  /**
   * Ids grow and are never used twice in an epoch. A page ends when it reaches its size in bytes, with at least one packet
   * if there is one.
   */
  quarantined(limit: number, query: QuarantineQuery): Promise<StoredPacket[]>;
  /**
   * Copies the store to a new file; commits and reads go on meanwhile.
   * @throws Error when the file exists or cannot be written, or there is nothing to copy
   */
  backup(path: string): Promise<void>;
  /** Releases the store. What was committed is there when it is opened again. */
  close(): Promise<void>;
}
