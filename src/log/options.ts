/** Limits of the log that hold whatever engine stores it. */
export interface LogOptions {
  /**
   * Memory for the newest records, so that live subscribers and short reconnects never wait for the store; those that it does not
   * take yet wait here.
   */
  readonly tailBytes: number;
  /** Most records in memory, whatever their size. */
  readonly tailRecords: number;
  /** Appended but not yet committed, the states of insights apart; beyond it appends are refused with LogUnavailable. */
  readonly maxPendingBytes: number;
  /** Under load a commit begins no sooner than this after the one before, so that more gathers in it. Milliseconds. */
  readonly gatherMs: number;
  /**
   * Readings that nobody waits for (`Append.isAwaited`) are shown as soon as they have their places, and stored within so long: a
   * subscriber need not wait for the store, and it gets fewer, larger commits. 0: everything is stored first. Milliseconds.
   */
  readonly storeWithinMs: number;
  /** Size at which a commit takes no further append; larger ones would hold up everything behind them. */
  readonly maxCommitBytes: number;
  /** Likewise in readings: what follows from a commit (latest, the push, acknowledgements) is done in one turn of the main loop. */
  readonly maxCommitReadings: number;
  /** Topics the log remembers. When full, topics whose readings the ring has dropped make room. */
  readonly maxTopics: number;
  /** Different lists of value names that get a short encoding; further ones are written with their names. */
  readonly maxShapes: number;
  /** Values kept per topic in latest; beyond it the ones observed longest ago are left out. */
  readonly maxFieldsPerTopic: number;
  /** Largest encoded reading. Clients and pages rely on it, so a larger one is refused. */
  readonly maxReadingBytes: number;
  /** How often latest is written to the store. After a crash what follows is read again from the ring. */
  readonly latestCheckpointMs: number;
  /** Latest is also written after so many bytes of readings, because the ring keeps everything since then. */
  readonly latestCheckpointBytes: number;
  /** An idle log commits nothing this often, so that readings still grow too old, and a mended store is noticed. */
  readonly housekeepingMs: number;
  /** How far before a topic's newest reading `latestAt` looks for values which that one does not have. Milliseconds. */
  readonly lookBackMs: number;
  /** Reads of the store under way or waiting; beyond it reads are refused with LogUnavailable. */
  readonly maxStoreReads: number;
  /** A reading that is the same as one of so many newest is stored once (recent.ts); 0 stores each. */
  readonly maxRecentReadings: number;
  /** Memory for pages of the store that several readers want, as after a restart. */
  readonly maxSharedBytes: number;
}

const mebibyte = 1024 * 1024;

export const defaultLogOptions: LogOptions = {
  tailBytes: 64 * mebibyte,
  tailRecords: 500_000,
  maxPendingBytes: 32 * mebibyte,
  gatherMs: 5,
  storeWithinMs: 0,
  maxCommitBytes: 2 * mebibyte,
  maxCommitReadings: 256,
  maxTopics: 100_000,
  maxShapes: 4_096,
  maxFieldsPerTopic: 256,
  maxReadingBytes: 64 * 1024,
  latestCheckpointMs: 5_000,
  latestCheckpointBytes: 16 * mebibyte,
  housekeepingMs: 60_000,
  lookBackMs: 24 * 3_600_000,
  maxStoreReads: 10_000,
  maxRecentReadings: 0,
  maxSharedBytes: 16 * mebibyte,
};

/** Limits of one domain's history, within those of the ring. What is absent is not limited further. */
export interface DomainLimits {
  /** Readings that were observed longer ago are found no more, and leave the disk. */
  readonly maxAgeMs?: number;
  /** Bytes of readings found by topic; those that came first go first, a 64th at a time. They leave the disk some time later. */
  readonly maxBytes?: number;
}

/** Limits of what an engine keeps. */
export interface RingOptions {
  /** Bytes of readings kept; the oldest go first. */
  readonly maxBytes: number;
  /** Readings that were committed longer ago go. */
  readonly maxAgeMs: number;
  /**
   * By the first level of topics: what `observed` and `latestAt` find of a domain. The log in its order, from which subscribers
   * resume, keeps all domains alike, since it must have no holes.
   */
  readonly domains: Readonly<Record<string, DomainLimits>>;
  readonly quarantineMaxPackets: number;
  readonly quarantineMaxBytes: number;
  /** Packets that formats need again after a restart; those remembered longest ago are forgotten first. */
  readonly maxRememberedPackets: number;
  readonly maxRememberedBytes: number;
}

export const defaultRingOptions: RingOptions = {
  maxBytes: 1024 * mebibyte,
  maxAgeMs: 7 * 24 * 3_600_000,
  domains: {},
  quarantineMaxPackets: 10_000,
  quarantineMaxBytes: 64 * mebibyte,
  maxRememberedPackets: 10_000,
  maxRememberedBytes: 32 * mebibyte,
};

/** The SQLite engine's own options. */
export interface SqliteOptions extends RingOptions {
  /** The database file; its folder is made if it is missing. */
  readonly path: string;
  /**
   * What an acknowledged reading survives. `process`: the end of this process at any moment. `power-loss`: that of the
   * machine too, for one fsync per commit.
   */
  readonly durability: "process" | "power-loss";
  /** Readings gathered in memory before they are written by topic; at most twice as much, and less if the ring is small. */
  readonly maxGatheredBytes: number;
  /** Hard limit of the database file; commits fail beyond it. Null: as large as the ring and latest need. */
  readonly maxFileBytes: number | null;
}

/** Everything but the path, which has no sensible default here. */
export const defaultSqliteOptions: Omit<SqliteOptions, "path"> = {
  ...defaultRingOptions,
  durability: "process",
  maxGatheredBytes: 32 * mebibyte,
  maxFileBytes: null,
};
