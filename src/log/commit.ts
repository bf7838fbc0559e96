import type { Packet, QuarantinedPacket } from "../model/packet.ts";
import type { Append, Progress } from "./contract.ts";
import type { EngineBatch } from "./engine.ts";
import type { StoredRecord } from "./record.ts";

/** Bookkeeping of one append while it waits: promise, closures, list entries. */
const appendOverheadBytes = 256;

interface Waiter {
  readonly promise: Promise<void>;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
  readonly leans: boolean;
}

/** One transaction in the making: the appends that gathered for it. */
export class Commit {
  readonly quarantine: QuarantinedPacket[] = [];
  readonly remembered: Packet[] = [];
  readonly released: number[] = [];
  readonly progress: Progress[] = [];
  /** When the oldest of it came, epoch milliseconds. */
  startedAt: number;
  /** When its transaction began, epoch milliseconds. */
  committedAt = 0;
  records: StoredRecord[] = [];
  bytes = 0;
  /** All of it is readings that nobody waits for. */
  canBeShownFirst = true;
  #waiters: Waiter[] = [];
  /** By part, records that mean nothing unless they are stored with the progress they came with. */
  #tied: (readonly StoredRecord[])[] = [];

  constructor(startedAt: number) {
    this.startedAt = startedAt;
  }

  /** True if it stores something that somebody waits for. */
  get isAwaited(): boolean {
    return this.#waiters.length > 0;
  }

  add(part: CommitPart): void {
    for (const record of part.records) this.records.push(record);
    if (part.quarantine.length > 0) this.quarantine.push(...part.quarantine);
    if (part.remembered.length > 0) this.remembered.push(...part.remembered);
    if (part.released.length > 0) this.released.push(...part.released);
    if (part.progress) {
      this.progress.push(part.progress);
      this.#tied.push(part.records);
    }
    this.bytes += part.bytes;
    this.canBeShownFirst &&= !part.isAwaited;
    if (part.cameAt !== null && part.cameAt < this.startedAt) this.startedAt = part.cameAt;
  }

  /**
   * Settles with the commit, after those that called before.
   * @param leans whether an earlier append must be stored too, since the readings are the same
   */
  settled(leans: boolean): Promise<void> {
    const last = this.#waiters.at(-1);
    // Most of a commit waits for nothing else: it shares one promise.
    if (last?.leans === leans) return last.promise;
    const waiter = createWaiter(leans);
    this.#waiters.push(waiter);
    return waiter.promise;
  }

  /** Gives the records other seqs. */
  moveRecords(move: (record: StoredRecord) => StoredRecord): void {
    const moved = new Map(this.records.map((record) => [record, move(record)]));
    const movedOf = (record: StoredRecord) => moved.get(record) ?? record;
    this.records = [...moved.values()];
    this.#tied = this.#tied.map((records) => records.map(movedOf));
  }

  /** Takes out the records that must not be shown unless they are stored, and returns them. */
  takeTied(): StoredRecord[] {
    const tied = new Set(this.#tied.flat());
    if (tied.size > 0) this.records = this.records.filter((record) => !tied.has(record));
    this.#tied = [];
    return [...tied];
  }

  /** What some of those who wait lean on is lost. */
  rejectLeaning(error: Error): void {
    for (const waiter of this.#waiters) if (waiter.leans) waiter.reject(error);
    this.#waiters = this.#waiters.filter(({ leans }) => !leans);
  }

  resolve(): void {
    for (const waiter of this.#waiters) waiter.resolve();
  }

  reject(error: Error): void {
    for (const waiter of this.#waiters) waiter.reject(error);
  }
}

function createWaiter(leans: boolean): Waiter {
  let settle = {} as Pick<Waiter, "resolve" | "reject">;
  const promise = new Promise<void>((resolve, reject) => {
    settle = { resolve, reject };
  });
  return { ...settle, promise, leans };
}

/** What one append adds to a commit. */
export interface CommitPart {
  readonly records: readonly StoredRecord[];
  readonly quarantine: readonly QuarantinedPacket[];
  readonly remembered: readonly Packet[];
  readonly released: readonly number[];
  readonly progress: Progress | null;
  readonly bytes: number;
  /** See `Append.cameAt`; null: now. */
  readonly cameAt: number | null;
  /** Somebody is told when it is stored, or it is more than readings. */
  readonly isAwaited: boolean;
}

const nothing: readonly never[] = [];

function copyOf(packet: Packet): Packet {
  return { ...packet, payload: new Uint8Array(packet.payload) };
}

export function commitPart(
  records: readonly StoredRecord[],
  {
    quarantine = nothing,
    remember = nothing,
    release = nothing,
    progress = null,
    cameAt,
    isAwaited = true,
  }: PartOfAppend,
): CommitPart {
  let bytes = appendOverheadBytes + (progress?.state?.length ?? 0);
  for (const record of records) bytes += record.body.length;
  for (const packet of quarantine) bytes += packet.payload.length + 2 * packet.topic.length;
  for (const packet of remember) bytes += packet.payload.length + 2 * packet.topic.length;
  // A payload may be a view of a socket's buffer, which is not ours to keep.
  const remembered = remember.length === 0 ? nothing : remember.map(copyOf);
  const isMore = quarantine.length + remember.length + release.length > 0 || progress !== null;
  return {
    records,
    quarantine,
    remembered,
    released: release,
    progress,
    bytes,
    cameAt: cameAt ?? null,
    isAwaited: isAwaited || isMore,
  };
}

type PartOfAppend = Omit<Append, "readings" | "progress"> & { readonly progress?: Progress | null };

/** A transaction of nothing, to be filled. */
export const emptyBatch: EngineBatch = {
  committedAt: 0,
  topics: [],
  shapes: [],
  records: [],
  forgottenTopics: [],
  latest: [],
  checkpoint: null,
  quarantine: [],
  remembered: [],
  released: [],
  progress: [],
};
