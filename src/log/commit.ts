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

  /**
   * @param records those of the append's readings that are new, encoded
   * @param bytes `pendingBytes` of these
   */
  add(records: readonly StoredRecord[], append: Append, bytes: number): void {
    const { quarantine, remember, release, progress, cameAt } = append;
    for (const record of records) this.records.push(record);
    if (quarantine !== undefined) this.quarantine.push(...quarantine);
    if (remember !== undefined) for (const packet of remember) this.remembered.push(copyOf(packet));
    if (release !== undefined) this.released.push(...release);
    if (progress !== undefined) {
      this.progress.push(progress);
      this.#tied.push(records);
    }
    this.bytes += bytes;
    this.canBeShownFirst &&= !isAppendAwaited(append);
    if (cameAt !== undefined && cameAt < this.startedAt) this.startedAt = cameAt;
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

const nothing: readonly never[] = [];

/** What a packet is, and nothing of what it was handed over in. A payload may be a view of a socket's buffer, which is not ours to keep. */
function copyOf({ topic, payload, receivedAt, client }: Packet): Packet {
  return { topic, payload: new Uint8Array(payload), receivedAt, client };
}

/**
 * What an append takes of the memory in which it waits to be stored. An insight's state does not count: it is bounded where it is made, and
 * readings must not be refused because several insights save theirs in the same moment.
 */
export function pendingBytes(records: readonly StoredRecord[], append: Append): number {
  const { quarantine = nothing, remember = nothing } = append;
  let bytes = appendOverheadBytes;
  for (const record of records) bytes += record.body.length;
  for (const packet of quarantine) bytes += packet.payload.length + 2 * packet.topic.length;
  for (const packet of remember) bytes += packet.payload.length + 2 * packet.topic.length;
  return bytes;
}

/** Whether somebody is told when it is stored, or it is more than readings. */
export function isAppendAwaited(append: Append): boolean {
  const { quarantine = nothing, remember = nothing, release = nothing, progress, isAwaited = true } = append;
  return isAwaited || quarantine.length + remember.length + release.length > 0 || progress !== undefined;
}

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
